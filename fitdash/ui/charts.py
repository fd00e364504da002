"""The curves of a run: one chart for the loss and each metric, one cursor for all of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import streamlit as st

from fitdash.charts.axis import Axis
from fitdash.charts.curves import Answer, Curve, Panel, panels, told
from fitdash.charts.marks import Mark
from fitdash.charts.picture import Look, curve_chart
from fitdash.ui import style
from fitdash.ui.axes import axis
from fitdash.ui.derived import monitors
from fitdash.ui.ghost import comparison, previous_run
from fitdash.ui.live_chart import HEIGHT, TALL, live_chart, live_cursor
from fitdash.ui.marks import marks
from fitdash.ui.resources import Desk
from fitdash.ui.snapshot import Snapshot
from fitdash.ui.state import cursor_epoch, state
from fitdash.ui.view import View, options, view
from fitdash.ui.visitor import own_run
from fitdash.ui.words import duration

CURSOR = "cursor"
FEW_RUNNING = 3
"""Running values that an epoch has to have before any are drawn: a short one told one or two because it had to wait."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What all charts of one drawing have in common.

    Attributes:
        ghost: The run before, with its own axis.
    """

    run: Snapshot
    view: View
    axis: Axis
    marks: Sequence[Mark]
    ghost: tuple[Snapshot, Axis] | None = None


def draw(desk: Desk, run: Snapshot, beside: Callable[[], None] | None = None) -> None:
    """Options, charts and cursor of one run.

    Args:
        beside: Draws what belongs to the epoch at the cursor, at the right of the charts, which then stand in a column.
    """
    with st.container(key="charts"):
        view = options(lambda: _wish_fair(desk, run.uid), _fair_cost(run))
        if view.fair and state().fair_of != run.uid:
            _wish_fair(desk, run.uid)
        _draw(desk, run, view, beside)


def _wish_fair(desk: Desk, uid: str) -> None:
    """Hand the switch to the run, if it is on and this visitor's."""
    state().fair_of = uid
    if run := own_run(desk, uid):
        run.control.fair = view().fair


def _fair_cost(run: Snapshot) -> str:
    """What the fair training loss has cost, where it was wished."""
    if not view().fair:
        return ""
    if not run.measured:
        return "measured from the next epoch on" if run.is_active else "was not measured in this run"
    of = sum(row.seconds for row in run.rows if row.epoch in run.measured)
    share = f", {run.measured_seconds / of:.0%}" if of > 0 else ""
    return f"+{duration(run.measured_seconds)} so far{share}"


def _draw(desk: Desk, run: Snapshot, view: View, beside: Callable[[], None] | None) -> None:
    if view.projector:
        style.projector()
    previous = previous_run(desk, run) if view.previous else None
    ghost = None if previous is None else (previous, axis(previous, view.x))
    scene = Scene(run=run, view=view, axis=axis(run, view.x), marks=marks(run), ghost=ghost)
    st.caption(comparison(previous, run) if previous is not None else "&nbsp;")
    found = drawn(scene)
    left, right = st.columns(2) if beside else (st.container(), None)
    with left:
        _grid(scene, found, across=1 if beside else 2)
    if beside and right:
        with right:
            beside()
    _cursor(scene)


def _grid(scene: Scene, found: Sequence[Panel], across: int) -> None:
    """The charts, so many in a row."""
    if across == 1:  # no columns: each thing that is drawn costs the run that is on
        for panel in found:
            with st.container(border=True):
                _chart(scene, panel)
        return
    for first in range(0, len(found), across):
        row = found[first : first + across]
        for place, panel in zip(st.columns(min(across, len(found))), row, strict=False):
            with place, st.container(border=True):
                _chart(scene, panel)


def drawn(scene: Scene) -> list[Panel]:
    """The panels of a run with everything that is drawn beside its curves."""
    run = scene.run
    history: Mapping[str, Any] = run.columns or run.history or {name: [] for name in _expected(run)}
    ghosts = {panel.metric: panel.curves for panel in _ghost_panels(scene)}
    return [
        replace(
            panel,
            curves=(*panel.curves, *_fair(scene, panel)),
            within=_within(scene, panel.metric),
            ghost=ghosts.get(panel.metric, ()),
            answer=_answer(run, panel.metric),
        )
        for panel in panels(run.epochs, history, scene.axis)
    ]


