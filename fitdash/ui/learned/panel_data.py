"""What the model of a run was asked about, and what it answered at one moment; read from files, never from training."""

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
"""Key of the choice of a target."""

LATELY = 8
"""Looks by which it is told since when a class is never predicted."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PanelData:
    """A look and the data it is about.

    Attributes:
        run: Its uid.
        seq: How far the run was.
        experiment: What it trains.
        look: What was answered.
        data: The arrays, and how they were made.
        mark: Tells this look from all others.
        target: The column that is shown, where there are several to predict.
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
        """Whether the rows were held out."""
        return len(self.data.validation) > 0

    @property
    def split(self) -> str:
        """Of the rows that were asked about."""
        return "val" if self.is_held else "train"

    @property
    def classes(self) -> tuple[str, ...]:
        """Their names; none for numbers."""
        return self.data.dataset.classes or ()

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns that are predicted: one, but where the network has several outputs."""
        return self.data.dataset.targets or (self.data.dataset.target_name,)

    @property
    def steps(self) -> int:
        """Answers that a row has: one, but where each step of it has a class."""
        return self.data.dataset.steps or 1 if self.data.dataset.step_targets else 1

    # One value for each answer, row after row, and within a row step after step.

    @cached_property
    def truth(self) -> Array:
        """Class index or number that would be right, (n * steps,)."""
        if self.classes:
            return self.data.dataset.labels[self.look.rows].ravel()
        return np.asarray(self.data.dataset.table[self.target].to_numpy(dtype=np.float64)[self.look.rows])

    @cached_property
    def answers(self) -> Array:
        """Class indices, or numbers in the unit of the column, (n * steps,)."""
        return self.look.answers.ravel() if self.classes else self.decoded(self.look.answers)

    def decoded(self, numbers: Array) -> Array:
        """What a network gives, (n, targets), as numbers of the column that is shown, (n,)."""
        columns, place = self.data.columns, self.targets.index(self.target)
        known = (columns.target, *columns.more_targets)[place]
        return np.asarray(known.decode(numbers.reshape(len(numbers), -1)[:, place].astype(np.float64)))

    @cached_property
    def sureness(self) -> Array:
        """Probability of each class that was answered, (n * steps,)."""
        given = self.look.sureness
        return np.ones(len(self.truth)) if given is None else np.asarray(given, dtype=float).ravel()

    def rows_of(self, places: Array) -> Array:
        """Index of the row of each of these answers."""
        return np.asarray(self.look.rows[places // self.steps])

    @property
    def axes(self) -> tuple[str, ...]:
        """The columns that can be an axis of a plane: none where they belong together, as the pixels of an image do, or
        where the weights were not kept.
        """
        return axes_of(self.data.columns) if self.look.weights and not _belong_together(self.data) else ()


def epochs_with_predictions(server: ServerResources, run: RunView) -> list[int]:
    """Index of each epoch after which the model was asked, as far as that is kept."""
    return prediction_files.saved_epochs(_folder(server, run))


def panel_data_of(server: ServerResources, run: RunView) -> PanelData | None:
    """The run at its cursor; None where there was no look, such as at a script's run.

    Raises:
        FitdashError: its data is no longer here.
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
    """The data of an experiment as arrays; None where it is gone."""
    try:
        return _data(experiment.to_json(), experiment)
    except FitdashError:
        return None


def recent_class_counts(server: ServerResources, run: RunView) -> tuple[list[ClassCounts], PreparedData | None]:
    """The last looks in numbers, in their order, and the data they are about; none where it has no classes."""
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
    """The plane of two columns, and what is answered at each of its points: answers and sureness, (up, across).

    Raises:
        FitdashError: the weights are those of another version's network.
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
    """The columns that can be an axis, those first that tell most of the target; two inputs stay as they are."""
    if len(subject.axes) <= 2:
        return list(subject.axes)
    return _telling(subject.experiment.to_json(), subject.data)


def _belong_together(data: PreparedData) -> bool:
    """Whether no two columns make a plane: they are the pixels of an image, a sequence or parts of a whole."""
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
