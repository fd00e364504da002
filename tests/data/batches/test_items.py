"""Items of the user's source: dicts that name their target, samples in place of batches, errors with their number."""

from collections import UserDict

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset

import fitdash as fd
from tests.contract.networks import Inputs, Loader

X = torch.arange(24.0).reshape(12, 2) / 24
Y = X.sum(1, keepdim=True)
BATCHES = [(X[start : start + 4], Y[start : start + 4]) for start in (0, 4, 8)]


class Samples(Dataset):
    def __init__(self, samples):
        self.samples = samples

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, place):
        return self.samples[place]


class Stream(IterableDataset):
    def __init__(self, items):
        self.items = items

    def __iter__(self):
        return iter(self.items)


class Optional(nn.Module):
    """Takes its labels as the models of Hugging Face do, to compute a loss of its own."""

    def __init__(self):
        super().__init__()
        self.line = nn.Linear(2, 1)

    def forward(self, features, mask=None, labels=None):
        assert labels is None
        return self.line(features if mask is None else features * mask)


def trained(module, source, **settings):
    torch.manual_seed(0)
    model = fd.Model(module()).compile("sgd", loss="mse")
    model.fit(source, **{"epochs": 2, "shuffle": False, "verbose": 0} | settings)
    return model


def linear():
    return nn.Linear(2, 1)


def dicts(**parts):
    return [{name: part[start : start + 4] for name, part in parts.items()} for start in (0, 4, 8)]


@pytest.mark.parametrize("target", ["y", "label", "labels", "target", "targets"])
@pytest.mark.parametrize("kind", ["loader", "generator", "iterable", "data set", "stream"])
def test_7_11_a_dict_names_its_target(kind, target):
    samples = [{"features": x, target: y} for x, y in zip(X, Y, strict=True)]
    batches = dicts(features=X, **{target: Y})
    source = {
        "loader": DataLoader(Samples(samples), batch_size=4),
        "generator": lambda: iter(batches),
        "iterable": Loader(batches),
        "data set": Samples(samples),
        "stream": Stream(batches),
    }[kind]
    size = {"batch_size": 4} if kind == "data set" else {}

    model = trained(Optional, source, validation_data=Loader(batches), **size)

    expected = trained(Optional, Loader(BATCHES), validation_data=Loader(BATCHES))
    assert model.history.history == expected.history.history
    assert model.predict(source, **size).tolist() == expected.predict(X).tolist()
    assert model.evaluate(source, verbose=0, **size) == pytest.approx(expected.evaluate(X, Y, verbose=0))


def test_7_11_a_single_input_of_a_dict_goes_by_position_under_any_name():
    model = trained(linear, Loader(dicts(image=X, label=Y)))

    assert model.history.history == trained(linear, Loader(BATCHES)).history.history
    assert model.predict(Loader(dicts(image=X, label=Y))).tolist() == model.predict(X).tolist()
    assert model.predict(Loader(dicts(image=X))).tolist() == model.predict(X).tolist()


def test_7_11_a_dict_holds_several_inputs_weights_and_what_forward_does_not_take():
    texts = np.array(["text"] * 12)
    given = dicts(features=X, mask=torch.ones(12, 1), labels=Y, sample_weight=torch.arange(12.0), text=texts)

    model = trained(Optional, Loader(given))

    weights = torch.arange(12.0).split(4)
    weighted = [(x, y, w) for (x, y), w in zip(BATCHES, weights, strict=True)]
    assert model.history.history == trained(Optional, Loader(weighted)).history.history


def test_7_11_texts_beside_a_single_input_are_left_out():
    samples = [{"image": x, "label": y, "caption": "text"} for x, y in zip(X, Y, strict=True)]

    model = trained(linear, DataLoader(Samples(samples), batch_size=4))

    assert model.history.history == trained(linear, Loader(BATCHES)).history.history


def test_7_4_any_mapping_is_a_dict_of_inputs():
    model = trained(Optional, UserDict(features=X), y=Y)

    assert model.predict(UserDict(features=X)).shape == (12, 1)
    assert model.evaluate(Loader([UserDict(features=X, labels=Y)]), verbose=0) > 0


def test_gradients_flow_through_a_batch_into_what_made_it():
    before = nn.Linear(2, 2)
    made = Loader([(before(X), Y)])

    trained(linear, made, epochs=1)

    assert before.weight.grad is not None


def test_7_11_an_input_that_forward_needs_is_no_target():
    class Needing(nn.Module):
        def __init__(self):
            super().__init__()
            self.line = nn.Linear(2, 1)

        def forward(self, x, y):
            return self.line(x) + y

    model = trained(Needing, Loader(dicts(x=X, y=Y, label=Y)))

    assert model.predict(Loader(dicts(x=X, y=Y))).shape == (12, 1)


@pytest.mark.parametrize(
    ("item", "found"),
    [
        ({"a": X, "b": X, "span": Y}, 'got a, b, span. Name it .*lambda: ((b, b.pop("span")) for b in x).'),
        (
            {"a": X, "label": Y, "target": Y},
            'got label and target. Name it .*lambda: ((b, b.pop("target")) for b in x).',
        ),
    ],
)
def test_7_11_a_dict_without_one_target_is_refused_with_the_way_to_name_it(item, found):
    with pytest.raises(fd.DataError) as caught:
        trained(Inputs, Loader([item]))

    start, end = found.split(".*")
    assert start in str(caught.value)
    assert str(caught.value).endswith(end)
    assert str(caught.value).startswith("Batch 1: A batch that is a dict must name one target")


