"""The learned panel: views of the predictions at the epoch of the cursor, by task; drawn, and updated live."""

from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from fitdash.charts.prediction_counts import accuracy, confident_mistakes, count_predictions, largest_errors
from fitdash.charts.residuals import describe_errors
from fitdash.errors import FitdashError
from fitdash.ui.components.live_components import (
    PROJECTOR_HEIGHT,
    LiveText,
    draw_live_chart,
    draw_live_text,
    to_browser,
)
from fitdash.ui.learned import samples
from fitdash.ui.learned.confusion import cell_redraw_key, draw_confusion
from fitdash.ui.learned.panel_charts import KEYS, MOST_STRIPS, axis_widget_keys, chosen_axes
from fitdash.ui.learned.panel_data import TARGET, PanelData, best_axes, epochs_with_predictions, panel_data_of
from fitdash.ui.session.chart_options import read_chart_options
from fitdash.ui.session.server_resources import ServerResources
from fitdash.ui.view_models.formatting import escape_markdown, format_number
from fitdash.ui.view_models.run_view import RunView

Draw = Callable[[PanelData], None]
WIDE = "clamp(300px, 44vh, 700px)"


def is_available(server: ServerResources, run: RunView) -> bool:
    """True if the run has saved predictions or may still save some; a script's run has none."""
    return run.experiment is not None and (run.is_active or bool(epochs_with_predictions(server, run)))


