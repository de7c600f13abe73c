"""`algoperf.pytorch_utils`: which devices there are."""

import torch

from backends.pytorch import placement


def pytorch_setup() -> tuple[bool, int, torch.device, int]:
    """(whether processes share the work, this one's number, its device, number of GPUs).

    One process does all the work here, whatever the environment says of others.
    """
    return False, 0, placement.device(), torch.cuda.device_count()
