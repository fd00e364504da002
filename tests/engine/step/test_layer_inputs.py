"""What a layer cannot take is refused in words, with the remedy, before anything is updated."""

import re

import numpy as np
import pytest
import torch
from torch import nn

import fitdash as fd


class Recurrent(nn.Module):
    def __init__(self, features, **options):
        super().__init__()
        self.rnn = nn.LSTM(features, 2, batch_first=True, **options)
        self.out = nn.Linear(2, 1)

    def forward(self, x):
        return self.out(self.rnn(x)[0][:, -1])


def images(channels):
    return nn.Sequential(nn.Conv2d(channels, 1, 3), nn.Flatten(), nn.Linear(4, 1))


CASES = [
    (lambda: nn.Linear(4, 1), (8, 5), "have 4 columns", "make it Linear(5, …)."),
    (lambda: nn.Linear(1, 1), (8, 2), "have 1 column,", "make it Linear(2, …)."),
    (lambda: nn.Linear(6, 1), (8, 2, 3), "have 6 columns", "x.reshape(len(x), -1)."),
    (lambda: images(3), (8, 4, 4, 3), "(n, 3, height, width)", "np.moveaxis(x, -1, 1)."),
    (lambda: images(1), (8, 4, 4, 1), "(n, 1, height, width)", "np.moveaxis(x, -1, 1)."),
    (lambda: images(1), (8, 4, 4), "(n, 1, height, width)", "x[:, None]."),
    (lambda: images(1), (8, 16), "(n, 1, height, width)", "x.reshape(-1, 1, 4, 4)."),
    (lambda: images(1), (8, 1, 2, 2), "at least 3 x 3 values", "a smaller kernel_size."),
    (lambda: images(1), (8, 1, 5, 5), "have 4 columns", "make it Linear(9, …)."),
    (lambda: nn.Sequential(nn.Conv1d(1, 1, 1), nn.Flatten(), nn.Linear(5, 1)), (8, 5), "(n, 1, steps)", "x[:, None]."),
    (lambda: Recurrent(1), (8, 5), "(n, steps, 1)", "x[:, :, None]."),
    (lambda: Recurrent(2), (8, 2, 5), "(n, steps, 2)", "np.swapaxes(x, 1, 2)."),
    (lambda: nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 1)), (8, 4), "have 3 columns", "make it BatchNorm1d(4, …)."),
    (lambda: nn.Sequential(nn.LayerNorm(3), nn.Linear(3, 1)), (8, 4), "have 3 values", "was made for."),
]


@pytest.mark.parametrize(("module", "shape", "must", "remedy"), CASES)
@pytest.mark.parametrize("method", ["fit", "train_on_batch", "predict"])
def test_7_18_a_wrong_shape_is_refused_by_name_with_the_shape_and_the_remedy(module, shape, must, remedy, method):
    model = fd.Model(module()).compile("sgd", "mse")
    before = {name: value.detach().clone() for name, value in model.module.named_parameters()}
    given = {"x": np.zeros(shape, "float32")}
    if method != "predict":
        given["y"] = np.ones((8, 1), "float32")

    with pytest.raises(fd.DataError) as caught:
        getattr(model, method)(**given, **({"verbose": 0} if method == "fit" else {}))

    said = str(caught.value)
    assert must in said
    assert said.endswith(remedy)
    assert f"shape {shape}" in said
    assert "mat1" not in said
    assert all(torch.equal(value, before[name]) for name, value in model.module.named_parameters())


def test_7_18_the_layer_is_named_and_the_input_among_several():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right = nn.Linear(2, 1), nn.Linear(3, 1)

        def forward(self, a, b):
            return self.left(a) + self.right(b)

    model = fd.Model(Two()).compile("sgd", "mse")
    x = np.zeros((8, 2), "float32")

    with pytest.raises(
        fd.DataError, match=re.escape("x['b'] must have 3 columns, since it goes into Linear(3, 1) (la")
    ):
        model.fit({"a": x, "b": x}, np.zeros(8), verbose=0)
    with pytest.raises(fd.DataError, match=re.escape("x[1] must have 3 columns")):
        model.predict([x, x])


@pytest.mark.parametrize("error", [ValueError, RuntimeError, IndexError, AssertionError, KeyError])
def test_7_18_an_error_of_the_users_forward_comes_through_as_it_is(error):
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 1)

        def forward(self, x):
            self.layer(x)
            raise error("of my own")

    model = fd.Model(nn.Sequential(Own())).compile("sgd", "mse")

    with pytest.raises(error, match="^'?of my own'?$") as caught:
        model.fit(np.zeros((4, 2), "float32"), np.zeros(4), verbose=0)
    assert type(caught.value) is error


@pytest.mark.parametrize(("value", "remedy"), [(5, "Embedding(6, …)."), (-1, "such as 0."), (9, "one id of it.")])
def test_7_18_an_id_that_an_embedding_lacks_is_named(value, remedy):
    model = fd.Model(nn.Sequential(nn.Embedding(5, 2), nn.Flatten(), nn.Linear(4, 1)))
    x = np.array([[0, 1], [4, value]])

    with pytest.raises(fd.DataError) as caught:
        model.predict(x)

    assert str(caught.value).startswith(
        f"x must hold ids 0 to 4, since it goes into Embedding(5, 2) (layer 0), got {value} in row 1."
    )
    assert str(caught.value).endswith(remedy)


def test_7_18_an_id_that_the_module_makes_from_x_is_named():
    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(5, 1)

        def forward(self, x):
            return self.words(x.long()).mean(1)

    x = np.array([[0.0, 1.0], [4.0, 5.0]], "float32")

    with pytest.raises(fd.DataError) as caught:
        fd.Model(Whole()).compile("sgd", "mse").fit(x, np.zeros(2), shuffle=False, verbose=0)

    assert str(caught.value) == (
        "The input of Embedding(5, 1) (layer words) must hold ids 0 to 4, got 5 in row 1 of a batch, made from x of "
        "shape (2, 2). Ids count from 0: make it Embedding(6, …)."
    )
