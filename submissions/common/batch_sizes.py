"""Global batch sizes by workload."""

import types
from collections.abc import Callable, Mapping

# Those of the benchmark's baselines; the development workloads' are ours.
BASELINE = {
    "criteo1tb": 262_144,
    "fastmri": 32,
    "imagenet_resnet": 1024,
    "imagenet_resnet_silu": 512,
    "imagenet_resnet_gelu": 512,
    "imagenet_vit": 1024,
    "librispeech_conformer": 256,
    "librispeech_deepspeech": 256,
    "ogbg": 512,
    "wmt": 128,
    "finewebedu_lm": 64,
    "mnist": 16,
    "cifar": 128,
    "digits_resnet": 64,
    "digits_vit": 64,
    "pydoc_lm": 32,
    "tiny/mnist": 32,
    "tiny/cifar": 32,
    "tiny/imagenet_resnet": 32,
    "tiny/imagenet_vit": 32,
    "tiny/criteo1tb": 64,
    "tiny/fastmri": 16,
    "tiny/ogbg": 32,
    "tiny/wmt": 64,
    "tiny/finewebedu_lm": 32,
    "tiny/librispeech_conformer": 16,
    "tiny/librispeech_deepspeech": 16,
}


def batch_size(changes: Mapping[str, int] = types.MappingProxyType({})) -> Callable[[str], int]:
    """A `get_batch_size`: the baseline's global batch sizes, but for some workloads.

    What it returns raises a ValueError for a workload it does not know.
    """
    known = BASELINE | changes

    def get_batch_size(workload_name: str) -> int:
        if workload_name not in known:
            raise ValueError(
                f"no batch size for workload {workload_name!r}; known: {', '.join(known)}"
            )
        return known[workload_name]

    return get_batch_size
