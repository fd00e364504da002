"""Targets that a loss does not take are refused before the first update, by array, row and remedy."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset

import fitdash as fd

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 4)).astype("float32")
IDS = np.arange(12) % 3
HOT = np.eye(3)[IDS]
SEQUENCES, STEPS = RNG.normal(size=(6, 5, 4)).astype("float32"), np.arange(30).reshape(6, 5) % 3
SPARSE, ONE_HOT, BINARY = "sparse_categorical_crossentropy", "categorical_crossentropy", "binary_crossentropy"
LOGITS = nn.CrossEntropyLoss


def softmax(units=3):
    return nn.Sequential(nn.Linear(4, units), nn.Softmax(-1))


def last(value, ids=IDS):
    """The ids with another value in the last row."""
    changed = ids.astype(np.result_type(ids, type(value)))
    changed[-1] = value
    return changed


def refused(module, loss, x, y, **arguments):
    """The text of the error, after which nothing has moved."""
    model = fd.Model(module).compile("sgd", loss)
    before = [parameter.detach().clone() for parameter in module.parameters()]
    with pytest.raises(fd.DataError) as caught:
        model.fit(x, y, batch_size=2, epochs=1, shuffle=False, verbose=0, **arguments)
    assert all(torch.equal(*pair) for pair in zip(before, module.parameters(), strict=True))
    return str(caught.value)


IDS_OUTSIDE = [
    (3, SPARSE, "got 3 in row 11. If the label is right, give the network 4 outputs."),
    (-1, SPARSE, "got -1 in row 11. Leave out the rows without a label, such as with keep = y >= 0."),
    (0.5, SPARSE, 'got 0.5 in row 11. For measured values use loss="mse".'),
    (float("nan"), SPARSE, "got nan in row 11. Leave out the rows without a label."),
    (7, "crossentropy", "got 7 in row 11. If the label is right, give the network 8 outputs."),
    (3, LOGITS(), "got 3 in row 11. If the label is right, give the network 4 outputs."),
    (-1, LOGITS(), "If it marks rows without a label, compile torch.nn.CrossEntropyLoss(ignore_index=-1)."),
    (255, LOGITS(), "compile torch.nn.CrossEntropyLoss(ignore_index=255)."),
    (0.5, nn.NLLLoss(), 'got 0.5 in row 11. For measured values use loss="mse".'),
    (4, nn.functional.cross_entropy, "got 4 in row 11. If the label is right, give the network 5 outputs."),
]


@pytest.mark.parametrize(("value", "loss", "words"), IDS_OUTSIDE)
@pytest.mark.parametrize("part", ["y", "validation y"])
def test_2_12_a_class_id_in_the_last_row_is_found_before_the_first_update(value, loss, words, part):
    wrong = last(value)
    y, held_out = (wrong, None) if part == "y" else (IDS, (X, wrong))

    said = refused(softmax(), loss, X, y, validation_data=held_out)

    assert said.startswith(f"{part} must have ")
    assert words in said


@pytest.mark.parametrize(
    "wrap",
    [
        pd.Series,
        torch.as_tensor,
        lambda y: pd.DataFrame({"label": y}),
        lambda y: y[:, None],
        lambda y: y.astype("float32"),
        list,
    ],
)
def test_2_12_any_kind_of_array_is_looked_at_as_a_whole(wrap):
    assert "got 3 in row 11" in refused(softmax(), SPARSE, X, wrap(last(3)))


@pytest.mark.parametrize(
    ("source", "row"),
    [
        (lambda data: data, 11),
        (lambda data: DataLoader(data, 2), 11),
        (lambda data: DataLoader(data, 2, drop_last=True, shuffle=True), 11),
        (lambda data: Subset(data, range(6, 12)), 5),
    ],
)
def test_2_12_the_arrays_of_data_sets_and_loaders_are_looked_at_as_well(source, row):
    model = fd.Model(softmax()).compile("sgd", SPARSE)
    data = TensorDataset(torch.tensor(X), torch.tensor(last(3)))

    with pytest.raises(fd.DataError, match=f"^y must have class ids 0 to 2, .* got 3 in row {row}"):
        model.fit(source(data), epochs=1, verbose=0)


@pytest.mark.parametrize(
    ("module", "y", "remedy"),
    [
        (softmax(), IDS + 1, "Its ids start at 1 and must start at 0: pass y - 1."),
        (softmax(2), np.where(IDS, 1, -1), "Its ids are -1 and 1: pass (y + 1) // 2."),
        (softmax(1), (IDS > 0) * 1, 'With one output use loss="binary_crossentropy".'),
    ],
)
def test_2_12_labels_of_another_counting_come_with_the_remedy(module, y, remedy):
    assert refused(module, SPARSE, X, y).endswith(remedy)


@pytest.mark.parametrize(
    ("loss", "y", "held_out", "words"),
    [
        (SPARSE, HOT, None, ["y must have one class id", "(12, 3)", "np.argmax(y, -1)."]),
        (SPARSE, IDS, HOT, ["validation y must have one class id", "np.argmax(y, -1)."]),
        (nn.NLLLoss(), HOT, None, ["y must have one class id", "np.argmax(y, -1)."]),
        (ONE_HOT, IDS, None, ["y must have 3 columns", "class ids of shape (12,)", f'loss="{SPARSE}".']),
        (ONE_HOT, HOT, IDS, ["validation y must have 3 columns", f'loss="{SPARSE}".']),
        (BINARY, IDS > 0, None, ["y must have 3 columns", f'loss="{SPARSE}".']),
        ("mse", HOT[:, :1], None, ["y must have 3 columns", "(12, 1)", "give the network 1 output."]),
        ("mse", HOT, HOT[:, :2], ["validation y must have 3 columns", "Give it the columns of y."]),
        (nn.MSELoss(), HOT[:, :2], None, ["y must have 3 columns for MSELoss", "give the network 2 outputs."]),
    ],
)
def test_2_7_targets_of_another_shape_come_with_the_remedy(loss, y, held_out, words):
    said = refused(softmax(), loss, X, y, validation_data=None if held_out is None else (X, held_out))

    assert [word for word in words if word not in said] == []
    assert "1 columns" not in said


def test_2_7_one_column_is_said_in_the_singular():
    said = refused(nn.Linear(4, 1), "mse", X, HOT)

    assert said.startswith("y must have 1 column for mean_squared_error, as the prediction has, got shape (12, 3).")


def test_2_8_the_classes_of_torch_losses_are_in_axis_1():
    said = refused(nn.Linear(4, 3), LOGITS(), SEQUENCES, STEPS)

    assert said.endswith("torch takes the classes in axis 1: let forward return prediction.movedim(-1, 1).")


def test_2_12_sequences_of_another_length_are_tried_by_their_first_row():
    shorter = STEPS[:, :3].copy()
    shorter[-1, -1] = 5

    said = refused(softmax(), SPARSE, SEQUENCES, STEPS, validation_data=(SEQUENCES[:, :3], shorter))

    assert said.startswith(
        "validation y must have class ids 0 to 2, since the prediction has 3 columns, got 5 in row 5."
    )


def test_7_18_validation_x_that_the_module_does_not_take_is_refused_before_the_first_update():
    said = refused(nn.Linear(4, 1), "mse", X, HOT[:, 0], validation_data=(X[:, :3], HOT[:, 0]))

    assert said.startswith("validation x must have 4 columns, since it goes into Linear(4, 1), got shape (12, 3).")
    assert said.endswith("Give it the columns of x.")


class Drawing(nn.Module):
    """Draws random numbers and counts its calls in training mode."""

    def __init__(self):
        super().__init__()
        self.line, self.modes = nn.Linear(4, 1), []

    def forward(self, x):
        self.modes.append(self.training)
        return self.line(x.mean(1) if x.ndim > 2 else x) + 0 * torch.rand(len(x), 1)


def test_7_18_trying_a_row_leaves_mode_and_random_numbers():
    model = fd.Model(Drawing()).compile("sgd", "mse")
    state = {}
    for held_out in (SEQUENCES, SEQUENCES[:, :3]):
        torch.manual_seed(0)
        model.fit(SEQUENCES, STEPS[:, :1], epochs=1, validation_data=(held_out, STEPS[:, :1]), verbose=0, shuffle=False)
        state[held_out.shape] = torch.get_rng_state()

    assert model.module.modes == [True, False, True, False, False]
    assert torch.equal(*state.values())


@pytest.mark.parametrize(
    ("module", "loss", "x", "y", "more"),
    [
        (softmax(), SPARSE, X, IDS, {"validation_data": (X, IDS[:, None])}),
        (softmax(), SPARSE, X, IDS.astype("float64"), {}),
        (softmax(), SPARSE, SEQUENCES, STEPS, {"validation_data": (SEQUENCES[:, :3], STEPS[:, :3, None])}),
        (softmax(), ONE_HOT, X, HOT * 0.8 + 0.1, {}),
        (nn.Linear(4, 3), LOGITS(), X, last(-100), {}),
        (nn.Linear(4, 3), LOGITS(ignore_index=-1), X, last(-1), {}),
        (nn.Linear(4, 3), LOGITS(), X, HOT, {}),
        (nn.Linear(4, 1), "hinge", X, np.where(IDS, 1, -1), {}),
        (nn.Linear(4, 1), "mse", X, IDS * 1000.0, {}),
        (nn.Linear(4, 1), lambda y, p: ((y[:, :1] - p) ** 2).mean(-1), X, HOT, {"validation_data": (X, IDS)}),
        (nn.Linear(4, 1), lambda y, p: (y - p).nan_to_num().square().mean(-1), X, last(float("nan")), {}),
        (nn.Sequential(nn.Linear(4, 1), nn.Sigmoid()), BINARY, X, IDS * 0.5, {}),
        (nn.Sequential(nn.Linear(4, 1), nn.Sigmoid()), BINARY, X, IDS > 0, {}),
    ],
)
def test_right_targets_train_without_a_word(module, loss, x, y, more):
    assert fd.Model(module).compile("sgd", loss).fit(x, y, epochs=1, verbose=0, **more).epoch == [0]


def test_nan_is_found_in_any_piece(monkeypatch):
    monkeypatch.setattr("fitdash.engine.first_batch.arrays.PIECE_BYTES", 8)
    y = np.arange(12.0)
    y[4] = np.nan

    with pytest.warns(UserWarning, match="got nan in row 4"):
        fd.Model(nn.Linear(4, 1)).compile("sgd", "mse").fit(X, y, epochs=1, verbose=0)


@pytest.mark.filterwarnings("ignore:.* needs a column for each class")
def test_a_prediction_without_columns_is_the_affair_of_the_loss():
    module = nn.Sequential(nn.Linear(4, 1), nn.Flatten(0))

    with pytest.raises(fd.DataError, match="one class id per prediction"):
        fd.Model(module).compile("sgd", SPARSE).fit(X, IDS, epochs=1, verbose=0)


class OwnIds(nn.CrossEntropyLoss):
    """Counts classes from 1."""

    def forward(self, prediction, target):
        return super().forward(prediction, target - 1)


def test_a_loss_of_the_user_may_count_classes_as_it_likes():
    assert fd.Model(nn.Linear(4, 3)).compile("sgd", OwnIds()).fit(X, IDS + 1, epochs=1, verbose=0).epoch == [0]


@pytest.mark.parametrize(
    ("loss", "y", "words"),
    [
        (BINARY, (IDS > 0) + 1, r"got 2 in row 1. Its labels are 1 and 2: pass y - 1\.$"),
        (BINARY, (IDS > 0) * 255, r"got 255 in row 1. Its values are 0 to 255: pass y / 255\.$"),
        (BINARY, np.where(IDS, 1, -1), r"got -1 in row 0. Its labels are -1 and 1: pass \(y \+ 1\) / 2\.$"),
        (BINARY, IDS, r"For 3 classes use as many outputs and loss=\"sparse_categorical_crossentropy\"\.$"),
        (nn.BCEWithLogitsLoss(), X[:, 0] + 9, r"For measured values use loss=\"mse\"\.$"),
        ("mse", last(float("nan")), r"y must have a number in each row, got nan in row 11"),
    ],
)
def test_2_13_targets_that_no_binary_loss_means_and_nan_are_warned_of_at_the_users_line(loss, y, words):
    ends = [] if isinstance(loss, nn.BCEWithLogitsLoss) else [nn.Sigmoid()]
    model = fd.Model(nn.Sequential(nn.Linear(4, 1), *ends)).compile("sgd", loss)

    with pytest.warns(UserWarning, match=words) as caught:
        model.fit(X, y, epochs=2, verbose=0)

    assert len(caught) == 1
    assert caught[0].filename == __file__
