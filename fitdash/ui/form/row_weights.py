"""Widgets for sample_weight: the choice of an expression, and a histogram of the weights that it gives."""

from dataclasses import dataclass
from typing import Any

import streamlit as st

from fitdash.charts.sparklines import bars_svg
from fitdash.errors import FitdashError
from fitdash.runs.protocol.paths import home
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.declaration import problems_in, replace_invalid_values
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.weight_expressions import (
    EXPRESSION_MEANINGS,
    EXPRESSIONS,
    FILE_EXPRESSIONS,
    STEP_EXPRESSIONS,
    WeightExpression,
)
from fitdash.ui.form.widget_values import EXPRESSION, FILES
from fitdash.ui.view_models.formatting import escape_markdown

BARS = 30


@dataclass(frozen=True, kw_only=True)
class WeightHistogram:
    """The weights of all rows: count in each bin, and a line of text."""

    counts: tuple[int, ...]
    line: str


def weight_choices(facts: DataFacts | None) -> tuple[str, ...]:
    """Choices for sample_weight: names of step weights, columns, an expression, files."""
    if facts is None:
        return ()
    files = [FILES[form] for form in FILE_EXPRESSIONS if facts.steps or form not in STEP_EXPRESSIONS]
    return (*facts.step_weights, *facts.weights, EXPRESSION, *files)


def draw_expression(key: str, *, has_steps: bool) -> str:
    """Draws the choice of an expression and its meaning; gives its name."""
    forms = [
        form for form in EXPRESSIONS if form not in FILE_EXPRESSIONS and (has_steps or form not in STEP_EXPRESSIONS)
    ]
    start = forms.index(WeightExpression().form)
    form = st.selectbox("sample_weight expression", forms, index=start, key=f"{key}.form", bind="query-params")
    st.caption(escape_markdown(EXPRESSION_MEANINGS[form]))
    return form


def draw_weights(weights: WeightHistogram) -> None:
    """Draws the histogram of the weights."""
    with st.container(gap="xxsmall", key="weights"):
        st.html(bars_svg(weights.counts, weights.line))
        st.caption(escape_markdown(weights.line))


def weight_histogram(experiment: Experiment, facts: DataFacts | None) -> tuple[WeightHistogram | None, tuple[str, ...]]:
    """Histogram of the draft's sample weights, and their problems; neither if the data or the setting is invalid."""
    said = experiment.fit.sample_weight
    if facts is None or facts.has_feed or not isinstance(said, str) or problems_in(experiment.data):
        return None, ()
    if any(problem.where == "fit.sample_weight" for problem in problems_in(experiment, facts)):
        return None, ()
    fit = replace_invalid_values(experiment.fit)
    split = (FitArgs(validation_split=fit.validation_split, validation_data=fit.validation_data), experiment.seed)
    return _weights(repr((experiment.data, said, split)), experiment.data, said, split)


@st.cache_resource(show_spinner=False, max_entries=32)
def _weights(
    key: str, _data: DatasetArgs, _said: str, _split: tuple[FitArgs, int]
) -> tuple[WeightHistogram | None, tuple[str, ...]]:
    import numpy as np

    from fitdash.data.tables.catalogue import dataset_of
    from fitdash.data.tables.row_weights import compute_sample_weight

    uploads = home() / "uploads"
    try:
        dataset = dataset_of(_data, uploads)
        weights = compute_sample_weight(dataset, _said, uploads, train=_training_rows(dataset, *_split))
    except FitdashError as error:
        return None, tuple(str(error).splitlines())
    counts, _ = np.histogram(weights.astype(np.float64), bins=BARS)
    what = f"{len(weights):,} rows" + (f" of {weights.shape[1]} steps" if weights.ndim > 1 else "")
    span = f"from {weights.min():.3g} to {weights.max():.3g}, {weights.mean(dtype=float):.3g} on average"
    line = f"weights of {what}: {span}"
    zeros = int((weights == 0).sum())
    line += f", {zeros:,} of them 0" if zeros else ""
    return WeightHistogram(counts=tuple(int(count) for count in counts), line=line), ()


def _training_rows(dataset: Any, fit: FitArgs, seed: int) -> Any:
    """The rows that weights are computed from; None if the split is invalid, which is shown at its own widget."""
    from fitdash.data.tables.holdout import split_rows

    try:
        train, _ = split_rows(dataset, fit, seed)
    except FitdashError:
        return None
    return train
