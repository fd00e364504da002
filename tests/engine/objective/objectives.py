"""Targets, predictions and weights of one and of two outputs, and what objectives make of them."""

import torch

from fitdash.engine.objective.objective import Objective

ONE = (torch.tensor([[1.0], [0.0], [1.0], [0.0], [1.0]]), torch.tensor([[0.9], [0.6], [0.4], [0.5], [0.51]]))
WEIGHT = torch.tensor([1.0, 2.0, 0.0, 3.0, 0.5])
DRAW = torch.Generator().manual_seed(3)
A, B = torch.rand(4, 1, generator=DRAW), torch.rand(4, 3, generator=DRAW).softmax(-1)
AIM_A, AIM_B = torch.rand(4, generator=DRAW), torch.tensor([0, 1, 2, 0])
BY_A, BY_B = torch.tensor([1.0, 0.0, 2.0, -1.0]), torch.tensor([0.5, 0.5, 3.0, 0.0])
NAMES = ["a", "b"]


def squared(weight=None):
    each = (A[:, 0] - AIM_A) ** 2
    return (each if weight is None else each * weight).mean().item()


def entropy(weight=None):
    each = -B[torch.arange(4), AIM_B].log()
    return (each if weight is None else each * weight).mean().item()


def logs_of(objective, target, prediction, weight=None, *, cuts=(), names=None):
    """The logs after batches that end at the cuts."""
    objective.bind(prediction, names)
    book = objective.new_book()
    edges = [0, *cuts, len(target)]
    for a, b in zip(edges, edges[1:], strict=False):
        book.add(target[a:b], prediction[a:b], None if weight is None else weight[a:b], b - a)
    return book.logs()


def added(target, prediction, weight=None, names=None, rows=4, **settings):
    """The total loss and the logs of one batch."""
    objective = Objective(**settings)
    objective.bind(prediction, names)
    book = objective.new_book()
    total = book.add(target, prediction, weight, rows).item()
    logs = book.logs()
    assert list(logs) == objective.names
    return total, logs


def two(**settings):
    return {"loss": ["mse", "sparse_categorical_crossentropy"], **settings}


def abs_error(y_true, y_pred):
    return (y_true - y_pred).abs()


STEPS = (torch.rand(4, 3, 2, generator=DRAW), torch.rand(4, 3, 2, generator=DRAW))
