import json

import numpy as np
import pandas as pd
import pytest

from fitdash.data.tables.dataset import make_dataset
from fitdash.data.tables.encoders import TableEncoder, learn_encoders
from fitdash.errors import DataError


def dataset(frame, task="classification", target="y"):
    frame = pd.DataFrame(frame)
    if target not in frame:
        frame[target] = [0, 1] * (len(frame) // 2)
    return make_dataset("data.csv", frame, target, task)


def test_numbers_take_the_median_and_are_standardised_from_the_training_rows_alone():
    data = dataset({"x": [1.0, np.nan, 3.0, 8.0, 1000.0, np.inf]})

    columns = learn_encoders(data, np.arange(4))

    filled = np.array([1.0, 3.0, 3.0, 8.0, 1000.0, 3.0])
    expected = (filled - filled[:4].mean()) / filled[:4].std()
    assert columns.encode(data.table)[:, 0] == pytest.approx(expected)
    assert columns.encode(data.table).dtype == np.float32
    assert columns.gaps == 1


def test_equal_numbers_become_zeros():
    data = dataset({"x": [0.1] * 6})

    assert (learn_encoders(data, np.arange(4)).encode(data.table) == 0).all()


def test_words_get_a_place_each_and_unknown_words_and_gaps_are_zeros():
    data = dataset({"colour": ["red", "blue", None, "red", "green", None]})

    columns = learn_encoders(data, np.arange(4))

    assert columns.names == ["colour = blue", "colour = red"]
    assert columns.encode(data.table).tolist() == [[0, 1], [1, 0], [0, 0], [0, 1], [0, 0], [0, 0]]


def test_truths_are_numbers():
    data = dataset({"x": [True, False, True, False]})

    assert learn_encoders(data, np.arange(4)).encode(data.table)[:, 0].tolist() == [1, -1, 1, -1]


def test_text_that_names_the_rows_is_left_out_and_many_words_are_cut_to_the_common_ones():
    rows = 300
    words = [f"w{i % 60:02d}" if i < 240 else "w00" for i in range(rows)]
    data = dataset({"id": [f"row {i}" for i in range(rows)], "word": words, "x": range(rows)})

    columns = learn_encoders(data, np.arange(rows))

    assert columns.left_out == {"id": "has 300 different texts"}
    assert len(columns.names) == 51
    assert "word = w00" in columns.names


def test_where_no_column_is_left_it_is_told_why():
    data = dataset({"id": ["a", "b", "c", "d"], "none": [np.nan] * 4})

    with pytest.raises(DataError) as caught:
        learn_encoders(data, np.arange(4))

    assert str(caught.value) == (
        "data.csv must have a column to learn from, got none: 'id' has 4 different texts, 'none' is empty."
    )


def test_a_column_of_weights_is_no_input():
    data = dataset({"x": [1, 2, 3, 4], "w": [1, 1, 2, 2]})

    assert learn_encoders(data, np.arange(4), without="w").names == ["x"]


def test_a_number_target_is_standardised_from_the_training_rows_and_decoded_again():
    data = dataset({"x": [1, 2, 3, 4], "y": [10.0, 20.0, 30.0, 90.0]}, "regression")

    target = learn_encoders(data, np.arange(3)).target
    encoded = target.encode(data.target, "number")

    assert (target.mean, encoded.shape, encoded.dtype) == (20.0, (4, 1), np.float32)
    assert encoded[:3].mean() == pytest.approx(0, abs=1e-6)
    assert encoded[:3].std() == pytest.approx(1)
    assert target.decode(encoded)[:, 0] == pytest.approx([10, 20, 30, 90], rel=1e-5)


def test_class_targets_are_indices_or_one_column_each():
    data = dataset({"x": [1, 2, 3, 4], "y": ["b", "a", "c", "a"]})
    target = learn_encoders(data, np.arange(2)).target

    assert target.encode(data.target, "index").tolist() == [1, 0, 2, 0]
    assert target.encode(data.target, "one_hot").tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1], [1, 0, 0]]
    with pytest.raises(DataError, match="must have one of the classes a, b, c, got 'd'"):
        target.encode(pd.Series(["d"], name="y"), "index")


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_json_keeps_all_of_it_to_the_last_bit(task):
    data = dataset({"x": [0.1, 1 / 3, np.nan, 7e300], "t": ["a", "ü", "a", None], "id": list("abcd")}, task)
    columns = learn_encoders(data, np.arange(4))

    again = TableEncoder.from_json(columns.to_json())

    assert again == columns
    assert json.loads(columns.to_json())["version"] == 1


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"inputs": [], "target": {"classes": null}, "version": 2}'])
def test_json_of_something_else_is_refused(text):
    with pytest.raises(DataError, match="^The columns must be "):
        TableEncoder.from_json(text)


def test_data_without_a_learned_column_or_with_text_in_it_is_refused():
    columns = learn_encoders(dataset({"a": [1, 2, 3, 4], "b": [1, 2, 3, 5]}), np.arange(4))

    with pytest.raises(DataError, match="The data must have the column 'b', got a."):
        columns.encode(pd.DataFrame({"a": [1]}))
    with pytest.raises(DataError, match="The column 'b' must hold numbers, got 'x'."):
        columns.encode(pd.DataFrame({"a": [1], "b": ["x"]}))


def test_one_sentence_says_what_is_done():
    data = dataset({"a": [1.0, np.nan, 3, 4], "t": ["u", "v", "u", "v"], "id": list("abcd")}, "regression")

    assert learn_encoders(data, np.arange(4)).line == (
        "1 number column standardised, 1 gap filled with the median, 1 text column spread over 2 columns of 0 and 1, "
        "target standardised, 'id' left out (has 4 different texts); learned from 4 training rows."
    )
