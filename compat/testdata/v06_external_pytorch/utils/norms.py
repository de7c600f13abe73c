"""Arithmetic."""

import torch


def norm(x: torch.Tensor) -> torch.Tensor:
    return torch.linalg.vector_norm(x)
