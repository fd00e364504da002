"""Weights of image networks lie channels last while they are trained, and as before afterwards."""

import pytest
import torch
from torch import nn

import fitdash as fd
from fitdash import callbacks as cb
from tests.engine.recording.fits import assert_same, both
from tests.engine.recording.modules import IDS, IMAGES


class Look(cb.Callback):
    """Notes how the first weight lies."""

    def __init__(self, found):
        super().__init__()
        self.found = found

    def on_epoch_end(self, epoch, logs=None):
        self.found.append(self.model.module[0].weight.is_contiguous())


def network(**settings):
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, **settings), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.Flatten(), nn.Linear(64, 3)
    )


class Own(nn.Sequential):
    """A class of somebody's, whose code might look at the weights."""

    def forward(self, x):
        return super().forward(x)


def fitted(module, **compiled):
    found = []
    model = fd.Model(module).compile(**{"loss": nn.CrossEntropyLoss(), **compiled})
    model.fit(IMAGES, IDS, epochs=2, batch_size=8, verbose=0, callbacks=Look(found))
    return found


def test_the_layout_changes_for_the_time_of_a_fit():
    module = network()
    weight, held = module[0].weight, module[0].weight.detach()

    assert fitted(module) == [False, False]
    assert module[0].weight is weight
    assert weight.is_contiguous()
    assert weight.grad.is_contiguous()
    assert weight.data_ptr() == held.data_ptr()


@pytest.mark.parametrize(
    ("module", "compiled"),
    [
        (Own(*network()), {}),
        (nn.Sequential(nn.Conv2d(2, 4, 3, groups=2), nn.Flatten(), nn.Linear(144, 3)), {}),
        (network(), {"optimizer": lambda parameters: torch.optim.SGD(parameters, 0.01)}),
    ],
)
def test_the_layout_stays_where_somebody_could_trip_over_it(module, compiled):
    assert fitted(module, **compiled) == [True, True]


def test_a_fit_in_this_layout_is_recorded_and_the_same_step_by_step():
    ours, theirs = both(network, IMAGES, IDS, loss=nn.CrossEntropyLoss(), validation_split=0.4, epochs=60)

    assert ours.speed == "recorded"
    assert_same(ours, theirs)


def test_two_fits_are_one_long_fit():
    once, _ = both(network, IMAGES, IDS, loss=nn.CrossEntropyLoss(), shuffle=False, epochs=4)
    twice, _ = both(network, IMAGES, IDS, loss=nn.CrossEntropyLoss(), shuffle=False, epochs=2, fits=2)

    assert all(torch.equal(once.state[name], twice.state[name]) for name in once.state)


def test_the_layout_is_put_back_after_an_error():
    class Fail(cb.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError("enough")

    module = network()
    model = fd.Model(module).compile(loss=nn.CrossEntropyLoss())

    with pytest.raises(RuntimeError, match="enough"):
        model.fit(IMAGES, IDS, verbose=0, callbacks=Fail())

    assert module[0].weight.is_contiguous()
