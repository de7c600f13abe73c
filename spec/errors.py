"""What the specification says when it cannot accept something."""

import difflib
from collections.abc import Iterable


class SpecError(ValueError):
    """A data file or a name that the specification cannot accept. The text names file, field and
    what was expected.
    """


def one_of(name: str, valid: Iterable[str], what: str) -> str:
    """Returns the name when it is valid; else raises a SpecError that lists the valid ones,
    likeliest first.
    """
    valid = sorted(valid)
    if name in valid:
        return name
    close = difflib.get_close_matches(name, valid, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    raise SpecError(f"unknown {what} {name!r}.{hint} Valid: {', '.join(valid)}")