def _fair(scene: Scene, panel: Panel) -> list[Curve]:
    """Training rows measured as validation rows are; a place for them from the start, where they are wished."""
    run = scene.run
    if not scene.view.fair or not (run.measured or run.is_active):
        return []
    values = [run.measured.get(epoch, {}).get(panel.metric, np.nan) for epoch in run.epochs]
    first = panel.curves[0]
    return [Curve(split="fair", epochs=first.epochs, x=first.x, values=np.asarray(values, dtype=float))]


def _ghost_panels(scene: Scene) -> list[Panel]:
    if scene.ghost is None:
        return []
    run, its_axis = scene.ghost
    return panels(run.epochs, run.columns, its_axis)


def _answer(run: Snapshot, metric: str) -> Answer | None:
    """The trivial answer, as the run told it when it began."""
    told_answers: Mapping[str, Any] = next(
        (facts["answers"] for facts in run.told if facts.get("kind") == "trivial"), {}
    )
    known = told_answers.get(metric)
    return None if known is None else Answer(text=known["text"], value=known["value"])


def _within(scene: Scene, metric: str) -> Curve | None:
    """Running values, each epoch's by itself."""
    found = [(one.over, one.logs[metric]) for one in scene.run.running if metric in one.logs]
    if not found:
        return None
    over, values = np.asarray(found, dtype=float).T
    if np.unique(np.ceil(over), return_counts=True)[1].max() < FEW_RUNNING:
        return None
    # What is over at the end of an epoch belongs to it, not to the next one.
    news = np.flatnonzero(np.diff(np.ceil(over))) + 1
    over, values = np.insert(over, news, over[news]), np.insert(values, news, np.nan)
    return Curve(split="train", epochs=over, x=scene.axis.places(over), values=values)


def _chart(scene: Scene, panel: Panel) -> None:
    view, run = scene.view, scene.run
    look = Look(smoothing=view.smoothing, log=view.log, bold=view.bold)
    spec = curve_chart(panel, run=run.uid, planned=run.planned, axis=scene.axis, marks=scene.marks, look=look)
    live_chart(
        spec,
        key=f"chart-{panel.metric}",
        alt=told(panel, scene.marks),
        height=TALL if view.projector else HEIGHT,
        rev=len(run.rows),
        metric=panel.metric,
        bold=view.bold,
    )


def _cursor(scene: Scene) -> None:
    """One slider for all charts; what draws a moment of the run asks `cursor_epoch`."""
    run, (first, last) = scene.run, scene.run.planned
    over, x = scene.axis.knots()
    ahead = scene.axis.place(last)
    places = {"over": [*over.tolist(), last + 1.0], "x": [*x.tolist(), ahead + scene.axis.ahead]}
    data = {
        "run": run.uid,
        "start": first - 1,
        "done": run.epochs[-1] + 1 if run.rows else first - 1,
        "planned": last,
        "places": None if scene.axis.kind == "epoch" else places,
        "exact": _exact(run),
    }
    live_cursor(data, key=CURSOR, on_change=lambda: _moved(run.uid))


def _exact(run: Snapshot) -> dict[str, Any] | None:
    """The values at the cursor, where it was put: charts of long runs do not hold all of them."""
    at = cursor_epoch(run)
    if at is None or state().epoch_at is None:
        return None
    place = run.epochs.index(at) if at in run.epochs else None
    logs = dict(run.rows[place].logs) if place is not None else {}
    logs |= {f"fair_{name}": value for name, value in run.measured.get(at, {}).items()}
    return {"over": at + 1, "values": {name: value if np.isfinite(value) else None for name, value in logs.items()}}


def _moved(uid: str) -> None:
    over = st.session_state[CURSOR]["epoch"]
    state().epoch_at = None if over is None else (uid, int(over) - 1)


def _expected(run: Snapshot) -> list[str]:
    """Names that the history will have."""
    return ["loss"] if run.experiment is None else monitors(run.experiment, None)
