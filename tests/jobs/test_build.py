import json
import threading

import numpy as np
import pytest
import torch

from fitdash import callbacks, optimizers
from fitdash.data.tables.encoders import TableEncoder
from fitdash.errors import SettingError
from fitdash.jobs.build import build, make_job, optimizer_of
from fitdash.jobs.make_callbacks import KINDS, make_callback
from fitdash.jobs.warm_start import has_final_weights
from fitdash.runs.callbacks.recorder import Recorder
from fitdash.runs.protocol.control import Control
from fitdash.runs.protocol.events import EpochEnded, Printed, Told
from fitdash.runs.protocol.paths import run_folder
from fitdash.settings.callbacks import CALLBACKS
from fitdash.settings.compile import CompileArgs
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.network import NetworkArgs
from fitdash.settings.network_shape import NetworkShape
from fitdash.settings.validation_data import HoldOut

SMALL = NetworkArgs(width=4, depth=1)


def experiment(data="iris", network=SMALL, compile=None, callbacks=(), seed=0, **fit):
    return Experiment(
        data=DatasetArgs(name=data),
        network=network,
        compile=compile or CompileArgs(),
        fit=FitArgs(**{"epochs": 2, "verbose": 0} | fit),
        callbacks=callbacks,
        seed=seed,
    )


def run(recipe, uid="run", control=None, **settings):
    events = []
    make_job(recipe, **settings)(Recorder(uid, events.append), control or Control())
    return events


def losses(events):
    return [event.logs["loss"] for event in events if isinstance(event, EpochEnded)]


@pytest.mark.parametrize(
    ("data", "metric", "least"), [("digits", "val_accuracy", 0.95), ("diabetes", "val_r2_score", 0.4)]
)
def test_the_defaults_train_to_a_sensible_result(data, metric, least):
    built = build(experiment(data, network=NetworkArgs(), epochs=20, validation_split=0.2))

    history = built.model.fit(**built.fit_arguments)

    assert history.history[metric][-1] > least


@pytest.mark.parametrize(
    ("data", "logs"),
    [
        ("iris", ["loss", "accuracy", "val_loss", "val_accuracy"]),
        ("moons", ["loss", "accuracy", "val_loss", "val_accuracy"]),
        (
            "diabetes",
            [
                "loss",
                "mean_absolute_error",
                "r2_score",
                "val_loss",
                "val_mean_absolute_error",
                "val_r2_score",
            ],
        ),
    ],
)
def test_loss_and_metrics_follow_the_task(data, logs):
    built = build(experiment(data, epochs=1, validation_data=HoldOut()))

    assert list(built.model.fit(**built.fit_arguments).history) == logs


def test_the_seed_alone_decides_the_numbers():
    torch.manual_seed(99)
    first = losses(run(experiment(seed=5)))
    torch.manual_seed(100)

    assert losses(run(experiment(seed=5))) == first
    assert losses(run(experiment(seed=6))) != first


def test_every_argument_of_fit_arrives():
    fit = FitArgs(
        batch_size=7,
        epochs=9,
        verbose=2,
        validation_data=HoldOut(kind="last"),
        shuffle="batch",
        class_weight="balanced",
        initial_epoch=3,
        validation_steps=2,
        validation_batch_size=5,
        validation_freq=3,
    )

    arguments = build(Experiment(data=DatasetArgs(name="iris"), network=SMALL, fit=fit)).fit_arguments

    weights = arguments["class_weight"]
    codes = arguments["y"]
    assert weights == {index: pytest.approx(120 / (3 * (codes == index).sum())) for index in range(3)}
    plain = {name: arguments[name] for name in ("batch_size", "epochs", "verbose", "shuffle", "initial_epoch")}
    assert plain == {"batch_size": 7, "epochs": 9, "verbose": 2, "shuffle": "batch", "initial_epoch": 3}
    assert (arguments["validation_steps"], arguments["validation_batch_size"], arguments["validation_freq"]) == (
        2,
        5,
        3,
    )
    assert len(arguments["validation_data"][0]) == 30


def test_only_optimizer_settings_that_are_set_are_given():
    assert optimizer_of(CompileArgs()) == "adam"
    assert optimizer_of(CompileArgs(learning_rate=0.5)) == optimizers.adam(learning_rate=0.5)
    assert optimizer_of(CompileArgs(optimizer="sgd", momentum=0.9)) == optimizers.sgd(momentum=0.9)
    assert optimizer_of(CompileArgs(optimizer="adamw", weight_decay=0.0)) == optimizers.adamw(weight_decay=0.0)


@pytest.mark.parametrize("kind", CALLBACKS)
def test_every_declared_callback_can_be_made_and_trains(kind, tmp_path):
    recipe = experiment(validation_split=0.2, callbacks=(CALLBACKS[kind](),))

    built = build(recipe, files=tmp_path)
    built.model.fit(**built.fit_arguments)

    assert type(built.fit_arguments["callbacks"][0]) is getattr(callbacks, kind)
    assert {path.name for path in tmp_path.iterdir()} == {
        "ModelCheckpoint": {"001.pt", "002.pt"},
        "CSVLogger": {"log.csv"},
    }.get(kind, set())


