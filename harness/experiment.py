"""What a trial brings together: its parts, batches on the devices, a check of what a submission
returns, and evaluation.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from harness.backend import Backend, Batch
from harness.errors import DataError, SubmissionError, printable
from harness.submission import Submission
from spec.event_pb2 import TrialStarted

# Prefix of metric names -> split.
_SPLITS = {"train": "eval_train", "validation": "validation", "test": "test"}


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What a trial brings together.

    Attributes:
      hyperparameters: as submissions see them; None under self-tuning.
      train_batches: the endless stream of batches from a number on, the first being 0.
      eval_batches: one pass over a split, by its name in `Splits`.
    """

    backend: Backend
    submission: Submission
    hyperparameters: Any
    train_batches: Callable[[int], Iterator[Batch]]
    eval_batches: Callable[[str], Iterable[Batch]]


class InputQueue:
    """The input queue: batches on the devices. Its failures are not those of who asks it.

    Attributes:
      num_taken: batches taken since the trial began.
    """

    def __init__(self, batches: Iterator[Batch], backend: Backend, num_taken: int):
        self._batches = batches
        self._backend = backend
        self.num_taken = num_taken
        self._failure: DataError | None = None

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            batch = self._backend.place(next(self._batches))
        except Exception as error:
            name = type(error).__name__
            self._failure = DataError(f"the training data raised {name}: {printable(error)}")
            raise self._failure from error
        self.num_taken += 1
        return batch

    def check(self) -> None:
        """Raises the DataError that it raised, if it failed."""
        if self._failure:
            raise self._failure


def check_structure(
    backend: Backend, params: Any, model_state: Any, expected: Mapping[str, str]
) -> None:
    """Raises a SubmissionError unless parameters and model state are what they began as, but for
    their values.
    """
    try:
        found = backend.structure(params, model_state)
    except Exception as error:
        raise SubmissionError(
            f"the returned parameters ({type(params).__name__}) or model state "
            f"({type(model_state).__name__}) are not as init_model_fn gave them: {printable(error)}"
        ) from error
    for name in [*expected, *found]:
        if found.get(name) != expected.get(name):
            raise SubmissionError(
                f"{name} was returned as {found.get(name, 'nothing')}, "
                f"expected {expected.get(name, 'no such array')}"
            )


def evaluate(
    trial: TrialStarted,
    experiment: Experiment,
    params: Any,
    model_state: Any,
    eval_rng: Any,
    check: Callable[[], None],
) -> dict[str, float]:
    """Metrics of all splits, under their official names. `check` is called before each batch."""

    def stoppable(batches: Iterable[Batch]) -> Iterator[Batch]:
        for batch in batches:
            check()
            yield batch

    metrics: dict[str, float] = {}
    for prefix, split in _SPLITS.items():
        if not trial.workload.splits.HasField(split):
            continue
        batches = stoppable(experiment.eval_batches(split))
        values = experiment.backend.evaluate(params, model_state, eval_rng, batches)
        metrics |= {f"{prefix}/{name}": float(value) for name, value in values.items()}
        if prefix != "train":
            metrics[f"{prefix}/num_examples"] = getattr(trial.workload.splits, split)
    return metrics
