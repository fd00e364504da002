"""In which settings experiments differ."""

from dataclasses import replace

import pytest

from fitdash.settings.callbacks import EarlyStoppingArgs, ModelCheckpointArgs
from fitdash.settings.differences import (
    Difference,
    differences,
    differing_addresses,
    flatten_settings,
    setting_text,
)
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.layers import DenseArgs, DropoutArgs
from fitdash.settings.network import NetworkArgs

BASE = Experiment()


def test_settings_are_known_by_their_address_those_of_callbacks_by_their_place():
    plain = replace(BASE, callbacks=(EarlyStoppingArgs(patience=3),)).to_dict()

    found = flatten_settings(plain)

    assert found["network.width"] == 64
    assert found["callbacks.0.patience"] == 3
    assert found["callbacks.0.kind"] == "EarlyStopping"


def test_only_what_differs_is_told_in_order():
    other = replace(BASE, network=NetworkArgs(width=32), fit=FitArgs(shuffle=False))

    found = differences(BASE.to_dict(), other.to_dict())

    assert found == [
        Difference(address="network.width", before=64, now=32),
        Difference(address="fit.shuffle", before=True, now=False),
    ]


def test_of_a_callback_or_a_layer_that_is_another_one_only_its_kind_is_told():
    stops, saves = EarlyStoppingArgs(patience=3), ModelCheckpointArgs(filepath="a.pt")
    before = replace(BASE, network=NetworkArgs(kind="layers", layers=(DenseArgs(units=9),)), callbacks=(stops,))
    now = replace(BASE, network=NetworkArgs(kind="layers", layers=(DropoutArgs(rate=0.1),)), callbacks=(saves, stops))

    assert differences(before.to_dict(), now.to_dict()) == [
        Difference(address="network.layers.0.kind", before="Dense", now="Dropout"),
        Difference(address="callbacks.0.kind", before="EarlyStopping", now="ModelCheckpoint"),
        Difference(address="callbacks.1.kind", before=None, now="EarlyStopping"),
    ]


def test_of_many_experiments_only_what_some_differ_in_is_named():
    several = [flatten_settings(replace(BASE, network=NetworkArgs(width=width)).to_dict()) for width in (8, 8, 16)]

    assert differing_addresses(several) == ["network.width"]
    assert differing_addresses(several[:1]) == []
    assert differing_addresses([]) == []


def test_true_is_not_one():
    assert differing_addresses([{"a": 1}, {"a": True}]) == ["a"]
    assert differing_addresses([{"a": 1}, {"a": 1.0}]) == []


@pytest.mark.parametrize(
    ("value", "text"), [(None, "not set"), (True, "on"), (0.0001, "0.0001"), ((), "none"), (["a", 1], "a, 1")]
)
def test_values_are_told_in_a_word(value, text):
    assert setting_text(value) == text
