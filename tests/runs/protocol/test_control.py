"""Pausing, stepping and changing settings, batch by batch, of real fits."""

import threading

import numpy as np
import pytest
import torch

from fitdash.engine.callbacks.base import Callback
from fitdash.engine.training import strategies
from fitdash.errors import SettingError
from fitdash.model.model import Model
from fitdash.runs.callbacks.control_callback import ControlCallback
from fitdash.runs.callbacks.recorder import Recorder
from fitdash.runs.protocol.control import Control
from fitdash.runs.protocol.events import Began, PartialEpoch

ROWS = np.random.default_rng(0).standard_normal((48, 3)).astype("float32")
SECONDS = 30


class Batches(Callback):
    """Notes each batch, and does what a test wants before some of them, in the training thread."""

    def __init__(self, **before):
        super().__init__()
        self.seen, self.before, self.epoch = (
            [],
            {tuple(map(int, key[1:].split("_"))): do for key, do in before.items()},
            0,
        )

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_begin(self, batch, logs=None):
        self.seen.append((self.epoch, batch))
        self.before.get((self.epoch, batch), lambda: None)()


def train(control, callback, *, epochs=3, dropout=0.0, **fit):
    """Train 3 batches an epoch; gives model, history and what was told."""
    torch.manual_seed(1)
    events = []
    layers = [torch.nn.Linear(3, 8), *([torch.nn.Dropout(dropout)] if dropout else []), torch.nn.Linear(8, 1)]
    model = Model(torch.nn.Sequential(*layers)).compile("sgd", loss="mse")
    recorder = Recorder("a", events.append)
    model.watchers = [recorder, ControlCallback(control, show=recorder.show)]
    fit = {"batch_size": 16, "verbose": 0} | fit
    history = model.fit(ROWS, ROWS.sum(1), epochs=epochs, callbacks=callback, **fit)
    return model, history, events


class Stands:
    """Waits in a test until training stands still, and counts how often it did."""

    def __init__(self, control):
        self.control, self.count = control, threading.Semaphore(0)
        control.listen(lambda standing: self.count.release() if standing else None)

    def wait(self):
        assert self.count.acquire(timeout=SECONDS)


def in_thread(control, callback, **settings):
    kept = []
    thread = threading.Thread(target=lambda: kept.append(train(control, callback, **settings)), daemon=True)
    thread.start()
    return thread, kept


def test_a_pause_stands_still_after_the_batch_at_hand_and_changes_no_number():
    control, alone = Control(), train(Control(), None)
    batches = Batches(b1_1=control.pause)
    stands = Stands(control)
    thread, kept = in_thread(control, batches)

    stands.wait()
    assert batches.seen[-1] == (1, 1)
    assert control.is_standing
    control.resume()
    thread.join(SECONDS)

    assert not control.is_standing
    assert kept[0][1].history == alone[1].history


def test_steps_go_on_by_batches_and_by_epochs_and_pause_again():
    control = Control()
    control.pause()
    batches, stands = Batches(), Stands(control)
    thread, kept = in_thread(control, batches, epochs=20)
    stands.wait()
    assert batches.seen == []

    ends = []
    for step in [{"batches": 1}, {"batches": 4}, {"epochs": 1}, {"epochs": 1}, {"epochs": 10}]:
        control.step(**step)
        stands.wait()
        ends.append(batches.seen[-1])
    control.resume()
    thread.join(SECONDS)

    assert ends == [(0, 0), (1, 1), (1, 2), (2, 2), (12, 2)]
    assert kept[0][1].epoch == list(range(20))


def test_stop_ends_a_pause():
    control = Control()
    stands = Stands(control)
    thread, kept = in_thread(control, Batches(b0_1=control.pause))
    stands.wait()

    control.stop()
    thread.join(SECONDS)

    _, history, events = kept[0]
    assert history.epoch == []
    assert history.events == [{"epoch": 0, "kind": "stop_run", "step": 1}]
    assert [event.epoch for event in events if isinstance(event, PartialEpoch)] == [0]


def test_a_pause_in_the_last_epoch_does_not_keep_the_run_from_ending():
    control = Control()
    control.step(epochs=3)

    _, history, _ = train(control, None, epochs=3)

    assert history.epoch == [0, 1, 2]


