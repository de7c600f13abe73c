from pathlib import Path

from harness.submission import find
from preflight.memory import needed_bytes
from preflight.processes import _memory
from spec import loading
from spec.hardware_pb2 import Hardware
from spec.submission_pb2 import JAX

GIB = 2**30


def test_parameters_gradients_and_state_are_on_every_accelerator_examples_are_shared() -> None:
    parameters = needed_bytes("imagenet_resnet", 0, 0, 0.0, 0.0, 4) // 2
    assert parameters == 25_557_032 * 4  # ResNet-50
    with_state = needed_bytes("imagenet_resnet", 1024, 7, 1.0, 1e6, 4)
    assert with_state == 3 * parameters + 7 + 256 * 1_000_000


def test_what_does_not_fit_is_a_finding() -> None:
    hardware = Hardware(name="small", num_accelerators=1, memory_bytes=GIB)
    answer = {
        "batch_sizes": {"imagenet_resnet": 64, "wmt": 8},
        "state_bytes": {"imagenet_resnet": 0, "wmt": GIB},
        "growth": {"tiny/imagenet_resnet": 2.0, "tiny/wmt": 0.0},
    }
    source = find("nadamw", Path("nadamw"), JAX)
    examples = {"imagenet_resnet": 1e6, "wmt": 1e6, "ogbg": 1e12}
    (finding,) = _memory(answer, examples, hardware, source, "jax")
    assert finding.rule == "memory"
    assert finding.message.startswith("wmt needs about 2.0 GiB on each accelerator of small")
    assert not loading.load_hardware("nvidia_a100_40gb_x4").HasField("memory_ratio")
