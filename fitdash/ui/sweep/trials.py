"""The table of a sweep's trials, with actions on a selected trial and downloads of all."""

import io
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from fitdash.runs.protocol.events import ACTIVE
from fitdash.runs.record.table_export import export_table
from fitdash.sweeps.results import Sweep, trials_frame
from fitdash.sweeps.trial import Trial
from fitdash.ui.components.settings_columns import settings_column_config
from fitdash.ui.form.fill import fill_form
from fitdash.ui.session.action_errors import run_action
from fitdash.ui.session.server_resources import ServerResources
from fitdash.ui.session.state import show_run
from fitdash.ui.session.sweeper import sweeper
from fitdash.ui.sweep.deletion import PLACE

TRAIN = "pages/train.py"


def draw(server: ServerResources, sweep: Sweep, trials: Sequence[Trial]) -> None:
    """Draws the trials, newest first; a selected trial stays selected while others are added."""
    frame = trials_frame(trials, sweep.recipe)
    newest_first = trials[::-1]
    chosen = _chosen(sweep.uid)
    # Streamlit keeps a selection by row number: with more rows it is a new table with the same trial selected.
    key, marks = f"sweep.table.{sweep.uid}.{len(frame)}", [_mark(one) for one in newest_first]
    st.session_state[f"sweep.drawn.{sweep.uid}"] = key, marks
    picked: Any = st.dataframe(
        frame[::-1],
        key=key,
        selection_default={"selection": {"rows": [row for row, mark in enumerate(marks) if mark == chosen]}},
        hide_index=True,
        height=min(38 + 35 * max(1, len(frame)), 38 + 35 * 8),
        on_select="rerun",
        selection_mode="single-row",
        column_config=_columns(sweep, frame),
        column_order=[name for name in frame.columns if name not in ("run", "best")],
        placeholder="",
        alt=f"{len(frame)} trials with their values and results",
    )
    rows = [row for row in picked.selection.rows if row < len(frame)]
    one = newest_first[rows[0]] if rows else None
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="trial-actions"):
        _actions(server, sweep, one)
        with st.popover("Download", icon=":material/download:"):
            _downloads(sweep, frame)


def _chosen(uid: str) -> int | str | None:
    """Mark of the trial selected in the table drawn last, which may be replaced now; None if none is."""
    key, marks = st.session_state.get(f"sweep.drawn.{uid}", ("sweep.table", []))
    table = st.session_state.get(key)
    rows = [] if table is None else [row for row in table.selection.rows if row < len(marks)]
    return marks[rows[0]] if rows else None


def _mark(trial: Trial) -> int | str:
    """Identifies a trial, also after it was trained again: its number, else its run."""
    return trial.run if trial.number is None else trial.number


def _columns(sweep: Sweep, frame: pd.DataFrame) -> dict[str, Any]:
    config = settings_column_config(frame, sweep.recipe.space.dimensions)
    config[sweep.recipe.objective.name] = st.column_config.NumberColumn(sweep.recipe.objective.name, format="%.5g")
    return config | {
        "words": st.column_config.TextColumn("how it ended", width="medium"),
        "seconds": st.column_config.NumberColumn("seconds", format="%.3g"),
    }


def _actions(server: ServerResources, sweep: Sweep, one: Trial | None) -> None:
    on = one is not None and one.state in ("running", "queued")
    why = None if one is not None else "Choose a trial in the table."
    if st.button("Use in Train", key="use_trial", icon=":material/tune:", disabled=one is None, help=why) and one:
        fill_form(sweep.recipe.space.apply(sweep.recipe.experiment, one.values))
        st.switch_page(TRAIN)
    if st.button("Show run", key="show_trial", icon=":material/monitoring:", disabled=one is None, help=why) and one:
        show_run(one.run)
        st.switch_page(TRAIN)
    coordinator = sweeper().find(sweep.uid)
    is_elsewhere = coordinator is None and sweep.state in ACTIVE
    st.button(
        "Stop trial",
        key="stop_trial",
        icon=":material/stop:",
        disabled=not on or coordinator is None,
        help=why or "Ends this trial; what it reached counts.",
        on_click=run_action,
        args=[PLACE, "The trial could not be stopped", _stop, sweep.uid, one],
    )
    st.button(
        "Retry trial",
        key="retry_trial",
        icon=":material/replay:",
        disabled=one is None or on or one.number is None or is_elsewhere,
        help=why or ("Another process carries the sweep out." if is_elsewhere else "Trains it again."),
        on_click=run_action,
        args=[PLACE, "The trial could not be retried", _retry, sweep.uid, one],
    )


def _stop(uid: str, one: Trial | None) -> None:
    coordinator = sweeper().find(uid)
    if coordinator is not None and one is not None and one.number is not None:
        coordinator.stop_trial(one.number)


def _retry(uid: str, one: Trial | None) -> None:
    if one is not None and one.number is not None:
        sweeper().retry(uid, one.number)


def _downloads(sweep: Sweep, frame: pd.DataFrame) -> None:
    """Draws the downloads; a file is made when its button is clicked."""
    forms: dict[str, tuple[str, str, Any]] = {
        "Trials (CSV)": ("trials.csv", "text/csv", partial(export_table, frame, "csv")),
        "Trials (Parquet)": ("trials.parquet", "application/octet-stream", partial(export_table, frame, "parquet")),
        "Curves (CSV)": ("curves.csv", "text/csv", partial(_curves, sweep)),
        "Study for optuna-dashboard": ("study.db", "application/octet-stream", partial(study_file, sweep)),
    }
    for label, (name, mime, made) in forms.items():
        st.download_button(
            label, data=made, file_name=name, mime=mime, on_click="ignore", width="stretch", key=f"sweep-{name}"
        )


def _curves(sweep: Sweep) -> bytes:
    return export_table(sweep.curves(), "csv")


def study_file(sweep: Sweep) -> bytes:
    """The sweep as an Optuna storage in one SQLite file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "study.db"
        sweep.to_optuna(path)
        return io.BytesIO(path.read_bytes()).getvalue()
