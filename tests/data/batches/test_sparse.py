"""Sparse matrices of SciPy: CSR rows train as the dense array does, other formats are refused with the remedy."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from torch import nn

import fitdash as fd
from fitdash.data.batches import sparse

DENSE = np.random.default_rng(0).normal(size=(20, 5)) * (np.random.default_rng(1).random((20, 5)) < 0.3)
TARGETS = (np.random.default_rng(2).random((20, 2)) < 0.5).astype("float32")
MATRICES = {"matrix": scipy.sparse.csr_matrix, "array": scipy.sparse.csr_array}


def trained(x, y, **settings):
    torch.manual_seed(1)
    model = fd.Model(nn.Sequential(nn.Linear(5, 2), nn.Sigmoid())).compile("adam", loss="bce", metrics=["mae"])
    model.fit(x, y, **{"epochs": 2, "batch_size": 6, "verbose": 0} | settings)
    return model


@pytest.mark.parametrize("made", MATRICES)
@pytest.mark.parametrize(
    "settings",
    [
        {"shuffle": True},
        {"shuffle": False},
        {"shuffle": "batch"},
        {"validation_split": 0.3},
        {"sample_weight": np.arange(20.0)},
        {"epochs": 30, "steps_per_epoch": 3},
    ],
    ids=["rows", "given", "whole batches", "split", "weights", "steps"],
)
def test_7_1_csr_rows_train_as_the_dense_array_does(made, settings):
    csr = MATRICES[made]

    model, dense = trained(csr(DENSE), csr(TARGETS), **settings), trained(DENSE, TARGETS, **settings)

    assert model.history.history == dense.history.history
    assert model.history.params["stepper"] == dense.history.params["stepper"]


def test_21_2_csr_rows_are_evaluated_and_predicted_as_the_dense_array_is():
    model, csr = trained(DENSE, TARGETS), scipy.sparse.csr_matrix

    assert model.evaluate(csr(DENSE), csr(TARGETS), verbose=0) == model.evaluate(DENSE, TARGETS, verbose=0)
    assert model.predict(csr(DENSE), batch_size=7).tolist() == model.predict(DENSE, batch_size=7).tolist()
    assert model.predict_on_batch(csr(DENSE)).tolist() == model.predict_on_batch(DENSE).tolist()
    assert model.test_on_batch(csr(DENSE), TARGETS) == model.test_on_batch(DENSE, csr(TARGETS))
    assert np.isfinite(model.train_on_batch(csr(DENSE), csr(TARGETS))).all()


def test_csr_beside_dense_inputs_and_as_validation_data():
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.text, self.numbers = nn.Linear(5, 2), nn.Linear(3, 2)

        def forward(self, text, numbers):
            return torch.sigmoid(self.text(text) + self.numbers(numbers))

    def fitted(text):
        torch.manual_seed(1)
        model = fd.Model(Both()).compile("adam", loss="bce")
        x = {"text": text, "numbers": np.ones((20, 3))}
        model.fit(x, TARGETS, epochs=2, validation_data=(list(x.values()), TARGETS), verbose=0)
        return model.history.history

    assert fitted(scipy.sparse.csr_matrix(DENSE)) == fitted(DENSE)


def test_counts_in_csr_are_cast_as_whole_numbers_are():
    counts = scipy.sparse.csr_matrix((DENSE != 0).astype("int64"))

    model = trained(counts, TARGETS)

    assert model.history.history == trained(counts.toarray().astype(float), TARGETS).history.history
    assert model.history.events[0]["kind"] == "cast"


def test_batches_of_csr_from_a_generator():
    def pieces():
        for start in range(0, 20, 5):
            yield scipy.sparse.csr_matrix(DENSE[start : start + 5]), TARGETS[start : start + 5]

    def dense():
        for x, y in pieces():
            yield x.toarray(), y

    settings = {"y": None, "batch_size": None}
    assert trained(pieces, **settings).history.history == trained(dense, **settings).history.history


def test_only_the_rows_of_a_batch_are_made_dense(monkeypatch):
    made, dense = [], sparse.CsrRows._dense

    def noting(rows, places):
        made.append(dense(rows, places))
        return made[-1]

    monkeypatch.setattr(sparse.CsrRows, "_dense", noting)
    wide = scipy.sparse.csr_matrix((1000, 100_000), dtype="float32")
    model = fd.Model(nn.Linear(100_000, 1)).compile("sgd", loss="mse")

    model.fit(
        wide, np.zeros(1000), batch_size=20, steps_per_epoch=2, epochs=1, validation_split=0.5, validation_steps=1
    )
    model.predict(wide, batch_size=20, steps=2)

    assert max(len(rows) for rows in made) == 20


FORMATS = ["csc", "coo", "lil", "dok", "bsr", "dia"]


@pytest.mark.parametrize("place", ["x", "y"])
@pytest.mark.parametrize("kind", FORMATS)
def test_7_3_other_sparse_formats_are_refused_with_tocsr(kind, place):
    data = {"x": DENSE, "y": TARGETS}
    data[place] = scipy.sparse.csr_matrix(data[place]).asformat(kind)

    with pytest.raises(fd.DataError) as caught:
        trained(**data)

    expected = f"{place} must be dense or a sparse matrix in CSR format, got one in {kind.upper()} format."
    assert str(caught.value) == f"{expected} Convert it with .tocsr()."


@pytest.mark.parametrize(
    ("frame", "remedy"),
    [
        (pd.DataFrame.sparse.from_spmatrix(scipy.sparse.csr_matrix(DENSE)).add_prefix("c"), ".sparse.to_coo().tocsr()"),
        (pd.DataFrame({"a": DENSE[:, 0], "c0": pd.arrays.SparseArray(DENSE[:, 1])}), ".astype(float)"),
    ],
    ids=["every column", "one column"],
)
def test_7_3_frames_with_sparse_columns_are_refused_with_the_remedy(frame, remedy):
    with pytest.raises(fd.DataError, match="x must have dense columns, got the sparse column 'c0'") as caught:
        trained(frame, TARGETS)

    assert str(caught.value).endswith(f"Convert it with {remedy}.")


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (scipy.sparse.csr_matrix((0, 5)), "x is empty: it has 0 samples"),
        (scipy.sparse.csr_matrix(DENSE.astype(complex)), "x must hold real numbers, got dtype complex128"),
        (scipy.sparse.csr_matrix(DENSE[:9]), "x has 9, y has 20"),
    ],
)
def test_csr_is_checked_as_arrays_are(matrix, words):
    with pytest.raises(fd.DataError, match=words):
        trained(matrix, TARGETS)