@pytest.mark.parametrize(
    ("change", "read", "settings"),
    [
        ({"learning_rate": 0.5}, lambda model: model.optimizer.param_groups[0]["lr"], {}),
        ({"weight_decay": 0.25}, lambda model: model.optimizer.param_groups[0]["weight_decay"], {}),
        ({"dropout": 0.125}, lambda model: model.module[1].p, {"dropout": 0.5}),
    ],
)
def test_a_changed_setting_counts_from_the_next_batch_and_is_an_event(change, read, settings):
    control, seen = Control(), {}
    ((name, value),) = change.items()
    callback = Batches(
        b1_1=lambda: (seen.update(before=read(callback.model)), control.change(**change)),
        b1_2=lambda: seen.update(after=read(callback.model)),
    )

    _, history, events = train(control, callback, **settings)

    assert seen["after"] == value != seen["before"]
    expected = {"epoch": 1, "kind": "setting", "setting": name, "old": seen["before"], "new": value, "step": 2}
    assert history.events == [expected | {"applies": "next batch"}]
    assert [event.facts for event in events if hasattr(event, "facts")] == history.events


def test_a_new_batch_size_counts_from_the_next_epoch():
    control = Control()
    batches = Batches(b0_1=lambda: control.change(batch_size=24))

    _, history, events = train(control, batches, epochs=2)

    assert batches.seen == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1)]
    assert history.events[0]["applies"] == "next pass over the data"
    assert (history.params["batch_size"], history.params["steps"]) == (24, 2)
    told = [event.params for event in events if isinstance(event, Began)]
    assert [told[0]["steps"], told[-1]["steps"]] == [3, 2]


def test_a_new_batch_size_waits_for_a_pass_that_goes_on_over_epochs():
    control, rows = Control(), []

    class Rows(torch.nn.Linear):
        def forward(self, x):
            rows.append(len(x))
            return super().forward(x)

    model = Model(Rows(3, 1)).compile("sgd", loss="mse")
    model.watchers = [ControlCallback(control)]
    control.change(batch_size=24)
    model.fit(ROWS, ROWS.sum(1), batch_size=16, steps_per_epoch=2, epochs=3, verbose=0)

    assert rows == [24] * 6
    rows.clear()

    callback = Batches(b0_1=lambda: control.change(batch_size=12))
    model.fit(ROWS, ROWS.sum(1), batch_size=16, steps_per_epoch=2, epochs=3, verbose=0, callbacks=callback)

    assert rows == [16, 16, 16, 12, 12, 12]


@pytest.mark.parametrize(("wish", "epochs"), [(5, 5), (2, 2)])
def test_epochs_can_be_more_and_fewer(wish, epochs):
    control = Control()

    _, history, _ = train(control, Batches(b1_0=lambda: control.change(epochs=wish)), epochs=3)

    assert history.epoch == list(range(epochs))
    assert history.params["epochs"] == epochs


def test_epochs_never_end_before_the_current_one():
    control = Control()
    refused = []

    def fewer():
        with pytest.raises(SettingError) as error:
            control.change(epochs=1)
        refused.append(str(error.value))

    _, history, _ = train(control, Batches(b1_0=fewer), epochs=3)

    assert refused == ["epochs must be at least 2, the epoch that trains now, got 1."]
    assert history.epoch == [0, 1, 2]


def test_what_a_network_does_not_have_is_refused_in_the_record_and_training_goes_on():
    control = Control()
    control.change(dropout=0.5)

    _, history, _ = train(control, None)

    assert history.epoch == [0, 1, 2]
    assert [(event["kind"], event["setting"]) for event in history.events] == [("refused", "dropout")]
    assert "the network has dropout layers, got none" in history.events[0]["reason"]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"learning_rate": -1}, "learning_rate must be above 0, got -1."),
        ({"learning_rate": None}, "learning_rate must be a number while a run is on, got None."),
        ({"epochs": 0}, "epochs must be at least 1, got 0."),
        ({"dropout": 1}, "dropout must be below 1, got 1."),
        ({"batch_size": 2.5}, "batch_size must be an integer or None, got 2.5."),
    ],
)
def test_values_that_cannot_be_are_refused_at_once(settings, text):
    with pytest.raises(SettingError) as error:
        Control().change(**settings)

    assert str(error.value) == text


