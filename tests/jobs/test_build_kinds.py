"""Experiments on steps, several inputs and several outputs: what compile is told acts, and logs are as foretold."""

from itertools import product

import numpy as np
import pytest

from fitdash import optimizers
from fitdash.data.tables.prepared import reset_inert_settings
from fitdash.errors import SettingError
from fitdash.jobs.build import build, compile_arguments, optimizer_of
from fitdash.settings.compile import CompileArgs
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.declaration import problems_in
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.losses_and_metrics import LOSSES, METRICS
from fitdash.settings.network import NetworkArgs

NAMES = ("regimes", "digits_halves", "linnerud", "iris", "moons")


def recipe(name="iris", compile=None, network=None, samples=60, **fit):
    return Experiment(
        data=DatasetArgs(name=name, samples=samples),
        network=network or NetworkArgs(width=4, depth=1),
        compile=compile or CompileArgs(),
        fit=FitArgs(**{"epochs": 1, "verbose": 0, "validation_split": 0.2} | fit),
    )


def trained(experiment):
    built = build(experiment)
    return built, built.model.fit(**built.fit_arguments).history


@pytest.mark.parametrize(
    ("name", "kind", "metric", "least"),
    [
        ("regimes", "auto", "val_accuracy", 0.85),
        ("regimes", "lstm", "val_accuracy", 0.85),
        ("digits_halves", "auto", "val_accuracy", 0.95),
        ("digits", "cnn", "val_accuracy", 0.97),
    ],
)
def test_every_new_kind_of_network_learns_its_data_with_the_defaults(name, kind, metric, least):
    _, history = trained(recipe(name, network=NetworkArgs(kind=kind), samples=600, epochs=20))

    assert history[metric][-1] > least


def test_a_network_that_sees_one_step_alone_cannot_tell_what_a_remembering_one_can():
    _, history = trained(recipe("regimes", network=NetworkArgs(kind="mlp"), samples=600, epochs=20))

    assert history["val_accuracy"][-1] < 0.7


def test_three_targets_are_learned_together():
    _, history = trained(recipe("linnerud", network=NetworkArgs(), epochs=60, validation_split=0.0))

    assert history["loss"][-1] < 0.7 * history["loss"][0]
    parts = [history[f"{name}_loss"][-1] for name in ("Weight", "Waist", "Pulse")]
    assert history["loss"][-1] == pytest.approx(sum(parts), rel=1e-5)


@pytest.mark.parametrize(("name", "loss"), list(product(NAMES, LOSSES)))
def test_every_loss_and_all_metrics_that_fit_it_train_and_log_the_names_foretold(name, loss):
    experiment = recipe(name, CompileArgs(loss=loss))
    facts = build(recipe(name)).data.facts
    if problems_in(experiment, facts):
        with pytest.raises(SettingError):
            build(experiment)
        return
    fitting = tuple(one for one in METRICS if not problems_in(CompileArgs(loss=loss, metrics=(one,)), facts))
    asked = CompileArgs(loss=loss, metrics=fitting, weighted_metrics=(*fitting[:2], fitting[-1]))
    experiment = recipe(name, asked)

    _, history = trained(experiment)

    assert tuple(history) == experiment.logged(facts)
    # The logarithm of a negative prediction is none, and the target is standardised.
    assert np.isfinite(history["loss"]).all() or loss == "poisson"


def test_loss_weights_weigh_the_outputs():
    weights = {"Weight": 0.0, "Pulse": 3.0}

    _, history = trained(recipe("linnerud", CompileArgs(loss_weights=weights)))

    total = history["Waist_loss"][0] + 3 * history["Pulse_loss"][0]
    assert history["loss"][0] == pytest.approx(total, rel=1e-5)


def test_weighted_metrics_weigh_and_metrics_do_not():
    heavy = {0: 100.0, 1: 0.0, 2: 0.0}
    asked = CompileArgs(metrics=("accuracy",), weighted_metrics=("accuracy",), learning_rate=1e-12)

    built, history = trained(recipe(compile=asked, class_weight=heavy, validation_split=0.0))

    right = built.model.predict_classes(built.data.x) == built.data.y
    assert history["accuracy"][0] == pytest.approx(right.mean(), abs=1e-6)
    assert history["weighted_accuracy"][0] == pytest.approx(right[built.data.y == 0].mean(), abs=1e-6)


