"""Modules that hold NumPy arrays are recorded, and a changed array is seen."""

import numpy as np
import pytest
import torch

from fitdash.engine.callbacks.base import Callback
from tests.engine.recording.fits import Fitted, assert_recorded, assert_same, both
from tests.engine.recording.modules import Base, X, Y

pytestmark = pytest.mark.usefixtures("_records_short_fits")


class HoldsAnArray(Base):
    def __init__(self, rows=2):
        super().__init__()
        self.table = np.ones((rows, 3), "float32")

    def forward(self, x):
        return self.head(x) * self.table.shape[0]


class ReplacesTheArray(Callback):
    def on_epoch_begin(self, epoch, logs=None):
        self.model.module.table = np.ones((2 + epoch, 3), "float32")


def test_a_module_that_holds_an_array_is_recorded():
    assert_recorded(HoldsAnArray, X, Y)


def test_another_array_is_seen_by_the_next_epoch():
    ours, theirs = both(HoldsAnArray, X, Y, callbacks=[ReplacesTheArray])

    assert_same(ours, theirs)


def test_an_array_that_is_too_large_to_be_compared_is_named_as_the_reason():
    ours = Fitted(lambda: HoldsAnArray(rows=2**21), X, Y, eagerly=False)

    assert "holds an array that is too large to be watched" in ours.speed
    assert torch.isfinite(torch.tensor(ours.history.history["loss"])).all()
