import pytest

from fitdash.settings.callbacks import (
    CALLBACKS,
    CSVLoggerArgs,
    EarlyStoppingArgs,
    LearningRateSchedulerArgs,
    ModelCheckpointArgs,
    ReduceLROnPlateauArgs,
)
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.declaration import inert_in, problems_in, settings_of
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs

NO_FOLDER = "must be a plain file name without a folder, got"


@pytest.mark.parametrize("args", CALLBACKS.values(), ids=lambda args: args.kind)
def test_every_callback_tells_what_it_does_and_starts_without_problem(args):
    assert args.summary.endswith(".")
    assert all(setting.arg.help.endswith(".") for setting in settings_of(args).values())
    assert problems_in(args()) == []


def test_defaults_are_those_of_keras():
    assert EarlyStoppingArgs() == EarlyStoppingArgs(
        monitor="val_loss",
        min_delta=0,
        patience=0,
        verbose=0,
        mode="auto",
        baseline=None,
        restore_best_weights=False,
        start_from_epoch=0,
    )
    assert ReduceLROnPlateauArgs() == ReduceLROnPlateauArgs(
        monitor="val_loss",
        factor=0.1,
        patience=10,
        verbose=0,
        mode="auto",
        min_delta=1e-4,
        cooldown=0,
        min_lr=0,
    )


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (EarlyStoppingArgs(patience=-1), "EarlyStopping patience must be at least 0, got -1."),
        (EarlyStoppingArgs(mode="up"), "EarlyStopping mode must be 'auto', 'min' or 'max', got 'up'."),
        (ReduceLROnPlateauArgs(factor=1.0), "ReduceLROnPlateau factor must be below 1, got 1.0."),
        (ReduceLROnPlateauArgs(factor=0), "ReduceLROnPlateau factor must be above 0, got 0."),
        (LearningRateSchedulerArgs(every=0), "LearningRateScheduler every must be at least 1, got 0."),
        (CSVLoggerArgs(filename="../log.csv"), f"CSVLogger filename {NO_FOLDER} '../log.csv'."),
        (CSVLoggerArgs(filename=""), f"CSVLogger filename {NO_FOLDER} ''."),
        (CSVLoggerArgs(filename=".."), f"CSVLogger filename {NO_FOLDER} '..'."),
        (CSVLoggerArgs(filename="C:log"), f"CSVLogger filename {NO_FOLDER} 'C:log'."),
        (CSVLoggerArgs(filename="a\0b"), f"CSVLogger filename {NO_FOLDER} 'a\\x00b'."),
        (CSVLoggerArgs(filename="a" * 101), f"CSVLogger filename {NO_FOLDER} 'aaa"),
        (ModelCheckpointArgs(filepath="/tmp/{epoch}.pt"), f"ModelCheckpoint filepath {NO_FOLDER} '/tmp/{{epoch}}.pt'."),
    ],
)
def test_what_stops_a_run(args, text):
    (problem,) = problems_in(args)

    assert problem.text.startswith(text)


@pytest.mark.parametrize("name", ["{epoch", "{}", "{0}", "{epoch.real}", "{epoch:099999999d}", "{epoch!r}", "{a[b]}"])
def test_fields_of_a_checkpoint_are_plain_names_with_a_short_format(name):
    problems = problems_in(ModelCheckpointArgs(filepath=name))

    assert any("ModelCheckpoint filepath must have fields such as {epoch:03d}" in p.text for p in problems)


def test_a_checkpoint_names_its_fields():
    assert ModelCheckpointArgs(filepath="{epoch:02d}-{val_loss:.4f}.pt").fields == ("epoch", "val_loss")
    assert ModelCheckpointArgs(filepath="best.pt").fields == ()


def test_settings_that_a_schedule_does_not_use_are_without_effect():
    assert inert_in(LearningRateSchedulerArgs(schedule="step")) == {}
    assert list(inert_in(LearningRateSchedulerArgs(schedule="cosine"))) == ["callbacks.every"]
    assert list(inert_in(LearningRateSchedulerArgs(schedule="warmup"))) == ["callbacks.factor"]


def test_files_that_are_saved_between_batches_know_their_batch_and_nothing_of_validation():
    facts = DataFacts(rows=100, classes=("a", "b"))

    def complaints(**settings):
        experiment = Experiment(callbacks=(ModelCheckpointArgs(**settings),), fit=FitArgs(validation_split=0.2))
        return [problem.text for problem in problems_in(experiment, facts)]

    assert complaints(filepath="{epoch}-{batch}.pt", save_freq=5) == []
    assert complaints(filepath="{val_loss}.pt", save_freq=5) != []
    assert complaints(filepath="{val_loss}.pt") == []
    assert complaints(filepath="{batch}.pt") != []
    assert complaints(save_freq=0) == ["ModelCheckpoint save_freq must be at least 1, got 0."]


def test_a_threshold_is_only_for_what_is_best():
    assert "callbacks.initial_value_threshold" in inert_in(ModelCheckpointArgs())
    assert inert_in(ModelCheckpointArgs(save_best_only=True)) == {}
