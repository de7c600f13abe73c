"""`algoperf.pytorch_utils`: which devices there are."""

import torch

from backends.pytorch import placement


def pytorch_setup() -> tuple[bool, int, torch.device, int]:
    """(whether processes share the work, this one's rank, its device, number of devices at work).

    Of a process that works alone, the last is the number of GPUs that it sees.
    """
    num_ranks = placement.num_ranks()
    num_devices = num_ranks if num_ranks > 1 else torch.cuda.device_count()
    return num_ranks > 1, placement.rank(), placement.device(), num_devices
