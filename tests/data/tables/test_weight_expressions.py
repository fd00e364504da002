import numpy as np
import pandas as pd
import pytest

from fitdash.data.tables.dataset import make_dataset
from fitdash.data.tables.loaded_dataset import load_dataset
from fitdash.data.tables.prepared import prepare_data
from fitdash.data.tables.row_weights import compute_sample_weight
from fitdash.data.tables.upload import save_upload
from fitdash.errors import DataError, SettingError
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.validation_data import HoldOut

TABLE = pd.DataFrame(
    {
        "a": [1.0, -2.0, 4.0, 4.0],
        "day": ["2026-01-02", "2026-01-01", "2026-03-01", "2026-02-01"],
        "noted": ["2.1.2026", "31.12.2025", "1.3.2026", "01.02.2026"],
        "usual": ["02/15/2026", None, "03/01/2026", "01/31/2026"],
        "zero": [0, 1, 2, 3],
        "city": ["Paris", "Paris, Texas", '"Paris"', "Paris, Texas"],
        "y": [0, 1, 0, 1],
    }
)


def data(table=TABLE):
    return make_dataset("t", table, "y", "classification")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("absolute(a)", [1, 2, 4, 4]),
        ("square(a)", [1, 4, 16, 16]),
        ("inverse(y)", None),
        ("rarity(a)", [4 / 3, 4 / 3, 2 / 3, 2 / 3]),
        ("recency()", [0.25, 0.5, 0.75, 1]),
        ("recency(day)", [0.5, 0.25, 1, 0.75]),
        ("recency(noted)", [0.5, 0.25, 1, 0.75]),
        ("recency(usual)", [0.75, 0.25, 1, 0.5]),
        ("recency(a)", [0.5, 0.25, 0.875, 0.875]),
        ("above(a, 1, 3)", [1, 1, 3, 3]),
        ("below(a, 1, 0.5)", [1, 0.5, 1, 1]),
        ("equal(a, 4, 0)", [1, 1, 0, 0]),
        ("equal(day, 2026-03-01, 9)", [1, 1, 9, 1]),
        ('equal(city, "Paris, Texas", 9)', [1, 9, 1, 9]),
    ],
)
def test_an_expression_comes_to_these_weights(text, expected):
    if expected is None:
        expected, table = [0.5, 0.25, 0.5, 0.25], TABLE.assign(y=[2, 4, 2, 4])
    else:
        table = TABLE

    weights = compute_sample_weight(data(table), text)

    assert weights.dtype == np.float32
    assert weights.tolist() == pytest.approx(expected)


LEARNED = pd.DataFrame({"k": ["a", "a", "b", "a", "b", "c"], "v": [3.0, 1.0, 2.0, 2.0, 9.0, None], "y": [0, 1] * 3})


@pytest.mark.parametrize(
    ("text", "train", "expected"),
    [
        ("rarity(k)", [0, 1, 2, 3], [2 / 3, 2 / 3, 2, 2 / 3, 2, 2]),
        ("recency()", [0, 1, 2, 3], [0.25, 0.5, 0.75, 1, 1, 1]),
        ("recency()", [0, 2, 4, 5], [0.25, 0.375, 0.5, 0.625, 0.75, 1]),
        ("recency(v)", [0, 1, 2, 3], [1, 0.25, 0.625, 0.625, 1, 0.125]),
    ],
)
def test_rows_that_are_held_out_do_not_change_the_weights_of_the_others(text, train, expected):
    changed = LEARNED.copy()
    others = sorted(set(range(6)) - set(train))
    changed.loc[others, ["k", "v"]] = ["z", -5.0]

    weights = compute_sample_weight(data(LEARNED), text, train=train)
    after = compute_sample_weight(data(changed), text, train=train)

    assert weights.tolist() == pytest.approx(expected)
    assert after[train].tolist() == weights[train].tolist()


@pytest.mark.parametrize("held", [{"validation_split": 0.3}, {"validation_data": HoldOut(share=0.3)}])
def test_a_run_and_its_script_weigh_by_what_the_training_rows_hold(held):
    experiment = Experiment(data=DatasetArgs(name="iris"), fit=FitArgs(sample_weight="rarity(species)", **held))

    given = prepare_data(experiment)
    *_, weight = load_dataset("iris").arrays(train=given.train, sample_weight="rarity(species)")

    rows = slice(None) if given.validation_data is None else given.train
    assert given.sample_weight.tolist() == weight[rows].tolist()
    counts = given.dataset.table["species"].iloc[given.train].value_counts()
    share = given.dataset.table["species"].map(len(given.train) / (len(counts) * counts))
    assert weight.tolist() == pytest.approx(share.tolist())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("inverse(zero)", "sample_weight must be 0 or more in every row, got inf in row 1 of 'inverse(zero)'."),
        ("inverse(a)", "sample_weight must be 0 or more in every row, got -0.5 in row 2 of 'inverse(a)'."),
        ("square(day)", "sample_weight must be made of numbers, got '2026-01-02' in 'day'."),
        (
            "square(b)",
            "sample_weight must name a column of the data, got 'b'. Columns: a, day, noted, usual, zero, city, y.",
        ),
        ("above(a, 9, 0)", None),
        ("below(a, 9, 0)", "sample_weight must be above 0 in one row, got only 0 in 'below(a, 9, 0)'."),
        ("equal(a, 7, 2)", "sample_weight must hold 'a' against one of its values, got '7'."),
        ("upload(none.csv)", "none.csv must be a file of weights, got a path where none is."),
    ],
)
def test_weights_that_cannot_be_are_told(text, expected):
    if expected is None:
        assert compute_sample_weight(data(), text).tolist() == [1, 1, 1, 1]
        return
    with pytest.raises(DataError) as caught:
        compute_sample_weight(data(), text)

    assert str(caught.value) == expected