def test_a_schedule_starts_at_the_rate_that_compile_was_given():
    args = CALLBACKS["LearningRateScheduler"](schedule="step", every=2, factor=0.5)
    recipe = experiment(compile=CompileArgs(learning_rate=0.08), epochs=6)

    schedule = make_callback(args, recipe, run_folder("x")).schedule

    assert [schedule(epoch, 123.0) for epoch in range(6)] == [0.08, 0.08, 0.04, 0.04, 0.02, 0.02]


def test_a_job_records_the_run_what_was_done_to_the_data_and_keeps_its_columns():
    events = run(experiment(verbose=2), uid="abc")

    told = [event.facts for event in events if isinstance(event, Told)]
    assert len(losses(events)) == 2
    assert told[0]["kind"] == "data"
    assert "4 number columns standardised; learned from 150 training rows." in told[0]["text"]
    assert any("Epoch 1/2" in event.text for event in events if isinstance(event, Printed))
    kept = TableEncoder.from_json((run_folder("abc") / "columns.json").read_text())
    assert kept.names == ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]


def test_what_training_warns_about_stands_in_the_log_of_the_run():
    watching = (CALLBACKS["EarlyStopping"](monitor="val_loss"),)

    events = run(experiment(callbacks=watching, epochs=3))

    warned = [event.text for event in events if isinstance(event, Printed) and event.text.startswith("Warning:")]
    assert len(warned) == 1
    assert "val_loss" in warned[0]


def test_a_wish_to_stop_ends_the_job_after_a_batch():
    control = Control()
    control.stop()

    assert losses(run(experiment(epochs=1000), control=control)) == []


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_going_on_equals_the_run_that_was_not_interrupted(optimizer):
    compile = CompileArgs(optimizer=optimizer, momentum=0.9)
    whole = run(experiment(compile=compile, epochs=4), uid="whole")

    first = run(experiment(compile=compile, epochs=2), uid="first")
    second = run(experiment(compile=compile, epochs=4, initial_epoch=2), uid="second", origin="first")

    assert losses(first) + losses(second) == losses(whole)


def test_going_on_takes_a_new_learning_rate():
    run(experiment(), uid="first")

    rate = CompileArgs(learning_rate=1e-12)
    recipe = experiment(compile=rate, epochs=4, initial_epoch=2)
    frozen = losses(run(recipe, uid="second", origin="first"))

    assert frozen[0] == pytest.approx(frozen[1], rel=1e-4)


@pytest.mark.parametrize(
    "changed",
    [CompileArgs(optimizer="sgd", momentum=0.9), CompileArgs(optimizer="nadam"), CompileArgs(loss="crossentropy")],
)
def test_going_on_with_another_way_to_train_keeps_the_weights(changed):
    before = losses(run(experiment(compile=CompileArgs(optimizer="sgd", learning_rate=0.05), epochs=20), uid="first"))

    after = losses(run(experiment(compile=changed, epochs=22, initial_epoch=20), uid="second", origin="first"))

    assert after[0] < before[1]


def test_going_on_with_another_network_or_without_the_weights_is_refused():
    run(experiment(), uid="first")

    with pytest.raises(SettingError, match="Going on must keep the network of the earlier run"):
        run(experiment(network=NetworkArgs(width=5, depth=1)), origin="first")
    with pytest.raises(SettingError, match="The run to go on from must be one whose weights are kept, got 'nobody'"):
        make_job(experiment(), origin="nobody")
    assert has_final_weights("first")
    assert not has_final_weights("nobody")


def test_a_job_with_problems_is_refused_before_it_is_queued():
    with pytest.raises(SettingError, match="epochs must be at least 1, got 0."):
        make_job(experiment(epochs=0))


def test_a_job_draws_the_same_numbers_while_a_page_counts_parameters():
    from fitdash.nn.registry import parameter_count

    alone = losses(run(experiment(epochs=20)))
    done = threading.Event()

    def count():
        while not done.is_set():
            parameter_count(NetworkArgs(), NetworkShape(inputs=64, units=10))

    page = threading.Thread(target=count)
    page.start()
    watched = losses(run(experiment(epochs=20)))
    done.set()
    page.join()

    assert watched == alone


def test_an_experiment_survives_json_and_trains_to_the_same_numbers():
    recipe = experiment(class_weight={0: 2.0, 2: 0.5}, validation_data=HoldOut(kind="random"))

    again = Experiment.from_dict(json.loads(recipe.to_json()))

    assert losses(run(again)) == losses(run(recipe))
    assert np.isfinite(losses(run(again))).all()


def test_every_callback_that_the_form_offers_can_be_made():
    assert KINDS.keys() == CALLBACKS.keys()
