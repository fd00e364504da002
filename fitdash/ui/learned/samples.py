"""Samples with their true and predicted values: as images if they are images, else as rows of a table."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from fitdash.charts.prediction_counts import Array
from fitdash.charts.samples import images_chart
from fitdash.ui.components.live_components import draw_chart
from fitdash.ui.learned.panel_data import PanelData
from fitdash.ui.view_models.formatting import format_number

COLUMNS = 8
ROW_REM = 4.6


def draw(subject: PanelData, places: Array, *, key: str, most: int = 4 * COLUMNS) -> None:
    """Draws the first `most` of the samples at these positions of the predictions."""
    shape = subject.data.dataset.image_shape
    if shape is None:
        st.dataframe(_table(subject, places[:most]), hide_index=True, height=min(36 * len(places[:most]) + 40, 420))
    elif len(places):
        _images(subject, places[:most], shape, key)
    if len(places) > most:
        st.caption(f"The first {most} of {format_number(len(places))}.")


def _images(subject: PanelData, places: Array, shape: tuple[int, int], key: str) -> None:
    pixels = subject.data.dataset.features.to_numpy(dtype=np.float64)[subject.rows_of(places)]
    images = pixels.reshape(len(places), *shape)
    names = subject.classes
    pairs = [(names[subject.truth[one]], names[subject.answers[one]]) for one in places]
    texts = [true if true == given else f"{true} → {given}" for true, given in pairs]
    told = f"{len(places)} samples as images, true class → predicted class: {', '.join(texts)}."
    rows = -(-len(places) // COLUMNS)
    spec = images_chart(images, texts, run=subject.run, columns=COLUMNS)
    draw_chart(spec, key=key, alt=told, height=f"{rows * ROW_REM + 0.5}rem", rev=subject.look.epoch + 1)


def _table(subject: PanelData, places: Array) -> pd.DataFrame:
    """True and predicted value, probability or error, and the features of each row."""
    rows, names, data = subject.rows_of(places), subject.classes, subject.data.dataset
    told: dict[str, Any] = {"row": rows + 1}
    if subject.steps > 1:
        told["step"] = places % subject.steps + 1
    if names:
        told["true"] = [names[index] for index in subject.truth[places]]
        told["predicted"] = [names[index] for index in subject.answers[places]]
        told["sure"] = [f"{share:.1%}" for share in subject.sureness[places]]
    else:
        told["true"] = subject.truth[places]
        told["predicted"] = subject.answers[places]
        told["true − predicted"] = subject.truth[places] - subject.answers[places]
    return pd.concat([pd.DataFrame(told), data.features.iloc[rows].reset_index(drop=True)], axis=1)
