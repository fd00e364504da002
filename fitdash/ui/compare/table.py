"""The table of runs: filters above it, sorting by its column headers, selection by its check boxes."""

import time
from collections.abc import Sequence
from typing import Any

import streamlit as st

from fitdash.runs.protocol.events import ACTIVE, ENDED
from fitdash.runs.record.compare import Comparison, compare_runs, data_name, visible_columns
from fitdash.runs.record.records import RunRecord
from fitdash.ui.components.settings_columns import settings_column_config

FIRST = 5
"""Number of the newest runs that are selected until the user selects some."""

SELDOM = ("sweep", "trial")


def filter_runs(records: Sequence[RunRecord]) -> list[RunRecord]:
    """Draws the filters; gives the runs that match them."""
    words = st.text_input("find", key="compare.find", placeholder="name, tag, note or uid", width=240)
    known = [data_name(record) for record in records]
    data = st.multiselect("data", list(dict.fromkeys(known)), key="compare.data", placeholder="all", width=220)
    states = st.multiselect("state", [*ACTIVE, *ENDED], key="compare.state", placeholder="all", width=220)
    wanted = words.lower().split()
    return [
        record
        for record, name in zip(records, known, strict=True)
        if (not data or name in data)
        and (not states or record.state in states)
        and all(word in _searched(record) for word in wanted)
    ]


def _searched(record: RunRecord) -> str:
    return " ".join((record.name, record.uid, record.notes, *record.tags)).lower()


def choose_metric(records: Sequence[RunRecord], *, key: str = "compare.metric") -> str | None:
    """Draws the choice of a metric; initially the first one on validation rows. None if the runs have no logs."""
    names = list(dict.fromkeys(name for record in records for name in record.summary.get("logs", {})))
    if not names:
        return None
    first = next((name for name in names if name.startswith("val_") and name != "val_loss"), names[0])
    if st.session_state.get(key) not in names:
        st.session_state[key] = first
    return str(st.selectbox("metric", names, key=key, width=220))


def comparison_of(records: Sequence[RunRecord]) -> Comparison:
    """Settings and results of the runs as one table."""
    return _compared(tuple((record.uid, record.seq) for record in records), records)


@st.cache_resource(show_spinner=False, max_entries=16)
def _compared(key: Any, _records: Sequence[RunRecord]) -> Comparison:
    """Computed again only if one of the runs has a new event: 0.1 s for two thousand runs."""
    return compare_runs(_records, now=time.time())


def draw_table(records: Sequence[RunRecord], metric: str | None) -> list[RunRecord]:
    """Draws the table; gives the selected runs in the order of the table."""
    comparison = comparison_of(records)
    uids = [record.uid for record in records]
    chosen = set(st.session_state.get("compare.chosen", uids[:FIRST]))
    picked: Any = st.dataframe(
        comparison.frame,
        # Streamlit keeps a selection by row number: another list of runs is a new table with the same runs selected.
        key=f"compare.table.{hash(tuple(uids))}",
        hide_index=True,
        height=min(38 + 35 * max(1, len(uids)), 38 + 35 * 9),
        on_select="rerun",
        selection_mode="multi-row",
        selection_default={"selection": {"rows": [place for place, uid in enumerate(uids) if uid in chosen]}},
        column_order=shown_columns(comparison, metric),
        column_config=_columns(comparison),
        placeholder="",
        alt=f"{len(uids)} runs with the settings in which they differ, and their results",
    )
    rows = [place for place in picked.selection.rows if place < len(uids)]
    hidden = [uid for uid in st.session_state.get("compare.chosen", ()) if uid not in uids]
    st.session_state["compare.chosen"] = [*(uids[place] for place in rows), *hidden]
    return [records[place] for place in rows]


def shown_columns(comparison: Comparison, metric: str | None) -> list[str]:
    """Columns that the table shows: settings that differ, results of one metric, times, uid."""
    of_metric = [name for name in comparison.results if metric is not None and name in (metric, *_of(metric))]
    best_first = sorted(of_metric, key=lambda name: not name.endswith(" best"))
    told = [name for name in visible_columns(comparison) if name not in ("run", "name", "state", *comparison.results)]
    settings = [name for name in told if name in comparison.settings]
    seed_last = sorted(settings, key=lambda address: address == "seed")
    rest = [name for name in told if name not in comparison.settings and name not in SELDOM]
    return ["name", "state", *seed_last, *best_first, *dict.fromkeys(["epochs", "seconds", *rest]), "run"]


def _of(metric: str) -> tuple[str, str]:
    return f"{metric} best", f"{metric} min"


def _columns(comparison: Comparison) -> dict[str, Any]:
    """Column formats: numbers in few digits, settings by their argument's name."""
    config: dict[str, Any] = {
        "run": st.column_config.TextColumn("uid"),
        "name": st.column_config.TextColumn("run", pinned=True),
        "created": st.column_config.DatetimeColumn("asked for", format="YYYY-MM-DD HH:mm"),
        "epochs": st.column_config.NumberColumn("epochs done"),
        "seconds": st.column_config.NumberColumn("seconds", format="%.3g", help="Of training, without pauses."),
        "samples_per_second": st.column_config.NumberColumn("samples / s", format="compact"),
    }
    for name in comparison.results:
        last = not name.endswith((" best", " min"))
        config[name] = st.column_config.NumberColumn(f"{name} last" if last else name, format="%.4g")
    return config | settings_column_config(comparison.frame, comparison.settings)
