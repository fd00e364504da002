"""Callbacks in real fits, beside the same fits of Keras."""

import re

import numpy as np
import pytest
import torch

import fitdash as fd
from fitdash import callbacks as kit
from tests.contract.networks import counted, firsts, noting
from tests.parity import assert_same, compiled, rows, twins


@pytest.fixture
def pair():
    """The same small classifier, compiled in Keras and here."""
    pytest.importorskip("keras")
    return compiled(twins(4, 8, 3, end="softmax"), loss="sparse_categorical_crossentropy", metrics=["accuracy"])


@pytest.fixture
def model():
    """A network of one layer for numbers, with momentum."""
    made = fd.Model(torch.nn.Linear(4, 1))
    return made.compile(fd.optimizers.sgd(0.01, momentum=0.9), "mse")


X, Y = rows(50)
CLASSES = rows(50, classes=3)


class Probe(kit.Callback):
    """Notes params, and whether gradients are on, at most hooks."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def _note(self, *index_and_logs):
        self.seen.append((dict(self.params), torch.is_grad_enabled(), torch.is_inference_mode_enabled()))

    on_train_begin = on_epoch_begin = on_train_batch_end = on_epoch_end = _note
    on_test_begin = on_test_batch_end = on_test_end = _note
    on_predict_begin = on_predict_batch_end = on_predict_end = _note


def test_15_3_params_hold_verbose_epochs_and_steps_also_during_validation(model):
    probe = Probe()

    model.fit(X, Y, epochs=3, batch_size=16, verbose=0, validation_split=0.2, callbacks=probe)

    wanted = {"verbose": 0, "epochs": 3, "steps": 3}
    assert {key: params[key] for params, *_ in probe.seen for key in wanted} == wanted
    assert len({tuple(params.items()) for params, *_ in probe.seen}) == 1


@pytest.mark.parametrize(("method", "data"), [("evaluate", (X, Y)), ("predict", (X,))])
def test_15_3_alone_they_have_one_epoch(model, method, data):
    probe = Probe()

    getattr(model, method)(*data, batch_size=16, verbose=0, callbacks=probe)

    assert [params for params, *_ in probe.seen] == [{"verbose": 0, "epochs": 1, "steps": 4}] * 6


def test_15_11_hooks_run_with_gradients_enabled(model):
    probe = Probe()

    model.fit(X, Y, epochs=1, verbose=0, validation_split=0.2, callbacks=probe)
    model.evaluate(X, Y, verbose=0, callbacks=probe)
    model.predict(X, verbose=0, callbacks=probe)

    assert {(grad, inference) for _, grad, inference in probe.seen} == {(True, False)}


def stopper(kit, hook, at, flag="stop_training"):
    """A callback that sets a flag of the model in a hook, at an index."""

    class Stops(kit.Callback):
        pass

    def stop(self, *where):
        if at is None or where[0] == at:
            setattr(self.model, flag, True)

    setattr(Stops, hook, lambda self, *where, logs=None: stop(self, *where))
    return Stops()


@pytest.mark.parity
@pytest.mark.parametrize(
    ("hook", "at"),
    [
        ("on_train_begin", None),
        ("on_epoch_begin", 1),
        ("on_train_batch_begin", 2),
        ("on_train_batch_end", 1),
        ("on_test_begin", None),
        ("on_test_batch_end", 0),
        ("on_epoch_end", 1),
    ],
)
def test_15_8_and_15_7_and_15_5_stopping_is_as_in_keras(pair, hook, at):
    keras, own = pair.fit(
        *CLASSES, epochs=4, batch_size=16, validation_split=0.2, callbacks=lambda kit: [stopper(kit, hook, at)]
    )

    assert_same(own, keras)


@pytest.mark.parity
@pytest.mark.parametrize(("method", "flag"), [("evaluate", "stop_evaluating"), ("predict", "stop_predicting")])
def test_15_9_evaluation_and_prediction_stop_after_this_batch(pair, method, flag):
    hook = "on_test_batch_end" if method == "evaluate" else "on_predict_batch_end"
    data = CLASSES if method == "evaluate" else CLASSES[:1]

    keras, own = pair.call(method, *data, batch_size=16, callbacks=lambda kit: [stopper(kit, hook, 1, flag)])

    np.testing.assert_allclose(own.result, keras.result, rtol=1e-5)
    assert [event[:2] for event in own.events] == [event[:2] for event in keras.events]


@pytest.mark.parity
def test_15_6_what_a_callback_adds_is_shared_as_in_keras(pair):
    def adder(kit):
        class Adds(kit.Callback):
            def on_epoch_end(self, epoch, logs=None):
                logs["added"] = float(epoch)

            def on_train_batch_end(self, batch, logs=None):
                logs["of_batch"] = 1.0

        return [Adds()]

    keras, own = pair.fit(*CLASSES, epochs=2, batch_size=16, callbacks=adder)

    assert_same(own, keras)
    assert own.history["added"] == [0.0, 1.0]
    assert "added" not in own.events[-1][2]


@pytest.mark.parity
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    "make",
    [
        lambda kit: [kit.EarlyStopping("val_accuracy", mode="max", patience=2, restore_best_weights=True)],
        lambda kit: [kit.EarlyStopping("loss", min_delta=0.02, restore_best_weights=True)],
        lambda kit: [kit.ReduceLROnPlateau("loss", mode="min", factor=0.5, patience=1, min_delta=0.05, cooldown=1)],
        lambda kit: [kit.LearningRateScheduler(lambda epoch, rate: rate * 0.5 if epoch else 0.2)],
        lambda kit: [kit.TerminateOnNaN(), kit.LearningRateScheduler(lambda epoch: 1e30 if epoch == 1 else 0.1)],
    ],
)
def test_16_6_to_16_20_in_a_fit_they_do_as_in_keras(pair, make):
    keras, own = pair.fit(*CLASSES, epochs=7, batch_size=16, validation_split=0.2, callbacks=make)

    assert_same(own, keras, tolerance=1e-4)
    assert _said(own) == _said(keras)


def _said(outcome):
    return re.sub(r"\s+", " ", outcome.text).strip()


@pytest.mark.filterwarnings("ignore:x must have a number")
@pytest.mark.parity
def test_16_20_nan_stops_after_the_same_batch_and_says_the_same(pair):
    x, y = CLASSES
    x = x.copy()
    x[20] = np.nan

    keras, own = pair.fit(
        x, y, epochs=3, batch_size=8, validation_split=0.2, callbacks=lambda kit: [kit.TerminateOnNaN()]
    )

    assert_same(own, keras)
    assert own.text == keras.text == "Batch 2: Invalid loss, terminating training\n"


@pytest.mark.parity
def test_16_16_files_of_every_few_batches_are_those_of_keras(pair, tmp_path):
    def saver(kit):
        side, ending = ("own", "pt") if kit is fd.callbacks else ("keras", "weights.h5")
        name = "{epoch}-{batch}-{loss:.4f}."
        return [kit.ModelCheckpoint(tmp_path / side / (name + ending), save_freq=3, save_weights_only=True)]

    pair.fit(*CLASSES, epochs=4, batch_size=16, callbacks=saver)

    files = {side: sorted(p.name.rsplit(".", 1)[0] for p in (tmp_path / side).iterdir()) for side in ("own", "keras")}
    assert files["own"] == [name.removesuffix(".weights") for name in files["keras"]]
    assert len(files["own"]) == 5


class Crash(kit.Callback):
    """Ends a fit in an epoch as a power cut would."""

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise KeyboardInterrupt


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "rmsprop", lambda parameters: torch.optim.Adam(parameters)])
def test_16_21_a_resumed_run_equals_an_uninterrupted_one(tmp_path, optimizer):
    def fitted(*callbacks):
        torch.manual_seed(3)
        made = fd.Model(torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1)))
        made.compile(optimizer, "mse")
        history = made.fit(X, Y, epochs=4, shuffle=False, verbose=0, callbacks=list(callbacks))
        return made, history

    whole, history = fitted()
    with pytest.raises(KeyboardInterrupt):
        fitted(kit.BackupAndRestore(tmp_path / "b"), Crash())
    resumed, rest = fitted(kit.BackupAndRestore(tmp_path / "b"))

    assert rest.epoch == [2, 3]
    assert rest.history["loss"] == history.history["loss"][2:]
    for name, value in whole.module.state_dict().items():
        assert torch.equal(value, resumed.module.state_dict()[name]), name


def batches_of_6():
    yield from zip(torch.split(torch.from_numpy(X), 6), torch.split(torch.from_numpy(Y), 6), strict=True)


@pytest.mark.parametrize("data", [(X, Y), (batches_of_6,)], ids=["arrays", "function"])
@pytest.mark.parametrize("steps", [1, 3, 8])
def test_16_21_a_resumed_run_goes_on_in_the_middle_of_a_pass(tmp_path, data, steps):
    def fitted(*callbacks):
        torch.manual_seed(3)
        made = fd.Model(torch.nn.Sequential(torch.nn.Linear(4, 9), torch.nn.Dropout(), torch.nn.Linear(9, 1)))
        made.compile("adam", "mse")
        history = made.fit(*data, epochs=4, steps_per_epoch=steps, verbose=0, callbacks=list(callbacks))
        return history.history["loss"]

    whole = fitted()
    with pytest.raises(KeyboardInterrupt):
        fitted(kit.BackupAndRestore(tmp_path / "b"), Crash())

    assert fitted(kit.BackupAndRestore(tmp_path / "b")) == whole[2:]


def test_16_21_an_epoch_that_is_repeated_begins_where_it_began(tmp_path):
    def fitted(*callbacks):
        model = noting()
        model.fit(*counted(10), batch_size=4, epochs=3, steps_per_epoch=2, verbose=0, callbacks=list(callbacks))
        return firsts(model.module.trained)

    class CrashInMidEpoch(kit.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if (self.model.epoch, batch) == (1, 1):
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(kit.BackupAndRestore(tmp_path / "b", save_freq=3), CrashInMidEpoch())

    assert fitted() == [0, 4, 8, 0, 4, 8]
    assert fitted(kit.BackupAndRestore(tmp_path / "b")) == [8, 0, 4, 8]


def test_16_22_the_resumed_start_is_for_that_fit_only(model, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=4, verbose=0, callbacks=[kit.BackupAndRestore(tmp_path / "b"), Crash()])

    resumed = model.fit(X, Y, epochs=4, verbose=0, callbacks=kit.BackupAndRestore(tmp_path / "b"))
    later = model.fit(X, Y, epochs=2, verbose=0)

    assert resumed.epoch == [2, 3]
    assert resumed.events == [{"epoch": 2, "kind": "resumed"}]
    assert later.epoch == [0, 1]


@pytest.mark.parametrize("given", [None, "auto", 1, True, 2, 0, False])
def test_17_1_verbose_is_0_1_or_2_by_many_names(model, given, capsys):
    model.fit(X, Y, epochs=1, verbose=given)

    text = capsys.readouterr().out
    wanted = {0: "", 1: "2/2 ━", 2: "2/2 - "}[1 if given in (None, "auto") else int(given)]
    assert text.startswith(wanted)
    assert bool(text) == bool(wanted)


def test_17_1_none_is_the_option_at_that_moment(model, monkeypatch, capsys):
    monkeypatch.setattr(fd.options, "fit_verbose", 0)

    model.fit(X, Y, epochs=1)

    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("given", [3, -1, "loud", 0.5])
def test_17_1_other_values_are_refused(model, given):
    with pytest.raises(ValueError, match="verbose"):
        model.fit(X, Y, epochs=1, verbose=given)


@pytest.mark.parametrize("verbose", [1, 2])
def test_17_6_the_line_shows_what_history_stores(model, verbose, capsys):
    plateau = kit.ReduceLROnPlateau("loss")
    history = model.fit(X, Y, epochs=2, verbose=verbose, validation_split=0.2, callbacks=plateau)

    lines = [line for line in capsys.readouterr().out.splitlines() if " - loss" in line]
    for epoch, line in enumerate(lines):
        shown = dict(re.findall(r"(\w+): (\S+)", line))
        assert list(shown) == list(history.history) == ["loss", "val_loss", "learning_rate"]
        for name, text in shown.items():
            assert float(text) == pytest.approx(history.history[name][epoch], abs=5e-5)
    assert len(lines) == 2


def test_19_1_fit_returns_the_models_history_anew_each_time(model):
    first = model.fit(X, Y, epochs=1, verbose=0)
    second = model.fit(X, Y, epochs=3, initial_epoch=1, verbose=0)

    assert model.history is second is not first
    assert second.epoch == [1, 2]


def test_14_6_a_crash_leaves_the_finished_epochs(model):
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, epochs=4, verbose=0, callbacks=Crash())

    assert model.history.epoch == [0, 1]


def test_16_24_an_own_history_is_returned_and_used_again(model):
    mine = kit.History()

    assert model.fit(X, Y, epochs=2, verbose=0, callbacks=[mine]) is mine
    model.fit(X, Y, epochs=1, verbose=0, callbacks=[mine])

    assert (len(mine.history["loss"]), mine.epoch) == (3, [0])


def test_19_6_events_tell_what_happened(model):
    stopping = kit.EarlyStopping("loss", min_delta=1e9, restore_best_weights=True)

    history = model.fit(X, Y, epochs=5, verbose=0, callbacks=stopping)

    assert [(event["epoch"], event["kind"]) for event in history.events] == [(1, "early_stop"), (1, "restored_weights")]


def test_19_5_a_returned_history_can_be_pickled_and_still_plots(model):
    import pickle

    history = model.fit(X, Y, epochs=1, verbose=0)

    again = pickle.loads(pickle.dumps(history))

    assert [list(trace.y) for trace in again.plot().data] == [history.history["loss"]]


@pytest.mark.parametrize("is_first", [True, False])
def test_15_4_a_file_saved_every_few_batches_is_there_for_later_callbacks_only(model, tmp_path, is_first):
    path, found = tmp_path / "saved.pt", []
    save = kit.ModelCheckpoint(path, save_freq=2)
    look = kit.LambdaCallback(on_train_batch_end=lambda batch, logs: found.append(path.exists()))

    model.fit(X, Y, epochs=1, batch_size=16, verbose=0, callbacks=[save, look] if is_first else [look, save])

    assert found == ([False, True, True, True] if is_first else [False, False, True, True])


def test_16_21_a_later_batch_hook_that_raises_finds_the_backup_of_its_batch(model, tmp_path):
    def crash(batch, logs):
        if batch == 1:
            raise KeyboardInterrupt

    crashing = [kit.BackupAndRestore(tmp_path / "backup", save_freq=2), kit.LambdaCallback(on_train_batch_end=crash)]
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, batch_size=16, verbose=0, callbacks=crashing)

    saved = torch.load(tmp_path / "backup" / "last.pt", weights_only=True)
    assert torch.equal(saved["state_dict"]["weight"], model.module.weight)
    assert saved["epoch"] == 0
