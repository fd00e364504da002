"""The script that repeats a run of fitdash to the last digit on CPU."""

from collections.abc import Mapping, Sequence
from typing import Any

from fitdash.export.code_format import call, joined, named, python
from fitdash.export.network_torch import network
from fitdash.export.resolved_experiment import Recipe, recipe_of
from fitdash.export.script_parts import (
    callback_calls,
    callbacks_argument,
    data_lines,
    fit_settings,
    metrics_arguments,
    needs_math,
    rows_of,
    schedules,
    training,
    validation,
    weight_of_training,
)
from fitdash.settings.compile import CompileArgs, optimizer_settings
from fitdash.settings.data_facts import Facts
from fitdash.settings.experiment import Experiment


def fitdash_code(
    experiment: Experiment, facts: Facts, *, changes: Sequence[Mapping[str, Any]] = (), notes: Sequence[str] = ()
) -> str:
    """Python that needs fitdash and torch alone.

    Args:
        experiment: What is to run, without problems.
        facts: Its data.
        changes: What was changed while a run of it was on: setting, new, epoch and step of each.
        notes: What the reader has to know of that run.
    """
    recipe = recipe_of(experiment, facts)
    written = network(recipe)
    needs = [*(["import math", ""] if needs_math(recipe) else []), "import fitdash as fd", *written.imports]
    return joined(
        imports=[*needs, "from torch import nn"],
        functions=[*written.definitions, *schedules(recipe)],
        sections=[
            data_lines(recipe),
            [
                f"fd.set_random_seed({experiment.seed})",
                *written.lines,
                "model = fd.Model(network)",
                call("model.compile", compile_arguments(recipe)),
                f"history = {call('model.fit', fit_arguments(recipe, changes))}",
            ],
        ],
        notes=notes,
    )


def compile_arguments(recipe: Recipe) -> list[str]:
    """What `compile` is given: the optimizer where it is not adam at its defaults, loss, metrics."""
    compiled = recipe.experiment.compile
    settings = optimizer_settings(compiled)
    chosen = call(f"fd.optimizers.{compiled.optimizer}", named(settings)) if settings else python(compiled.optimizer)
    is_default = not settings and compiled.optimizer == CompileArgs().optimizer
    return [
        *([] if is_default else [f"optimizer={chosen}"]),
        f"loss={python(recipe.loss)}",
        *metrics_arguments(recipe, python),
    ]


def fit_arguments(recipe: Recipe, changes: Sequence[Mapping[str, Any]] = ()) -> list[str]:
    """What `fit` is given."""
    rows, fit = rows_of(recipe), recipe.experiment.fit
    weight, column = fit.class_weight, fit.sample_weight
    balanced = call("data.balanced_weights", [rows.learned] if rows.learned else [])
    calls = callback_calls(recipe, "fd.callbacks") + [_change(fact) for fact in changes]
    return [
        *training(recipe),
        *named(fit_settings(recipe)),
        *callbacks_argument(calls),
        *validation(recipe),
        *([] if weight is None else [f"class_weight={balanced if weight == 'balanced' else python(weight)}"]),
        *([] if column is None else [f"sample_weight={weight_of_training(recipe)}"]),
    ]


def _change(fact: Mapping[str, Any]) -> str:
    """A change of a setting while the run was on."""
    place = {"epoch": fact["epoch"]} | ({"step": fact["step"]} if fact.get("step") else {})
    return call("fd.callbacks.ChangeSettings", named(place | {fact["setting"]: fact["new"]}))
