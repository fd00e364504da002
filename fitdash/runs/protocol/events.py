"""What can happen to a run. Small frozen facts that travel from training to the store."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

ACTIVE = ("queued", "running", "paused", "stopping")
ENDED = ("stopped", "finished", "failed", "interrupted")


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """Something that happened.

    Attributes:
        uid: The run that it happened to.
        at: When, in seconds since 1970.
    """

    uid: str
    at: float = field(default_factory=time.time)


@dataclass(frozen=True, kw_only=True, slots=True)
class Created(Event):
    """A run exists from now on; `trial` is its number in a `sweep`, from 0."""

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
    """The run has another state; a failure comes with its first line and its traceback."""

    state: str
    error: str | None = None
    traceback: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialJudged(Event):
    """What its sweep thinks of the run: "pruned"."""

    verdict: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepEnded(Event):
    """Nobody searches any longer; `uid` is the sweep's, `seconds` it has searched over all its starts."""

    state: str
    seconds: float
    error: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Tagged(Event):
    """The run has these tags in place of its own."""

    tags: Sequence[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Began(Event):
    """What callbacks were told about the fit: `params`."""

    params: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class EpochEnded(Event):
    """An epoch is over; `logs` in their order, `seconds` it took as History measured them."""

    epoch: int
    logs: Mapping[str, float]
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchEnded(Event):
    """Running values within a long epoch; `steps` of the epoch, None while unknown."""

    epoch: int
    step: int
    steps: int | None
    logs: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainEvaluated(Event):
    """What the training rows came to after an epoch, measured as validation rows are; `seconds` it took."""

    epoch: int
    logs: Mapping[str, float]
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class PartialEpoch(Event):
    """An epoch that Stop run ended before its last step; it is no part of the history."""

    epoch: int
    logs: Mapping[str, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class Told(Event):
    """An entry of `history.events`: {"epoch", "kind", …}."""

    facts: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Printed(Event):
    """A line of the console."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointTaken(Event):
    """A copy of what the run can go on from; it becomes a file, not a row.

    Attributes:
        epoch: The epoch that comes next, `step` batches of which were trained too.
        value: By which the best is told: the lowest.
        is_end: How training ended, rather than the state between two epochs.
        content: As `training_state.taken` gives it.
    """

    epoch: int
    step: int
    value: float | None
    is_end: bool
    content: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictionsTaken(Event):
    """What the model answers after an epoch, as in `prediction_files.Look`; it becomes a file, not a row."""

    epoch: int
    rows: Any
    answers: Any
    sureness: Any
    weights: Mapping[str, Any]
