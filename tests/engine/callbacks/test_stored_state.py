import re

import numpy as np
import pytest
import torch

from fitdash.engine.callbacks.atomic_files import load_tensors, save_tensors
from fitdash.engine.callbacks.base import Callback
from fitdash.engine.callbacks.stored_state import give_back, stored_states


class Keeps(Callback):
    remembers = ("value",)

    def __init__(self, value=None):
        super().__init__()
        self.value = value


class Keeps2(Keeps):
    """Another class."""


@pytest.mark.parametrize(
    "value",
    [3, 2.5, True, None, "text", b"bytes", 1j, [1, (2, 3)], {"a": {1: 2.0}}, {1, 2}, torch.arange(3), float("inf")],
    ids=str,
)
def test_16_21_plain_values_and_tensors_come_back_from_a_file(tmp_path, value):
    save_tensors(stored_states([Keeps(value)]), tmp_path / "a.pt")
    other = Keeps()

    give_back([other], load_tensors(tmp_path / "a.pt"))

    assert type(other.value) is type(value)
    assert torch.equal(other.value, value) if isinstance(value, torch.Tensor) else other.value == value


def test_16_21_numbers_of_numpy_become_those_of_python():
    (stored,) = stored_states([Keeps(np.float32(0.5))])

    assert stored == ["Keeps", {"value": 0.5}]
    assert type(stored[1]["value"]) is float


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (np.zeros(2), "got ndarray from Keeps.state_dict()['value']. Give torch.from_numpy of it."),
        ([object()], "got object from Keeps.state_dict()['value'][0]. Leave it out of Keeps.state_dict(), or"),
        ({"f": print}, "got builtin_function_or_method from Keeps.state_dict()['value']['f']."),
    ],
    ids=["array", "object", "function"],
)
def test_16_21_what_cannot_be_stored_is_refused_by_the_name_of_its_callback(value, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        stored_states([Keeps(value)])


def test_16_21_states_are_matched_by_class_and_order():
    stored = stored_states([Keeps(1), Keeps2(2), Keeps(3)])
    now = [Keeps2(), Keeps(), Callback(), Keeps(), Keeps()]

    give_back(now, stored)

    assert [getattr(one, "value", "-") for one in now] == [2, 1, "-", 3, None]


def test_16_21_a_state_without_a_callback_is_a_warning():
    with pytest.warns(UserWarning, match="holds the state of Keeps2, but this fit has no such callback"):
        give_back([Keeps()], stored_states([Keeps(1), Keeps2(2)]))
