"""What the charts of a run show at one moment, as plain data: for a rerun and for a live update alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fitdash.charts.annotations import Annotation
from fitdash.charts.axis import Axis
from fitdash.charts.curve_chart import CurveStyle, curve_chart
from fitdash.charts.curves import Baseline, Curve, MetricPanel, describe_panel, metric_panels
from fitdash.ui.components.live_components import LiveChart
from fitdash.ui.run.annotations import list_annotations
from fitdash.ui.run.axes import run_axis
from fitdash.ui.session.chart_options import ChartOptions
from fitdash.ui.view_models.effective_defaults import monitor_names
from fitdash.ui.view_models.run_view import RunView

FEW_RUNNING = 3
"""Running values that an epoch must have for any to be drawn: a short epoch has one or two if it had to wait."""


@dataclass(frozen=True, kw_only=True)
class ChartState:
    """What all charts of a run share at one moment.

    Attributes:
        ghost: The previous run, with its own axis.
        held: Index of the epoch where the user put the cursor; None if the cursor follows the newest.
    """

    run: RunView
    view: ChartOptions
    axis: Axis
    marks: Sequence[Annotation]
    ghost: tuple[RunView, Axis] | None = None
    held: int | None = None


def chart_state_of(
    run: RunView, view: ChartOptions, previous: RunView | None = None, held: int | None = None
) -> ChartState:
    """The chart state of a run with these options, in front of the previous run."""
    ghost = None if previous is None else (previous, run_axis(previous, view.x))
    return ChartState(
        run=run, view=view, axis=run_axis(run, view.x), marks=list_annotations(run), ghost=ghost, held=held
    )


def build_panels(scene: ChartState) -> list[MetricPanel]:
    """One panel for each metric, with everything drawn beside its curves: fair loss, running values, previous run."""
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
        for panel in metric_panels(run.epochs, history, scene.axis)
    ]


def chart_key(panel: MetricPanel) -> str:
    """Key of the panel's chart component."""
    return f"chart-{panel.metric}"


def build_chart(scene: ChartState, panel: MetricPanel) -> LiveChart:
    """The chart of one panel, ready for the browser."""
    view, run = scene.view, scene.run
    look = CurveStyle(smoothing=view.smoothing, log=view.log, bold=view.bold)
    spec = curve_chart(panel, run=run.uid, planned=run.planned, axis=scene.axis, marks=scene.marks, look=look)
    return LiveChart(spec=spec, alt=describe_panel(panel, scene.marks), rev=len(run.rows), of=run.uid, seq=run.seq)


def cursor_data(scene: ChartState) -> dict[str, Any]:
    """What the cursor component is sent: its range, its places on the axis, and the values at a pinned epoch."""
    run, (first, last) = scene.run, scene.run.planned
    over, x = scene.axis.knots()
    ahead = scene.axis.place(last)
    places = {"over": [*over.tolist(), last + 1.0], "x": [*x.tolist(), ahead + scene.axis.ahead]}
    return {
        "run": run.uid,
        "seq": run.seq,
        "start": first - 1,
        "done": run.epochs[-1] + 1 if run.rows else first - 1,
        "planned": last,
        "places": None if scene.axis.kind == "epoch" else places,
        "exact": _exact(scene),
    }


def _fair(scene: ChartState, panel: MetricPanel) -> list[Curve]:
    """Curve of the training rows measured as validation rows are; from the first epoch on, if the option is on."""
    run = scene.run
    if not scene.view.fair or not (run.measured or run.is_active):
        return []
    values = [run.measured.get(epoch, {}).get(panel.metric, np.nan) for epoch in run.epochs]
    first = panel.curves[0]
    return [Curve(split="fair", epochs=first.epochs, x=first.x, values=np.asarray(values, dtype=float))]


def _ghost_panels(scene: ChartState) -> list[MetricPanel]:
    if scene.ghost is None:
        return []
    run, its_axis = scene.ghost
    return metric_panels(run.epochs, run.columns, its_axis)


def _answer(run: RunView, metric: str) -> Baseline | None:
    """The constant prediction to compare with, as the run recorded it when it began."""
    told_answers: Mapping[str, Any] = next(
        (facts["answers"] for facts in run.told if facts.get("kind") == "trivial"), {}
    )
    known = told_answers.get(metric)
    return None if known is None else Baseline(text=known["text"], value=known["value"])


def _within(scene: ChartState, metric: str) -> Curve | None:
    """Running values within epochs, with a gap between two epochs; None if there are too few."""
    found = [(one.over, one.logs[metric]) for one in scene.run.running if metric in one.logs]
    if not found:
        return None
    over, values = np.asarray(found, dtype=float).T
    if np.unique(np.ceil(over), return_counts=True)[1].max() < FEW_RUNNING:
        return None
    # A value at the very end of an epoch belongs to that epoch, not to the next one.
    news = np.flatnonzero(np.diff(np.ceil(over))) + 1
    over, values = np.insert(over, news, over[news]), np.insert(values, news, np.nan)
    return Curve(split="train", epochs=over, x=scene.axis.places(over), values=values)


def _exact(scene: ChartState) -> dict[str, Any] | None:
    """The values at the epoch where the user put the cursor: charts of long runs are thinned and may lack them."""
    run, at = scene.run, scene.held
    if at is None:
        return None
    place = run.epochs.index(at) if at in run.epochs else None
    logs = dict(run.rows[place].logs) if place is not None else {}
    logs |= {f"fair_{name}": value for name, value in run.measured.get(at, {}).items()}
    return {"over": at + 1, "values": {name: value if np.isfinite(value) else None for name, value in logs.items()}}


def _expected(run: RunView) -> list[str]:
    """Names of the logs that the history will have."""
    return ["loss"] if run.experiment is None else monitor_names(run.experiment, None)
