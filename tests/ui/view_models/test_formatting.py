"""What the page says about plans, progress and changes: plain functions."""

import pytest

from fitdash.runs.record.records import EpochRow, EventRow
from fitdash.settings.callbacks import EarlyStoppingArgs
from fitdash.settings.compile import CompileArgs
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.plan import plan_of
from fitdash.settings.validation_data import HoldOut
from fitdash.ui.run.annotations import list_annotations
from fitdash.ui.run.live_view import first_line
from fitdash.ui.session.live_changes import current_experiment
from fitdash.ui.view_models.event_text import describe_events
from fitdash.ui.view_models.formatting import escape_markdown, format_seconds, format_value, summarize_settings
from fitdash.ui.view_models.plan_line import difference_line, plan_line
from fitdash.ui.view_models.run_progress import planned_seconds, progress_of, progress_words
from fitdash.ui.view_models.run_view import RunView, example_run


@pytest.mark.parametrize(
    ("fit", "line"),
    [
        (
            FitArgs(),
            "trains on **100** rows in 4 batches of 32, the last of 4 · **nothing is held out** · "
            "**10 epochs**, 40 updates",
        ),
        (
            FitArgs(batch_size=200, validation_split=0.2, epochs=1),
            "trains on **80** rows in 1 batch · validates on **20** rows · **1 epoch**, 1 update",
        ),
        (
            FitArgs(initial_epoch=4, epochs=6, steps_per_epoch=2, validation_split=0.5, validation_freq=5),
            "trains on **50** rows in 2 batches of 32, the last of 18 · validates on **50** rows · "
            "**epochs 5 to 6**, 4 updates",
        ),
        (
            FitArgs(validation_split=0.5, validation_freq=20, validation_steps=1),
            "trains on **50** rows in 2 batches of 32, the last of 18 · holds out **50** rows, but never validates · "
            "**10 epochs**, 20 updates",
        ),
        (
            FitArgs(validation_data=HoldOut(kind="last", rows=99), epochs=1),
            "trains on **1** row in 1 batch · validates on **99** rows · **1 epoch**, 1 update",
        ),
        (
            FitArgs(validation_data=HoldOut(kind="last", rows=1), epochs=1),
            "trains on **99** rows in 4 batches of 32, the last of 3 · validates on **1** row · **1 epoch**, 4 updates",
        ),
        (
            FitArgs(epochs=2, initial_epoch=2),
            "**0 epochs would run**: epochs is the index to stop at.",
        ),
    ],
)
def test_the_plan_line_says_what_would_run(fit, line):
    assert plan_line(plan_of(fit, DataFacts(rows=100))) == line


def test_the_difference_names_what_was_changed_and_counts_the_rest():
    run = Experiment()
    draft = Experiment(
        fit=FitArgs(batch_size=8, shuffle=False, epochs=20, validation_data=HoldOut()),
        callbacks=(EarlyStoppingArgs(),),
        seed=3,
    )

    assert difference_line(run, run) == ""
    assert difference_line(run, Experiment(seed=3, fit=FitArgs(shuffle=False))) == "seed 0 → 3 · shuffle on → off"
    assert difference_line(run, draft).endswith("more")


def test_rows_that_are_held_out_and_callbacks_that_are_others_are_told_by_their_name():
    held = Experiment(fit=FitArgs(validation_data=HoldOut(kind="random")), callbacks=(EarlyStoppingArgs(patience=3),))

    line = difference_line(Experiment(), held)

    assert line.replace("\\", "") == (
        "validation_data not set → random · validation_data share not set → 0.2 · callback 1 not set → EarlyStopping"
    )


def rows(count, seconds=0.5):
    return [EpochRow(i, i, 100.0 + i, seconds, {"loss": 1.0}) for i in range(count)]


def snapshot(**more):
    settings = {"uid": "r", "name": "r", "state": "running", "params": {"samples": 100}, "rows": rows(4)}
    return RunView(**{"experiment": Experiment(fit=FitArgs(epochs=10)), **settings, **more})


def test_progress_counts_epochs_and_the_steps_of_the_one_at_hand():
    batch = EventRow(9, "batch", 105.0, {"epoch": 4, "step": 1, "steps": 4, "logs": {}})

    now = progress_of(snapshot(batch=batch))

    assert (now.done, now.planned, now.step, now.steps) == (4, 10, 2, 4)
    assert now.share == pytest.approx(0.45)
    assert now.left_seconds == pytest.approx(5.5)
    assert now.samples_per_second == pytest.approx(200)
    assert progress_words(snapshot(batch=batch)) == (
        "epoch 5 of 10 · batch 2 of 4 · 5.5 s left · 200 samples per second"
    )


def test_a_run_takes_as_long_as_all_its_epochs_at_the_speed_of_the_last_ones():
    assert planned_seconds(snapshot()) == pytest.approx(10)
    assert planned_seconds(snapshot(rows=rows(1))) == pytest.approx(5)
    assert planned_seconds(snapshot(rows=[])) == 0


def test_progress_of_a_run_that_goes_on_counts_from_its_first_epoch():
    fit = FitArgs(initial_epoch=4, epochs=6)
    run = snapshot(experiment=Experiment(fit=fit), rows=[EpochRow(0, 4, 1.0, 0.5, {})])

    assert progress_of(run).share == 0.5
    assert progress_words(run).startswith("epoch 6 of 6")


