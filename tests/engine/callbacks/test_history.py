import json
import math
import pickle
import time

import numpy as np
import pytest
import torch

from fitdash.engine.callbacks.history import History

LOGS = [
    {"loss": 0.9, "accuracy": 0.25, "learning_rate": 0.1},
    {"loss": 0.5, "accuracy": 0.5, "val_loss": 0.75, "val_accuracy": 0.125, "learning_rate": 0.1},
]


class Model:
    history = None

    def __reduce__(self):
        raise AssertionError("the model must not be pickled")


def recorded(logs=LOGS, first=0, **params):
    history = History()
    history.set_model(Model())
    history.set_params({"verbose": 0, "epochs": first + len(logs), "steps": 4, **params})
    history.on_train_begin({})
    for epoch, values in enumerate(logs, first):
        history.on_epoch_begin(epoch, {})
        history.on_epoch_end(epoch, values)
    return history


def test_19_1_it_holds_values_by_name_absolute_epochs_and_params():
    history = recorded(first=3)

    assert history.history["loss"] == [0.9, 0.5]
    assert history.epoch == [3, 4]
    assert history.params == {"verbose": 0, "epochs": 5, "steps": 4}
    assert history.model.history is history


def test_19_1_a_name_logged_in_some_epochs_has_a_shorter_list():
    assert recorded().history["val_loss"] == [0.75]


def test_13_7_names_added_by_callbacks_stay_last_when_validation_comes_later():
    assert list(recorded().history) == ["loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"]


@pytest.mark.parametrize("added", [np.float32(0.25), np.float64(0.25), np.array(0.25), torch.tensor(0.25)])
def test_3_7_a_number_that_a_callback_added_is_kept_as_a_python_float(added):
    history = recorded([{"loss": 0.5, "gap": added}])

    assert history.history["gap"] == [0.25]
    assert type(history.history["gap"][0]) is float
    assert repr(history).endswith(" gap: 0.25")


def test_16_24_used_again_it_adds_to_history_and_restarts_epoch():
    history = recorded(LOGS[:1])
    kept = history.history

    history.on_train_begin({})
    history.on_epoch_begin(0, {})
    history.on_epoch_end(0, {"loss": 0.25})

    assert history.history is kept
    assert history.history["loss"] == [0.9, 0.25]
    assert history.epoch == [0]
    assert len(history.seconds) == 1


def test_19_2_long_frame_has_one_row_per_name_and_epoch_that_ran():
    frame = recorded(LOGS, first=1).as_data_frame()

    assert list(frame.columns) == ["epoch", "value", "metric", "data"]
    rows = list(frame.itertuples(index=False, name=None))
    assert rows[:2] == [(2, 0.9, "loss", "training"), (3, 0.5, "loss", "training")]
    assert rows[5] == (3, 0.75, "loss", "validation")
    assert rows[4][0] == 2
    assert math.isnan(rows[4][1])
    assert len(rows) == 10


def test_19_2_padding_adds_the_epochs_that_did_not_run():
    history = recorded([{"loss": 1.0}], first=1)
    history.params["epochs"] = 4

    frame = history.as_data_frame(pad=True)

    assert list(frame["epoch"]) == [2, 3, 4]
    assert frame["value"].isna().tolist() == [False, True, True]
    assert set(frame["data"]) == {"training"}


def test_19_3_it_prints_the_final_epoch_right_aligned_with_4_digits():
    history = recorded(
        [{"loss": 0.123456, "val_accuracy": 98765.4}], samples=60000, validation_samples=10, batch_size=32
    )

    assert repr(history) == (
        "Trained on 60,000 samples, validated on 10 samples (batch_size=32, epochs=1)\n"
        "Final epoch (plot to see history):\n"
        "        loss: 0.1235\n"
        "val_accuracy: 98,765"
    )


