"""What the network has learned, by task, at the epoch of the cursor: maps, matrices, mistakes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from fitdash.charts.answers import accuracy, confident_mistakes, counted, worst
from fitdash.charts.boundary import Points, boundary_chart, surface_chart, told_boundary, told_surface
from fitdash.charts.residuals import predicted_chart, residual_chart, told_numbers
from fitdash.charts.strips import strips_chart, told_strips
from fitdash.errors import FitdashError
from fitdash.ui import samples
from fitdash.ui.confusion import draw_confusion
from fitdash.ui.live_chart import TALL, live_chart
from fitdash.ui.resources import Desk
from fitdash.ui.snapshot import Snapshot
from fitdash.ui.subject import TARGET, Subject, best_axes, epochs_looked, map_of, subject_of
from fitdash.ui.view import view
from fitdash.ui.words import escaped, number

Draw = Callable[[Subject], None]
MOST_STRIPS = 8
WIDE = "clamp(300px, 44vh, 700px)"


def is_there(desk: Desk, run: Snapshot) -> bool:
    """Whether there is something to see of a run, or will be: a script's run tells numbers only."""
    return run.experiment is not None and (run.is_active or bool(epochs_looked(desk, run)))


def draw(desk: Desk, run: Snapshot) -> None:
    """The panel of a run, with an empty place before the first look."""
    try:
        subject = subject_of(desk, run)
    except FitdashError as error:
        st.caption(f"What it has learned cannot be shown: {escaped(str(error).splitlines()[0])}")
        return
    if subject is None:
        with st.container(border=True, key="panel"):
            st.markdown("**What it has learned** is shown from the first epoch on.")
        return
    views = views_of(subject)
    with st.container(border=True, key="panel", gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="panel-head"):
            st.markdown(f"**Learned** after epoch {subject.look.epoch + 1}", width="content")
            chosen = st.segmented_control(
                "View",
                list(views),
                default=_first(subject, views),
                required=True,
                key=f"panel.view.{'-'.join(views)}",
                label_visibility="collapsed",
            )
            if len(subject.targets) > 1:
                st.segmented_control(
                    "Target",
                    subject.targets,
                    default=subject.targets[0],
                    required=True,
                    key=TARGET,
                    label_visibility="collapsed",
                )
        views[chosen or _first(subject, views)](subject)
        st.caption(_told(subject))


def views_of(subject: Subject) -> dict[str, Draw]:
    """What there is to see, by name."""
    views: dict[str, Draw] = {"Boundary": _boundary, "Confusion": draw_confusion, "Mistakes": _mistakes}
    if subject.steps > 1:
        views = {"Sequences": _sequences, "Confusion": draw_confusion, "Mistakes": _mistakes}
    elif not subject.classes:
        views = {"Predictions": _predicted, "Residuals": _residuals, "Map": _surface, "Worst rows": _worst}
    return {name: view for name, view in views.items() if name not in ("Boundary", "Map") or len(subject.axes) >= 2}


def _first(subject: Subject, views: dict[str, Draw]) -> str:
    """The boundary where the inputs are the plane itself, else what shows all inputs at once."""
    names = [name for name in views if name != "Boundary" or len(subject.data.columns.names) == 2]
    return names[0]


def _told(subject: Subject) -> str:
    """How many rows it is about, and how good the answers are."""
    count, all_rows = len(subject.look.rows), len(subject.data.validation if subject.is_held else subject.data.train)
    kind = "held-out rows" if subject.is_held else "rows that it was trained on"
    rows = f"{number(count)} {kind}" if count == all_rows else f"{number(count)} of {number(all_rows)} {kind}, evenly"
    if not subject.classes:
        return f"{rows}: {told_numbers(subject.truth, subject.answers)}."
    counts = counted(subject.truth, subject.answers, len(subject.classes))
    most = counts.sum(axis=1).max() / max(counts.sum(), 1)
    lost = "" if np.isfinite(subject.sureness).all() else " The network's outputs are no longer numbers."
    what = f"{accuracy(counts):.1%} {'of all steps ' if subject.steps > 1 else ''}right"
    return f"{rows}: {what}; always answering the most common class: {most:.1%}.{lost}"


def _height() -> str:
    return TALL if view().projector else WIDE


