"""Warnings, once in a fit, of inputs that are no numbers and of weights that leave nothing to learn."""

import numpy as np
import pytest
import torch
from torch import nn

import fitdash as fd

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 4)).astype("float32")
Y = X.sum(1)
IDS = np.arange(12) % 3
SPARSE = "sparse_categorical_crossentropy"


def with_value(value, row=7):
    x = X.copy()
    x[row, 2] = value
    return x


def softmax():
    return nn.Sequential(nn.Linear(4, 3), nn.Softmax(-1))


class Filled(nn.Linear):
    """Fills what is missing itself."""

    def forward(self, x):
        return super().forward(x.nan_to_num())


@pytest.mark.parametrize(
    ("x", "more", "words"),
    [
        (with_value(np.nan), {}, "^x must have a number in each place, got nan in row 7, column 2:.* np.nan_to_num"),
        (with_value(np.inf), {}, "^x must have a number in each place, got inf in row 7, column 2:"),
        (X, {"validation_data": (with_value(np.nan), Y)}, "^validation x must have a number .* in row 7, column 2:"),
        (with_value(np.nan, 10), {"validation_split": 0.25}, "^x must have a number .* in row 10, column 2:"),
    ],
)
def test_7_15_what_is_no_number_is_warned_of_once_with_its_place(x, more, words):
    with pytest.warns(UserWarning, match=words) as caught:
        fd.Model(nn.Linear(4, 1)).compile("sgd", "mse").fit(x, Y, epochs=2, verbose=0, **more)

    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_7_15_a_module_that_fills_what_is_missing_trains_without_a_word():
    model = fd.Model(Filled(4, 1)).compile("sgd", "mse")

    assert model.fit(with_value(np.nan), Y, epochs=1, verbose=0).epoch == [0]


@pytest.mark.parametrize(
    ("y", "more", "words"),
    [
        (IDS, {"sample_weight": np.zeros(12)}, "^sample_weight must be above 0 in some rows.*: nothing is learned"),
        (IDS, {"validation_data": (X, IDS, np.zeros(12))}, "^validation sample_weight must .*: the loss is 0"),
        (IDS, {"class_weight": {0: 0, 1: 0, 2: 0}}, "^class_weight must be above 0 .* nothing is learned"),
        (IDS % 2, {"class_weight": {2: 5.0}}, "^class_weight must name classes of y, which has 0, 1, got 2"),
    ],
)
def test_5_12_weights_without_effect_are_warned_of(y, more, words):
    with pytest.warns(UserWarning, match=words) as caught:
        fd.Model(softmax()).compile("sgd", SPARSE).fit(X, y, epochs=2, verbose=0, **more)

    assert len(caught) == 1


@pytest.mark.parametrize(
    ("y", "more"),
    [
        (IDS, {"sample_weight": IDS}),
        (IDS, {"class_weight": {0: 1.0, 1: 2.0}}),
        (IDS, {"class_weight": {0: 0.0, 1: 1.0, 2: 1.0}}),
        (IDS % 2, {"class_weight": {0: 1.0, 1: 2.0, 2: 3.0}}),
    ],
)
def test_5_12_weights_that_leave_something_to_learn_bring_no_word(y, more):
    assert fd.Model(softmax()).compile("sgd", SPARSE).fit(X, y, epochs=1, verbose=0, **more).epoch == [0]


def test_one_output_may_weigh_nothing_while_another_learns():
    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.p, self.q = nn.Linear(4, 1), nn.Linear(4, 1)

        def forward(self, x):
            return [self.p(x), self.q(x)]

    model = fd.Model(Pair()).compile("sgd", "mse")

    assert model.fit(X, [Y, Y], sample_weight=[np.zeros(12), None], epochs=1, verbose=0).epoch == [0]


def test_a_dense_network_is_recorded_all_the_same():
    torch.manual_seed(0)
    model = fd.Model(softmax()).compile("adam", SPARSE)

    history = model.fit(np.tile(X, (40, 1)), np.tile(IDS, 40), batch_size=2, epochs=1, class_weight={0: 2.0}, verbose=0)

    assert history.params["stepper"] == "recorded"
