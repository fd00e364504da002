"""What people complained about in Keras (contract 25), one test each."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import fitdash as fd
from fitdash import callbacks
from tests.contract.networks import Constant, Loader, Noting, Pair, batches, counted, firsts, linear, noting, xy

X, Y = xy(10)


def still(**arguments):
    """Answers 0 for ever."""
    model = fd.Model(Constant())
    return model.compile(**{"optimizer": fd.optimizers.sgd(learning_rate=0.0), "loss": "mae"} | arguments)


def test_25_1_a_small_last_batch_counts_by_its_rows():
    y = np.array([1.0, 1, 1, 1, 6])[:, None]

    assert still().fit(X[:5], y, batch_size=4, epochs=1, shuffle=False, verbose=0).history["loss"] == [2.0]


def test_25_2_weights_are_not_normalised():
    y = np.ones((4, 1))

    assert still().evaluate(X[:4], y, sample_weight=np.full(4, 3.0), verbose=0) == pytest.approx(3.0)


def test_25_3_class_and_sample_weights_work_together():
    y = np.ones((2, 1))

    logs = still().fit(X[:2], y, class_weight={1: 2.0}, sample_weight=[3.0, 1.0], epochs=1, verbose=0).history

    assert logs["loss"] == [pytest.approx(4.0)]


def test_25_4_class_weight_of_temporal_targets():
    class Steps(nn.Module):
        def __init__(self):
            super().__init__()
            self.p = nn.Parameter(torch.tensor(0.5))

        def forward(self, x):
            return self.p.expand(*x.shape[:2], 1)

    model = fd.Model(Steps()).compile(fd.optimizers.sgd(learning_rate=0.0), loss="binary_crossentropy")

    logs = model.fit(np.zeros((1, 2, 1)), np.array([[[0], [1]]]), class_weight={1: 3.0}, epochs=1, verbose=0).history

    assert logs["loss"] == [pytest.approx(2 * np.log(2), rel=1e-5)]


def test_25_5_keys_of_class_weight_may_be_strings():
    logs = still().fit(X[:2], np.ones(2), class_weight={"0": 1.0, "1": 4.0}, epochs=1, verbose=0).history

    assert logs["loss"] == [pytest.approx(4.0)]


def test_25_6_class_weight_with_a_loader():
    loader = DataLoader(TensorDataset(torch.zeros(4, 2), torch.ones(4, 1)), batch_size=3)

    assert still().fit(loader, class_weight={1: 4.0}, epochs=1, verbose=0).history["loss"] == [pytest.approx(4.0)]


def test_25_7_class_weight_for_several_outputs_is_a_clear_error():
    with pytest.raises(ValueError, match="class_weight works with one output.*Give sample_weight for each output"):
        fd.Model(Pair()).compile("sgd", loss="mse").fit(X, [Y, Y], class_weight={0: 1.0}, verbose=0)


@pytest.mark.parametrize("mode", [None, "temporal"])
def test_25_8_temporal_weights_weigh_steps(mode):
    class Steps(nn.Module):
        def __init__(self):
            super().__init__()
            self.p = nn.Parameter(torch.tensor(0.0))

        def forward(self, x):
            return self.p.expand(*x.shape[:2], 1)

    model = fd.Model(Steps())
    model.compile(fd.optimizers.sgd(learning_rate=0.0), loss="mae", sample_weight_mode=mode)
    weight = np.array([[1.0, 0.0], [0.0, 5.0]])

    logs = model.fit(np.zeros((2, 2, 1)), np.ones((2, 2, 1)), sample_weight=weight, epochs=1, verbose=0).history

    assert logs["loss"] == [pytest.approx(6 / 4)]


@pytest.mark.parametrize("container", [list, dict])
@pytest.mark.parametrize("as_dict", [False, True])
def test_25_9_weights_for_several_outputs_come_in_either_container(container, as_dict):
    model = fd.Model(Pair(as_dict=as_dict)).compile("sgd", loss="mse")
    names = ["p", "q"] if as_dict else ["out1", "out2"]
    weight = [np.full(10, 2.0), None] if container is list else {names[0]: np.full(10, 2.0)}
    y = {"p": Y, "q": Y} if as_dict else [Y, Y]

    plain = model.evaluate(X, y, verbose=0, return_dict=True)
    weighted = model.evaluate(X, y, sample_weight=weight, verbose=0, return_dict=True)

    assert weighted[f"{names[0]}_loss"] == pytest.approx(2 * plain[f"{names[0]}_loss"])
    assert weighted[f"{names[1]}_loss"] == pytest.approx(plain[f"{names[1]}_loss"])


def test_25_10_validation_split_takes_the_last_rows_without_a_warning():
    model = noting()

    model.fit(*counted(4), validation_split=0.5, epochs=1, verbose=0)

    assert model.module.tested == [[2, 3]]


def test_25_11_best_weights_come_back_although_training_was_not_stopped():
    model = fd.Model(nn.Linear(2, 1)).compile(fd.optimizers.sgd(learning_rate=50.0), loss="mse")
    first = []
    model.fit(X, Y, epochs=3, verbose=0, validation_data=(X, Y), callbacks=[
        callbacks.EarlyStopping(patience=99, restore_best_weights=True),
        callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: first.append(model.get_weights())),
    ])  # fmt: skip

    assert all((a == b).all() for a, b in zip(first[0], model.get_weights(), strict=True))


def test_25_12_auto_maximises_precision():
    stopping = callbacks.EarlyStopping(monitor="val_precision", patience=1)
    model = fd.Model(nn.Sequential(nn.Linear(2, 1), nn.Sigmoid())).compile("sgd", "bce", metrics=["precision"])

    model.fit(X, Y > 0, epochs=1, validation_data=(X, Y > 0), callbacks=stopping, verbose=0)

    assert stopping.best is not None
    assert stopping.improves(1.0, 0.5)


def test_25_13_a_missing_monitor_is_named_with_the_available_keys():
    stopping = callbacks.EarlyStopping(monitor="val_loss")

    with pytest.warns(UserWarning, match="val_loss(.|\n)*loss.*mae"):
        linear(metrics=["mae"]).fit(X, Y, epochs=1, callbacks=stopping, verbose=0)


def test_25_14_evaluate_in_a_later_callback_does_not_undo_a_stop():
    model = linear()

    history = model.fit(X, Y, epochs=5, verbose=0, callbacks=[
        callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: setattr(model, "stop_training", True)),
        callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: model.evaluate(X, Y, verbose=0)),
    ])  # fmt: skip

    assert history.epoch == [0]


def test_25_15_evaluate_in_a_callback_evaluates_its_own_data_and_disturbs_no_metric():
    model, other = still(), []

    history = model.fit(X[:4], np.ones((4, 1)), batch_size=2, epochs=1, validation_data=(X[:2], np.full((2, 1), 2.0)),
                        verbose=0, callbacks=callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: (
                            other.append(model.evaluate(X[:3], np.full((3, 1), 7.0), verbose=0)))))  # fmt: skip

    assert other == [7.0, 7.0]
    assert history.history == {"loss": [1.0], "val_loss": [2.0]}


def test_25_16_no_generator_is_asked_for_more_than_its_steps():
    drawn = {"train": 0, "val": 0}

    def generator(kind):
        while True:
            drawn[kind] += 1
            yield batches(1)[0]

    noting().fit(generator("train"), epochs=3, steps_per_epoch=4, validation_data=generator("val"),
                 validation_steps=2, verbose=0)  # fmt: skip

    assert drawn == {"train": 12, "val": 6}


def test_25_17_no_epoch_is_empty_and_nothing_runs_out():
    history = noting().fit(Loader(batches(3)), epochs=4, steps_per_epoch=3, verbose=0)

    assert history.epoch == [0, 1, 2, 3]


def test_25_18_no_batch_of_a_generator_is_lost_or_replayed():
    model = noting()

    model.fit(iter(batches(6)), epochs=3, steps_per_epoch=2, verbose=0)

    assert firsts(model.module.trained) == [1, 2, 3, 4, 5, 6]


def test_25_19_validation_steps_end_an_endless_validation():
    def endless():
        while True:
            yield batches(1)[0]

    history = noting().fit(*counted(4), epochs=2, validation_data=endless, validation_steps=3, verbose=0)

    assert len(history.history["val_loss"]) == 2


def test_25_20_batch_shuffling_trains_and_moves_whole_batches():
    model = noting()

    losses = model.fit(*counted(8), batch_size=2, epochs=5, shuffle="batch", verbose=0).history["loss"]

    assert losses[-1] < losses[0]
    assert {tuple(batch) for batch in model.module.trained} == {(0, 1), (2, 3), (4, 5), (6, 7)}


def test_25_21_the_line_shows_what_the_history_stores(capsys):
    history = linear(metrics=["mae"]).fit(X, Y, epochs=1, batch_size=3, validation_split=0.3, verbose=2)

    line = capsys.readouterr().out
    for name, (value,) in history.history.items():
        assert f"{name}: {value:.4f}" in line


def test_25_22_the_values_of_evaluate_have_names():
    model = linear(metrics=["mae"])

    values = model.evaluate(X, Y, verbose=0)

    assert dict(zip(model.metrics_names, values, strict=True)) == model.evaluate(X, Y, verbose=0, return_dict=True)


def test_25_23_outputs_in_a_dict_have_metrics():
    model = fd.Model(Pair(as_dict=True)).compile("sgd", loss="mse", metrics={"q": ["mae"]})

    assert "q_mae" in model.fit(X, {"p": Y, "q": Y}, epochs=1, verbose=0).history


def test_25_24_accuracy_of_logits_is_cut_at_0():
    model = fd.Model(Constant(0.2)).compile(fd.optimizers.sgd(learning_rate=0.0), nn.BCEWithLogitsLoss(), ["accuracy"])

    assert model.evaluate(X, np.ones((10, 1)), verbose=0)[1] == 1.0


def test_25_25_a_backup_resumes_a_fit_of_a_new_model(tmp_path):
    def fitted(folder, interrupt):
        torch.manual_seed(0)
        model = linear(optimizer="adam")
        fail = callbacks.LambdaCallback(on_epoch_begin=lambda epoch, logs: 1 / 0 if epoch == 2 and interrupt else None)
        model.fit(X, Y, epochs=4, shuffle=False, verbose=0, callbacks=[callbacks.BackupAndRestore(folder), fail])
        return model.get_weights()

    whole = fitted(tmp_path / "a", False)
    with pytest.raises(ZeroDivisionError):
        fitted(tmp_path / "b", True)
    resumed = fitted(tmp_path / "b", False)

    assert all((a == b).all() for a, b in zip(whole, resumed, strict=True))


def test_25_26_empty_data_and_no_steps_are_clear_errors():
    with pytest.raises(ValueError, match="empty"):
        linear().predict(X[:0])
    with pytest.raises(ValueError, match="steps must be a whole number from 1"):
        linear().predict(X, steps=0)


def test_25_27_the_training_loss_is_that_before_each_update():
    model = linear()
    before = model.evaluate(X, Y, verbose=0)

    assert model.fit(X, Y, epochs=1, batch_size=10, verbose=0).history["loss"] == [pytest.approx(before)]


def test_25_28_a_history_that_stopped_early_can_be_shown():
    model = linear()
    stop = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: setattr(model, "stop_training", epoch == 4))
    history = model.fit(X, Y, epochs=9, initial_epoch=3, validation_split=0.2, verbose=0, callbacks=stop)

    frame = history.as_data_frame()

    assert frame["epoch"].tolist() == [4, 5, 4, 5]
    assert "val_loss" in repr(history)


def test_25_29_watchers_and_history_have_the_same_numbers():
    seen = {}
    model = linear()
    model.watchers = [callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.update({epoch: dict(logs)}))]

    history = model.fit(X, Y, epochs=2, verbose=0)

    assert [seen[epoch]["loss"] for epoch in (0, 1)] == history.history["loss"]


@pytest.mark.parametrize("given", [[X, Y], {"x": X, "y": Y}])
def test_25_30_validation_data_may_be_a_list_or_named(given):
    assert "val_loss" in linear().fit(X, Y, epochs=1, validation_data=given, verbose=0).history


def test_25_30_an_array_alone_is_refused_with_its_shape():
    with pytest.raises(ValueError, match=r"validation_data .* got one array of shape \(10, 2\)"):
        linear().fit(X, Y, validation_data=X, verbose=0)


def test_25_31_a_checkpoint_knows_an_earlier_best(tmp_path):
    saving = callbacks.ModelCheckpoint(
        tmp_path / "best.pt", monitor="loss", save_best_only=True, initial_value_threshold=0.0
    )  # fmt: skip

    linear().fit(X, Y + 1, epochs=1, callbacks=saving, verbose=0)

    assert not (tmp_path / "best.pt").exists()


def test_26_a_feed_is_what_x_none_means():
    model = fd.Model(Noting(), feed=Loader(batches(2))).compile("sgd", loss="mse")

    assert model.fit(epochs=1, verbose=0).params["steps"] == 2
