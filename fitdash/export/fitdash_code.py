"""Writes an experiment as a fitdash script, which repeats its run to the last digit on CPU."""

from collections.abc import Mapping, Sequence
from typing import Any

from fitdash.export.code_format import format_call, format_keywords, join_script, python_literal
from fitdash.export.network_torch import torch_network
from fitdash.export.resolved_experiment import ResolvedExperiment, resolve_experiment
from fitdash.export.script_parts import (
    callback_calls,
    callbacks_argument,
    class_weight_code,
    data_lines,
    fit_settings,
    metrics_arguments,
    needs_math,
    schedule_functions,
    training_arrays,
    training_weight,
    validation_argument,
)
from fitdash.settings.compile import CompileArgs, optimizer_settings
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.experiment import Experiment


def fitdash_code(
    experiment: Experiment, facts: DataFacts, *, changes: Sequence[Mapping[str, Any]] = (), notes: Sequence[str] = ()
) -> str:
    """A Python script that needs only fitdash and torch.

    Args:
        experiment: The experiment, without problems.
        facts: Facts about its data.
        changes: Settings that were changed while its run trained: setting, new, epoch and step of each.
        notes: Comments about that run for the top of the script.
    """
    recipe = resolve_experiment(experiment, facts)
    written = torch_network(recipe)
    needs = [*(["import math", ""] if needs_math(recipe) else []), "import fitdash as fd", *written.imports]
    return join_script(
        imports=[*needs, "from torch import nn"],
        functions=[*written.definitions, *schedule_functions(recipe)],
        sections=[
            data_lines(recipe),
            [
                f"fd.set_random_seed({experiment.seed})",
                *written.lines,
                "model = fd.Model(network)",
                format_call("model.compile", compile_arguments(recipe)),
                f"history = {format_call('model.fit', fit_arguments(recipe, changes))}",
            ],
        ],
        notes=notes,
    )


def compile_arguments(recipe: ResolvedExperiment) -> list[str]:
    """Arguments of `compile`: the optimizer unless it is the default one at its defaults, loss, metrics."""
    compiled = recipe.experiment.compile
    settings = optimizer_settings(compiled)
    chosen = (
        format_call(f"fd.optimizers.{compiled.optimizer}", format_keywords(settings))
        if settings
        else python_literal(compiled.optimizer)
    )
    is_default = not settings and compiled.optimizer == CompileArgs().optimizer
    return [
        *([] if is_default else [f"optimizer={chosen}"]),
        f"loss={python_literal(recipe.loss)}",
        *metrics_arguments(recipe, python_literal),
    ]


def fit_arguments(recipe: ResolvedExperiment, changes: Sequence[Mapping[str, Any]] = ()) -> list[str]:
    """Arguments of `fit`; each change of a setting becomes a callback."""
    fit = recipe.experiment.fit
    calls = callback_calls(recipe, "fd.callbacks") + [_change(fact) for fact in changes]
    return [
        *training_arrays(recipe),
        *format_keywords(fit_settings(recipe)),
        *callbacks_argument(calls),
        *validation_argument(recipe),
        *([] if fit.class_weight is None else [f"class_weight={class_weight_code(recipe)}"]),
        *([] if fit.sample_weight is None else [f"sample_weight={training_weight(recipe)}"]),
    ]


def _change(fact: Mapping[str, Any]) -> str:
    """The callback that repeats a change of a setting at its epoch and step."""
    place = {"epoch": fact["epoch"]} | ({"step": fact["step"]} if fact.get("step") else {})
    return format_call("fd.callbacks.ChangeSettings", format_keywords(place | {fact["setting"]: fact["new"]}))
