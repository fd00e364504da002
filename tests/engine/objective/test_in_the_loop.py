"""What the training loop asks of an objective: no values read, steps that can be taken apart."""

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from fitdash.engine.losses.keras_losses import BY_NAME
from fitdash.engine.metrics.counted import CELLS, WHOLE_METRICS
from fitdash.engine.metrics.means import MEANS
from fitdash.engine.objective.objective import Objective
from tests.engine.objective.objectives import AIM_B, BY_A, ONE, WEIGHT, B, abs_error
from tests.names import named


@pytest.mark.parametrize(
    ("settings", "depends"),
    [
        ({"loss": "mse", "metrics": ["accuracy", "auc"]}, False),
        ({"loss": nn.CrossEntropyLoss()}, False),
        ({"loss": nn.CrossEntropyLoss(weight=torch.ones(3))}, True),
        ({"loss": nn.MSELoss(reduction="sum")}, True),
        ({"loss": "hinge"}, True),
        ({"loss": abs_error}, True),
        ({"loss": "mse", "metrics": [abs_error]}, True),
    ],
    ids=named,
)
def test_4_7_it_is_known_whether_the_cut_into_batches_matters(settings, depends):
    assert Objective(**settings).depends_on_batches is depends


def test_measuring_and_advancing_are_what_adding_does():
    objective = Objective(loss="mse", metrics=["accuracy", abs_error], weighted_metrics=["mae"])
    whole, apart = objective.new_book(), objective.new_book()
    whole.add(*ONE, WEIGHT, 5)

    apart.prepare(*ONE)
    apart.measure(*ONE, WEIGHT, 5)
    apart.advance(5)

    assert apart.logs() == whole.logs()


class NoReads(TorchDispatchMode):
    """Refuses operations that hand values to Python, or whose shape depends on values."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        by_number = func is torch.ops.aten.index.Tensor and all(
            i.dtype == torch.int64 for i in args[1] if i is not None
        )
        if not by_number:
            assert not {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape} & set(func.tags), func
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("weight", [None, BY_A.abs()], ids=["plain", "weighted"])
@pytest.mark.parametrize("loss", [*BY_NAME, "crossentropy", nn.CrossEntropyLoss(torch.ones(3)), nn.MSELoss()], ids=str)
def test_no_loss_reads_values(loss, weight):
    sparse = "sparse" in str(loss) or isinstance(loss, nn.CrossEntropyLoss)
    target, book = AIM_B if sparse else torch.eye(3)[AIM_B], Objective(loss=loss).new_book()
    book.prepare(target, B)

    with NoReads():
        measured = book.measure(target, B, weight, 4)

    book.advance(4)
    assert book.logs()["loss"] == pytest.approx(measured.item(), rel=1e-6)


@pytest.mark.parametrize("weight", [None, BY_A.abs()], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", [*MEANS, *CELLS, *WHOLE_METRICS])
def test_no_metric_reads_values(name, weight):
    target = AIM_B if "sparse" in name else torch.eye(3)[AIM_B]
    book = Objective(loss="crossentropy", metrics=[name], weighted_metrics=[name]).new_book()
    book.prepare(target, B)

    with NoReads():
        book.measure(target, B, weight, 4)

    assert len(book.states()) >= 3
