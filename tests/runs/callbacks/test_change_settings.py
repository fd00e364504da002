"""Changes that a script makes while a model trains."""

import numpy as np
import pytest
import torch
from torch import nn

import fitdash as fd


def trained(*callbacks, epochs=4, run_eagerly=False):
    torch.manual_seed(0)
    model = fd.Model(nn.Sequential(nn.Linear(2, 3), nn.Dropout(0.5), nn.Linear(3, 1)))
    model.compile(optimizer="sgd", loss="mse", run_eagerly=run_eagerly)
    x = np.random.default_rng(0).normal(size=(40, 2)).astype("float32")
    model.fit(x, x.sum(1, keepdims=True), batch_size=10, epochs=epochs, verbose=0, callbacks=list(callbacks))
    return model


def test_a_change_holds_from_its_batch_on_and_is_told():
    model = trained(fd.callbacks.ChangeSettings(epoch=1, step=2, learning_rate=0.5))

    told = [event for event in model.history.events if event["kind"] == "setting"]
    assert [(t["epoch"], t["step"], t["setting"], t["old"], t["new"]) for t in told] == [
        (1, 2, "learning_rate", 0.01, 0.5)
    ]
    before = trained().history.history["loss"]
    assert model.history.history["loss"][0] == before[0]
    assert model.history.history["loss"][1] != before[1]


def test_a_change_before_the_first_batch_is_as_if_it_had_been_set():
    changed = trained(fd.callbacks.ChangeSettings(epoch=0, dropout=0.0, epochs=2))

    assert len(changed.history.epoch) == 2
    assert [round(layer.p, 3) for layer in changed.module if isinstance(layer, nn.Dropout)] == [0.0]


def test_changes_at_several_places_are_made_in_their_order():
    model = trained(
        fd.callbacks.ChangeSettings(epoch=1, batch_size=20), fd.callbacks.ChangeSettings(epoch=2, step=1, epochs=3)
    )

    told = [(t["epoch"], t["step"], t["setting"]) for t in model.history.events if t["kind"] == "setting"]
    assert told == [(1, 0, "batch_size"), (2, 1, "epochs")]
    assert model.history.epoch == [0, 1, 2]


def test_the_same_callback_changes_the_next_fit_too():
    change = fd.callbacks.ChangeSettings(epoch=1, learning_rate=0.5)
    trained(change)

    assert [t["kind"] for t in trained(change).history.events] == ["setting"]


def normalized(axes, **settings):
    """A fit of 40 rows with a batch normalization over them; a change to batches of 39 leaves one row alone."""
    torch.manual_seed(0)
    x = np.random.default_rng(0).normal(size=(40, *axes)).astype("float32")
    layers = [nn.BatchNorm1d(axes[0]), nn.Flatten(), nn.Linear(int(np.prod(axes)), 1)]
    model = fd.Model(nn.Sequential(*layers)).compile("sgd", loss="mse")
    model.fit(x, x.reshape(40, -1).sum(1, keepdims=True), batch_size=10, epochs=4, verbose=0, **settings)
    return model.history


@pytest.mark.parametrize(("size", "which"), [(39, "The last"), (1, "Every")])
def test_a_batch_size_that_leaves_one_row_to_normalize_is_refused_and_the_run_goes_on(size, which):
    history = normalized((3,), callbacks=[fd.callbacks.ChangeSettings(epoch=1, batch_size=size)])

    (told,) = history.events
    assert (told["kind"], told["setting"], told["new"]) == ("refused", "batch_size", size)
    assert told["reason"] == (
        f"batch_size must leave batches of two rows or more for BatchNorm1d, got {size} for 40 rows. "
        f"{which} batch would have 1: choose another."
    )
    assert history.history == normalized((3,)).history


def test_a_row_of_several_steps_can_be_normalized_alone():
    history = normalized((3, 5), callbacks=[fd.callbacks.ChangeSettings(epoch=1, batch_size=39)])

    assert [told["kind"] for told in history.events] == ["setting"]
    assert history.epoch == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"epoch": -1, "learning_rate": 0.1}, "ChangeSettings epoch must be an integer from 0, got -1."),
        ({"epoch": 0, "step": 1.5}, "ChangeSettings step must be an integer from 0, got 1.5."),
        ({"epoch": 0, "loss": "mse"}, "Unknown live setting 'loss'."),
        ({"epoch": 0, "learning_rate": -1}, "learning_rate must be above 0, got -1."),
    ],
)
def test_what_cannot_change_is_refused_before_anything_trains(given, text):
    with pytest.raises(fd.SettingError) as caught:
        fd.callbacks.ChangeSettings(**given)

    assert text in str(caught.value)
