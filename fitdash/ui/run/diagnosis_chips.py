"""Diagnosis of a run in words under its curves: each finding with its numbers and one change to try."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import streamlit as st

from fitdash.charts.diagnosis import Finding, LossCurves, SuggestedChange
from fitdash.charts.diagnosis_rules import diagnose_curves
from fitdash.charts.unpredicted_classes import find_unpredicted_classes
from fitdash.data.tables.holdout import is_representative_split
from fitdash.settings.experiment import Experiment
from fitdash.settings.losses_and_metrics import resolved_learning_rate
from fitdash.ui.components.live_components import LiveText, draw_live_text
from fitdash.ui.learned.panel_data import load_data, recent_class_counts
from fitdash.ui.session.live_changes import current_experiment, live_changes_of
from fitdash.ui.session.server_resources import ServerResources
from fitdash.ui.view_models.formatting import escape_markdown
from fitdash.ui.view_models.run_view import RunView

COLOURS: dict[str, Any] = {"wrong": "red", "hint": "orange", "note": "gray"}
ICONS = {"wrong": ":material/report:", "hint": ":material/lightbulb:", "note": ":material/info:"}
MOST = 4


def diagnose_run(server: ServerResources, run: RunView) -> list[Finding]:
    """The findings of a run that are shown, the gravest first; at most four."""
    seen = diagnose_curves(curves_of(run))
    if not any(one.kind == "diverged" for one in seen):
        seen = [*_neglected(server, run), *seen]
    return seen[:MOST]


def draw(server: ServerResources, run: RunView, said: Sequence[Finding]) -> None:
    """Draws one chip for each finding."""
    with st.container(key="chips", gap="xsmall"):
        for one in said:
            _chip(server, run, one)


def diagnosis_texts(run: RunView, said: Sequence[Finding]) -> dict[str, LiveText]:
    """The text of each finding with its numbers, by the key of its line."""
    return {f"found-{one.kind}": _words(run, one) for one in said}


def redraw_key(run: RunView, said: Sequence[Finding]) -> tuple[Any, ...]:
    """What the chips draw beside the texts: if it changes, the page must rerun."""
    return tuple((one.kind, _named(one), one.change, _is_set(run, one.change)) for one in said)


def describe_diagnosis(run: RunView) -> list[str]:
    """The findings from the curves of a run, each in a sentence or two."""
    seen = diagnose_curves(curves_of(run))
    return [f"{_named(one)}: {one.text}" + (f" {one.change.text}" if one.change else "") for one in seen]


def _named(finding: Finding) -> str:
    return finding.name if finding.is_sure else f"{finding.name} · not sure"


def _chip(server: ServerResources, run: RunView, finding: Finding) -> None:
    with st.container(border=True, gap="xxsmall", key=f"chip-{finding.kind}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.badge(escape_markdown(_named(finding)), color=COLOURS[finding.weight], icon=ICONS[finding.weight])
            if finding.change is not None:
                _change(server, run, finding.kind, finding.change)
        draw_live_text(_words(run, finding), key=f"found-{finding.kind}")


def _words(run: RunView, finding: Finding) -> LiveText:
    return LiveText(text=finding.text, of=run.uid, seq=run.seq)


def _change(server: ServerResources, run: RunView, kind: str, change: SuggestedChange) -> None:
    """Draws a button that sets the proposed change; plain text if no widget does that, or the form has it already."""
    is_set = _is_set(run, change)
    if is_set is None:
        st.markdown(f"*{escape_markdown(change.text)}*", width="content")
    elif is_set:
        st.markdown("*It is set in the form: press Fit.*", width="content")
    else:
        st.button(
            escape_markdown(change.text.rstrip(".")),
            key=f"set-{kind}",
            on_click=_set,
            args=[server, run, change.settings],
            help="Sets it in the form. A run that is on takes it at once where the control says *applies now*.",
        )


def _is_set(run: RunView, change: SuggestedChange | None) -> bool | None:
    """True if the form has the proposed values; None if the form cannot set them, as for a script's run."""
    if change is None or not change.settings or run.experiment is None:
        return None
    return all(st.session_state.get(address) == value for address, value in change.settings.items())


def _set(server: ServerResources, run: RunView, settings: Mapping[str, Any]) -> None:
    """Sets the values in the form, passes those that can change now to the active run, and reruns the page."""
    live = live_changes_of(server, run)
    for address, value in settings.items():
        st.session_state[address] = value
        if live.change is not None and address in live.now:
            live.change(address)
    st.rerun()


def _neglected(server: ServerResources, run: RunView) -> list[Finding]:
    """The finding that some classes are never predicted."""
    asked, data = recent_class_counts(server, run)
    if not asked or data is None or data.dataset.classes is None:
        return []
    classes = data.dataset.classes
    return find_unpredicted_classes(
        asked,
        classes,
        np.bincount(data.dataset.labels[data.train].ravel(), minlength=len(classes)),
        is_over=not run.is_active,
        is_weighted=data.fit.class_weight is not None,
    )


def curves_of(run: RunView) -> LossCurves:
    """The curves of a run, with the settings that the diagnosis needs."""
    history = run.columns or run.history
    loss = np.asarray(history.get("loss", []), dtype=float)
    val = history.get("val_loss")
    experiment = current_experiment(run)
    known: dict[str, Any] = {}
    if experiment is not None:
        compiled = experiment.compile
        known = {
            "trivial": _trivial(run, experiment),
            "learning_rate": resolved_learning_rate(compiled.optimizer, compiled.learning_rate),
            "dropout": experiment.network.silenced,
            "callbacks": tuple(args.kind for args in experiment.callbacks),
        }
    return LossCurves(
        epochs=np.asarray(run.epochs, dtype=float)[: len(loss)] + 1,
        loss=loss,
        val_loss=None if val is None else np.asarray(val, dtype=float),
        planned=run.planned[1],
        is_over=not run.is_active,
        **known,
    )


def _trivial(run: RunView, experiment: Experiment) -> float | None:
    """Loss of the constant prediction, as the run recorded it; None if the training loss cannot be compared with it.

    It is measured on the rows that are held out: if they are unlike the others, it says nothing of the training loss.
    """
    told: Any = next((facts["answers"] for facts in run.told if facts.get("kind") == "trivial"), {})
    if "loss" not in told or experiment.fit.class_weight is not None or experiment.fit.sample_weight is not None:
        return None
    data = load_data(experiment)
    return (
        float(told["loss"]["value"])
        if data and is_representative_split(data.dataset, data.train, data.validation)
        else None
    )