@pytest.mark.parametrize("mode", ["temporal", None])
@pytest.mark.parametrize("weights", ["ramp", "last_steps"])
def test_weights_of_steps_weigh_the_loss_of_each_step(weights, mode):
    asked = CompileArgs(sample_weight_mode=mode, learning_rate=1e-12)

    built, history = trained(recipe("regimes", asked, sample_weight=weights, validation_split=0.0))

    given = built.fit_arguments["sample_weight"]
    chance = np.take_along_axis(built.model.predict(built.data.x), built.data.y[..., None], axis=-1)[..., 0]
    assert given.shape == built.data.y.shape
    assert history["loss"][0] == pytest.approx(float((given * -np.log(chance)).mean()), rel=1e-4)


def test_weights_of_rows_are_refused_where_weights_of_steps_are_asked_for():
    asked = recipe("regimes", CompileArgs(sample_weight_mode="temporal"), sample_weight="clarity")

    with pytest.raises(SettingError, match="a weight of each step while sample_weight_mode is temporal, got 'clarity'"):
        build(asked)


def test_a_column_of_weights_weighs_whole_sequences():
    built, history = trained(
        recipe("regimes", CompileArgs(learning_rate=1e-12), sample_weight="clarity", validation_split=0.0)
    )

    chance = np.take_along_axis(built.model.predict(built.data.x), built.data.y[..., None], axis=-1)[..., 0]
    clarity = built.data.dataset.table["clarity"].to_numpy()
    assert history["loss"][0] == pytest.approx(float((clarity[:, None] * -np.log(chance)).mean()), rel=1e-4)


def test_class_weight_weighs_every_step_by_its_class():
    weights = {0: 3.0, 1: 0.0}

    built, history = trained(
        recipe("regimes", CompileArgs(learning_rate=1e-12), class_weight=weights, validation_split=0.0)
    )

    chance = np.take_along_axis(built.model.predict(built.data.x), built.data.y[..., None], axis=-1)[..., 0]
    given = np.array([3.0, 0.0, 1.0])[built.data.y]
    assert history["loss"][0] == pytest.approx(float((given * -np.log(chance)).mean()), rel=1e-4)


def test_what_is_without_effect_is_not_given_to_compile():
    args = CompileArgs(loss_weights={"Pulse": 2.0}, sample_weight_mode="temporal")
    facts = build(recipe()).data.facts

    given = compile_arguments(reset_inert_settings(args, facts), facts)

    assert given["loss_weights"] is given["sample_weight_mode"] is None


def test_every_setting_of_an_optimizer_arrives():
    assert optimizer_of(CompileArgs(optimizer="sgd", momentum=0.9, nesterov=True)) == optimizers.sgd(
        momentum=0.9, nesterov=True
    )
    assert optimizer_of(CompileArgs(optimizer="adadelta", rho=0.8, clipvalue=0.1)) == optimizers.adadelta(
        rho=0.8, clipvalue=0.1
    )
    assert optimizer_of(CompileArgs(beta_1=0.5, beta_2=0.6, global_clipnorm=2.0)) == optimizers.adam(
        beta_1=0.5, beta_2=0.6, global_clipnorm=2.0
    )


@pytest.mark.parametrize("clip", ["clipnorm", "global_clipnorm", "clipvalue"])
def test_a_clipped_gradient_moves_the_weights_less(clip):
    def moved(**settings):
        args = CompileArgs(optimizer="sgd", learning_rate=1.0, **settings)
        built = build(recipe(compile=args, batch_size=150, validation_split=0.0))
        before = [part.copy() for part in built.model.get_weights()]
        built.model.fit(**built.fit_arguments)
        return sum(np.abs(a - b).sum() for a, b in zip(before, built.model.get_weights(), strict=True))

    assert moved(**{clip: 1e-4}) < 0.01 * moved()


@pytest.mark.parametrize(
    ("optimizer", "settings"),
    [
        ("adam", {"learning_rate": 0.1}),
        ("adam", {"weight_decay": 0.5}),
        ("sgd", {"momentum": 0.9}),
        ("sgd", {"momentum": 0.9, "nesterov": True}),
        ("rmsprop", {"rho": 0.1}),
        ("rmsprop", {"momentum": 0.5}),
        ("adadelta", {"rho": 0.1}),
        ("adam", {"beta_1": 0.1}),
        ("nadam", {"beta_2": 0.1}),
    ],
)
def test_every_setting_of_an_optimizer_changes_what_is_learned(optimizer, settings):
    *_, last = settings
    without = {name: value for name, value in settings.items() if name != last}

    (_, plain), (_, changed) = (
        trained(recipe(compile=CompileArgs(optimizer=optimizer, **given), epochs=3)) for given in (without, settings)
    )

    assert changed["loss"] != plain["loss"]
