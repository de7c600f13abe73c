import collections
import json
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from backends.pytorch import checkpoint
from backends.pytorch.workload import Workload
from spec.loading import load_workload
from spec.submission_pb2 import StatePart

Pair = collections.namedtuple("Pair", "first second")
KEY = np.array([1, 2], np.uint32)


def function() -> None: ...


def state(model: nn.Module, value: float, count: int) -> Any:
    optimizer = torch.optim.AdamW(model.parameters(), lr=value)  # its moments come with a step
    return {
        "optimizer": optimizer,
        "schedule": torch.optim.lr_scheduler.MultiStepLR(optimizer, [1, 2]),
        "average": torch.optim.swa_utils.AveragedModel(nn.Linear(2, 2)),
        "pair": Pair(torch.full((2, 3), value, dtype=torch.bfloat16), torch.full((), value)),
        "transposed": torch.full((2, 3), value).t(),
        "generator": torch.Generator().manual_seed(count),
        "python": [count, value, "text", None, True, (np.float32(value),)],
        "function": function,
        7: collections.defaultdict(list, {"model": model}),
    }


def take_step(model: nn.Module, state: Any) -> None:
    for parameter in model.parameters():
        parameter.grad = torch.rand_like(parameter)
    state["optimizer"].step()
    state["schedule"].step()
    state["average"].update_parameters(nn.Linear(2, 2))


def make() -> tuple[Workload, nn.Module, Any]:
    workload = Workload(load_workload("digits_resnet"), "v0.6")
    model, _ = workload.init_model_fn(KEY)
    return workload, model, state(model, 0.5, 0)


def test_everything_comes_back_to_the_bit() -> None:
    workload, model, trained = make()
    take_step(model, trained)
    trained["python"][0] = 5
    # An optimizer's own loading would give this the type of the parameter.
    moments = trained["optimizer"].state[next(model.parameters())]
    moments["rounded"] = torch.full((2,), 0.1, dtype=torch.bfloat16)
    trained["optimizer"].state["of all"]["count"] = 3
    saved = checkpoint.save(workload, model, None, trained)
    arrays, described = saved[0], json.loads(json.dumps(saved[1]))
    next_numbers = torch.rand(3), torch.rand(3, generator=trained["generator"])
    workload, other, first = make()
    restored = checkpoint.restore(workload, arrays, described, other, None, first)
    again, described_again = checkpoint.save(workload, *restored)
    assert described_again == described
    assert again.keys() == arrays.keys()
    for name, array in arrays.items():
        assert array.tobytes() == again[name].tobytes(), name
    assert type(restored[2]["pair"]) is Pair
    assert torch.equal(torch.rand(3), next_numbers[0])
    assert torch.equal(torch.rand(3, generator=restored[2]["generator"]), next_numbers[1])
    # The optimizer moves the restored model, as the first one did.
    assert restored[2]["optimizer"].param_groups[0]["params"][0] is next(other.parameters())
    for one in (model, other):
        torch.manual_seed(3)
        take_step(one, trained if one is model else restored[2])
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)


def test_what_cannot_be_written_down_is_named() -> None:
    workload, model, _ = make()
    with pytest.raises(TypeError, match=r"^optimizer_state\['rows'\]\[1\] is a generator$"):
        checkpoint.save(workload, model, None, {"rows": [1, (row for row in "ab")]})


@pytest.mark.parametrize(
    ("fresh", "message"),
    [({"f": json.dumps}, "another function"), ({}, "another function")],
)
def test_a_first_state_of_other_parts_is_refused(fresh: Any, message: str) -> None:
    workload, model, _ = make()
    saved = checkpoint.save(workload, model, None, {"f": function})
    with pytest.raises(ValueError, match=message):
        checkpoint.restore(workload, *saved, model, None, fresh)


PARTS = [
    StatePart(name="count", pytorch="step", shared=True),
    StatePart(name="first", jax="mu", pytorch="exp_avg"),
    StatePart(name="second", jax="nu", pytorch="exp_avg_sq"),
]


def trained_adamw(model: nn.Module) -> torch.optim.Optimizer:
    optimizer = torch.optim.AdamW(model.parameters())
    for parameter in model.parameters():
        parameter.grad = torch.rand_like(parameter)
    optimizer.step()
    return optimizer


def test_named_parts_are_written_under_their_names_and_a_parameters() -> None:
    workload, model, _ = make()
    optimizer = trained_adamw(model)
    arrays, _ = checkpoint.save(workload, model, None, {"optimizer": optimizer}, PARTS)
    moments = {f"{m}.{p.name}" for m in ("first", "second") for p in workload.parameters}
    names = {name.removeprefix("optimizer_state.") for name in arrays if "optimizer_state" in name}
    assert names == moments | {"count"} and arrays["optimizer_state.count"] == 1
    kernel = next(p for p in workload.parameters if len(p.shape) == 4)
    assert arrays[f"optimizer_state.first.{kernel.name}"].shape == tuple(kernel.shape)


def test_counts_that_differ_are_no_shared_number() -> None:
    workload, model, _ = make()
    optimizer = trained_adamw(model)
    optimizer.state[next(model.parameters())]["step"] += 1
    with pytest.raises(ValueError, match=r"count is 1.0, and elsewhere 2.0"):
        checkpoint.save(workload, model, None, {"optimizer": optimizer}, PARTS)


def test_what_the_manifest_does_not_name_is_refused() -> None:
    workload, model, _ = make()
    optimizer = trained_adamw(model)
    optimizer.state[next(model.parameters())]["rounded"] = torch.zeros(2)
    with pytest.raises(TypeError, match=r"\['rounded'\] is not among the `state`"):
        checkpoint.save(workload, model, None, {"optimizer": optimizer}, PARTS)
    with pytest.raises(TypeError, match=r"\['schedule'\] is not among the `state`"):
        checkpoint.save(workload, model, None, {"schedule": 1}, PARTS)


def test_a_first_state_with_other_named_parts_is_refused() -> None:
    workload, model, _ = make()
    state = {"optimizer": trained_adamw(model)}
    saved = checkpoint.save(workload, model, None, state, PARTS)
    lazy = {"optimizer": torch.optim.AdamW(model.parameters())}
    with pytest.raises(ValueError, match=r"is in the checkpoint and not in the state"):
        checkpoint.restore(workload, *saved, model, None, lazy, PARTS)
    lacking = {name: array for name, array in saved[0].items() if "count" not in name}
    with pytest.raises(ValueError, match=r"optimizer_state.count is not in the checkpoint"):
        checkpoint.restore(workload, lacking, saved[1], model, None, state, PARTS)
