"""Charts of the chosen runs: their curves in one chart, and settings against results."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import streamlit as st

from fitdash.charts.overlay import (
    RunCurve,
    describe_overlay,
    overlay_chart,
    parallel_chart,
    restyle_for_print,
    scatter_chart,
)
from fitdash.runs.record.compare import Comparison
from fitdash.runs.record.records import RunRecord
from fitdash.runs.record.store import Store
from fitdash.ui.compare.table import comparison_of
from fitdash.ui.components.live_components import draw_chart
from fitdash.ui.view_models.formatting import escape_markdown, format_number, format_value, labels_of

if TYPE_CHECKING:
    import plotly.graph_objects as go

OWN = "each run"
COLOUR, LOG = "compare.colour", "compare.log"
MOST_LINES = 100
MOST_AXES = 8
MOST_TOLD = 3
"""Settings in the label of a run."""


def draw_curves(store: Store, records: Sequence[RunRecord], metric: str) -> None:
    """Draws the curves of one metric, and beside them those of the same metric on the other split."""
    comparison = comparison_of(records)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        colours = [OWN, *settings_of_interest(comparison)]
        labels = labels_of(colours)
        colour = st.selectbox("colour by", colours, format_func=lambda one: labels.get(one, one), key=COLOUR, width=220)
        log = st.toggle("log y", key=LOG)
    by = None if colour == OWN else colour
    if by is not None:
        st.caption(_colours(comparison, by))
    twin = metric.removeprefix("val_") if metric.startswith("val_") else f"val_{metric}"
    names = [metric, *([twin] if twin in comparison.results else [])]
    for place, name in zip(st.columns(len(names)), names, strict=True):
        with place, st.container(border=True):
            lines = _lines(store, records, name, by)
            spec = overlay_chart(lines, title=name, key="compare-curves", log=log)
            points = sum(len(line.epochs) for line in lines)
            draw_chart(spec, key=f"compare-{name}", alt=describe_overlay(lines, name), rev=points, shares=True)


def draw_overlay(store: Store, records: Sequence[RunRecord], metric: str, *, key: str) -> None:
    """Draws the curves of one metric in one chart."""
    lines = _lines(store, records, metric, None)
    spec = overlay_chart(lines, title=metric, key=key)
    draw_chart(spec, key=key, alt=describe_overlay(lines, metric), rev=sum(len(line.epochs) for line in lines))


def overlay_figure(store: Store, records: Sequence[RunRecord], metric: str) -> "go.Figure":
    """The curves of one metric as a Plotly figure, as on the page, with a legend of all runs."""
    import plotly.graph_objects as go

    by = st.session_state.get(COLOUR, OWN)
    known = by in comparison_of(records).settings
    lines = _lines(store, records, metric, by if known else None)
    chart = overlay_chart(lines, title=metric, key="figure", log=bool(st.session_state.get(LOG)))
    return go.Figure(restyle_for_print(chart)).update_layout(template="plotly_white")


def _lines(store: Store, records: Sequence[RunRecord], metric: str, by: str | None) -> list[RunCurve]:
    comparison = comparison_of(records)
    values = comparison.frame[by].tolist() if by else [None] * len(records)
    named = zip(records[:MOST_LINES], run_labels(comparison), values, strict=False)
    return [_line(store, record, metric, name, value) for record, name, value in named]


def _line(store: Store, record: RunRecord, metric: str, name: str, by: Any) -> RunCurve:
    rows = store.epochs(record.uid)
    return RunCurve(
        run=record.uid,
        name=name,
        epochs=np.array([row.epoch + 1 for row in rows], dtype=float),
        values=np.array([row.logs.get(metric, np.nan) for row in rows], dtype=float),
        by=by,
        faint=record.verdict == "pruned",
    )


def settings_of_interest(comparison: Comparison) -> list[str]:
    """Addresses of the settings in which the runs differ; the seed last, because it tells least."""
    return sorted(comparison.settings, key=lambda address: address == "seed")


def run_labels(comparison: Comparison) -> list[str]:
    """Label of each run: the settings in which it differs, else its name and uid."""
    addresses = settings_of_interest(comparison)[:MOST_TOLD]
    rows = comparison.frame.to_dict("records")
    if not addresses:
        return [f"{row['name']} {row['run'][:4]}" for row in rows]
    labels = labels_of(addresses)
    return [", ".join(f"{labels[one]} {format_value(row[one])}" for one in addresses) for row in rows]


def _colours(comparison: Comparison, by: str) -> str:
    """Meaning of the colours, as markdown."""
    values = list(dict.fromkeys(comparison.frame[by].dropna()))
    numbers = [one for one in values if isinstance(one, int | float) and not isinstance(one, bool)]
    if values and len(numbers) == len(values):
        return f"from blue, {format_number(min(numbers))}, to orange, {format_number(max(numbers))}, by rank"
    return "one colour for each of " + escape_markdown(", ".join(format_value(value) for value in values))


def draw_settings_charts(records: Sequence[RunRecord], metric: str) -> None:
    """Draws settings against results of the runs; nothing if the runs have the same settings."""
    comparison = comparison_of(records)
    outcome = f"{metric} best" if f"{metric} best" in comparison.results else metric
    addresses = settings_of_interest(comparison)
    frame = comparison.frame
    kept = frame[frame[outcome].notna()] if outcome in frame else frame[:0]
    if not addresses or len(kept) < 2:
        return
    labels = labels_of(addresses)
    address = st.selectbox(
        "setting", addresses, format_func=lambda one: labels.get(one, one), key="compare.setting", width=220
    )
    left, right = st.columns(2)
    columns = {one: kept[one].tolist() for one in addresses[:MOST_AXES]}
    values = kept[outcome].tolist()
    with left, st.container(border=True):
        named = {labels[one]: column for one, column in columns.items()}
        spec = parallel_chart({**named, outcome: values}, result=outcome, key="compare-parallel")
        draw_chart(spec, key="compare-parallel", alt=f"Settings of {len(kept)} runs and {outcome}", rev=len(kept))
    with right, st.container(border=True):
        names = [name for name, is_kept in zip(run_labels(comparison), frame[outcome].notna(), strict=True) if is_kept]
        titles = (labels[address], outcome)
        spec = scatter_chart(kept[address].tolist(), values, names, titles=titles, key=f"compare-scatter-{address}")
        draw_chart(spec, key="compare-scatter", alt=f"{titles[0]} against {outcome}, a point per run", rev=len(kept))
