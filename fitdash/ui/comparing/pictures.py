"""Curves of the chosen runs over each other; settings against results."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from fitdash.charts.overlay import Line, overlay_chart, parallel_chart, scatter_chart, told
from fitdash.runs.compare import Comparison
from fitdash.runs.records import RunRecord
from fitdash.runs.store import Store
from fitdash.ui.comparing.table import compared
from fitdash.ui.live_chart import live_chart
from fitdash.ui.words import escaped, label_of, number, short

OWN = "each run"
MOST_LINES = 100
MOST_AXES = 8
MOST_TOLD = 3
"""Settings by which a line is told from the others."""


def curves(store: Store, records: Sequence[RunRecord], metric: str) -> None:
    """The curves of one metric, and beside it its twin of training or validation."""
    comparison = compared(records)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        colours = [OWN, *settings_of_interest(comparison)]
        colour = st.selectbox("colour by", colours, format_func=label_of, key="compare.colour", width=220)
        log = st.toggle("log y", key="compare.log")
    by = None if colour == OWN else colour
    if by is not None:
        st.caption(_colours(comparison, by))
    twin = metric.removeprefix("val_") if metric.startswith("val_") else f"val_{metric}"
    names = [metric, *([twin] if twin in comparison.results else [])]
    for place, name in zip(st.columns(len(names)), names, strict=True):
        with place, st.container(border=True):
            overlay(store, records, name, by=by, log=log, key=f"compare-{name}")


def overlay(
    store: Store, records: Sequence[RunRecord], metric: str, *, key: str, by: str | None = None, log: bool = False
) -> None:
    """The curves of one metric over each other."""
    comparison = compared(records)
    values = comparison.frame[by].tolist() if by else [None] * len(records)
    names = names_of(comparison)
    lines = [
        _line(store, record, metric, name, value)
        for record, name, value in zip(records[:MOST_LINES], names, values, strict=False)
    ]
    spec = overlay_chart(lines, title=metric, key=key, log=log)
    live_chart(spec, key=key, alt=told(lines, metric), rev=sum(len(line.epochs) for line in lines))


def _line(store: Store, record: RunRecord, metric: str, name: str, by: Any) -> Line:
    rows = store.epochs(record.uid)
    return Line(
        run=record.uid,
        name=name,
        epochs=np.array([row.epoch + 1 for row in rows], dtype=float),
        values=np.array([row.logs.get(metric, np.nan) for row in rows], dtype=float),
        by=by,
        faint=record.verdict == "pruned",
    )


def settings_of_interest(comparison: Comparison) -> list[str]:
    """What differs, the seed last, because it tells least."""
    return sorted(comparison.settings, key=lambda address: address == "seed")


def names_of(comparison: Comparison) -> list[str]:
    """Each run by what tells it from the others."""
    addresses = settings_of_interest(comparison)[:MOST_TOLD]
    rows = comparison.frame.to_dict("records")
    if not addresses:
        return [f"{row['name']} {row['run'][:4]}" for row in rows]
    return [", ".join(f"{label_of(one)} {short(row[one])}" for one in addresses) for row in rows]


def _colours(comparison: Comparison, by: str) -> str:
    """Which colour means what."""
    values = list(dict.fromkeys(comparison.frame[by].dropna()))
    numbers = [one for one in values if isinstance(one, int | float) and not isinstance(one, bool)]
    if values and len(numbers) == len(values):
        return f"from blue, {number(min(numbers))}, to orange, {number(max(numbers))}, by rank"
    return "one colour for each of " + escaped(", ".join(short(value) for value in values))


def settings_against(records: Sequence[RunRecord], metric: str) -> None:
    """How the settings and the results go together, where the runs differ."""
    comparison = compared(records)
    outcome = f"{metric} best" if f"{metric} best" in comparison.results else metric
    addresses = settings_of_interest(comparison)
    frame = comparison.frame
    kept = frame[frame[outcome].notna()] if outcome in frame else frame[:0]
    if not addresses or len(kept) < 2:
        return
    address = st.selectbox("setting", addresses, format_func=label_of, key="compare.setting", width=220)
    left, right = st.columns(2)
    columns = {one: kept[one].tolist() for one in addresses[:MOST_AXES]}
    values = kept[outcome].tolist()
    with left, st.container(border=True):
        named = {label_of(one): column for one, column in columns.items()}
        spec = parallel_chart({**named, outcome: values}, result=outcome, key="compare-parallel")
        live_chart(spec, key="compare-parallel", alt=f"Settings of {len(kept)} runs and {outcome}", rev=len(kept))
    with right, st.container(border=True):
        names = [name for name, is_kept in zip(names_of(comparison), frame[outcome].notna(), strict=True) if is_kept]
        titles = (label_of(address), outcome)
        spec = scatter_chart(kept[address].tolist(), values, names, titles=titles, key=f"compare-scatter-{address}")
        live_chart(spec, key="compare-scatter", alt=f"{titles[0]} against {outcome}, a point per run", rev=len(kept))
