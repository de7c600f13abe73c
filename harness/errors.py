"""What can go wrong around a trial, by who has to act."""


class UsageError(ValueError):
    """The command cannot be carried out as given. One line for its user; nothing was run."""


class SubmissionError(Exception):
    """The submission raised, lacks a function or returned something else than agreed."""


class LogError(Exception):
    """The event log could not be written."""


class DataError(Exception):
    """The input pipeline failed, although a submission's call was what asked it for a batch."""


class RankLostError(Exception):
    """Another process of the trial cannot be reached."""


class Interrupted(BaseException):
    """Somebody asked the trial to stop. No `Exception`, so that no handler swallows it."""


def printable(text: object) -> str:
    """The text as UTF-8 can hold it: what stems from a file's name in another encoding is escaped.
    What cannot be made a text, as some exceptions, is named by its type.
    """
    try:
        return str(text).encode("utf-8", "backslashreplace").decode()
    except Exception:
        return f"{type(text).__name__} that cannot be printed"
