"""The algorithm's own optimizer."""

import torch


class Rotation(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-3, momentum=0.9) -> None:
        super().__init__(params, {'lr': lr, 'momentum': momentum})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group['params']:
                if p.grad is None:
                    continue
                mean = self.state[p].setdefault('mean', torch.zeros_like(p))
                mean.mul_(group['momentum']).add_(p.grad)
                p.add_(mean, alpha=-group['lr'])
