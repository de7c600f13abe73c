"""Inverse roots of symmetric matrices in PyTorch, for methods that precondition with them."""

import torch
from torch import distributed


def inverse_roots(matrices, before, roots, epsilon, relative=False):
    """(A + e I)^(-1/p) of every matrix of a stack [N, d, d] with its p; `before` where that is
    not finite. `relative` says that e is epsilon times the largest eigenvalue and not epsilon. Every
    process computes its share of the stack.
    """
    world, rank = 1, 0
    if distributed.is_initialized():
        world, rank = distributed.get_world_size(), distributed.get_rank()
    padding = -len(roots) % world
    padded = torch.cat([matrices, matrices.new_zeros(padding, *matrices.shape[1:])])
    exponents = -1 / matrices.new_tensor([*roots, *[1] * padding])

    def share(matrices, exponents):
        values, vectors = torch.linalg.eigh(matrices)
        values = values - torch.clamp(values[:, :1], max=0)  # ascending: the first is smallest
        values = values + epsilon * (values[:, -1:] if relative else 1)
        powers = values ** exponents[:, None]
        return (vectors * powers[:, None, :]) @ vectors.mT

    part = share(padded.chunk(world)[rank], exponents.chunk(world)[rank])
    new = part
    if world > 1:
        new = torch.empty_like(padded)
        distributed.all_gather_into_tensor(new, part.contiguous())
    new = new[: len(roots)]
    return torch.where(new.isfinite().all(-1).all(-1)[:, None, None], new, before)
