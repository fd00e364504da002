"""The charts of the learned panel as plain data, by the name of the view that shows them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import streamlit as st

from fitdash.charts.boundary import SamplePoints, boundary_chart, describe_boundary, describe_surface, surface_chart
from fitdash.charts.confusion import confusion_chart, describe_confusion
from fitdash.charts.prediction_counts import count_predictions
from fitdash.charts.residuals import describe_errors, predicted_chart, residual_chart
from fitdash.charts.sequence_strips import describe_strips, strips_chart
from fitdash.charts.theme import Chart
from fitdash.ui.components.live_components import LiveChart
from fitdash.ui.learned.panel_data import PanelData, best_axes, predict_plane

MOST_STRIPS = 8


def boundary(subject: PanelData) -> LiveChart:
    """Predicted class and its probability over the plane of two columns."""
    axes = chosen_axes(subject)
    made, answers, sureness = predict_plane(subject.mark, *axes, subject.target, subject)
    spec = boundary_chart(
        ((axes[0], made.xs), (axes[1], made.ys)),
        answers,
        sureness,
        subject.classes,
        _points(subject, *axes),
        run=subject.run,
    )
    return _picture(subject, spec, describe_boundary(answers, subject.classes, *axes))


def surface(subject: PanelData) -> LiveChart:
    """Predicted number over the plane of two columns."""
    axes = chosen_axes(subject)
    made, values, _ = predict_plane(subject.mark, *axes, subject.target, subject)
    name = subject.target
    spec = surface_chart(
        ((axes[0], made.xs), (axes[1], made.ys)), values, name, _points(subject, *axes), run=subject.run
    )
    return _picture(subject, spec, describe_surface(values, name, *axes))


def build_confusion_chart(subject: PanelData) -> LiveChart:
    """Confusion matrix of the predictions."""
    counts = count_predictions(subject.truth, subject.answers, len(subject.classes))
    spec = confusion_chart(counts, subject.classes, run=subject.run)
    return _picture(subject, spec, describe_confusion(counts, subject.classes))


def sequences(subject: PanelData) -> LiveChart:
    """The rows with most wrong steps: true classes above predicted ones."""
    truth, answers = (one.reshape(-1, subject.steps) for one in (subject.truth, subject.answers))
    most = np.argsort(-(truth != answers).sum(axis=1), kind="stable")[:MOST_STRIPS]
    names = [f"row {row + 1}" for row in subject.look.rows[most]]
    spec = strips_chart(truth[most], answers[most], names, subject.classes, run=subject.run)
    return _picture(subject, spec, describe_strips(truth, answers))


def predicted(subject: PanelData) -> LiveChart:
    """Predicted against true numbers."""
    return _numbers(subject, predicted_chart)


def residuals(subject: PanelData) -> LiveChart:
    """Residuals of the predicted numbers."""
    return _numbers(subject, residual_chart)


KEYS: dict[str, tuple[str, Callable[[PanelData], LiveChart]]] = {
    "Boundary": ("panel-boundary", boundary),
    "Map": ("panel-map", surface),
    "Confusion": ("panel-confusion", build_confusion_chart),
    "Sequences": ("panel-sequences", sequences),
    "Predictions": ("panel-predicted", predicted),
    "Residuals": ("panel-residuals", residuals),
}
"""Key of the chart, and the function that builds it, by view; only views whose chart live updates can change."""


def chosen_axes(subject: PanelData) -> tuple[str, str]:
    """The two columns that span the plane: those the user chose, else those that tell most of the target."""
    names = best_axes(subject)
    across, up = (st.session_state.get(key) for key in axis_widget_keys(names))
    across = across if across in names else names[0]
    others = [name for name in names if name != across]
    return across, up if up in others else others[0]


def axis_widget_keys(names: list[str]) -> tuple[str, str]:
    """Widget keys of the two chosen columns."""
    return f"panel.across.{names[:2]}", f"panel.up.{names[:2]}"


def _points(subject: PanelData, across: str, up: str) -> list[SamplePoints]:
    """The samples of both splits, the held-out ones last, so that they lie on top."""
    dataset, found = subject.data.dataset, []
    for split, rows in (("train", subject.data.train), ("val", subject.data.validation)):
        if len(rows):
            x, y = (dataset.table[name].to_numpy(dtype=np.float64, na_value=np.nan)[rows] for name in (across, up))
            whole = dataset.codes if subject.classes else dataset.table[subject.target].to_numpy(dtype=np.float64)
            found.append(SamplePoints(split=split, x=x, y=y, truth=whole[rows]))
    return found


def _numbers(subject: PanelData, chart: Callable[..., Any]) -> LiveChart:
    name = subject.target
    spec = chart(subject.truth, subject.answers, name, run=subject.run, split=subject.split)
    told = f"Predicted against true {name}, or their difference: {describe_errors(subject.truth, subject.answers)}."
    return _picture(subject, spec, told)


def _picture(subject: PanelData, spec: Chart, alt: str) -> LiveChart:
    return LiveChart(spec=spec, alt=alt, rev=subject.look.epoch + 1, of=subject.run, seq=subject.seq)
