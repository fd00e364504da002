"""The files that a run offers for download; each is made when its button is clicked."""

from collections.abc import Callable, Iterator
from functools import partial

from fitdash.export import run_files as files
from fitdash.export.archive import DownloadFile, make_zip
from fitdash.runs.checkpoints.checkpoint_files import Checkpoint
from fitdash.runs.record.store import Store
from fitdash.ui.run.report import report
from fitdash.version import __version__

TABLE, BYTES = "application/vnd.apache.parquet", "application/octet-stream"


def history_parts(store: Store, uid: str) -> list[DownloadFile]:
    """The history as CSV and as JSON."""
    csv, text = partial(files.history_csv, store, uid), partial(files.history_json, store, uid)
    by_row = "Losses and metrics, a row per epoch, from 1."
    whole = "Losses and metrics, what happened and how long it took; epochs from 0."
    return [
        _part(uid, "history.csv", "Download history (CSV)", by_row, "text/csv", csv),
        _part(uid, "history.json", "Download history (JSON)", whole, "application/json", text),
    ]


def other_parts(store: Store, uid: str) -> Iterator[DownloadFile]:
    """All other files of this run."""
    record = files.record_of(store, uid)
    has_epochs = bool(store.epochs(uid))
    if has_epochs:
        wide, long = partial(files.history_wide, store, uid), partial(files.history_long, store, uid)
        yield _part(uid, "history-wide.parquet", "History (Parquet, wide)", "A row per epoch.", TABLE, wide)
        what = "A row per epoch, metric and part of the data."
        yield _part(uid, "history-long.parquet", "History (Parquet, long)", what, TABLE, long)
        yield from _pictures(store, uid)
    last, best = files.last_checkpoint(uid), files.best_checkpoint(uid)
    if last is not None:
        make = partial(files.weights, store, uid, last)
        yield _part(uid, "weights-last.safetensors", "Weights, last", f"Parameters {_when(last)}.", BYTES, make)
    if best is not None:
        make = partial(files.weights, store, uid, best)
        yield _part(uid, "weights-best.safetensors", "Weights, best", f"Parameters {_when(best)}.", BYTES, make)
    make_text = partial(files.experiment_json, store, uid)
    yield _part(uid, "experiment.json", "Experiment (JSON)", "All settings.", "application/json", make_text)
    if files.has_script(record):
        what = "Repeats the run to the last digit on CPU."
        yield _part(uid, "script.py", "Script (Python)", what, "text/x-python", partial(files.script, store, uid))
    what = "Settings, what happened, values and curves, to read and keep."
    yield _part(uid, "report.html", "Report (HTML)", what, "text/html", partial(report, store, uid))


def run_archive(store: Store, uid: str) -> bytes:
    """One ZIP of all files with a manifest."""
    record = files.record_of(store, uid)
    facts = {"run": uid, "name": record.name, "state": record.state, "fitdash": __version__}
    parts = [*history_parts(store, uid), *other_parts(store, uid)]
    return make_zip([part for part in parts if part.in_archive], facts)


def _pictures(store: Store, uid: str) -> Iterator[DownloadFile]:
    """The curves as HTML, and as images if this machine can draw them. In the ZIP the report holds the HTML page."""
    page = partial(files.charts_html, store, uid)
    yield _part(uid, "charts.html", "Charts (HTML)", "All curves in one page.", "text/html", page, in_archive=False)
    for kind, mime in (("svg", "image/svg+xml"), ("png", "image/png")) if files.can_draw_images() else ():
        make = partial(files.charts_image, store, uid, kind)
        yield _part(uid, f"charts.{kind}", f"Charts ({kind.upper()})", "All curves in one picture.", mime, make)


def _when(checkpoint: Checkpoint) -> str:
    """When the checkpoint was saved, and its loss."""
    if checkpoint.is_end:
        return "as the run ended"
    value = "" if checkpoint.value is None else f", at a loss of {checkpoint.value:.4g}"
    return f"after epoch {checkpoint.epoch}{value}"


def _part(
    uid: str, name: str, title: str, what: str, mime: str, make: Callable[[], str | bytes], *, in_archive: bool = True
) -> DownloadFile:
    return DownloadFile(
        name=f"{uid}-{name}",
        title=title,
        what=what,
        mime=mime,
        make=lambda: files.to_bytes(make()),
        in_archive=in_archive,
    )