def test_7_11_the_way_to_name_a_target_works():
    given = dicts(features=X, span=Y)

    model = trained(Optional, lambda: ((b, b.pop("span")) for b in map(dict, given)))

    assert model.history.history == trained(Optional, Loader(BATCHES)).history.history


LOADER = "Give DataLoader(x, batch_size=32), or batch_size=None if its items are batches."
SEVERAL = "Give several samples at a time, such as x of shape (32, …) and y of shape (32,)."


@pytest.mark.parametrize(
    ("source", "shapes", "remedy"),
    [
        (Stream(list(zip(X, Y, strict=True))), "shape (2,), shape (1,)", LOADER),
        (Stream(list(zip(X, Y[:, 0], strict=True))), "shape (2,), shape ()", LOADER),
        (Stream([(x.numpy(), 1.0) for x in X]), "shape (2,), a number", LOADER),
        (Stream([(torch.ones(3, 4, 4), 1)]), "shape (3, 4, 4), a number", LOADER),
        (Stream([(x, x) for x in X]), "shape (2,), shape (2,)", LOADER),
        (Stream([{"x": x, "label": 1.0} for x in X]), "shape (2,), a number", LOADER),
        (lambda: zip(X, Y, strict=True), "shape (2,), shape (1,)", SEVERAL),
        (lambda: iter([([1.0, 2.0], 1.0)]), "shape (2,), a number", SEVERAL),
    ],
)
def test_7_9_samples_in_place_of_batches_are_refused_with_the_remedy(source, shapes, remedy):
    with pytest.raises(fd.DataError) as caught:
        trained(linear, source)

    shapes = shapes.replace("shape ()", "a number")
    assert str(caught.value) == f"Batch 1: an item must be a batch of samples, got one sample ({shapes}). {remedy}"


@pytest.mark.parametrize(
    ("item", "words"),
    [
        ((X, None), "y must be given, got x alone. Give (x, y) as a batch."),
        ((X,), "y must be given, got x alone. Give (x, y) as a batch."),
        (X, "y must be given, got x alone. Give (x, y) as a batch."),
        ((X[:0], Y[:0]), "x is empty: it has 0 samples."),
        ((X, Y[:3]), "All arrays must have the same number of samples, but x has 12, y has 3."),
        ((X, Y, Y, Y), "A batch must be x, (x,), (x, y) or (x, y, sample_weight), got 4 parts. "
         "Put several inputs into a tuple of their own: ((a, b), y)."),
        ((X[:, :1], Y), "x must have the shape (n, 2) as in the first batch, got (n, 1). "
         "Give each batch the same inputs."),
        (((X, X), Y), "x must be one input as in the first batch, got 2 inputs. Give each batch the same inputs."),
        ((X.long(), Y), "x must be float32 as in the first batch, got int64. Give each batch the same inputs."),
        ((X, (Y, Y)), "y must have one part per output, got 2. The output is out1."),
    ],
)  # fmt: skip
def test_7_11_what_is_wrong_with_a_later_batch_has_its_number(item, words):
    for place, name in (("x", "Batch"), ("validation", "Validation batch")):
        source = Loader([*BATCHES, item])
        given = {"source": source} if place == "x" else {"source": Loader(BATCHES), "validation_data": source}

        with pytest.raises(fd.DataError) as caught:
            trained(linear, **given)

        assert str(caught.value) == f"{name} 4: {words}"


def test_21_2_what_is_wrong_with_a_batch_to_predict_or_to_evaluate_has_its_number():
    model, wrong = trained(linear, Loader(BATCHES)), Loader([*BATCHES, (X[:, :1], Y)])

    for method in (model.predict, model.evaluate):
        with pytest.raises(fd.DataError, match=r"^Batch 4: x must have the shape \(n, 2\) as in the first batch"):
            method(wrong, verbose=0)


def test_7_2_an_error_of_the_users_own_code_gets_the_number_as_a_note():
    class Broken(nn.Linear):
        def forward(self, x):
            if x[0, 0] > 0.3:
                raise RuntimeError("mine")
            return super().forward(x)

    with pytest.raises(RuntimeError, match="^mine") as caught:
        trained(lambda: Broken(2, 1), Loader(BATCHES))

    assert caught.value.__notes__ == ["This was batch 2."]


@pytest.mark.parametrize(
    ("samples", "found"),
    [
        ([(X[0], None)], "(an array of shape (2,), NoneType) as sample 0"),
        ([(X[0], 1.0), (X[0, :1], 1.0)],
         "(an array of shape (2,), float) as sample 0 and (an array of shape (1,), float) as sample 1"),
    ],
)  # fmt: skip
def test_7_9_samples_that_make_no_batch_are_refused_by_their_place(samples, found):
    with pytest.raises(fd.DataError) as caught:
        trained(linear, Samples(samples))

    assert str(caught.value) == (
        f"Batch 1: the samples of a Dataset must be numbers or arrays of one shape, got {found}. "
        "Give a DataLoader with a collate_fn."
    )


def test_7_8_a_list_of_batches_is_refused_with_the_remedy():
    with pytest.raises(fd.DataError, match="give a function that yields them: lambda: iter"):
        trained(linear, BATCHES)