def draw(server: ServerResources, run: RunView) -> None:
    """Draws the panel of a run; a placeholder before the first predictions."""
    try:
        subject = panel_data_of(server, run)
    except FitdashError as error:
        st.caption(f"What it has learned cannot be shown: {escape_markdown(str(error).splitlines()[0])}")
        return
    if subject is None:
        with st.container(border=True, key="panel"):
            st.markdown("**What it has learned** is shown from the first epoch on.")
        return
    views = views_of(subject)
    with st.container(border=True, key="panel", gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="panel-head"):
            draw_live_text(_when(subject), key="panel-when")
            chosen = st.segmented_control(
                "View",
                list(views),
                default=_first(subject, views),
                required=True,
                key=_key_of(views),
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
        draw_live_text(_how_good(subject), key="panel-words")


def redraw_key(server: ServerResources, run: RunView) -> Any:
    """What the panel draws beside what live updates can change: if it changes, the page must rerun."""
    if not is_available(server, run):
        return None
    try:
        subject = panel_data_of(server, run)
    except FitdashError as error:
        return str(error)
    if subject is None:
        return False
    views = views_of(subject)
    shown = _shown(views, subject)
    if shown == "Confusion":
        return shown, cell_redraw_key(subject)
    return shown if shown in KEYS else (shown, subject.look.epoch)


def panel_updates(server: ServerResources, run: RunView) -> dict[str, Any]:
    """Live update of the panel: "charts" and "words" by key; empty if its view has no chart that can be updated."""
    subject = panel_data_of(server, run)
    if subject is None:
        return {}
    views = views_of(subject)
    shown = KEYS.get(_shown(views, subject))
    if shown is None:
        return {}
    key, picture = shown
    words = {"panel-when": to_browser(_when(subject)), "panel-words": to_browser(_how_good(subject))}
    return {"charts": {key: to_browser(picture(subject))}, "words": words}


def views_of(subject: PanelData) -> dict[str, Draw]:
    """The views for this task: the function that draws each, by name."""
    views: dict[str, Draw] = {"Boundary": _boundary, "Confusion": draw_confusion, "Mistakes": _mistakes}
    if subject.steps > 1:
        views = {"Sequences": _sequences, "Confusion": draw_confusion, "Mistakes": _mistakes}
    elif not subject.classes:
        views = {"Predictions": _predicted, "Residuals": _residuals, "Map": _surface, "Worst rows": _worst}
    return {name: view for name, view in views.items() if name not in ("Boundary", "Map") or len(subject.axes) >= 2}


def _key_of(views: dict[str, Draw]) -> str:
    """Widget key of the chosen view."""
    return f"panel.view.{'-'.join(views)}"


def _shown(views: dict[str, Draw], subject: PanelData) -> str:
    return st.session_state.get(_key_of(views)) or _first(subject, views)


def _first(subject: PanelData, views: dict[str, Draw]) -> str:
    """Name of the view shown first: the boundary if there are just two inputs, else one that shows all inputs."""
    names = [name for name in views if name != "Boundary" or len(subject.data.columns.names) == 2]
    return names[0]


def _when(subject: PanelData) -> LiveText:
    return LiveText(bold="Learned", text=f"after epoch {subject.look.epoch + 1}", of=subject.run, seq=subject.seq)


def _how_good(subject: PanelData) -> LiveText:
    return LiveText(text=_told(subject), of=subject.run, seq=subject.seq)


def _told(subject: PanelData) -> str:
    """How many rows were predicted, and how good the predictions are."""
    count, all_rows = len(subject.look.rows), len(subject.data.validation if subject.is_held else subject.data.train)
    kind = "held-out rows" if subject.is_held else "rows that it was trained on"
    rows = (
        f"{format_number(count)} {kind}"
        if count == all_rows
        else f"{format_number(count)} of {format_number(all_rows)} {kind}, evenly"
    )
    if not subject.classes:
        return f"{rows}: {describe_errors(subject.truth, subject.answers)}."
    counts = count_predictions(subject.truth, subject.answers, len(subject.classes))
    most = counts.sum(axis=1).max() / max(counts.sum(), 1)
    lost = "" if np.isfinite(subject.sureness).all() else " The network's outputs are no longer numbers."
    what = f"{accuracy(counts):.1%} {'of all steps ' if subject.steps > 1 else ''}right"
    return f"{rows}: {what}; always answering the most common class: {most:.1%}.{lost}"


def _draw(subject: PanelData, name: str) -> None:
    key, picture = KEYS[name]
    draw_live_chart(picture(subject), key=key, height=PROJECTOR_HEIGHT if read_chart_options().projector else WIDE)


def _boundary(subject: PanelData) -> None:
    _choose_axes(subject)
    _draw(subject, "Boundary")
    if subject.is_held:
        st.caption("Deeper where it is surer. Strongly outlined samples are held out.")


def _surface(subject: PanelData) -> None:
    _choose_axes(subject)
    _draw(subject, "Map")


def _choose_axes(subject: PanelData) -> None:
    """Draws the choice of the two columns; the others stay at their median. Nothing if there are only two."""
    names = best_axes(subject)
    if len(names) == 2 and len(subject.data.columns.inputs) == 2:
        return
    keys, (now, _) = axis_widget_keys(names), chosen_axes(subject)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="panel-axes"):
        shared: dict[str, Any] = {"width": 220, "label_visibility": "collapsed"}
        st.selectbox("across", names, key=keys[0], help="Column across.", **shared)
        others = [name for name in names if name != now]
        st.selectbox("up", others, key=keys[1], help="Column up.", **shared)
        st.caption("across and up; all other columns stay at their median", width="content")


def _sequences(subject: PanelData) -> None:
    _draw(subject, "Sequences")
    st.caption(f"The {min(MOST_STRIPS, len(subject.look.rows))} rows with most wrong steps.")


def _predicted(subject: PanelData) -> None:
    _draw(subject, "Predictions")


def _residuals(subject: PanelData) -> None:
    _draw(subject, "Residuals")


def _mistakes(subject: PanelData) -> None:
    """Draws the wrongly predicted samples, the surest first."""
    places = confident_mistakes(subject.truth, subject.answers, subject.sureness)
    if not len(places):
        st.markdown("No mistake.")
        return
    st.markdown(f"{format_number(len(places))} mistakes; those first of which the network was most sure.")
    samples.draw(subject, places, key="panel-mistakes")


def _worst(subject: PanelData) -> None:
    """Draws the rows with the largest errors."""
    samples.draw(subject, largest_errors(subject.truth, subject.answers), key="panel-worst")
