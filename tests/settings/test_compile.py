import pytest

from fitdash.settings.compile import CompileArgs, optimizer_settings
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.declaration import inert_in, problems_in, settings_of
from fitdash.settings.losses_and_metrics import (
    OutputSpec,
    full_name,
    output_of,
    resolved_learning_rate,
    resolved_loss,
    resolved_metrics,
)

TWO = DataFacts(rows=100, classes=("no", "yes"))
THREE = DataFacts(rows=150, classes=("a", "b", "c"))
NUMBER = DataFacts(rows=100, task="regression")
INDEX = OutputSpec(units=3, activation="softmax", target="index")


def test_learning_rate_and_weight_decay_change_while_a_run_is_on():
    live = [name for name, setting in settings_of(CompileArgs).items() if setting.arg.live]

    assert live == ["learning_rate", "weight_decay"]


@pytest.mark.parametrize(
    ("facts", "loss", "metrics"),
    [
        (TWO, "binary_crossentropy", ("accuracy",)),
        (THREE, "sparse_categorical_crossentropy", ("accuracy",)),
        (NUMBER, "mean_squared_error", ("mean_absolute_error", "r2_score")),
    ],
)
def test_auto_is_resolved_by_the_task(facts, loss, metrics):
    assert resolved_loss(facts.task, facts.class_count) == loss
    assert resolved_metrics(facts.task) == metrics
    assert problems_in(CompileArgs(), facts) == []


def test_what_was_chosen_stays():
    assert resolved_loss("regression", None, "huber") == "huber"
    assert resolved_metrics("regression", ("mae",)) == ("mae",)
    assert resolved_metrics("regression", ()) == ()
    assert resolved_learning_rate("sgd", 0.5) == 0.5


@pytest.mark.parametrize(("optimizer", "rate"), [("sgd", 0.01), ("adam", 0.001), ("adadelta", 0.001)])
def test_1_6_learning_rates_start_from_the_defaults_of_keras(optimizer, rate):
    assert resolved_learning_rate(optimizer) == rate


@pytest.mark.parametrize(
    ("facts", "loss", "output"),
    [
        (NUMBER, "auto", OutputSpec(units=1, activation="linear", target="number")),
        (TWO, "auto", OutputSpec(units=1, activation="sigmoid", target="index")),
        (TWO, "ce", OutputSpec(units=1, activation="sigmoid", target="index")),
        (TWO, "mse", OutputSpec(units=1, activation="sigmoid", target="index")),
        (TWO, "sparse_categorical_crossentropy", OutputSpec(units=2, activation="softmax", target="index")),
        (TWO, "kld", OutputSpec(units=2, activation="softmax", target="one_hot")),
        (THREE, "auto", INDEX),
        (THREE, "crossentropy", INDEX),
        (THREE, "categorical_crossentropy", OutputSpec(units=3, activation="softmax", target="one_hot")),
        (THREE, "bce", OutputSpec(units=3, activation="sigmoid", target="one_hot")),
        (THREE, "mse", OutputSpec(units=3, activation="softmax", target="one_hot")),
    ],
)
def test_the_last_layer_follows_from_task_and_loss(facts, loss, output):
    assert output_of(facts.task, facts.class_count, loss) == output


@pytest.mark.parametrize(
    ("given", "facts", "text"),
    [
        ({"loss": "crossentropi"}, None, "Unknown loss 'crossentropi'. Did you mean 'crossentropy'? Known: auto, mean"),
        ({"optimizer": "adm"}, None, "Unknown optimizer 'adm'. Did you mean 'adam'? Known: sgd, adam, adamw, rmsprop"),
        ({"optimizer": None}, None, "optimizer must be text, got None."),
        ({"metrics": ("acuracy",)}, None, "Unknown metrics 'acuracy'. Did you mean 'accuracy'? Known: accuracy"),
        ({"metrics": ("auc", "auc")}, None, "metrics must name each metric once, got auc, auc."),
        ({"learning_rate": 0}, None, "learning_rate must be above 0, got 0."),
        ({"learning_rate": float("nan")}, None, "learning_rate must be finite, got nan."),
        ({"weight_decay": -0.1}, None, "weight_decay must be at least 0, got -0.1."),
        ({"momentum": 1.5}, None, "momentum must be at most 1, got 1.5."),
        (
            {"loss": "hinge"},
            NUMBER,
            "loss must compare numbers for a regression, got 'hinge'. Use 'mean_squared_error'",
        ),
        (
            {"metrics": ("precision",)},
            THREE,
            "metrics must fit the loss: 'precision' needs one column per class, got 'sparse_categorical_crossentropy'.",
        ),
        (
            {"metrics": ("sparse_categorical_accuracy",)},
            TWO,
            "metrics must fit the loss: 'sparse_categorical_accuracy' needs sparse_categorical_crossentropy, got 'bin",
        ),
        (
            {"metrics": ("categorical_accuracy",)},
            TWO,
            "metrics must fit the loss: 'categorical_accuracy' needs one column per class, got 'binary_crossentropy'.",
        ),
    ],
)
def test_what_stops_a_run(given, facts, text):
    (problem,) = problems_in(CompileArgs(**given), facts)

    assert problem.where == f"compile.{next(iter(given))}"
    assert problem.text.startswith(text)