def _boundary(subject: Subject) -> None:
    axes = _axes(subject)
    made, answers, sureness = map_of(subject.mark, *axes, subject.target, subject)
    spec = boundary_chart(
        ((axes[0], made.xs), (axes[1], made.ys)),
        answers,
        sureness,
        subject.classes,
        _points(subject, *axes),
        run=subject.run,
    )
    told = told_boundary(answers, subject.classes, *axes)
    live_chart(spec, key="panel-boundary", alt=told, height=_height(), rev=subject.look.epoch + 1)
    if subject.is_held:
        st.caption("Deeper where it is surer. Strongly outlined samples are held out.")


def _surface(subject: Subject) -> None:
    axes = _axes(subject)
    made, values, _ = map_of(subject.mark, *axes, subject.target, subject)
    name = subject.target
    spec = surface_chart(
        ((axes[0], made.xs), (axes[1], made.ys)), values, name, _points(subject, *axes), run=subject.run
    )
    told = told_surface(values, name, *axes)
    live_chart(spec, key="panel-map", alt=told, height=_height(), rev=subject.look.epoch + 1)


def _axes(subject: Subject) -> tuple[str, str]:
    """The two columns, a choice where there are more; the others stay at their middle."""
    names = best_axes(subject)
    if len(names) == 2 and len(subject.data.columns.inputs) == 2:
        return names[0], names[1]
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="panel-axes"):
        shared: dict[str, Any] = {"width": 220, "label_visibility": "collapsed"}
        across = st.selectbox("across", names, key=f"panel.across.{names[:2]}", help="Column across.", **shared)
        others = [name for name in names if name != across]
        up = st.selectbox("up", others, key=f"panel.up.{names[:2]}", help="Column up.", **shared)
        st.caption("across and up; all other columns stay at their median", width="content")
    return across or names[0], up or others[0]


def _points(subject: Subject, across: str, up: str) -> list[Points]:
    """The samples, those that are held out last, so that they lie on top."""
    dataset, found = subject.data.dataset, []
    for split, rows in (("train", subject.data.train), ("val", subject.data.validation)):
        if len(rows):
            x, y = (dataset.table[name].to_numpy(dtype=np.float64, na_value=np.nan)[rows] for name in (across, up))
            whole = dataset.codes if subject.classes else dataset.table[subject.target].to_numpy(dtype=np.float64)
            found.append(Points(split=split, x=x, y=y, truth=whole[rows]))
    return found


def _sequences(subject: Subject) -> None:
    """The rows with most wrong steps, true classes above predicted ones."""
    truth, answers = (one.reshape(-1, subject.steps) for one in (subject.truth, subject.answers))
    most = np.argsort(-(truth != answers).sum(axis=1), kind="stable")[:MOST_STRIPS]
    names = [f"row {row + 1}" for row in subject.look.rows[most]]
    spec = strips_chart(truth[most], answers[most], names, subject.classes, run=subject.run)
    told = told_strips(truth, answers)
    live_chart(spec, key="panel-sequences", alt=told, height=_height(), rev=subject.look.epoch + 1)
    st.caption(f"The {len(most)} rows with most wrong steps.")


def _predicted(subject: Subject) -> None:
    _numbers(subject, "panel-predicted", predicted_chart)


def _residuals(subject: Subject) -> None:
    _numbers(subject, "panel-residuals", residual_chart)


def _numbers(subject: Subject, key: str, chart: Callable[..., Any]) -> None:
    name = subject.target
    spec = chart(subject.truth, subject.answers, name, run=subject.run, split=subject.split)
    told = f"Predicted against true {name}, or their difference: {told_numbers(subject.truth, subject.answers)}."
    live_chart(spec, key=key, alt=told, height=_height(), rev=subject.look.epoch + 1)


def _mistakes(subject: Subject) -> None:
    """The samples that were answered wrongly and surely."""
    places = confident_mistakes(subject.truth, subject.answers, subject.sureness)
    if not len(places):
        st.markdown("No mistake.")
        return
    st.markdown(f"{number(len(places))} mistakes; those first of which the network was most sure.")
    samples.draw(subject, places, key="panel-mistakes")


def _worst(subject: Subject) -> None:
    """The rows whose prediction is furthest off."""
    samples.draw(subject, worst(subject.truth, subject.answers), key="panel-worst")
