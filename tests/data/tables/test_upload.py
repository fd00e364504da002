import hashlib

import pandas as pd
import pytest

from fitdash.data.tables.catalogue import dataset_of
from fitdash.data.tables.csv_reader import CsvTable
from fitdash.data.tables.target import guess_task
from fitdash.data.tables.upload import LARGEST_BYTES, check_size, dataset_from_table, save_upload
from fitdash.errors import DataError
from fitdash.settings.dataset import DatasetArgs

CONTENT = b"size,colour,price\n" + b"1,red,10.5\n2,blue,20.25\n3,,30\n" * 4


def dataset(frame, **settings):
    return dataset_from_table(CsvTable(frame=pd.DataFrame(frame)), name="data.csv", **settings)


def test_an_upload_is_kept_by_its_content_and_found_again(tmp_path):
    digest = save_upload(CONTENT, tmp_path, "data.csv")

    found = dataset_of(DatasetArgs(name="upload", content=digest, filename="data.csv"), tmp_path)

    assert digest == hashlib.sha256(CONTENT).hexdigest()
    assert [path.name for path in tmp_path.iterdir()] == [digest]
    assert (found.name, found.target_name, found.task, len(found)) == ("data.csv", "price", "regression", 12)
    assert found.target.tolist()[:3] == [10.5, 20.25, 30.0]


def test_what_is_no_table_is_not_kept(tmp_path):
    with pytest.raises(DataError):
        save_upload(b"a\n1\n2\n", tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_the_size_is_checked_before_anything_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("fitdash.data.tables.upload.read_table", lambda *_: pytest.fail("it was read"))

    with pytest.raises(DataError, match="must be at most"):
        save_upload(CONTENT, tmp_path, most_bytes=10)


def test_200_megabytes_are_refused_in_words():
    check_size(LARGEST_BYTES, "big.csv")

    with pytest.raises(DataError) as caught:
        check_size(200_000_000, "big.csv")

    assert str(caught.value) == (
        "big.csv must be at most 100 MB, got 200 MB. "
        "Leave out rows or columns, or call fit from a script, where any array will do."
    )


@pytest.mark.parametrize("content", ["../../etc/passwd", "0" * 64])
def test_content_that_is_not_kept_is_asked_for_again(tmp_path, content):
    with pytest.raises(DataError) as caught:
        dataset_of(DatasetArgs(name="upload", content=content, filename="data.csv"), tmp_path)

    assert str(caught.value) == "data.csv must be uploaded again: its content is not kept here."


def test_content_that_was_changed_is_not_used(tmp_path):
    digest = hashlib.sha256(CONTENT).hexdigest()
    (tmp_path / digest).write_bytes(CONTENT + b"4,red,1\n")

    with pytest.raises(DataError, match="has been changed"):
        dataset_of(DatasetArgs(name="upload", content=digest, filename="x"), tmp_path)


@pytest.mark.parametrize(
    ("values", "task"),
    [
        ([0, 1] * 5, "classification"),
        ([0.0, 1.0, 2.0] * 5, "classification"),
        (["a", "b"] * 5, "classification"),
        ([True, False], "classification"),
        ([0.5, 1.0] * 5, "regression"),
        (list(range(30)), "regression"),
        (list(range(21)) * 5, "regression"),
        ([1, 2, 3], "regression"),
    ],
)
def test_the_task_is_guessed_from_the_target(values, task):
    assert guess_task(pd.Series(values)) == task


@pytest.mark.parametrize(
    ("values", "task", "expected"),
    [
        (
            ["a", None, "b", None],
            "auto",
            "The target 'y' must have a value in every row, got 2 gaps, the first in row 2. "
            "Fill them, or delete those rows.",
        ),
        ([1.0, 2.5, float("inf"), 3.0], "auto", "The target 'y' must have a value in every row, got 1 gap, the"),
        (["a"] * 4, "auto", "The target 'y' must have at least 2 classes, got only 'a'."),
        ([3.0] * 4, "regression", "The target 'y' must have at least 2 different numbers, got only '3'."),
        (
            ["a", "b", "c", "d"],
            "auto",
            "The target 'y' must have classes that come again, got 4 different values in 4 rows. "
            "Choose another column.",
        ),
        (
            [1.0, 2.5, 3.0, 4.0],
            "classification",
            "The target 'y' must have classes that come again, got 4 different values in 4 rows. "
            "Set task to regression.",
        ),
        (
            ["a", "b", "a", "b"],
            "regression",
            "The target 'y' must hold numbers for a regression, got 'a'. Set task to classification.",
        ),
    ],
)
def test_a_target_that_cannot_be_learned_is_refused_in_words(values, task, expected):
    with pytest.raises(DataError) as caught:
        dataset({"x": [1, 2, 3, 4], "y": values}, task=task)

    assert str(caught.value).startswith(expected)


def test_a_target_or_feature_that_is_no_column_is_refused_in_words():
    frame = {"x": [1, 2, 3, 4], "y": [0, 1, 0, 1]}

    with pytest.raises(DataError, match="target must name a column of data.csv, got 'z'. Columns: x, y."):
        dataset(frame, target="z")
    with pytest.raises(DataError, match="features must name columns of data.csv, got 'y'. Columns: x."):
        dataset(frame, features=("y",))


@pytest.mark.parametrize(
    ("values", "classes"),
    [
        ([10, 9, 10, 9], ("9", "10")),
        ([1.0, 0.0, 1.0, 0.0], ("0", "1")),
        (["b", "a", "b", "a"], ("a", "b")),
        ([True, False, True, False], ("False", "True")),
    ],
)
def test_classes_are_named_in_their_order(values, classes):
    found = dataset({"x": [1, 2, 3, 4], "y": values}, task="classification")

    assert found.classes == classes
    assert found.codes.tolist() == [1, 0, 1, 0]
