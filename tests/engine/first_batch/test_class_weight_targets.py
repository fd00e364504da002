import re

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import fitdash as fd

X = torch.rand(8, 4)
ONE_HOT = np.eye(3, dtype="float32")[[0, 1, 2, 0, 1, 2, 0, 1]]


def fitted(y, x=X, loss="binary_crossentropy", **how):
    ends = torch.nn.Softmax(-1) if "categorical" in loss else torch.nn.Sigmoid()
    module = torch.nn.Sequential(torch.nn.Linear(4, 3), ends)
    weights = [value.clone() for value in module.parameters()]
    model = fd.Model(module).compile("sgd", loss)
    try:
        model.fit(x, y, verbose=0, epochs=1, batch_size=how.pop("batch_size", 2), class_weight={0: 1, 1: 5}, **how)
    except ValueError:
        assert all(map(torch.equal, module.parameters(), weights))
        raise


def with_row(row, values):
    y = ONE_HOT.copy()
    y[row] = values
    return y


@pytest.mark.parametrize("kind", [np.float32, np.int64, bool])
@pytest.mark.parametrize(("values", "found"), [([1, 0, 1], "2 classes"), ([0, 0, 0], "no class")])
def test_6_2_rows_without_one_class_are_refused_before_the_first_update(kind, values, found):
    words = (
        f"class_weight needs one class in each row of y, got {found} in row 7 of y. Weigh the rows with sample_weight"
    )

    with pytest.raises(ValueError, match=re.escape(words)):
        fitted(with_row(7, values).astype(kind))


def test_6_2_a_loader_is_looked_at_in_its_first_batch():
    data = TensorDataset(X, torch.from_numpy(with_row(1, [1, 1, 1])))

    with pytest.raises(ValueError, match="got 3 classes in row 1 of a batch's y"):
        fitted(None, DataLoader(data, 4), batch_size=None)


@pytest.mark.parametrize(
    ("y", "loss"),
    [
        (ONE_HOT, "categorical_crossentropy"),
        (ONE_HOT.astype(int), "binary_crossentropy"),
        (0.9 * ONE_HOT + 0.1 / 3, "categorical_crossentropy"),
        (ONE_HOT.argmax(1), "sparse_categorical_crossentropy"),
        (ONE_HOT.argmax(1)[:, None], "sparse_categorical_crossentropy"),
    ],
    ids=["one-hot", "whole", "smooth", "ids", "column of ids"],
)
def test_6_2_one_class_in_each_row_is_fine(y, loss):
    fitted(y, loss=loss)


def test_6_2_sequences_of_class_ids_are_no_rows_of_ones():
    model = fd.Model(torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Softmax(-1)))
    model.compile("sgd", "sparse_categorical_crossentropy")

    model.fit(torch.rand(4, 2, 4), torch.ones(4, 2).long(), verbose=0, epochs=1, class_weight={1: 2.0})


def test_6_2_a_padded_time_step_has_no_class():
    model = fd.Model(torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Softmax(-1)))
    model.compile("sgd", "categorical_crossentropy")
    y = torch.eye(3)[torch.tensor([[0, 1], [2, 2]])]
    y[0, 1] = 0

    model.fit(torch.rand(2, 2, 4), y, verbose=0, epochs=1, class_weight={2: 2.0})


def test_6_2_one_hot_rows_of_booleans_are_classes():
    fitted(ONE_HOT.astype(bool))
