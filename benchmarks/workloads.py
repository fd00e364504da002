"""Workloads by name: data that can be learned, and the network that is trained on it."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

Tensor = torch.Tensor


@dataclass(frozen=True, kw_only=True)
class Workload:
    """Data and a network to train on it.

    Attributes:
        rows: Number of samples; a fifth is the validation data.
        batch: Samples per step.
        data: Makes x and class indices for a number of rows.
        network: Makes the module.
        layers: Widths of the hidden layers of an MLP, for peers that build their own; None for other networks.
        classes: Number of classes.
        kind: "mlp", "cnn" or "gru".
    """

    rows: int
    batch: int
    data: Callable[[int], tuple[Tensor, Tensor]]
    network: Callable[[], nn.Module]
    layers: tuple[int, ...] | None = None
    classes: int = 2
    kind: str = "mlp"


class Recurrent(nn.Module):
    """A GRU and a linear layer on its output at the last step."""

    def __init__(self, inputs: int, width: int, classes: int) -> None:
        super().__init__()
        self.layer = nn.GRU(inputs, width, batch_first=True)
        self.head = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(x)[0][:, -1])


def table(features: int, classes: int) -> Callable[[int], tuple[Tensor, Tensor]]:
    """Rows of normal numbers; the class is the argmax of random projections (the product shifts all alike)."""

    def data(rows: int) -> tuple[Tensor, Tensor]:
        x = torch.randn(rows, features)
        return x, (x @ torch.randn(features, classes) + 0.5 * x[:, :1] * x[:, 1:2]).argmax(1)

    return data


def images(size: int, classes: int) -> Callable[[int], tuple[Tensor, Tensor]]:
    """Noise images, brighter in a stripe whose row is the class."""

    def data(rows: int) -> tuple[Tensor, Tensor]:
        x, y = torch.randn(rows, 1, size, size), torch.randint(0, classes, (rows,))
        x[torch.arange(rows), 0, y * size // classes] += 2.0
        return x, y

    return data


def series(steps: int, features: int) -> Callable[[int], tuple[Tensor, Tensor]]:
    """Random walks, as their increments; the class is whether the first feature's walk ends above 0."""

    def data(rows: int) -> tuple[Tensor, Tensor]:
        x = torch.randn(rows, steps, features)
        return x, (x[:, :, 0].sum(1) > 0).long()

    return data


def mlp(*widths: int) -> Callable[[], nn.Module]:
    """Linear layers of these widths with ReLU between them."""

    def network() -> nn.Module:
        layers: list[nn.Module] = []
        for before, after in zip(widths[:-2], widths[1:-1], strict=True):
            layers += [nn.Linear(before, after), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(*widths[-2:]))

    return network


def cnn() -> nn.Module:
    """Two convolutions and two linear layers."""
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(32 * 49, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip


WORKLOADS = {
    "W1 MLP 20-64-64-2": Workload(
        rows=10_000, batch=32, data=table(20, 2), network=mlp(20, 64, 64, 2), layers=(64, 64)
    ),
    "W2 MLP 784-512-10": Workload(
        rows=12_800, batch=128, data=table(784, 10), network=mlp(784, 512, 10), layers=(512,), classes=10
    ),
    "W3 CNN": Workload(rows=2_560, batch=64, data=images(28, 10), network=cnn, classes=10, kind="cnn"),
    "W4 GRU": Workload(
        rows=960, batch=32, data=series(50, 16), network=lambda: Recurrent(16, 64, 2), kind="gru"
    ),
    "iris size": Workload(
        rows=150, batch=16, data=table(4, 3), network=mlp(4, 32, 3), layers=(32,), classes=3
    ),
    "digits size": Workload(
        rows=1_797, batch=32, data=table(64, 10), network=mlp(64, 64, 10), layers=(64,), classes=10
    ),
}  # fmt: skip
