"""Passes: files that say which submission passed preflight on which framework."""

import json
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.submission import Source
from spec.files import write_text
from spec.submission_pb2 import Framework
from spec.user_paths import user_path

FOLDER = "runs/preflight"  # from where the user stands


def passed(submission_sha256: str, framework: Framework, folder: Path | None = None) -> bool:
    """Whether the submission of these bytes has a pass for a framework."""
    try:
        content = json.loads(_path(submission_sha256, framework, folder).read_text())
        return bool(content["submission_sha256"] == submission_sha256)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def grant(
    source: Source, framework: Framework, content: dict[str, Any], folder: Path | None = None
) -> Path:
    """Writes a pass; `content` is for people.

    Raises:
      UsageError: it cannot be written.
    """
    sha256 = source.sha256()
    path = _path(sha256, framework, folder)
    identity = {
        "submission": source.manifest.name,
        "submission_sha256": sha256,
        "framework": Framework.Name(framework).lower(),
    }
    try:
        write_text(path, json.dumps(identity | content, indent=1) + "\n")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    return path


def revoke(source: Source, framework: Framework, folder: Path | None = None) -> None:
    """Removes a pass, if there is one."""
    _path(source.sha256(), framework, folder).unlink(missing_ok=True)


def _path(submission_sha256: str, framework: Framework, folder: Path | None) -> Path:
    name = f"{submission_sha256}-{Framework.Name(framework).lower()}.json"
    return (folder or user_path(FOLDER)) / name
