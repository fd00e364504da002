"""Downloads of the chosen runs: table, curves, figures, and settings with curves."""

import json
from collections.abc import Callable, Sequence
from functools import partial

import pandas as pd
import streamlit as st

from fitdash.export.run_files import can_draw_images, render_image
from fitdash.runs.record.history import history_of
from fitdash.runs.record.records import RunRecord
from fitdash.runs.record.store import Store
from fitdash.runs.record.table_export import export_table
from fitdash.ui.compare.charts import overlay_figure
from fitdash.ui.compare.table import comparison_of, shown_columns


def draw(store: Store, records: Sequence[RunRecord], metric: str | None) -> None:
    """Draws one button for each file; a file is made when its button is clicked."""
    forms: dict[str, tuple[str, str, Callable[[], str | bytes]]] = {
        "Table (CSV)": ("runs.csv", "text/csv", partial(table_file, records, "csv")),
        "Table (Parquet)": ("runs.parquet", "application/octet-stream", partial(table_file, records, "parquet")),
        "Table as seen (LaTeX)": ("runs.tex", "text/x-tex", partial(table_file, records, "latex", metric)),
        "Curves (CSV)": ("curves.csv", "text/csv", partial(curves_csv, store, records)),
        "Settings and curves (JSON)": ("runs.json", "application/json", partial(runs_json, store, records)),
    }
    for kind, mime in FIGURES.items() if metric else ():
        if kind == "html" or can_draw_images():
            make = partial(figure_file, store, records, metric or "", kind)
            forms[f"Figure ({kind.upper()})"] = (f"curves.{kind}", mime, make)
    for label, (name, mime, made) in forms.items():
        st.download_button(
            label, data=made, file_name=name, mime=mime, on_click="ignore", width="stretch", key=f"take-{name}"
        )


FIGURES = {"html": "text/html", "svg": "image/svg+xml", "png": "image/png"}


def figure_file(store: Store, records: Sequence[RunRecord], metric: str, kind: str) -> str | bytes:
    """The curves as on the page, with a legend of all runs; `kind` is a key of `FIGURES`."""
    made = overlay_figure(store, records, metric)
    if kind == "html":
        return str(made.to_html(include_plotlyjs=True))
    return render_image(made, kind)


def table_file(records: Sequence[RunRecord], kind: str, metric: str | None = None) -> bytes:
    """One row for each run: all columns, or with a metric those that the page shows."""
    comparison = comparison_of(records)
    return export_table(comparison.frame, kind, columns=shown_columns(comparison, metric)[:-1] if metric else None)


def curves_csv(store: Store, records: Sequence[RunRecord]) -> str:
    """The curves in tidy form: run, epoch from 1, name, value."""
    parts = [history_of(store, record.uid).to_frame().assign(run=record.uid) for record in records]
    tidy = pd.concat(parts).melt(id_vars=["run", "epoch"], var_name="name").dropna(subset="value")
    return str(tidy.to_csv(index=False))


def runs_json(store: Store, records: Sequence[RunRecord]) -> str:
    """For each run its settings, tags, notes, and history as `History.to_json` writes it."""
    told = [
        {
            "uid": record.uid,
            "name": record.name,
            "state": record.state,
            "parent": record.parent,
            "tags": record.tags,
            "notes": record.notes,
            "experiment": record.experiment,
            "history": json.loads(history_of(store, record.uid).to_json() or "{}"),
        }
        for record in records
    ]
    return json.dumps(told, indent=1)
