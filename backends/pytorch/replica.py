"""A model that several processes train together."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel


class Replica(DistributedDataParallel):
    """One process's copy of a model. After a backward pass, gradients are the mean over the ranks.

    Parameters, buffers and modules keep the names that they have in the model, so that a submission
    sees the same names however many processes there are.
    """

    def __init__(self, model: nn.Module):
        # Statistics are the global batch's already (layers.BatchNorm): no rank has others.
        super().__init__(model, forward_sync_buffers=False)

    def named_parameters(self, *args: Any, **kwargs: Any) -> Iterator[tuple[str, nn.Parameter]]:
        return self.module.named_parameters(*args, **kwargs)

    def named_buffers(self, *args: Any, **kwargs: Any) -> Iterator[tuple[str, Tensor]]:
        return self.module.named_buffers(*args, **kwargs)

    def named_modules(self, *args: Any, **kwargs: Any) -> Iterator[tuple[str, nn.Module]]:
        return self.module.named_modules(*args, **kwargs)

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        return self.module.state_dict(*args, **kwargs)

    def load_state_dict(self, *args: Any, **kwargs: Any) -> Any:
        return self.module.load_state_dict(*args, **kwargs)
