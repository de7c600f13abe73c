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


def passed(source: Source, framework: Framework, folder: Path | None = None) -> str:
    """Why a submission has no pass for a framework; empty if it has one.

    A pass is for the submission's files to the byte.
    """
    path = _path(source, framework, folder)
    again = f"run `tandem preflight {source.manifest.name}`"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["submission_sha256"] == source.sha256():
            return ""
    except FileNotFoundError:
        name = Framework.Name(framework).lower()
        return f"{source.manifest.name} has not passed preflight on {name}: {again}"
    except (OSError, ValueError, KeyError, TypeError) as error:
        return f"{path} is no pass ({error}): {again}"
    return f"{source.manifest.name} has changed since it passed preflight: {again}"


def grant(
    source: Source, framework: Framework, content: dict[str, Any], folder: Path | None = None
) -> Path:
    """Writes a pass; `content` is for people."""
    path = _path(source, framework, folder)
    identity = {
        "submission": source.manifest.name,
        "submission_sha256": source.sha256(),
        "framework": Framework.Name(framework).lower(),
    }
    try:
        write_text(path, json.dumps(identity | content, indent=1) + "\n")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    return path


def revoke(source: Source, framework: Framework, folder: Path | None = None) -> None:
    """Removes a pass, if there is one."""
    _path(source, framework, folder).unlink(missing_ok=True)


def _path(source: Source, framework: Framework, folder: Path | None) -> Path:
    name = f"{source.manifest.name}-{Framework.Name(framework).lower()}.json"
    return (folder or user_path(FOLDER)) / name