def test_all_that_is_wrong_is_told_together_and_nothing_is_changed():
    control = Control()

    with pytest.raises(SettingError, match="Unknown live setting 'momentum'") as error:
        control.change(momentum=0.9, epochs=0, learning_rate=0.5)

    assert "epochs must be at least 1" in str(error.value)
    assert control.take_wanted() == []


@pytest.mark.parametrize("step", [{}, {"batches": 1, "epochs": 1}, {"batches": -1}, {"epochs": 0}])
def test_a_step_is_of_batches_or_of_epochs(step):
    with pytest.raises(SettingError, match="step must have batches or epochs from 1"):
        Control().step(**step)


def test_changes_that_happened_before_happen_again_at_the_same_batch():
    control = Control()
    callback = Batches(b1_1=lambda: control.change(learning_rate=0.25))
    _, first, _ = train(control, callback)

    torch.manual_seed(1)
    model = Model(torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Linear(8, 1))).compile("sgd", loss="mse")
    events = []
    recorder = Recorder("a", events.append)
    recorder.known = list(first.events)
    model.watchers = [recorder, ControlCallback(Control(), again=first.events)]
    again = model.fit(ROWS, ROWS.sum(1), epochs=3, batch_size=16, verbose=0)

    assert again.history == first.history
    assert again.events == first.events
    assert not any(hasattr(event, "facts") for event in events)


@pytest.mark.parametrize("is_standing", [True, False])
def test_who_sees_that_a_run_stands_or_goes_on_finds_its_listener_told(is_standing):
    control, seen = Control(), []
    control.is_standing = not is_standing
    control.listen(lambda told: seen.append((told, control.is_standing)))

    control.stand(is_standing)

    assert seen == [(is_standing, not is_standing)]
    assert control.is_standing == is_standing


def test_the_state_reads_paused_while_it_stands_still(store, writer, runner):
    states, batches = [], Batches()
    put = writer.put
    runner.writer.put = lambda event: (states.append(getattr(event, "state", None)), put(event))

    def job(recorder, control):
        model = Model(torch.nn.Linear(3, 1)).compile("sgd", loss="mse")
        model.watchers = [recorder, ControlCallback(control, show=recorder.show)]
        batches.before[0, 1] = control.pause
        model.fit(ROWS, ROWS.sum(1), epochs=2, batch_size=16, verbose=0, callbacks=batches)

    run = runner.submit(job, experiment={})
    while not (run.control.is_standing or run.join(0.001)):
        pass
    writer.flush(SECONDS)
    assert (run.state, store.run(run.uid).state) == ("paused", "paused")
    assert store.latest(run.uid, "batch").data["step"] == 1

    run.step(batches=1)
    while (batches.seen[-1] != (0, 2) or not run.control.is_standing) and not run.join(0.001):
        pass
    run.change(learning_rate=0.5)
    run.resume()
    assert run.join(SECONDS)
    writer.flush(SECONDS)

    assert store.run(run.uid).state == "finished", store.run(run.uid).traceback
    wanted = ["queued", "running", "paused", "running", "paused", "running", "finished"]
    assert [state for state in states if state] == wanted
    assert store.latest(run.uid, "told").data["new"] == 0.5


@pytest.mark.parametrize(
    "change", [{"learning_rate": 0.03}, {"weight_decay": 0.2}, {"dropout": 0.75}, {"batch_size": 5}]
)
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_change_counts_from_the_same_batch_however_steps_are_trained(change, optimizer, monkeypatch):
    monkeypatch.setattr(strategies, "LEAST_STEPS", 0)
    ((name, value),) = change.items()
    at = {"epoch": 2, "kind": "setting", "setting": name, "new": value, "step": 3}
    histories = []
    for eagerly in (True, False):
        torch.manual_seed(1)
        module = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Dropout(0.25), torch.nn.Linear(8, 1))
        model = Model(module).compile(optimizer, loss="mse", run_eagerly=eagerly)
        recorder = Recorder("a", lambda event: None)
        model.watchers = [recorder, ControlCallback(Control(), again=[at], show=recorder.show)]
        histories.append(model.fit(ROWS, ROWS.sum(1), epochs=6, batch_size=4, verbose=0))

    eager, recorded = histories
    assert recorded.params["stepper"] == "recorded"
    assert recorded.history == eager.history
    assert recorded.events == eager.events
    assert (recorded.events[0]["epoch"], recorded.events[0]["step"]) == (2, 3)
