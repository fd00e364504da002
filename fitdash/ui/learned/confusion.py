"""The confusion matrix in the learned panel, and the samples of one of its cells."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st

from fitdash.charts.prediction_counts import Array, count_predictions, most_confused_pair
from fitdash.ui.components.live_components import CHART_HEIGHT, PROJECTOR_HEIGHT, draw_live_chart
from fitdash.ui.learned import samples
from fitdash.ui.learned.panel_charts import KEYS, build_confusion_chart
from fitdash.ui.learned.panel_data import PanelData
from fitdash.ui.session.chart_options import read_chart_options
from fitdash.ui.view_models.formatting import escape_markdown

CHART = KEYS["Confusion"][0]
MOST_LISTED = 14
MOST_SAMPLES = 8


def draw_confusion(subject: PanelData) -> None:
    """Draws the matrix, and under it the samples of the cell that the user chose, else of the most common mistake."""
    counts = count_predictions(subject.truth, subject.answers, len(subject.classes))
    height = PROJECTOR_HEIGHT if read_chart_options().projector else CHART_HEIGHT
    draw_live_chart(
        build_confusion_chart(subject), key=CHART, height=height, on_pick=partial(_picked, len(subject.classes))
    )
    cell = _choice(subject.classes, counts) or most_confused_pair(counts)
    if cell is None:
        st.markdown("No class is taken for another.")
        return
    true, predicted = (escape_markdown(subject.classes[index]) for index in cell)
    what = "rightly predicted" if cell[0] == cell[1] else f"predicted as **{predicted}**"
    st.markdown(f"True **{true}**, {what}: {counts[cell]} of {counts[cell[0]].sum()}.")
    samples.draw(subject, _places(subject, cell), key="panel-cell", most=MOST_SAMPLES)


def cell_redraw_key(subject: PanelData) -> tuple[object, ...]:
    """What is drawn under the matrix, for comparison: the cell, its count and its first samples; if the samples are
    drawn as a table, the epoch, because its values change with each prediction.
    """
    if subject.data.dataset.image_shape is None:
        return (subject.look.epoch,)
    counts = count_predictions(subject.truth, subject.answers, len(subject.classes))
    cell = st.session_state.get(_key(len(subject.classes))) or most_confused_pair(counts)
    if cell is None:
        return ()
    places = _places(subject, cell)
    return cell, len(places), tuple(subject.rows_of(places[:MOST_SAMPLES]).tolist())


def _places(subject: PanelData, cell: tuple[int, int]) -> Array:
    """Positions of a cell's predictions, the surest first."""
    places = np.flatnonzero((subject.truth == cell[0]) & (subject.answers == cell[1]))
    found: Array = places[np.argsort(-subject.sureness[places], kind="stable")]
    return found


def _choice(classes: Sequence[str], counts: Array) -> tuple[int, int] | None:
    """The cell that the user clicked, or chose from a list, which needs no mouse."""
    cells = [divmod(place, len(classes)) for place in range(len(classes) ** 2)]
    if len(classes) > MOST_LISTED:
        return st.session_state.get(_key(len(classes)))
    return st.selectbox(
        "Cell",
        cells,
        index=None,
        placeholder="Click a cell, or choose one: its samples",
        format_func=lambda cell: f"true {classes[cell[0]]}, predicted {classes[cell[1]]}: {counts[cell]}",
        key=_key(len(classes)),
        label_visibility="collapsed",
    )


def _key(classes: int) -> str:
    """Widget key of the chosen cell, one for each size of the matrix."""
    return f"panel.cell.{classes}"


def _picked(classes: int) -> None:
    place = st.session_state[CHART]["picked"]
    if isinstance(place, list | tuple) and len(place) == 2:
        st.session_state[_key(classes)] = (int(place[0]), int(place[1]))