@pytest.mark.parametrize(
    ("given", "facts"),
    [
        ({"metrics": ("accuracy", "precision", "recall", "auc", "f1_score", "mse")}, TWO),
        ({"metrics": ("acc", "sparse_categorical_accuracy", "ce")}, THREE),
        ({"loss": "categorical_crossentropy", "metrics": ("precision", "categorical_accuracy", "mse")}, THREE),
        ({"loss": "mae", "metrics": ("mse", "r2_score", "root_mean_squared_error")}, NUMBER),
        ({"metrics": ()}, NUMBER),
    ],
)
def test_what_fits_the_targets_is_no_problem(given, facts):
    assert problems_in(CompileArgs(**given), facts) == []


@pytest.mark.parametrize(
    ("optimizer", "off"),
    [
        ("sgd", {"nesterov", "rho", "beta_1", "beta_2"}),
        ("adam", {"momentum", "nesterov", "rho"}),
        ("rmsprop", {"nesterov", "beta_1", "beta_2"}),
        ("adagrad", {"momentum", "nesterov", "rho", "beta_1", "beta_2"}),
    ],
)
def test_settings_of_another_optimizer_are_without_effect(optimizer, off):
    assert {where.removeprefix("compile.") for where in inert_in(CompileArgs(optimizer=optimizer))} == off


def test_nesterov_needs_a_momentum():
    assert "compile.nesterov" not in inert_in(CompileArgs(optimizer="sgd", momentum=0.9))


def test_only_settings_with_an_effect_are_given_to_the_optimizer():
    args = CompileArgs(optimizer="rmsprop", rho=0.8, momentum=0.5, nesterov=True, beta_1=0.5, clipnorm=1.0)

    assert optimizer_settings(args) == {"momentum": 0.5, "rho": 0.8, "clipnorm": 1.0}
    assert optimizer_settings(CompileArgs(momentum=0.9)) == {}


def test_gradients_are_clipped_in_one_way():
    (problem,) = problems_in(CompileArgs(clipnorm=1.0, clipvalue=0.5))

    assert problem.where == "compile.clipvalue"
    assert problem.text == (
        "clipvalue must not be set beside clipnorm. Only one of clipnorm, global_clipnorm, clipvalue may be."
    )


TARGETS = DataFacts(rows=20, task="regression", outputs=("Weight", "Waist"))
STEPS = DataFacts(rows=20, classes=("a", "b"), steps=9)


def test_weights_of_outputs_name_outputs():
    texts = [problem.text for problem in problems_in(CompileArgs(loss_weights={"Wait": 2.0}), TARGETS)]

    assert texts == ["Unknown output in loss_weights, 'Wait'. Did you mean 'Waist'? Known: Weight, Waist."]
    assert problems_in(CompileArgs(loss_weights={"Waist": 2.0}), TARGETS) == []
    assert problems_in(CompileArgs(loss_weights={"Waist": 0.0}), TARGETS) == []
    assert len(problems_in(CompileArgs(loss_weights={"Waist": 0.0, "Weight": 0}), TARGETS)) == 1
    assert len(problems_in(CompileArgs(loss_weights={"Waist": -1.0}), TARGETS)) == 1


def test_what_several_outputs_and_steps_are_needed_for_is_inert_without_them():
    one = inert_in(CompileArgs(), DataFacts(rows=20))

    assert one["compile.loss_weights"] == "No effect: the data has one target, so there is one loss."
    assert one["compile.sample_weight_mode"] == "No effect: y has no steps that could be weighed."
    assert "compile.loss_weights" not in inert_in(CompileArgs(), TARGETS)
    assert "compile.sample_weight_mode" not in inert_in(CompileArgs(), STEPS)


def test_weighted_metrics_must_fit_as_metrics_do():
    three = DataFacts(rows=150, classes=("a", "b", "c"))

    (problem,) = problems_in(CompileArgs(weighted_metrics=("precision",)), three)
    (twice,) = problems_in(CompileArgs(weighted_metrics=("accuracy", "accuracy")))

    assert problem.where == twice.where == "compile.weighted_metrics"
    assert problem.text.startswith("weighted_metrics must fit the loss: 'precision' needs one column per class")


def test_short_names_have_a_long_one():
    assert (full_name("mse"), full_name("huber")) == ("mean_squared_error", "huber")
