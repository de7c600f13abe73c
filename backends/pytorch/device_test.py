"""Everything of a step stands on the device, also where that is not the CPU: tried on PyTorch's meta
device, which has shapes and no values, and like a GPU takes no part in operations with the CPU's.
"""

from typing import Any

import numpy as np
import pytest
import torch

from backends.pytorch import placement
from backends.pytorch.workload import Workload
from inputs import pipeline
from spec import loading
from spec.interface import ForwardPassMode

KEY = np.array([1, 2], np.uint32)
# Those for speech ask their device for the lengths of utterances.
WORKLOADS = [
    "digits_resnet",
    "pydoc_lm",
    *(
        f"tiny/{name}"
        for name in ("criteo1tb", "fastmri", "finewebedu_lm", "imagenet_vit", "ogbg", "wmt")
    ),
]


@pytest.mark.parametrize("shared_masks", [False, True])
@pytest.mark.parametrize("name", WORKLOADS)
def test_a_step_stays_on_its_device(
    name: str, shared_masks: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placement, "device", lambda: torch.device("meta"))
    message = loading.load_workload(name)
    workload = Workload(message, "v0.6", shared_masks=shared_masks)
    batch = placement.place_batch(next(pipeline.train_batches(message, 0, 8)))
    model, _ = workload.init_model_fn(KEY)
    logits, _ = workload.model_fn(model, batch, None, ForwardPassMode.TRAIN, KEY, True, 0.1)
    loss = workload.loss_fn(batch["targets"], logits, batch.get("weights"))
    (loss["summed"] / loss["n_valid_examples"]).backward()
    held: list[tuple[str, Any]] = [*model.named_parameters(), *model.named_buffers()]
    held += [(name, parameter.grad) for name, parameter in model.named_parameters()]
    held += loss.items()
    evaluation = placement.place_batch(next(iter(pipeline.eval_batches(message, "validation"))))
    held += workload._eval_step(model, None, evaluation, KEY).items()
    assert {name: str(tensor.device) for name, tensor in held if not tensor.is_meta} == {}