def test_progress_before_the_first_epoch_promises_nothing():
    run = snapshot(rows=[], params={})

    assert progress_words(run) == "epoch 1 of 10"
    assert progress_of(run).share == 0


def test_a_run_without_a_recipe_plans_what_its_parameters_say():
    assert snapshot(experiment=None, params={"epochs": 50}).planned == (1, 50)
    assert snapshot(experiment=None, params={}, rows=rows(3)).planned == (1, 3)


def test_the_history_of_a_snapshot_has_gaps_where_an_epoch_has_no_value():
    run = snapshot(rows=[EpochRow(0, 0, 1.0, 0.1, {"loss": 1.0}), EpochRow(1, 1, 2.0, 0.1, {"loss": 2.0, "val": 3.0})])

    assert run.history["loss"] == [1.0, 2.0]
    assert run.history["val"][0] != run.history["val"][0]
    assert run.history["val"][1] == 3.0


def test_the_example_is_a_whole_run_of_the_experiment_it_shows():
    run = example_run()

    assert run.experiment is not None
    assert run.epochs == list(range(run.experiment.fit.epochs))
    assert set(run.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert run.history["val_accuracy"][-1] >= 0.95


def test_what_callbacks_did_is_told_in_words():
    told = [
        {"epoch": 0, "kind": "learning_rate", "value": 0.01},
        {"epoch": 3, "kind": "learning_rate", "value": 3.6e-05, "since": 4},
        {"epoch": 7, "kind": "early_stop", "monitor": "val_loss"},
        {"epoch": 7, "kind": "of a later version"},
    ]

    assert describe_events(told) == [
        "The learning rate is 3.6e-05 since epoch 5.",
        "EarlyStopping ended it at epoch 8: val_loss no longer got better.",
    ]


@pytest.mark.parametrize(
    ("inputs", "was", "words"),
    [
        (["x"], ["int64"], "x was cast from int64 to float32, which the network works with."),
        (["x[0]", "x[2]"], ["int64", "bool"],
         "x[0] from int64 and x[2] from bool were cast to float32, which the network works with."),
    ],
)  # fmt: skip
def test_a_cast_of_inputs_is_told_in_words(inputs, was, words):
    assert describe_events([{"epoch": 0, "kind": "cast", "inputs": inputs, "was": was, "now": "float32"}]) == [words]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0004, "1 ms"),
        (0.25, "250 ms"),
        (3.21, "3.2 s"),
        (59.7, "1 min 00 s"),
        (83, "1 min 23 s"),
        (7260, "2 h 01 min"),
    ],
)
def test_durations_read_as_people_say_them(seconds, words):
    assert format_seconds(seconds) == words


def test_what_users_name_things_is_never_markup():
    assert escape_markdown("![x](http://a) *b*") == r"\!\[x\]\(http\://a\) \*b\*"


def test_a_folded_section_says_what_is_set():
    fit = FitArgs(epochs=30, validation_split=0.2, shuffle="batch", class_weight={0: 2.0})

    assert summarize_settings(fit, ("epochs",), "Time") == "epochs 30"
    assert summarize_settings(fit, (), "Validation") == r"validation\_split 0\.2"
    assert summarize_settings(fit, (), "Weighting and order") == r"shuffle batch · class\_weight custom"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        ("fitdash.errors.DataError: x has 3 samples: too few.", "x has 3 samples: too few."),
        ("torch.cuda.OutOfMemoryError: no room", "OutOfMemoryError: no room"),
        ("ValueError: the file a.b.c: is odd", "ValueError: the file a.b.c: is odd"),
        ("KeyboardInterrupt", "KeyboardInterrupt"),
    ],
)
def test_a_failure_is_told_without_the_path_of_its_class(error, line):
    assert first_line(error) == line


def test_changed_settings_are_marks_where_they_happened():
    told = [
        {"kind": "setting", "setting": "learning_rate", "old": 0.1, "new": 0.2, "epoch": 3, "step": 5},
        {"kind": "setting", "setting": "learning_rate", "old": 0.2, "new": 0.3, "epoch": 3, "step": 5},
        {"kind": "setting", "setting": "epochs", "old": 10, "new": 12, "epoch": 4, "step": 0},
    ]
    run = RunView(uid="a", name="", state="running", experiment=Experiment(), params={"steps": 10}, rows=[], told=told)

    assert [(mark.at, mark.text) for mark in list_annotations(run)] == [
        (3.5, "learning_rate 0.1 → 0.3 in epoch 4"),
        (4.0, "epochs 10 → 12 in epoch 5"),
    ]
    assert current_experiment(run) == Experiment(compile=CompileArgs(learning_rate=0.3), fit=FitArgs(epochs=12))


@pytest.mark.parametrize(
    ("held", "words"),
    [
        (HoldOut(), "stratified 0.2"),
        (HoldOut(share=None), "stratified not set"),
        (HoldOut(kind="last", rows=5), "last 5 rows"),
        (HoldOut(kind="upload", content="0" * 64, filename="more.csv"), "more.csv"),
    ],
)
def test_rows_that_validate_are_named_in_short(held, words):
    assert format_value(held) == words
