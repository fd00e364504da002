"""Parameters that optimizers walk, on gradients that are drawn."""

import torch
from torch import nn


def two(start=1.0):
    return [nn.Parameter(torch.full((2, 3), start)), nn.Parameter(torch.full((3,), start))]


def give_gradients(parameters, seed):
    generator = torch.Generator().manual_seed(seed)
    for p in parameters:
        p.grad = torch.randn(p.shape, generator=generator).to(p.dtype)


def walk(optimizer, parameters, steps):
    for seed in steps:
        give_gradients(parameters, seed)
        optimizer.step()
    return [p.detach().clone() for p in parameters]
