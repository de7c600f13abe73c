"""Mistakes planted in the code of reference submissions are called by their names."""

import contextlib
import dataclasses
import functools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conformance import processes
from conformance.arrays import Arrays
from conformance.port import diagnosis, port
from harness.submission import ROOT

NADAM = "common/nadam_pytorch.py"
FREE = "common/schedule_free_pytorch.py"
SCHEDULES = "common/schedules.py"
TRAINING = "common/training_pytorch.py"
OWN = "submission_pytorch.py"


@dataclasses.dataclass(frozen=True)
class Mistake:
    """A line of a submission's PyTorch side written wrongly.

    Attributes:
      submission: whose.
      file: `OWN`, or a shared file that it imports.
      old: what stands there.
      new: what the mistake puts in its place.
      diagnosis: what must be said.
    """

    submission: str
    file: str
    old: str
    new: str
    diagnosis: str


MISTAKES = [
    Mistake(
        "nadamw",
        NADAM,
        'torch._foreach_add_(scale, group["epsilon"])',
        'torch._foreach_pow_(scale, 2); torch._foreach_add_(scale, group["epsilon"]); '
        "torch._foreach_sqrt_(scale)",
        "eps inside the square root",
    ),
    Mistake(
        "nadamw",
        NADAM,
        "torch._foreach_div_(scale, (1 - b2**t) ** (1 / power))\n"
        '        torch._foreach_add_(scale, group["epsilon"])',
        'torch._foreach_add_(scale, group["epsilon"])\n'
        "        torch._foreach_div_(scale, (1 - b2**t) ** (1 / power))",
        "eps added before the bias correction",
    ),
    Mistake("nadamw", OWN, "EPSILON = 1e-8", "EPSILON = 1e-6", "eps 1e-06"),
    Mistake("nadamw", NADAM, "/ (1 - b1**t))", ")", "no bias correction of the first moment"),
    Mistake("nadamw", NADAM, "(1 - b2**t)", "1.0", "no bias correction of the second moment"),
    Mistake(
        "nadamw",
        NADAM,
        "ahead = torch._foreach_lerp(first, grads, 1 - b1)",
        "ahead = torch._foreach_add(\n"
        "                torch._foreach_mul(first, b1 * (1 - b1**t) / (1 - b1 ** (t + 1))),\n"
        "                grads,\n"
        "                alpha=1 - b1,\n"
        "            )",
        "Dozat's correction of the momentum, by 1 - b1^(t+1)",
    ),
    Mistake(
        "nadamw",
        NADAM,
        "ahead = torch._foreach_lerp(first, grads, 1 - b1)",
        "ahead = first",
        "no Nesterov momentum",
    ),
    Mistake(
        "nadamw",
        NADAM,
        'torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])',
        'torch._foreach_mul_(params, 1 - group["weight_decay"])',
        "weight decay not scaled by the learning rate",
    ),
    Mistake(
        "nadamw",
        NADAM,
        'torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])\n'
        '        torch._foreach_addcdiv_(params, ahead, scale, -group["lr"] / (1 - b1**t))',
        'torch._foreach_addcdiv_(params, ahead, scale, -group["lr"] / (1 - b1**t))\n'
        '        torch._foreach_mul_(params, 1 - group["lr"] * group["weight_decay"])',
        "weight decay after the step",
    ),
    Mistake("nadamw", OWN, "point.weight_decay", "0.0", "no weight decay"),
    Mistake(
        "nadamw", TRAINING, "global_step, workload", "global_step + 1, workload", "one step ahead"
    ),
    Mistake(
        "nadamw",
        TRAINING,
        "global_step, workload",
        "max(global_step - 1, 0), workload",
        "one step behind",
    ),
    Mistake(
        "nadamw",
        SCHEDULES,
        "progress = min((step - warmup_steps) / max(num_steps - warmup_steps, 1), 1.0)\n"
        "    return peak * 0.5",
        "progress = (step - warmup_steps) / max(num_steps - warmup_steps, 1)\n"
        "    return peak * 0.5",
        "a cosine that rises again after its end",
    ),
    Mistake(
        "nadamw",
        TRAINING,
        'getattr(point, "grad_clip", None)',
        'getattr(point, "grad_clip", 1.0)',
        "gradients clipped to norm 1",
    ),
    Mistake("adamw", OWN, "torch.optim.AdamW", "torch.optim.Adam", "added to the gradient"),
    Mistake(
        "heavy_ball",
        OWN,
        "nesterov=False,",
        "nesterov=False, dampening=1 - point.one_minus_beta1,",
        "dampening: (1 - mu) g from the second step on",
    ),
    Mistake("heavy_ball", OWN, "nesterov=False", "nesterov=True", "with Nesterov momentum"),
    Mistake("nesterov", OWN, "nesterov=True", "nesterov=False", "no Nesterov momentum"),
    Mistake(
        "lion",
        OWN,
        "1 - point.one_minus_beta1, point.beta2",
        "point.beta2, 1 - point.one_minus_beta1",
        "b1 and b2 exchanged",
    ),
    Mistake(
        "lamb",
        OWN,
        "torch._foreach_mul_(parts, ratios)",
        "pass",
        "no trust ratio",
    ),
    Mistake(
        "schedule_free_adamw",
        FREE,
        "t**self.variant.power * lr**2",
        "t**self.variant.power",
        "an averaging weight without the learning rate",
    ),
    Mistake(
        "schedule_free_adamw",
        FREE,
        "t**self.variant.power * lr**2",
        "lr**2",
        "an averaging weight with t^0",
    ),
    Mistake(
        "schedule_free_adamw",
        FREE,
        "dtype = variant.second_moment and getattr(torch, variant.second_moment)",
        "dtype = None",
        "moments kept unrounded",
    ),
    Mistake(
        "schedule_free_adamw",
        FREE,
        'self.variant.decay_at == "y"',
        "True",
        "weight decay at y",
    ),
    Mistake(
        "schedule_free_adamw",
        FREE,
        'optimizer_state["optimizer"].move_to(x=True)\n',
        "pass\n",
        "y evaluated instead of x",
    ),
]
QUESTION = port.Question("tiny/mnist", "float64")


