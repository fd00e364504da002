"""Saved predictions of a run at one epoch, with their data; read from files, never from the training thread."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import streamlit as st

from fitdash.charts.prediction_counts import Array
from fitdash.charts.unpredicted_classes import ClassCounts
from fitdash.data.tables.decision_plane import DecisionPlane, axes_of, make_decision_plane, rank_columns
from fitdash.data.tables.prepared import PreparedData, prepare_data
from fitdash.errors import FitdashError
from fitdash.runs.checkpoints import prediction_files
from fitdash.runs.protocol.paths import home
from fitdash.settings.experiment import Experiment
from fitdash.ui.session.server_resources import ServerResources
from fitdash.ui.session.state import cursor_epoch
from fitdash.ui.view_models.run_view import EXAMPLE_PREDICTIONS, RunView

CELLS = 64
TARGET = "panel.target"
"""Widget key of the chosen target."""

LATELY = 8
"""Saved predictions that are searched for a class that is never predicted."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PanelData:
    """The predictions of one epoch, with the data that they are of.

    Attributes:
        run: Uid of the run.
        seq: Of the run's newest event when this was read.
        experiment: That the run trains.
        look: The saved predictions.
        data: The arrays, and how they were made.
        mark: Identifies these predictions, as a key of caches.
        target: The target column that is shown, of several.
    """

    run: str
    seq: int
    experiment: Experiment
    look: prediction_files.SavedPredictions
    data: PreparedData
    mark: str
    target: str

    @property
    def is_held(self) -> bool:
        """True if the predicted rows were held out."""
        return len(self.data.validation) > 0

    @property
    def split(self) -> str:
        """Split of the predicted rows."""
        return "val" if self.is_held else "train"

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; none for numbers."""
        return self.data.dataset.classes or ()

    @property
    def targets(self) -> tuple[str, ...]:
        """The target columns: one, unless the network has several outputs."""
        return self.data.dataset.targets or (self.data.dataset.target_name,)

    @property
    def steps(self) -> int:
        """Predictions for each row: one, unless each step of a sequence has a class."""
        return self.data.dataset.steps or 1 if self.data.dataset.step_targets else 1

    # One value for each prediction, row after row, and within a row step after step.

    @cached_property
    def truth(self) -> Array:
        """True class indices, or true numbers, (n * steps,)."""
        if self.classes:
            return self.data.dataset.labels[self.look.rows].ravel()
        return np.asarray(self.data.dataset.table[self.target].to_numpy(dtype=np.float64)[self.look.rows])

    @cached_property
    def answers(self) -> Array:
        """Predicted class indices, or numbers in the unit of the column, (n * steps,)."""
        return self.look.answers.ravel() if self.classes else self.decoded(self.look.answers)

    def decoded(self, numbers: Array) -> Array:
        """Network outputs, (n, targets), as numbers in the unit of the target column that is shown, (n,)."""
        columns, place = self.data.columns, self.targets.index(self.target)
        known = (columns.target, *columns.more_targets)[place]
        return np.asarray(known.decode(numbers.reshape(len(numbers), -1)[:, place].astype(np.float64)))

    @cached_property
    def sureness(self) -> Array:
        """Probability of each predicted class, (n * steps,)."""
        given = self.look.sureness
        return np.ones(len(self.truth)) if given is None else np.asarray(given, dtype=float).ravel()

    def rows_of(self, places: Array) -> Array:
        """Index of the row of each of these predictions."""
        return np.asarray(self.look.rows[places // self.steps])

    @property
    def axes(self) -> tuple[str, ...]:
        """The columns that can be an axis of a plane: none if they belong together, as the pixels of an image do, or if
        no weights were saved with the predictions.
        """
        return axes_of(self.data.columns) if self.look.weights and not _belong_together(self.data) else ()


def epochs_with_predictions(server: ServerResources, run: RunView) -> list[int]:
    """Index of each epoch whose predictions are still saved."""
    return prediction_files.saved_epochs(_folder(server, run))


def panel_data_of(server: ServerResources, run: RunView) -> PanelData | None:
    """The saved predictions at the run's cursor; None if there are none, as for a script's run.

    Raises:
        FitdashError: the run's data is no longer on this machine.
    """
    if run.experiment is None:
        return None
    folder = _folder(server, run)
    epoch = prediction_files.epoch_at_or_before(prediction_files.saved_epochs(folder), cursor_epoch(run))
    if epoch is None:
        return None
    data = _data(run.experiment.to_json(), run.experiment)
    look = prediction_files.read(folder, epoch, weights=not _belong_together(data))
    if look is None:
        return None
    if look.rows.size and look.rows.max() >= len(data.dataset):
        return None
    targets = data.dataset.targets or (data.dataset.target_name,)
    chosen = st.session_state.get(TARGET)
    return PanelData(
        run=run.uid,
        seq=run.seq,
        experiment=run.experiment,
        look=look,
        data=data,
        mark=_mark(folder, look.epoch),
        target=chosen if chosen in targets else targets[0],
    )


def load_data(experiment: Experiment) -> PreparedData | None:
    """The data of an experiment as arrays; None if it is gone."""
    try:
        return _data(experiment.to_json(), experiment)
    except FitdashError:
        return None


def recent_class_counts(server: ServerResources, run: RunView) -> tuple[list[ClassCounts], PreparedData | None]:
    """Class counts of the last saved predictions, oldest first, and their data; no counts if there are no classes."""
    folder = _folder(server, run)
    epochs = [] if run.experiment is None else prediction_files.saved_epochs(folder)[-LATELY:]
    if not epochs or run.experiment is None:
        return [], None
    data = load_data(run.experiment)
    if data is None:
        return [], None
    found = [_asked(_mark(folder, epoch), folder, epoch, data) for epoch in epochs] if data.dataset.classes else []
    return [one for one in found if one is not None], data


@st.cache_resource(show_spinner=False, max_entries=1024)
def _asked(mark: str, _folder: Path, _epoch: int, _data: PreparedData) -> ClassCounts | None:
    look, classes = prediction_files.read(_folder, _epoch, weights=False), len(_data.dataset.classes or ())
    if look is None or look.rows.max(initial=0) >= len(_data.dataset):
        return None
    given = (_data.dataset.labels[look.rows], look.answers)
    samples, answers = (np.bincount(one.ravel(), minlength=classes) for one in given)
    return ClassCounts(epoch=look.epoch + 1, samples=samples, answers=answers)


@st.cache_resource(show_spinner=False, max_entries=256)
def predict_plane(
    mark: str, across: str, up: str, target: str, _subject: PanelData
) -> tuple[DecisionPlane, Array, Array]:
    """The plane of two columns, with predictions and their probabilities at its points, both (up, across).

    Raises:
        FitdashError: the saved weights do not fit the network that this version builds.
    """
    from fitdash.nn.rebuild import compute_outputs, rebuild_network
    from fitdash.runs.callbacks.prediction_snapshots import decode_outputs

    data = _subject.data
    made = _plane(_subject.experiment.to_json(), across, up, data)
    try:
        module = rebuild_network(_subject.experiment.network, data.shape, data.output.activation, _subject.look.weights)
    except RuntimeError as error:
        raise FitdashError(f"The network must be the one that was trained, got another: {error}") from error
    answers, sureness = decode_outputs(compute_outputs(module, made.inputs), data.facts.task, [None])
    if not data.dataset.classes:
        answers = _subject.decoded(answers)
    shape = (len(made.ys), len(made.xs))
    return made, answers.reshape(shape), np.ones(shape) if sureness is None else sureness.reshape(shape)


def best_axes(subject: PanelData) -> list[str]:
    """The columns that can be an axis, those that tell most of the target first; two inputs stay in order."""
    if len(subject.axes) <= 2:
        return list(subject.axes)
    return _telling(subject.experiment.to_json(), subject.data)


def _belong_together(data: PreparedData) -> bool:
    """True if no two columns make a plane: they are the pixels of an image, a sequence or parts of a whole."""
    return bool(data.dataset.image_shape or data.dataset.parts or data.dataset.steps)


@st.cache_resource(show_spinner=False, max_entries=4)
def _data(key: str, _experiment: Experiment) -> PreparedData:
    return prepare_data(_experiment, home() / "uploads")


@st.cache_resource(show_spinner=False, max_entries=16)
def _telling(key: str, _data: PreparedData) -> list[str]:
    return rank_columns(_data, axes_of(_data.columns))


@st.cache_resource(show_spinner=False, max_entries=8)
def _plane(key: str, across: str, up: str, _data: PreparedData) -> DecisionPlane:
    return make_decision_plane(_data, across, up, CELLS)


def _folder(server: ServerResources, run: RunView) -> Path:
    return (
        EXAMPLE_PREDICTIONS
        if run.is_example
        else prediction_files.predictions_folder(server.store.path.parent, run.uid)
    )


def _mark(folder: Path, epoch: int) -> str:
    try:
        changed: Any = os.stat(folder / f"epoch-{epoch:06d}.npz").st_mtime_ns
    except OSError:
        changed = "gone"
    return f"{folder} {epoch} {changed}"
