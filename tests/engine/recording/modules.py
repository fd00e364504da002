"""Rows and modules for recorded fits."""

import torch
from torch import nn

N = 50
X = torch.randn(N, 6, generator=torch.Generator().manual_seed(0))
Y = torch.randn(N, 3, generator=torch.Generator().manual_seed(1))
IDS = torch.randint(0, 3, (N,), generator=torch.Generator().manual_seed(2))
IMAGES = torch.randn(N, 2, 8, 8, generator=torch.Generator().manual_seed(3))
SERIES = torch.randn(N, 5, 4, generator=torch.Generator().manual_seed(4))
WORDS = torch.randint(0, 9, (N, 5), generator=torch.Generator().manual_seed(5))


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(6, 3)
        self.calls = 0
        self.register_buffer("mean", torch.zeros(3))


def mlp():
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 3))


def dropout():
    return nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))


def softmax():
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3), nn.Softmax(-1))


class Last(nn.Module):
    """The last step of a recurrent layer, through a linear one."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        self.head = nn.Linear(7, 3)

    def forward(self, x):
        return self.head(self.layer(x)[0][:, -1])


class Unused(nn.Module):
    def __init__(self):
        super().__init__()
        self.head, self.spare = nn.Linear(6, 3), nn.Linear(6, 3)

    def forward(self, x):
        return self.head(x)


def conv():
    return nn.Sequential(
        nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3)
    )
