from dataclasses import replace

import pytest

from fitdash.settings.advice import advice_in
from fitdash.settings.callbacks import EarlyStoppingArgs, ModelCheckpointArgs, TerminateOnNaNArgs
from fitdash.settings.compile import CompileArgs
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.declaration import problems_in
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.network import NetworkArgs
from fitdash.settings.validation_data import HoldOut

SORTED = DataFacts(
    rows=150,
    classes=("a", "b", "c"),
    counts=(50, 50, 50),
    first_rows=(0, 50, 100),
    last_rows=(49, 99, 149),
    columns=("x", "w"),
    weights=("w",),
    inputs=4,
)
NUMBER = DataFacts(rows=100, task="regression", columns=("x", "w"), weights=("w",))
STRATIFY = "Use validation_data with stratified rows."


def notes(experiment, facts=SORTED):
    assert problems_in(experiment, facts) == []
    return [(note.where, note.text) for note in advice_in(experiment, facts)]


def test_the_defaults_need_no_remark():
    assert notes(Experiment()) == []


@pytest.mark.parametrize(
    ("fit", "where", "text"),
    [
        (
            FitArgs(batch_size=151),
            "batch_size",
            "batch_size is 151 but there are 150 training rows: one update per pass.",
        ),
        (
            FitArgs(initial_epoch=3),
            "initial_epoch",
            "initial_epoch is 3 but the weights are new: only the numbering starts there.",
        ),
        (
            FitArgs(batch_size=10, steps_per_epoch=3),
            "steps_per_epoch",
            "An epoch sees 20 % of the training rows; the next goes on there.",
        ),
        (
            FitArgs(batch_size=10, steps_per_epoch=18),
            "steps_per_epoch",
            "An epoch makes 1.2 passes: rows repeat within it.",
        ),
        (
            FitArgs(validation_data=HoldOut(), batch_size=1, validation_steps=10),
            "validation_steps",
            "Validation uses the first 33.3 % of its rows.",
        ),
        (
            FitArgs(validation_data=HoldOut(), validation_steps=2),
            "validation_steps",
            "validation_steps is 2, more than the 1 that there are: it uses those.",
        ),
        (
            FitArgs(validation_data=HoldOut(), validation_freq=4, epochs=3),
            "validation_freq",
            "No epoch from 1 to 3 is validated.",
        ),
        (
            FitArgs(validation_split=0.2),
            "validation_split",
            f"The last rows are held out, and no validation row is of class a, b. {STRATIFY}",
        ),
        (
            FitArgs(shuffle="batch"),
            "shuffle",
            "'batch' moves whole batches; on data in memory True mixes better and costs no more.",
        ),
        (
            FitArgs(class_weight={0: 101.0}),
            "class_weight",
            "One class weighs more than 100 times another: training may be restless.",
        ),
        (
            FitArgs(class_weight="balanced", sample_weight="w"),
            "class_weight",
            "class_weight and sample_weight are both set: they are multiplied.",
        ),
    ],
)
def test_what_is_worth_knowing_of_fit(fit, where, text):
    assert notes(Experiment(fit=fit)) == [(f"fit.{where}", text)]


def test_both_parts_are_named_that_lack_a_class():
    fit = FitArgs(validation_data=HoldOut(kind="last", share=0.4))

    assert notes(Experiment(fit=fit)) == [
        ("fit.validation_data", f"The last rows are held out, and no training row is of class c. {STRATIFY}"),
        ("fit.validation_data", f"The last rows are held out, and no validation row is of class a. {STRATIFY}"),
    ]


def test_classes_of_a_few_rows_are_named_where_rows_are_held_out():
    tiny = replace(SORTED, counts=(99, 48, 3))
    text = "Classes of fewer than 5 rows: c (3). What validation says of them is chance."

    assert notes(Experiment(), tiny) == []
    assert notes(Experiment(fit=FitArgs(validation_data=HoldOut())), tiny) == [("fit.validation_data", text)]


@pytest.mark.parametrize("kind", ["stratified", "random"])
def test_rows_held_out_by_chance_need_no_remark(kind):
    assert notes(Experiment(fit=FitArgs(validation_data=HoldOut(kind=kind)))) == []


def test_going_on_from_trained_weights_needs_no_remark():
    assert advice_in(Experiment(fit=FitArgs(initial_epoch=3)), SORTED, continues=True) == []


def test_nothing_is_said_about_a_setting_without_effect():
    fit = FitArgs(shuffle="batch", steps_per_epoch=5, class_weight={0: 500.0}, validation_freq=99)

    assert notes(Experiment(fit=FitArgs(class_weight={0: 500.0})), NUMBER) == []
    assert [where for where, _ in notes(Experiment(fit=fit))] == ["fit.class_weight"]


