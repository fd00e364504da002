"""Charts of a sweep: best so far, all curves, settings against the objective, importance of settings."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from fitdash.charts.overlay import RunCurve, describe_overlay, overlay_chart, parallel_chart, scatter_chart
from fitdash.charts.sweep_charts import best_chart, importance_chart, spans_decades
from fitdash.runs.record.store import Store
from fitdash.sweeps.results import LEAST_FOR_IMPORTANCE, Sweep, best_so_far
from fitdash.sweeps.trial import Trial, objective_curve
from fitdash.ui.components.live_components import draw_chart
from fitdash.ui.view_models.formatting import format_value, labels_of

MOST_LINES = 200
HEIGHT = "clamp(260px, 34vh, 460px)"


def draw(store: Store, sweep: Sweep, trials: Sequence[Trial]) -> None:
    """Draws the four charts, two in a row."""
    upper, lower = st.columns(2), st.columns(2)
    with upper[0], st.container(border=True):
        _best_so_far(sweep, trials)
    with upper[1], st.container(border=True):
        _curves(store, sweep, trials)
    with lower[0], st.container(border=True):
        _parallel(sweep, trials)
    with lower[1], st.container(border=True):
        _what_decides(sweep, trials)


def _best_so_far(sweep: Sweep, trials: Sequence[Trial]) -> None:
    name = sweep.recipe.objective.name
    spec = best_chart(
        [trial.value for trial in trials],
        best_so_far(trials, sweep.recipe),
        pruned=[trial.state == "pruned" for trial in trials],
        title=name,
        key=f"sweep-{sweep.uid}",
    )
    reached = [value for value in best_so_far(trials, sweep.recipe) if value is not None]
    alt = f"Best {name} so far over {len(trials)} trials: {reached[-1]:.4g}" if reached else f"No {name} yet"
    draw_chart(spec, key="sweep-so-far", alt=alt, height=HEIGHT, rev=len(trials))


def _curves(store: Store, sweep: Sweep, trials: Sequence[Trial]) -> None:
    first = next(iter(sweep.recipe.space.dimensions))
    lines = [_line(store, sweep, trial, first) for trial in trials[-MOST_LINES:]]
    title = sweep.recipe.objective.name
    log = spans_decades(trial.value for trial in trials)
    spec = overlay_chart(lines, title=title, key=f"sweep-{sweep.uid}", log=log)
    points = sum(len(line.epochs) for line in lines)
    draw_chart(spec, key="sweep-curves", alt=describe_overlay(lines, title), height=HEIGHT, rev=points)
    st.caption(f"Coloured by {_labels(sweep)[first]}; pruned trials are dimmed.")


def _line(store: Store, sweep: Sweep, trial: Trial, by: str) -> RunCurve:
    curve = _curve(trial.run, trial.epochs, trial.state, store, sweep)
    return RunCurve(
        run=trial.run,
        name=_name(trial),
        epochs=np.array([epoch + 1 for epoch in curve], dtype=float),
        values=np.array(list(curve.values()), dtype=float),
        by=_plain(trial.values[by]),
        faint=trial.state == "pruned",
    )


@st.cache_resource(show_spinner=False, max_entries=2000)
def _curve(run: str, epochs: int, state: str, _store: Store, _sweep: Sweep) -> dict[int, float]:
    """Curve of the objective by epoch; read again only after another epoch."""
    return objective_curve(_store, run, _sweep.recipe)


def _parallel(sweep: Sweep, trials: Sequence[Trial]) -> None:
    name = sweep.recipe.objective.name
    addresses = list(sweep.recipe.space.dimensions)
    labels = _labels(sweep)
    columns: dict[str, list[Any]] = {labels[a]: [_plain(one.values[a]) for one in trials] for a in addresses}
    spec = parallel_chart({**columns, name: [trial.value for trial in trials]}, result=name, key=f"sweep-{sweep.uid}")
    alt = f"{', '.join(columns)} of {len(trials)} trials and their {name}"
    draw_chart(spec, key="sweep-parallel", alt=alt, height=HEIGHT, rev=len(trials))


def _what_decides(sweep: Sweep, trials: Sequence[Trial]) -> None:
    """Draws the importance of all settings, or one setting against the objective."""
    labels = _labels(sweep)
    addresses = list(sweep.recipe.space.dimensions)
    chosen = st.segmented_control(
        "against",
        ["importance", *addresses],
        default=addresses[0],
        format_func=lambda address: labels.get(address, address),
        key="sweep.against",
        required=True,
    )
    name = sweep.recipe.objective.name
    if chosen == "importance":
        complete = sum(trial.state == "finished" and trial.value is not None for trial in trials)
        if complete < LEAST_FOR_IMPORTANCE:
            st.caption(f"Importance can be told from {LEAST_FOR_IMPORTANCE} finished trials on; there are {complete}.")
            return
        table = _importance(sweep.uid, complete, sweep)
        spec = importance_chart(
            [labels[one] for one in table["setting"]], table["importance"], table["low"], table["high"]
        )
        shares = ", ".join(f"{labels[r.setting]} {r.importance:.0%}" for r in table.itertuples())
        draw_chart(spec, key="sweep-importance", alt=f"How much each setting decides: {shares}", height=HEIGHT)
        st.caption(f"Of {complete} finished trials; nine of ten samples redrawn from them lie within the whiskers.")
        return
    address = chosen or addresses[0]
    kept = [trial for trial in trials if trial.value is not None]
    spec = scatter_chart(
        [_plain(trial.values[address]) for trial in kept],
        [float(trial.value or 0.0) for trial in kept],
        [_name(trial) for trial in kept],
        titles=(labels[address], name),
        log=spans_decades(trial.value for trial in kept),
        key=f"sweep-{sweep.uid}-{address}",
    )
    alt = f"{labels[address]} against {name}, a point per trial"
    draw_chart(spec, key="sweep-slice", alt=alt, height=HEIGHT, rev=len(kept))


@st.cache_resource(show_spinner=False, max_entries=32)
def _importance(uid: str, complete: int, _sweep: Sweep) -> Any:
    """Importance of each setting; computed again after each finished trial, 0.3 s."""
    return _sweep.importance()


def _name(trial: Trial) -> str:
    number = "by hand" if trial.number is None else f"{trial.number + 1}"
    labels = labels_of(trial.values)
    return f"{number}: " + ", ".join(f"{labels[a]} {format_value(value)}" for a, value in trial.values.items())


def _labels(sweep: Sweep) -> dict[str, str]:
    return labels_of(sweep.recipe.space.dimensions, besides=[sweep.recipe.objective.name])


def _plain(value: Any) -> Any:
    """The value if an axis can take it, else its text."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else format_value(value)
