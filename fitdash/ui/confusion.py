"""The confusion matrix, and the samples behind one of its cells."""

import numpy as np
import streamlit as st

from fitdash.charts.answers import counted, most_mistaken
from fitdash.charts.confusion import confusion_chart, told_confusion
from fitdash.ui import samples
from fitdash.ui.live_chart import HEIGHT, TALL, live_chart
from fitdash.ui.subject import Subject
from fitdash.ui.view import view
from fitdash.ui.words import escaped

CHART = "panel-confusion"
CELL = "panel.cell"


def draw_confusion(subject: Subject) -> None:
    """The matrix, and under it the samples of the cell that was clicked, else of the most common mistake."""
    counts = counted(subject.truth, subject.answers, len(subject.classes))
    live_chart(
        confusion_chart(counts, subject.classes, run=subject.run),
        key=CHART,
        alt=told_confusion(counts, subject.classes),
        height=TALL if view().projector else HEIGHT,
        rev=subject.look.epoch + 1,
        on_pick=_picked,
    )
    cell = _cell(len(subject.classes)) or most_mistaken(counts)
    if cell is None:
        st.markdown("No class is taken for another. Click a cell to see its samples.")
        return
    true, predicted = (escaped(subject.classes[index]) for index in cell)
    what = "rightly predicted" if cell[0] == cell[1] else f"predicted as **{predicted}**"
    st.markdown(f"True **{true}**, {what}: {counts[cell]} of {counts[cell[0]].sum()}. Click a cell for others.")
    places = np.flatnonzero((subject.truth == cell[0]) & (subject.answers == cell[1]))
    samples.draw(subject, places[np.argsort(-subject.sureness[places], kind="stable")], key="panel-cell", most=8)


def _cell(classes: int) -> tuple[int, int] | None:
    """The cell that was clicked, if this matrix has it."""
    cell = st.session_state.get(CELL)
    return cell if cell is not None and max(cell) < classes else None


def _picked() -> None:
    place = st.session_state[CHART]["picked"]
    if isinstance(place, list | tuple) and len(place) == 2:
        st.session_state[CELL] = (int(place[0]), int(place[1]))