@pytest.mark.parametrize(
    ("experiment", "facts", "where", "text"),
    [
        (
            Experiment(data=DatasetArgs(features=("x", "w")), fit=FitArgs(sample_weight="w")),
            SORTED,
            "fit.sample_weight",
            "w is the sample_weight, so it is left out of x.",
        ),
        (
            Experiment(network=NetworkArgs(width=2000)),
            SORTED,
            "network.width",
            "The network has 4,018,003 parameters: an epoch will take its time.",
        ),
        (
            Experiment(compile=CompileArgs(metrics=("acc",))),
            NUMBER,
            "compile.metrics",
            "acc counts classes, but the target is a number.",
        ),
        (
            Experiment(callbacks=(TerminateOnNaNArgs(), ModelCheckpointArgs(), TerminateOnNaNArgs())),
            SORTED,
            "callbacks.2",
            "TerminateOnNaN is there already: the second one adds nothing.",
        ),
        (
            Experiment(callbacks=(EarlyStoppingArgs(),)),
            SORTED,
            "callbacks.0.monitor",
            "EarlyStopping watches val_loss, which will not exist. Set validation_split or validation_data.",
        ),
        (
            Experiment(
                callbacks=(ModelCheckpointArgs(save_best_only=True),),
                fit=FitArgs(validation_data=HoldOut(), validation_freq=2),
            ),
            SORTED,
            "callbacks.0.monitor",
            "ModelCheckpoint watches val_loss, which exists only in the epochs of validation_freq.",
        ),
    ],
)
def test_what_is_worth_knowing_of_the_rest(experiment, facts, where, text):
    assert notes(experiment, facts) == [(where, text)]


def test_a_second_callback_of_a_kind_that_is_set_otherwise_needs_no_remark():
    two = (EarlyStoppingArgs(monitor="loss"), EarlyStoppingArgs(monitor="accuracy", patience=9))

    assert notes(Experiment(callbacks=two)) == []
    assert len(notes(Experiment(callbacks=(two[0], two[0])))) == 1


@pytest.mark.parametrize(
    ("experiment", "facts", "where", "text"),
    [
        (
            Experiment(compile=CompileArgs(loss="poisson")),
            NUMBER,
            "compile.loss",
            "poisson compares numbers from 0 up, but half of the standardised target is below 0.",
        ),
        (
            Experiment(compile=CompileArgs(weighted_metrics=("accuracy",))),
            SORTED,
            "compile.weighted_metrics",
            "Neither sample_weight nor class_weight is set: they equal metrics.",
        ),
        (
            Experiment(
                callbacks=(ModelCheckpointArgs(filepath="{batch}.pt", save_best_only=True, save_freq=3),),
                fit=FitArgs(validation_data=HoldOut()),
            ),
            SORTED,
            "callbacks.0.monitor",
            "val_loss is not known between batches: every file is saved.",
        ),
    ],
)
def test_what_is_worth_knowing_of_losses_weights_and_files(experiment, facts, where, text):
    assert notes(experiment, facts) == [(where, text)]


RISING = "day goes one way with the rows, as time does"
FORECAST = "For a forecast hold out the last rows."
BETWEEN = f"rows held out by chance lie between training rows. {FORECAST}"


@pytest.mark.parametrize(
    ("fit", "signs", "text"),
    [
        (
            FitArgs(validation_split=0.2),
            {"rising": "day", "dates": "day"},
            f"{RISING}, so validation is on one end of it alone: right for a forecast, else use validation_data with "
            "random rows.",
        ),
        (
            FitArgs(validation_split=0.2),
            {"dates": "day"},
            "day holds dates, but the rows are not in their order: the last rows are no later ones.",
        ),
        (
            FitArgs(validation_split=0.2),
            {"rising": "day", "sorted_target": True},
            "The target only goes up, or down, with the rows, so the last ones hold values that training never sees. "
            "Use validation_data with random rows.",
        ),
        (FitArgs(validation_data=HoldOut(kind="random")), {"rising": "day"}, f"{RISING}: {BETWEEN}"),
        (FitArgs(validation_data=HoldOut()), {"dates": "day"}, f"day holds dates: {BETWEEN}"),
        (FitArgs(validation_data=HoldOut()), {"sorted_target": True}, None),
        (FitArgs(), {"rising": "day"}, None),
        (FitArgs(validation_data=HoldOut(kind="upload", content="0" * 64)), {"rising": "day"}, None),
    ],
)
def test_rows_in_an_order_of_time_or_size_are_named_where_some_are_held_out(fit, signs, text):
    where = "fit.validation_split" if fit.validation_data is None else "fit.validation_data"

    assert notes(Experiment(fit=fit), replace(NUMBER, **signs)) == ([(where, text)] if text else [])


def test_a_column_with_a_value_far_from_all_others_is_named():
    text = (
        "Also standardised, x reaches 31 standard deviations from its mean: a few rows may drown the others. "
        "Look at them, or leave it out of x."
    )

    assert notes(Experiment(), replace(NUMBER, far=(("x", 31.2),))) == [("data.features", text)]


def test_a_column_that_weights_are_made_of_is_named_where_it_is_an_input_too():
    experiment = Experiment(fit=FitArgs(sample_weight="inverse(x)"))
    text = "x is in x too. If it is nothing but a weight, leave it out of x."

    assert notes(experiment, replace(NUMBER, features=("x",))) == [("fit.sample_weight", text)]
    assert notes(experiment, replace(NUMBER, features=("w",))) == []


def test_many_classes_make_one_ask_for_a_number():
    facts = DataFacts(rows=60, classes=tuple(str(i) for i in range(60)))
    upload = Experiment(data=DatasetArgs(name="upload", content="0" * 64))

    assert notes(upload, facts) == [
        ("data.target", "The target has 60 classes. Is it a number? Then set task to regression.")
    ]


def test_a_value_that_cannot_be_counts_as_its_default():
    wrong = Experiment(fit=FitArgs(epochs="x", batch_size=1000), callbacks=(None, EarlyStoppingArgs(monitor=3)))

    assert [note.where for note in advice_in(wrong, SORTED)] == ["fit.batch_size", "callbacks.1.monitor"]
