"""Runs that one Fit started from lists of values: their curves in one chart, and a button for each."""

import time
from collections.abc import Sequence

import streamlit as st

from fitdash.errors import SettingError
from fitdash.runs.protocol.events import Tagged
from fitdash.runs.record.compare import Comparison
from fitdash.runs.record.records import RunRecord
from fitdash.runs.scheduling.runner import Run
from fitdash.settings.experiment import Experiment
from fitdash.ui.compare.charts import draw_overlay, run_labels
from fitdash.ui.compare.table import choose_metric, comparison_of
from fitdash.ui.form.fill import fill_form
from fitdash.ui.session.identity import visitor_id
from fitdash.ui.session.server_resources import ServerResources
from fitdash.ui.session.state import show_run, shown_run

TAG = "values "
EVERY_SECONDS = 1.0
IN_A_ROW = 4


def tag_variants(server: ServerResources, runs: Sequence[Run]) -> None:
    """Tags runs that were started together, so that they are found again after a reload."""
    for run in runs if len(runs) > 1 else ():
        # Through the writer: after the run itself, which waits in memory while the store is locked.
        server.writer.put(Tagged(uid=run.uid, tags=[f"{TAG}{runs[0].uid[:6]}"]))


def variants_view(server: ServerResources) -> None:
    """Draws the runs that were started together with the one that is shown, again while one of them is active."""
    group = group_of(server, shown_run(server).uid)
    every = server.viewers.every(EVERY_SECONDS)
    is_live = any(record.is_active for record in group)
    st.fragment(_view, run_every=every if is_live else None, key="together")(server)


def group_of(server: ServerResources, uid: str) -> list[RunRecord]:
    """The runs that were started together with this one, itself included, in the order of their submission."""
    record = server.store.run(uid)
    tag = next((tag for tag in record.tags if tag.startswith(TAG)), None) if record else None
    if tag is None:
        return []
    return [one for one in reversed(server.store.runs(owner=visitor_id(server))) if tag in one.tags]


def _view(server: ServerResources) -> None:
    group = group_of(server, shown_run(server).uid)
    if len(group) < 2:
        return
    server.viewers.here(time.monotonic())
    comparison = comparison_of(group)
    with st.container(border=True, key="values"):
        over = sum(not record.is_active for record in group)
        st.markdown(f"**{len(group)} runs together** · {over} of them over")
        metric = choose_metric(group, key="together.metric")
        if metric is not None:
            draw_overlay(server.store, group, metric, key="together")
        _choices(group, comparison)


def _choices(group: Sequence[RunRecord], comparison: Comparison) -> None:
    """Draws a button for each run, which shows it and makes its settings the draft."""
    names = run_labels(comparison)
    for first in range(0, len(group), IN_A_ROW):
        row = list(zip(group, names, strict=True))[first : first + IN_A_ROW]
        for place, (record, name) in zip(st.columns(IN_A_ROW), row, strict=False):
            place.button(
                f"{name} · {record.state}",
                key=f"take-{record.uid}",
                help="Shows this run and takes its settings into the form.",
                on_click=_take,
                args=[record],
                width="stretch",
            )


def _take(record: RunRecord) -> None:
    try:
        fill_form(Experiment.from_dict(record.experiment))
    except SettingError:
        return
    st.session_state["several"] = False
    show_run(record.uid)
