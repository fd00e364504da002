"""HTML report of a run: settings, events, diagnosis, last and best values, curves."""

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape

from fitdash.charts.curves import best_result, metric_panels
from fitdash.charts.theme import format_metric
from fitdash.errors import StoreError
from fitdash.export.run_files import curves_figure, record_of
from fitdash.runs.record.records import RunRecord
from fitdash.runs.record.store import Store
from fitdash.ui.run import diagnosis_chips
from fitdash.ui.run.settings_used import list_settings
from fitdash.ui.view_models.event_text import describe_events
from fitdash.ui.view_models.formatting import format_seconds
from fitdash.ui.view_models.run_view import RunReader, RunView

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; margin: 0.5rem 0 1.5rem; }
th, td { text-align: left; padding: 0.2rem 1.2rem 0.2rem 0; border-bottom: 1px solid #8886; vertical-align: top; }
td.number { font-variant-numeric: tabular-nums; text-align: right; }
h1 { margin-bottom: 0; } h2 { margin-top: 2rem; font-size: 1.15rem; }
.state { color: #777; } pre { overflow-x: auto; }
"""


def report(store: Store, uid: str) -> str:
    """The report as one HTML page that loads nothing from elsewhere.

    Raises:
        StoreError: the store has no such run.
    """
    record, run = record_of(store, uid), RunReader(uid).read(store)
    if run is None:
        raise StoreError(f"{store.path} must know the run to report on it, got {uid!r}.")
    curves = curves_figure(store, uid).to_html(include_plotlyjs=True, full_html=False) if run.rows else ""
    parts = [
        f"<h1>{escape(run.name)}</h1>",
        f'<p class="state">{escape(_state(record, run))}</p>',
        *_failure(run),
        *_section("Settings that differ from the defaults", _settings(run)),
        *_section("What happened", _list(describe_events(run.told))),
        *_section("What the curves say", _list(diagnosis_chips.describe_diagnosis(run))),
        *_section("Values", _values(run)),
        *_section("Curves", curves),
    ]
    head = f'<meta charset="utf-8"><title>{escape(run.name)} · fitdash</title><style>{STYLE}</style>'
    return f"<!doctype html>\n<html><head>{head}</head><body>\n" + "\n".join(parts) + "\n</body></html>\n"


def _state(record: RunRecord, run: RunView) -> str:
    """State, number of epochs, start, duration and uid in one line."""
    said = [run.state, f"{len(run.rows)} epoch{'s' * (len(run.rows) != 1)}"]
    if record.started is not None:
        said.append(datetime.fromtimestamp(record.started, UTC).strftime("began %Y-%m-%d %H:%M UTC"))
        said += [] if record.ended is None else [f"took {format_seconds(record.ended - record.started)}"]
    return " · ".join([*said, f"run {run.uid}"])


def _failure(run: RunView) -> list[str]:
    return [f"<h2>Why it failed</h2><pre>{escape(run.traceback or run.error)}</pre>"] if run.error else []


def _section(title: str, content: str) -> list[str]:
    return [f"<h2>{escape(title)}</h2>", content] if content else []


def _settings(run: RunView) -> str:
    rows = [[part, name, word] for part, given in list_settings(run).items() for name, word in given.items()]
    return _table(["part", "setting", "value"], rows) if rows else "<p>All are at their defaults.</p>"


def _values(run: RunView) -> str:
    """Last and best value of each metric, and the epoch of the best."""
    rows = []
    for panel in metric_panels(run.epochs, run.history):
        found = best_result(panel)
        last = {curve.split: format_metric(float(curve.values[-1])) for curve in panel.curves}
        ending = ["", ""] if found is None else [format_metric(found[1]), str(found[0])]
        rows.append([panel.metric, last.get("train", ""), last.get("val", ""), *ending])
    return _table(["", "training, last", "validation, last", "best", "at epoch"], rows, numbers=1) if rows else ""


def _list(sentences: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(one)}</li>' for one in sentences)}</ul>" if sentences else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: int | None = None) -> str:
    """An HTML table of texts; columns from index `numbers` on hold numbers."""
    first = numbers if numbers is not None else len(head)
    titles = "".join(f"<th>{escape(one)}</th>" for one in head)

    def cell(place: int, text: str) -> str:
        return f'<td class="number">{escape(text)}</td>' if place >= first else f"<td>{escape(text)}</td>"

    body = "".join(f"<tr>{''.join(cell(place, text) for place, text in enumerate(row))}</tr>" for row in rows)
    return f"<table><tr>{titles}</tr>{body}</table>"
