"""Points that a submission carries in its own folder."""

import json
import types
from pathlib import Path
from typing import Any


def listed(module_file: str, name: str = "search_space.json") -> list[Any]:
    """The points of a list beside a submission's module, with one attribute a hyperparameter.

    Args:
      module_file: `__file__` of the module.
      name: of the JSON file, a list of objects.
    """
    content = Path(module_file).with_name(name).read_text(encoding="utf-8")
    return [types.SimpleNamespace(**point) for point in json.loads(content)]