@pytest.fixture(scope="module")
def testees() -> Iterator[list[processes.Process]]:
    with processes.running() as running:
        yield running


@pytest.fixture(scope="module")
def sound(testees: list[processes.Process]) -> Callable[[str], Arrays]:
    """The course of a submission's JAX side, asked once."""
    return functools.cache(lambda name: port.courses(testees[:1], [name], QUESTION)[0])


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda m: f"{m.submission}: {m.diagnosis}")
def test_a_planted_mistake_is_called_by_its_name(
    mistake: Mistake,
    testees: list[processes.Process],
    sound: Callable[[str], Arrays],
    tmp_path: Path,
) -> None:
    folder = planted(mistake, tmp_path)
    first = sound(mistake.submission)
    (second,) = port.courses(testees[1:], [str(folder)], QUESTION)
    assert not all(d.passed(QUESTION.bound) for d in port.compare(first, second, QUESTION.bound))
    said = diagnosis.diagnose(first, second, [mistake.submission, str(folder)], QUESTION)
    assert mistake.diagnosis in said, said


def planted(mistake: Mistake, place: Path) -> Path:
    """A copy of the submission with the mistake. Shared files are copied beside it, so that the
    mistake stays in it.
    """
    folder = place / mistake.submission
    shutil.copytree(ROOT / mistake.submission, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (ROOT / "common").glob("*.py"):
        if not path.name.endswith("_test.py"):
            shutil.copy(path, folder)
    path = folder / Path(mistake.file).name
    text = path.read_text()
    assert mistake.old in text
    path.write_text(text.replace(mistake.old, mistake.new))
    with contextlib.suppress(FileNotFoundError):
        (folder / "__init__.py").unlink()
    for path in folder.glob("*.py"):
        text = path.read_text().replace("from submissions.common import", "from . import")
        text = text.replace("from submissions.common.", "from .")
        path.write_text(text.replace(f"from submissions.{mistake.submission}.", "from ."))
    return folder
