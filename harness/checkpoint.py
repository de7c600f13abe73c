"""Checkpoints: bundles of everything that the rest of a trial follows from.

checkpoints/<steps>-<event>/    steps taken, and the number of the log's next event
  arrays.safetensors            parameters, model state and arrays of the submission's state
  state.json                    everything else, the hash of the arrays, and a hash of itself

The event's number tells two checkpoints of one step apart: a trial that is resumed may pass a step
again. A bundle appears whole or not at all: it is written under a hidden name, brought to the disk
and then renamed. Reading one executes nothing.
"""

import dataclasses
import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from google.protobuf import json_format

from harness.lock import RunLock
from spec.event_pb2 import TrialStarted
from spec.loading import message_sha256
from spec.submission_pb2 import Framework

FOLDER = "checkpoints"
ARRAYS, STATE = "arrays.safetensors", "state.json"
NUM_KEPT = 2
# What stands for a framework's own description of the state in a checkpoint of another framework
# (conversion.py): everything there is, is among the arrays.
CONVERTED: Mapping[str, Any] = {"converted": True}
_NAME = re.compile(r"([0-9]+)-([0-9]+)")

Arrays = Mapping[str, np.ndarray]


def identity(trial: TrialStarted) -> dict[str, Any]:
    """What has to be equal for one process to go on with another's trial."""
    return {
        "workload": trial.workload.name,
        "workload_sha256": message_sha256(trial.workload),
        "ruleset_sha256": message_sha256(trial.ruleset),
        "submission": trial.submission.name,
        "submission_sha256": trial.submission_sha256,
        "framework": Framework.Name(trial.framework).lower(),
        "seed": trial.seed,
        "study": trial.study,
        "trial": trial.trial,
        "hyperparameters": json_format.MessageToDict(trial.hyperparameters),
        "step_limit": trial.step_limit,
    }


def first_difference(expected: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """One line on the first thing in which two identities differ; empty when they are equal."""
    for name in {**expected, **found}:
        if expected.get(name) != found.get(name):
            return f"{name} is {found.get(name)!r}, expected {expected.get(name)!r}"
    return ""


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A bundle on disk that was read and found whole.

    Attributes:
      step: steps taken.
      first_lost_event: number of the first event that was written after it.
      content: what the training loop put there.
    """

    path: Path
    step: int
    first_lost_event: int
    content: Mapping[str, Any]

    def arrays(self) -> dict[str, np.ndarray]:
        return safetensors.numpy.load_file(self.path / ARRAYS)


class CheckpointError(ValueError):
    """A bundle is damaged, or of another trial. One line."""


def read(path: Path, trial_identity: Mapping[str, Any]) -> Checkpoint:
    """Reads and checks a bundle, hashes included.

    Raises:
      CheckpointError: it cannot be used.
    """
    try:
        document = json.loads((path / STATE).read_bytes())
        content = document["content"]
        if _sha256_of(content) != document["sha256"]:
            raise CheckpointError(f"{path / STATE} is damaged: its hash is another")
        with (path / ARRAYS).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != content["arrays_sha256"]:
            raise CheckpointError(f"{path / ARRAYS} is damaged: its hash is another")
        difference = first_difference(trial_identity, content["identity"])
        name = name_of(content["step"], content["first_lost_event"])
        checkpoint = Checkpoint(path, content["step"], content["first_lost_event"], content)
    except CheckpointError:
        raise
    except OSError as error:
        raise CheckpointError(f"{error.filename}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path / STATE} is damaged: {error!r}") from error
    if difference:
        raise CheckpointError(f"{path} is of another trial: {difference}")
    if name != path.name:
        raise CheckpointError(f"{path} was made as {name}")
    return checkpoint


def read_all(folder: Path, trial_identity: Mapping[str, Any]) -> tuple[list[Checkpoint], list[str]]:
    """The checkpoints of a run folder from the oldest to the latest that can be used, and one line
    for each that cannot.
    """
    paths = sorted(_bundles(folder), key=lambda path: int(path.name.partition("-")[2]))
    found: list[Checkpoint] = []
    problems: list[str] = []
    for path in paths:
        try:
            found.append(read(path, trial_identity))
        except CheckpointError as error:
            problems.append(str(error))
    return found, problems


def _bundles(folder: Path) -> list[Path]:
    root = folder / FOLDER
    return [p for p in root.iterdir() if _NAME.fullmatch(p.name)] if root.is_dir() else []


def name_of(step: int, first_lost_event: int) -> str:
    return f"{step}-{first_lost_event}"


def _sha256_of(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


class Keeper:
    """Keeps what a run folder needs to be resumed: the two latest checkpoints, and how far the trial
    got.

    Attributes:
      resumed: the checkpoint that this process goes on from.
      makes_checkpoints: whether `save` may be called.
    """

    def __init__(
        self,
        folder: Path,
        trial: TrialStarted,
        lock: RunLock,
        found: list[Checkpoint] = [],  # noqa: B006
        makes_checkpoints: bool = True,
    ):
        """`found` are the checkpoints that can be used, the last of which training goes on from."""
        self.resumed = found[-1] if found else None
        self.makes_checkpoints = makes_checkpoints
        self.note = lock.note
        self._root = folder / FOLDER
        self._identity = identity(trial)
        self._kept = [checkpoint.path for checkpoint in found]
        for left in self._root.glob(".*"):  # of processes that were killed
            shutil.rmtree(left, ignore_errors=True)

    def save(self, step: int, event: int, content: Mapping[str, Any], arrays: Arrays) -> Path:
        """Writes a checkpoint and then removes those that it makes superfluous.

        Raises:
          OSError: it could not be written. Those before it are as they were.
        """
        path = self._root / name_of(step, event)
        new = path.with_name(f".{path.name}.new")
        new.mkdir(parents=True)
        try:
            _write(new, dict(content) | {"identity": self._identity}, arrays)
            _bring_to_disk(new)
            new.rename(path)
        except safetensors.SafetensorError as error:
            raise OSError(str(error)) from error
        finally:
            shutil.rmtree(new, ignore_errors=True)
        _bring_to_disk(self._root)
        self._kept.append(path)
        for superfluous in self._kept[:-NUM_KEPT]:
            hidden = superfluous.with_name(f".{superfluous.name}.old")
            superfluous.rename(hidden)
            shutil.rmtree(hidden, ignore_errors=True)
        del self._kept[:-NUM_KEPT]
        return path


@dataclasses.dataclass
class Follower:
    """A keeper of a rank that does not write.

    Attributes:
      resumed, makes_checkpoints: as of a keeper.
    """

    resumed: Checkpoint | None
    makes_checkpoints: bool

    def note(self, step: int, timed_sec: float) -> None:
        """Rank 0 takes note."""


def _write(folder: Path, content: dict[str, Any], arrays: Arrays) -> None:
    """Writes both files, down to the disk."""
    # The library takes an array's memory as it lies there.
    dense = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    safetensors.numpy.save_file(dense, folder / ARRAYS)
    with (folder / ARRAYS).open("rb") as file:
        content["arrays_sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    with (folder / STATE).open("w", encoding="utf-8") as file:
        json.dump({"sha256": _sha256_of(content), "content": content}, file, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())


def _bring_to_disk(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
