"""Contents of the files of a run that a visitor can download: history, charts, weights, experiment, script."""

import json
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from fitdash.data.tables.catalogue import dataset_of
from fitdash.data.tables.data_facts import facts_of
from fitdash.errors import DataError, SettingError, StoreError
from fitdash.export.fitdash_code import fitdash_code
from fitdash.runs.callbacks.control_callback import SETTING_CHANGED
from fitdash.runs.checkpoints.checkpoint_files import (
    Checkpoint,
    checkpoints_of,
    find_best_checkpoint,
    run_checkpoint_folder,
)
from fitdash.runs.protocol.paths import home
from fitdash.runs.record.history import history_of
from fitdash.runs.record.records import RunRecord
from fitdash.runs.record.store import Store
from fitdash.runs.record.table_export import export_table
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.experiment import Experiment

if TYPE_CHECKING:
    import plotly.graph_objects as go


def record_of(store: Store, uid: str) -> RunRecord:
    """The record of the run.

    Raises:
        StoreError: the store has no such run.
    """
    record = store.run(uid)
    if record is None:
        raise StoreError(f"{store.path} must know the run to give its files, got {uid!r}.")
    return record


def history_csv(store: Store, uid: str) -> str:
    """The same bytes as `History.to_csv`: wide, epochs from 1."""
    return str(history_of(store, uid).to_csv())


def history_json(store: Store, uid: str) -> str:
    """The same text as `History.to_json`."""
    return str(history_of(store, uid).to_json())


def history_wide(store: Store, uid: str) -> bytes:
    """`History.to_frame` as Parquet: one row per epoch."""
    return export_table(history_of(store, uid).to_frame(), "parquet")


def history_long(store: Store, uid: str) -> bytes:
    """`History.as_data_frame` as Parquet: one row per epoch, metric and part of the data."""
    return export_table(history_of(store, uid).as_data_frame(), "parquet")


def experiment_json(store: Store, uid: str) -> str:
    """The experiment as it is stored; for a run of the user's script, what `fit` recorded of its arguments."""
    return json.dumps(dict(record_of(store, uid).experiment), indent=2, ensure_ascii=False) + "\n"


def curves_figure(store: Store, uid: str) -> "go.Figure":
    """All curves: a panel for the loss and each metric, with legend and axes in plotly's own style."""
    from fitdash.charts.history_plot import plot_history

    made = plot_history(history_of(store, uid).as_data_frame(), smooth=False)
    return made.update_layout(title={"text": record_of(store, uid).name})


def charts_html(store: Store, uid: str) -> str:
    """The curves as a standalone HTML page: it includes plotly.js once and loads nothing from the network."""
    return str(curves_figure(store, uid).to_html(include_plotlyjs=True, full_html=True))


def can_draw_images() -> bool:
    """Whether kaleido is installed, which draws charts as SVG and PNG."""
    return find_spec("kaleido") is not None


def charts_image(store: Store, uid: str, kind: str) -> bytes:
    """The curves as "svg" or "png".

    Raises:
        StoreError: kaleido is not installed, or finds no browser.
    """
    return render_image(curves_figure(store, uid), kind)


def render_image(made: "go.Figure", kind: str) -> bytes:
    """A figure as "svg" or "png".

    Raises:
        StoreError: kaleido is not installed, or finds no browser.
    """
    if not can_draw_images():
        raise StoreError("kaleido must be installed to draw images, got none. Install it: pip install kaleido.")
    try:
        return bytes(made.to_image(format=kind, width=900, scale=2))
    except (RuntimeError, ValueError, OSError) as error:
        raise StoreError(f"kaleido must find a browser to draw images, got: {error}") from error


def last_checkpoint(uid: str) -> Checkpoint | None:
    """The newest checkpoint of the run: its final state once it has ended."""
    found = checkpoints_of(run_checkpoint_folder(uid))
    return found[-1] if found else None


def best_checkpoint(uid: str) -> Checkpoint | None:
    """The checkpoint of the best epoch, by validation loss, or by loss without validation."""
    return find_best_checkpoint(checkpoints_of(run_checkpoint_folder(uid)))


def weights(store: Store, uid: str, checkpoint: Checkpoint | None) -> bytes:
    """Parameters and buffers as safetensors, named as in the run's script.

    Raises:
        StoreError: the run has no checkpoint, or its file is broken.
    """
    from safetensors.torch import save

    from fitdash.export.weight_names import names_in_script

    if checkpoint is None:
        raise StoreError("The run must have kept its weights to give them, got none.")
    held = checkpoint.content()["weights"]
    names = names_in_script(*known) if (known := _facts(store, uid)) else {}
    tensors = {names.get(name, name): value.detach().clone().contiguous() for name, value in held.items()}
    return bytes(save(tensors, metadata={"run": uid, "epochs_done": str(checkpoint.epoch)}))


def script(store: Store, uid: str) -> str:
    """The run as a fitdash script, with the settings that were changed while it trained.

    Raises:
        StoreError: the run was started by the user's script, or its data is no longer here.
    """
    record = record_of(store, uid)
    known = _facts(store, uid)
    if known is None:
        raise StoreError("A run must have been started from the dashboard to be written as a script, got another.")
    events = [row.data for row in store.events(uid, "told")]
    changes = [facts for facts in events if facts.get("kind") == SETTING_CHANGED]
    return fitdash_code(*known, changes=changes, notes=list(_notes(record, events)))


def has_script(record: RunRecord) -> bool:
    """Whether the run can be written as a script: its experiment is one that this version can read."""
    return _experiment(record) is not None


def _notes(record: RunRecord, events: list[Any]) -> Iterator[str]:
    """Comments for the top of the script: why its numbers may differ from those of the run."""
    if record.parent is not None:
        yield f"The run went on from run {record.parent}: without its weights the numbers are others."
    if record.is_active:
        yield "The run is still on: what is changed from now on is not in here."
    if record.params.get("together"):
        yield "The run was trained together with others: its numbers are those of a run alone to about four digits."
    for facts in events:
        if facts.get("kind") == "stop_run":
            yield f"The run was stopped by hand in epoch {int(facts['epoch']) + 1}; this trains to the end."
    if record.state == "failed":
        yield f"The run failed: {(record.error or '').splitlines()[0] if record.error else 'it says no more'}"


def _experiment(record: RunRecord) -> Experiment | None:
    try:
        return Experiment.from_dict(record.experiment) if record.experiment else None
    except SettingError:
        return None


def _facts(store: Store, uid: str) -> tuple[Experiment, DataFacts] | None:
    """The experiment and the facts about its data; None for a run without an experiment."""
    experiment = _experiment(record_of(store, uid))
    if experiment is None:
        return None
    try:
        return experiment, facts_of(dataset_of(experiment.data, home() / "uploads"))
    except DataError as error:
        raise StoreError(f"The data of the run must be here to write its script, got: {error}") from error


def to_bytes(content: str | bytes) -> bytes:
    """A text encoded as the bytes of a file."""
    return content.encode() if isinstance(content, str) else content
