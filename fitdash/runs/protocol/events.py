"""The events of a run: small frozen records that travel from the training thread to the store."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

ACTIVE = ("queued", "running", "paused", "stopping")
ENDED = ("stopped", "finished", "failed", "interrupted")


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """An event of a run.

    Attributes:
        uid: The run.
        at: When it happened, in seconds since 1970.
    """

    uid: str
    at: float = field(default_factory=time.time)


@dataclass(frozen=True, kw_only=True, slots=True)
class Created(Event):
    """A run was created; `trial` is its number in its `sweep`, from 0, and `writer` the uid of its writer."""

    name: str
    experiment: Mapping[str, Any]
    writer: str
    state: str = "queued"
    owner: str | None = None
    parent: str | None = None
    sweep: str | None = None
    trial: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Changed(Event):
    """The run's state changed; a failure has the first line of its error and its traceback."""

    state: str
    error: str | None = None
    traceback: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialJudged(Event):
    """The sweep gave the run up: `verdict` is "pruned"."""

    verdict: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepEnded(Event):
    """A sweep ended; `uid` is the sweep's, `seconds` how long it searched over all its starts."""

    state: str
    seconds: float
    error: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Tagged(Event):
    """The run's tags were replaced by these."""

    tags: Sequence[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Began(Event):
    """`fit` began, or its `params` changed: what Keras callbacks get as `params`."""

    params: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochEnded(Event):
    """An epoch ended; `logs` in their order, `seconds` as History measured them."""

    epoch: int
    logs: Mapping[str, float]
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchEnded(Event):
    """Running means within a long epoch after `step`; `steps` of the epoch, None while unknown."""

    epoch: int
    step: int
    steps: int | None
    logs: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainEvaluated(Event):
    """Loss and metrics of the training rows, measured after an epoch as those of validation rows; `seconds` it took."""

    epoch: int
    logs: Mapping[str, float]
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class PartialEpoch(Event):
    """An epoch that "Stop run" ended before its last step; it is no part of the history."""

    epoch: int
    logs: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Told(Event):
    """A callback reported an event of training: an entry of `history.events`, {"epoch", "kind", …}."""

    facts: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Printed(Event):
    """The run printed a line."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointTaken(Event):
    """The training state was copied, so that the run can go on from it; it becomes a file, not a row.

    Attributes:
        epoch: Index of the next epoch, of which `step` batches are already trained.
        value: Validation loss, or loss; the best checkpoint is the one with the lowest.
        is_end: True for the state in which training ended, False for one between two epochs.
        content: From `training_state.copy_training_state`.
    """

    epoch: int
    step: int
    value: float | None
    is_end: bool
    content: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictionsTaken(Event):
    """The model's predictions after an epoch, as in `prediction_files.SavedPredictions`; a file, not a row."""

    epoch: int
    rows: Any
    answers: Any
    sureness: Any
    weights: Mapping[str, Any]