def test_19_3_it_prints_without_sizes_and_without_validation():
    assert repr(recorded([{"loss": 1.0}])) == "Final epoch (plot to see history):\nloss: 1"
    first = repr(recorded([{"loss": 1.0}], samples=10, batch_size=None, validation_samples=None)).splitlines()[0]
    assert first == "Trained on 10 samples (batch_size=None, epochs=1)"


def test_19_3_a_name_that_the_final_epoch_lacks_says_from_when_it_is():
    history = recorded([{"loss": 1.0, "val_loss": 2.0}, {"loss": 0.5}])

    assert repr(history).splitlines()[1:] == ["    loss: 0.5", "val_loss: 2 (epoch 1)"]


def test_19_3_it_prints_without_any_epoch():
    assert repr(recorded([])) == "No epoch was trained."
    assert repr(History()) == "No epoch was trained."


def test_19_5_it_can_be_pickled_without_the_model():
    history = recorded()

    again = pickle.loads(pickle.dumps(history))

    assert again.model is None
    assert again.history == history.history
    assert again.to_csv() == history.to_csv()


def test_19_6_it_has_the_duration_of_each_epoch():
    began = time.perf_counter()

    history = recorded()

    assert len(history.seconds) == 2
    assert all(seconds >= 0 for seconds in history.seconds)
    assert sum(history.seconds) <= time.perf_counter() - began


def test_19_6_json_has_all_of_it_with_null_for_nan():
    history = recorded([{"loss": float("nan")}, {"loss": 2.5}])
    history.events.append({"epoch": 1, "kind": "nan", "value": float("inf")})

    content = json.loads(history.to_json(), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))

    assert content["history"] == {"loss": [None, 2.5]}
    assert content["epoch"] == [0, 1]
    assert content["params"] == {"verbose": 0, "epochs": 2, "steps": 4}
    assert content["seconds"] == history.seconds
    assert content["events"] == [{"epoch": 1, "kind": "nan", "value": None}]


def test_19_7_wide_frame_has_one_row_per_epoch():
    frame = recorded(first=4).to_frame()

    assert list(frame.columns) == ["epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"]
    assert list(frame["epoch"]) == [5, 6]
    assert math.isnan(frame["val_loss"][0])
    assert frame["val_loss"][1] == 0.75


def test_19_7_csv_is_that_frame_and_empty_where_nan(tmp_path):
    history = recorded([{"loss": 0.1 + 0.2}, {"loss": float("nan"), "val_loss": 1e-9}])
    text = "epoch,loss,val_loss\n1,0.30000000000000004,\n2,,1e-09\n"

    assert history.to_csv() == text
    assert history.to_csv(tmp_path / "deep" / "log.csv") is None
    assert (tmp_path / "deep" / "log.csv").read_bytes() == text.encode()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["log.csv"]


def test_a_history_of_a_record_gives_the_same_files():
    history = recorded(first=2)
    history.events.append({"epoch": 2, "kind": "early_stop"})

    again = History.of(
        epochs=history.epoch, logs=LOGS, seconds=history.seconds, events=history.events, params=history.params
    )

    assert again.to_csv() == history.to_csv()
    assert again.to_json() == history.to_json()
    assert repr(again) == repr(history)


def test_19_4_plot_hands_the_chosen_metrics_to_the_drawing_function():
    history = recorded()
    history.draw = lambda frame, **how: (sorted(set(frame["metric"])), how)

    assert history.plot() == (["accuracy", "learning_rate", "loss"], {"smooth": True, "theme_bw": False})
    assert history.plot("loss", smooth=False)[0] == ["loss"]
    with pytest.raises(ValueError, match="metrics must be among loss, accuracy, learning_rate, got 'auc'."):
        history.plot(["loss", "auc"])


def test_a_history_without_a_drawing_function_says_which_to_set():
    with pytest.raises(RuntimeError, match="draw must be a drawing function, got None. Set it to"):
        recorded().plot()
