import pytest

from backends.pytorch import memory
from spec import loading


def test_a_perceptron_keeps_its_inputs_and_activations() -> None:
    workload = loading.load_workload("mnist")
    config = workload.model.mlp
    kept = [memory.activation_bytes(workload, size) for size in (1, 2)]
    pixels = config.image_size**2 * config.num_channels
    # The batch is kept for the first kernel's gradient, the activation for its own and the second's.
    assert kept[1] - kept[0] == 4 * (pixels + config.width)


@pytest.mark.parametrize(
    "name", ["tiny/imagenet_vit", "tiny/criteo1tb", "tiny/imagenet_resnet", "tiny/ogbg"]
)
def test_activations_grow_linearly(name: str) -> None:
    workload = loading.load_workload(name)
    one, two, three = (memory.activation_bytes(workload, size) for size in (4, 8, 12))
    assert one > 0
    assert two - one == pytest.approx(three - two, rel=1e-3)
