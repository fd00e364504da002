"""Networks that note what they are fed, and data whose rows can be told apart."""

from typing import Any

import numpy as np
import torch
from torch import nn

import fitdash as fd


class Noting(nn.Module):
    """One weight; notes the rows of every batch, those of training and those of evaluation apart."""

    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(1, 1)
        self.trained: list[list[int]] = []
        self.tested: list[list[int]] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        (self.trained if self.training else self.tested).append(x[:, 0].int().tolist())
        return self.line(x)


class Constant(nn.Module):
    """Answers one number whatever comes, so that losses can be computed by hand."""

    def __init__(self, value: float = 0.0, width: int = 1) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.full((width,), value))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.value.expand(len(x), -1)


class Inputs(nn.Module):
    """A weighted sum of two inputs by name."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(2, 1), nn.Linear(3, 1)

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return self.left(a) + self.right(b)


class Pair(nn.Module):
    """Two outputs, as a list or a dict."""

    def __init__(self, *, as_dict: bool = False) -> None:
        super().__init__()
        self.p, self.q, self.as_dict = nn.Linear(2, 1), nn.Linear(2, 1), as_dict

    def forward(self, x: torch.Tensor) -> Any:
        return {"p": self.p(x), "q": self.q(x)} if self.as_dict else [self.p(x), self.q(x)]


class Noter(fd.Callback):
    """Notes every hook with its index and logs."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[Any, ...]] = []

    def names(self) -> list[str]:
        return [hook for hook, *_ in self.seen]

    def of(self, hook: str) -> list[Any]:
        """What came with each call of one hook, logs last."""
        return [rest for name, *rest in self.seen if name == hook]


def _noting(hook: str, indexed: bool) -> Any:
    def plain(self: Noter, logs: Any = None) -> None:
        self.seen.append((hook, dict(logs)))

    def with_index(self: Noter, index: int, logs: Any = None) -> None:
        self.seen.append((hook, index, dict(logs)))

    return with_index if indexed else plain


for _kind in ("train", "test", "predict"):
    for _edge in ("begin", "end"):
        setattr(Noter, f"on_{_kind}_{_edge}", _noting(f"on_{_kind}_{_edge}", False))
        setattr(Noter, f"on_{_kind}_batch_{_edge}", _noting(f"on_{_kind}_batch_{_edge}", True))
for _edge in ("begin", "end"):
    setattr(Noter, f"on_epoch_{_edge}", _noting(f"on_epoch_{_edge}", True))


def noting(**arguments: Any) -> Any:
    """A compiled model around `Noting`."""
    return fd.Model(Noting()).compile(
        **{"optimizer": fd.optimizers.sgd(learning_rate=0.001), "loss": "mse"} | arguments
    )


def linear(inputs: int = 2, **arguments: Any) -> Any:
    """A compiled linear model with one output."""
    return fd.Model(nn.Linear(inputs, 1)).compile(**{"optimizer": "sgd", "loss": "mse"} | arguments)


def counted(n: int) -> tuple[np.ndarray, np.ndarray]:
    """x whose rows are 0 … n − 1, and targets of zero."""
    return np.arange(n, dtype="float32")[:, None], np.zeros((n, 1), "float32")


def xy(n: int = 10, features: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Random rows and their sums."""
    x = np.random.default_rng(0).normal(size=(n, features)).astype("float32")
    return x, x.sum(1, keepdims=True)


def batches(n: int, rows: int = 1) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """n batches that count from 1."""
    return [(torch.full((rows, 1), float(i)), torch.zeros(rows, 1)) for i in range(1, n + 1)]


def firsts(noted: list[list[int]]) -> list[int]:
    """The first row of each batch."""
    return [rows[0] for rows in noted]


def parameters(model: Any) -> list[np.ndarray]:
    return [p.detach().numpy().copy() for p in model.module.parameters()]


class Loader:
    """An iterable of batches with a length, neither DataLoader nor iterator."""

    def __init__(self, kept: Any) -> None:
        self.kept, self.began = kept, 0

    def __len__(self) -> int:
        return len(self.kept)

    def __iter__(self) -> Any:
        self.began += 1
        return iter(self.kept)
