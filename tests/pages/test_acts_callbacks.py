"""Every callback acts: added as a card, set on the page, seen in the record and the files of the run."""

import csv

import pytest
import torch

from fitdash.runs.protocol.paths import run_folder
from fitdash.settings.schedules import learning_rate_at
from fitdash.ui.session.server_resources import server_resources
from tests.pages.conftest import trained
from tests.pages.test_acts_time import QUICK
from tests.pages.test_cards import add
from tests.pages.test_form import by_key

LONG = QUICK | {"fit__epochs": "6"}
WORSE = {"monitor": "loss", "mode": "max"}
"""A falling loss is then no gain."""


def put(page, slot, **settings):
    """Set the controls of a card."""
    for name, value in settings.items():
        by_key(page, f"callbacks.{slot}.{name}").set_value(value).run()
        assert not page.exception


def told(run, kind):
    return [row.data for row in server_resources().store.events(run.uid, "told") if row.data.get("kind") == kind]


def rows_of(path, separator=","):
    return list(csv.reader(path.read_text().splitlines(), delimiter=separator))


def test_early_stopping_stops(open_page):
    page = open_page(**LONG)
    add(page, "EarlyStopping")
    put(page, "EarlyStopping", **WORSE, patience=3)

    run, logs = trained(page)

    assert len(logs) == 4
    assert [facts["monitor"] for facts in told(run, "early_stop")] == ["loss"]


def test_early_stopping_brings_the_best_weights_back(open_page, seen):
    page = open_page(**LONG)
    add(page, "EarlyStopping")
    put(page, "EarlyStopping", **WORSE, patience=3, restore_best_weights=True)

    run, _ = trained(page)

    assert [facts["best_epoch"] for facts in told(run, "restored_weights")] == [0]


def test_of_two_early_stoppings_the_less_patient_one_stops(open_page):
    page = open_page(**LONG)
    add(page, "EarlyStopping")
    add(page, "EarlyStopping")
    put(page, "EarlyStopping", **WORSE, patience=4)
    put(page, "EarlyStopping~2", **WORSE, patience=2)

    _, logs = trained(page)

    assert len(logs) == 3


def test_reduce_lr_on_plateau_makes_the_rate_smaller(open_page):
    page = open_page(**LONG)
    add(page, "ReduceLROnPlateau")
    put(page, "ReduceLROnPlateau", **WORSE, patience=2, factor=0.5)

    _, logs = trained(page)

    # The rate of an epoch is the one that was in force in it.
    assert [one["learning_rate"] for one in logs] == pytest.approx([1e-3, 1e-3, 1e-3, 5e-4, 5e-4, 2.5e-4])


@pytest.mark.parametrize("schedule", ["step", "exponential", "linear", "cosine", "warmup"])
def test_a_schedule_sets_the_rate_of_every_epoch(open_page, schedule):
    page = open_page(**LONG)
    add(page, "LearningRateScheduler")
    put(page, "LearningRateScheduler", schedule=schedule)
    if schedule not in ("linear", "cosine"):
        put(page, "LearningRateScheduler", every=2)

    _, logs = trained(page)

    every = 10 if schedule in ("linear", "cosine") else 2
    expected = [
        learning_rate_at(schedule, epoch, initial=1e-3, epochs=6, factor=0.1, every=every) for epoch in range(6)
    ]
    assert [one["learning_rate"] for one in logs] == pytest.approx(expected)


def test_model_checkpoint_writes_a_file_for_each_epoch(open_page):
    page = open_page(**QUICK)
    add(page, "ModelCheckpoint")
    put(page, "ModelCheckpoint", filepath="at-{epoch:02d}.pt", save_weights_only=True)

    run, _ = trained(page)

    files = sorted(run_folder(run.uid).glob("at-*.pt"))
    assert [file.name for file in files] == ["at-01.pt", "at-02.pt"]
    first, second = (torch.load(file, weights_only=True) for file in files)
    assert first["hidden_1.weight"].shape == (4, 2)
    assert not torch.equal(first["hidden_1.weight"], second["hidden_1.weight"])


def test_model_checkpoint_writes_only_what_is_best_and_beats_a_threshold(open_page):
    page = open_page(**LONG)
    add(page, "ModelCheckpoint")
    put(page, "ModelCheckpoint", monitor="loss", mode="max", save_best_only=True)
    _, logs = trained(page)
    put(page, "ModelCheckpoint", initial_value_threshold=logs[0]["loss"] + 1)

    run, _ = trained(page)
    earlier = next(one for one in server_resources().store.runs() if one.uid != run.uid)

    assert [file.name for file in run_folder(earlier.uid).glob("0*.pt")] == ["001.pt"]
    assert list(run_folder(run.uid).glob("0*.pt")) == []


def test_model_checkpoint_counts_batches(open_page):
    page = open_page(**QUICK, fit__batch_size="10")
    add(page, "ModelCheckpoint")
    put(page, "ModelCheckpoint", filepath="{epoch}-{batch}.pt", save_freq=5)

    run, _ = trained(page)

    assert sorted(file.name for file in run_folder(run.uid).glob("*-*.pt")) == ["1-5.pt", "2-4.pt"]


def test_terminate_on_nan_ends_the_run(open_page):
    page = open_page(**LONG | {"data__name": "diabetes"}, compile__optimizer="sgd", compile__learning_rate="1000")
    add(page, "TerminateOnNaN")

    run, logs = trained(page)

    assert len(logs) < 6
    assert len(told(run, "nan")) == 1


def test_csv_logger_writes_what_the_history_has(open_page):
    page = open_page(**QUICK)
    add(page, "CSVLogger")
    put(page, "CSVLogger", filename="numbers.csv", separator=";")

    run, logs = trained(page)

    head, *rows = rows_of(run_folder(run.uid) / "numbers.csv", ";")
    assert head[:3] == ["epoch", "accuracy", "loss"]
    assert [float(row[2]) for row in rows] == [one["loss"] for one in logs]


def test_callbacks_are_called_in_the_order_of_their_cards(open_page):
    page = open_page(**QUICK)
    add(page, "CSVLogger")
    add(page, "ReduceLROnPlateau")
    put(page, "ReduceLROnPlateau", monitor="loss")
    before, _ = trained(page)
    page.button(key="down-CSVLogger").click().run()

    after, _ = trained(page)

    # The rate is in the logs from the moment that ReduceLROnPlateau was called.
    heads = [rows_of(run_folder(run.uid) / "log.csv")[0] for run in (before, after)]
    assert ["learning_rate" in head for head in heads] == [False, True]
