"""Ids that an Embedding lacks are found in all rows before the first update, where x reaches it unchanged."""

import re

import numpy as np
import pytest
import torch
from torch import nn

import fitdash as fd

IDS = np.zeros((12, 3), int)
Y = np.zeros(12)


def with_last(value):
    ids = IDS.copy()
    ids[-1, -1] = value
    return ids


def words():
    return fd.Model(nn.Sequential(nn.Embedding(5, 2), nn.Flatten(), nn.Linear(6, 1))).compile("sgd", "mse")


class Columns(nn.Module):
    """Embeds two columns, whose ids it may clip."""

    def __init__(self, most=99):
        super().__init__()
        self.first, self.last, self.out = nn.Embedding(5, 2), nn.Embedding(7, 2), nn.Linear(4, 1)
        self.most = most

    def forward(self, x):
        last = x[:, 2] if self.most == 99 else x[:, 2].clamp(max=self.most)
        return self.out(torch.cat([self.first(x[:, 0]), self.last(last)], 1))


@pytest.mark.parametrize(
    ("x", "more", "words_said"),
    [
        (with_last(5), {}, "x must hold ids 0 to 4, since it goes into Embedding(5, 2) (layer 0), got 5 in row 11."),
        (with_last(-1), {}, "got -1 in row 11. Give missing values an id of their own, such as 0."),
        (with_last(7), {"validation_split": 0.25}, "x must hold ids 0 to 4, since it goes into Embedding(5, 2)"),
        (IDS, {"validation_data": (with_last(9), Y)}, "validation x must hold ids 0 to 4"),
    ],
)
def test_7_18_an_id_of_the_last_row_is_named_before_the_first_update(x, more, words_said):
    model = words()
    before = [parameter.detach().clone() for parameter in model.module.parameters()]

    with pytest.raises(fd.DataError, match=re.escape(words_said)) as caught:
        model.fit(x, Y, batch_size=2, shuffle=False, verbose=0, **more)

    assert "in row 11." in str(caught.value)
    assert all(torch.equal(*pair) for pair in zip(before, model.module.parameters(), strict=True))
    assert model.fit(with_last(4), Y, epochs=1, verbose=0).epoch == [0]


def test_7_18_a_column_that_is_embedded_is_named():
    model = fd.Model(Columns()).compile("sgd", "mse")

    model.fit(with_last(6), Y, epochs=1, verbose=0)
    with pytest.raises(fd.DataError, match=re.escape("x[:, 2] must hold ids 0 to 6")):
        model.fit(with_last(7), Y, batch_size=2, shuffle=False, verbose=0)


def test_ids_that_the_module_clips_are_its_own_affair():
    assert fd.Model(Columns(most=6)).compile("sgd", "mse").fit(with_last(99), Y, epochs=1, verbose=0).epoch == [0]


def test_watching_ends_with_the_first_batch_and_steps_are_recorded():
    model = words()

    history = model.fit(np.zeros((400, 3), int), np.zeros(400), batch_size=2, epochs=1, verbose=0)

    assert history.params["stepper"] == "recorded"
    assert not any(layer._forward_pre_hooks for layer in model.module.modules())


def test_a_label_of_the_held_out_rows_is_named_by_its_row_in_y():
    labels = np.zeros(12, int)
    labels[10] = 9
    module = nn.Sequential(nn.Linear(3, 2), nn.Softmax(-1))
    model = fd.Model(module).compile("sgd", "sparse_categorical_crossentropy")

    with pytest.raises(fd.DataError, match="^y must have class ids 0 to 1, .* got 9 in row 10"):
        model.fit(IDS.astype("float32"), labels, validation_split=0.25, verbose=0)