def test_what_an_expression_lacks_is_told():
    with pytest.raises(SettingError, match=r"must name a column for inverse\(column\), got none"):
        compute_sample_weight(data(), "inverse()")


@pytest.mark.parametrize("text", ["weight\n1\n0\n2\n0.5\n", "1\n0\n2\n0.5\n", "id,weight\na,1\nb,0\nc,2\nd,0.5\n"])
def test_a_file_has_one_weight_for_each_row(tmp_path, text):
    (tmp_path / "w.csv").write_text(text)
    content = save_upload(text.encode(), tmp_path / "uploads", "w.csv", least_columns=1)

    by_path = compute_sample_weight(data(), f"upload({tmp_path / 'w.csv'})")
    by_content = compute_sample_weight(data(), f"upload(w.csv, {content})", tmp_path / "uploads")

    assert by_path.tolist() == by_content.tolist() == [1, 0, 2, 0.5]


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("upload", "w\n1\n2\n", "w.csv must have a weight for each of 4 rows, before any split, got 2 rows."),
        ("upload", "w\n1\nx\n2\ny\n", "sample_weight must be made of numbers, got '1' in 'w'."),
        (
            "upload",
            "w\n1\n-1\n2\n1\n",
            "sample_weight must be 0 or more in every row, got -1 in row 2 of 'upload(w.csv)'.",
        ),
        (
            "upload",
            "v,w\n1,2\n2,3\n1,2\n1,1\n",
            "w.csv must have one column, or one named weight or sample_weight, got 2 columns.",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_told(tmp_path, form, text, expected):
    content = save_upload(text.encode(), tmp_path, "w.csv", least_columns=1)

    with pytest.raises(DataError) as caught:
        compute_sample_weight(data(), f"{form}(w.csv, {content})", tmp_path)

    assert str(caught.value) == expected


def test_a_file_weighs_each_step_of_sequences(tmp_path):
    sequences = load_dataset("regimes", samples=5)
    given = np.arange(150).reshape(5, 30)
    text = pd.DataFrame(given).add_prefix("step ").to_csv(index=False)
    content = save_upload(text.encode(), tmp_path, "w.csv", least_columns=1)

    weights = compute_sample_weight(sequences, f"upload_steps(w.csv, {content})", tmp_path)
    narrow = save_upload(b"a,b\n1,2\n1,2\n", tmp_path, "n.csv", least_columns=1)

    assert weights.tolist() == given.tolist()
    with pytest.raises(DataError, match="n.csv must have a column for each of 30 steps, got 2"):
        compute_sample_weight(sequences, f"upload_steps(n.csv, {narrow})", tmp_path)
    with pytest.raises(SettingError, match="must be of rows, got upload_steps: the data has no steps"):
        compute_sample_weight(data(), f"upload_steps(w.csv, {content})", tmp_path)


def test_so_many_last_steps_of_sequences_count():
    weights = compute_sample_weight(load_dataset("regimes", samples=5), "last_steps(4)")

    assert weights.shape == (5, 30)
    assert weights[3].tolist() == [0.0] * 26 + [1.0] * 4


def test_a_column_that_weights_are_made_of_stays_an_input():
    experiment = Experiment(data=DatasetArgs(name="iris"), fit=FitArgs(sample_weight="square(petal width (cm))"))

    given = prepare_data(experiment)

    assert given.x.shape == (150, 4)
    assert given.sample_weight.tolist() == pytest.approx((given.dataset.table["petal width (cm)"] ** 2).tolist())


def test_a_server_reads_no_file_by_its_path(tmp_path):
    (tmp_path / "w.csv").write_text("w\n" + "1\n" * 150)
    experiment = Experiment(data=DatasetArgs(name="iris"), fit=FitArgs(sample_weight=f"upload({tmp_path / 'w.csv'})"))

    with pytest.raises(SettingError, match="sample_weight is upload but there is no file"):
        prepare_data(experiment, tmp_path)
