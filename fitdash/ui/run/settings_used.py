"""The settings with which a run began: those that differ from the defaults."""

import re
from collections.abc import Mapping
from typing import Any

import streamlit as st

from fitdash.settings.declaration import non_default_settings, settings_of
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.ui.view_models.formatting import escape_markdown, format_value, label_of
from fitdash.ui.view_models.run_view import RunView

OBJECT = re.compile(r"<(?:[\w.]*\.)?(\w+) object at 0x[0-9a-f]+>")
UNSAID = ("content", "view_metrics")
HOW = (
    "Recorded: the step is noted once and replayed many batches at a time. Eager: every batch by itself. Step by step: "
    "with hooks before and after every batch. On a CPU all three give the same numbers to the last bit."
)
Parts = dict[str, dict[str, str]]


def draw(run: RunView) -> None:
    """Draws the settings under the run's name: folded as one line, unfolded as one call for each part."""
    parts = list_settings(run)
    with st.expander(
        f"**Arguments** {escape_markdown(_line(parts)) or 'all at their defaults'}", key="arguments", type="compact"
    ):
        st.code("\n".join(f"{part}({_call(given)})" for part, given in parts.items()) or "fit()", language=None)
        if how := run.params.get("stepper"):
            st.caption(f"How it was trained: {escape_markdown(how)}.", help=HOW)


def settings_line(experiment: Experiment) -> str:
    """The settings that are not at their defaults, in one line."""
    return _line(_of_page(experiment))


def _line(parts: Parts) -> str:
    return " · ".join(f"{name} {word}" for part in parts.values() for name, word in part.items())


def list_settings(run: RunView) -> Parts:
    """Arguments that are not at their defaults, as texts, by part of the experiment."""
    parts = _of_page(run.experiment) if run.experiment is not None else _of_script(run.recipe)
    return {name: given for name, given in parts.items() if given}


def _of_page(experiment: Experiment) -> Parts:
    parts = {
        getattr(part, "kind", where) if "." in where else where: _changed(where, part)
        for where, part in experiment.parts()
    }
    if experiment.callbacks:
        parts["fit"]["callbacks"] = ", ".join(args.kind for args in experiment.callbacks)
    return parts | {"set_random_seed": {"seed": str(experiment.seed)} if experiment.seed else {}}


def _changed(where: str, settings: Any) -> dict[str, str]:
    changes = {name: value for name, value in non_default_settings(settings).items() if name not in UNSAID}
    return {label_of(f"{where}.{name}"): format_value(value) for name, value in changes.items()}


def _of_script(recipe: Mapping[str, Any]) -> Parts:
    """The arguments of `compile` and `fit` that a script recorded."""
    known = {name: setting.default for name, setting in settings_of(FitArgs).items()}
    fit = {name: value for name, value in _part(recipe, "fit").items() if value != known.get(name)}
    compiled = {name: value for name, value in _part(recipe, "compile").items() if value not in (False, "float32")}
    return {"compile": _told(compiled), "fit": _told(fit)}


def _part(recipe: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = recipe.get(name)
    return part if isinstance(part, Mapping) else {}


def _told(given: Mapping[str, Any]) -> dict[str, str]:
    """The arguments that were given; an object as its class with the arguments that are set."""
    said = {name: value for name, value in given.items() if name not in UNSAID and value not in (None, [], {})}
    return {name: _word(value) for name, value in said.items()}


def _word(value: Any) -> str:
    if isinstance(value, str):
        return re.sub(r", \w+=None|\w+=None, ", "", OBJECT.sub(r"\1", value))
    return ", ".join(map(_word, value)) if isinstance(value, list) else format_value(value)


def _call(given: Mapping[str, str]) -> str:
    plain = {name: re.sub(r"(?<=\d),(?=\d{3})", "", word) for name, word in given.items()}
    return ", ".join(f"{name}={word}" for name, word in plain.items())
