"""Records that the store returns: a run, a line of a list of runs, an epoch, an event."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, Self

from fitdash.runs.protocol.events import ACTIVE
from fitdash.runs.protocol.json_codec import decode
from fitdash.runs.record.summary import unpack_summary

RUN_COLUMNS = (
    "uid, name, state, created, started, ended, seq, owner, parent, error, traceback, sweep, trial, verdict, shared,"
    " notes, tags AS tags_text, experiment AS experiment_text, params AS params_text, summary AS summary_kept"
)
LINE_COLUMNS = "uid, name, state, created, started, ended, seq, owner, parent, error, summary AS summary_kept"


@dataclass(frozen=True)
class RunRecord:
    """One run as the store knows it.

    Attributes:
        state: "queued", "running", "paused", "stopping", "stopped", "finished", "failed" or "interrupted".
        created: When it was submitted, `started` when training began, `ended` when it ended; seconds since 1970.
        seq: A count that grows with every event and every change of the run.
        error: First line of what made it fail; `traceback` has the rest.
        sweep: uid of the sweep that it is a trial of, with the number `trial` from 0.
        verdict: "pruned" where the sweep gave it up.
        shared: 1 if visitors other than its owner may see it, where runs have owners.
        notes: The notes that a user wrote on it.
    """

    uid: str
    name: str
    state: str
    created: float
    started: float | None
    ended: float | None
    seq: int
    owner: str | None
    parent: str | None
    error: str | None
    traceback: str | None
    sweep: str | None
    trial: int | None
    verdict: str | None
    shared: int
    notes: str
    tags_text: str
    experiment_text: str
    params_text: str
    summary_kept: str | bytes

    @classmethod
    def of(cls, row: Sequence[Any]) -> Self:
        """The run in a row of `RUN_COLUMNS`; twice as fast as the constructor, which sets frozen fields one by one."""
        run = object.__new__(cls)
        run.__dict__.update(zip(cls.__dataclass_fields__, row, strict=True))
        return run

    @property
    def is_active(self) -> bool:
        """True while the run is queued, trains or pauses."""
        return self.state in ACTIVE

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags that a user or a script gave it."""
        return tuple(decode(self.tags_text))

    # Decoded on first use: of a list of two thousand runs a page shows few.
    @cached_property
    def experiment(self) -> Mapping[str, Any]:
        """The experiment as plain values."""
        return dict(decode(self.experiment_text))

    @cached_property
    def params(self) -> Mapping[str, Any]:
        """The `params` of the fit, as Keras callbacks get them."""
        return dict(decode(self.params_text))

    @cached_property
    def summary(self) -> Mapping[str, Any]:
        """The number of epochs, and the last, lowest and highest value of every log; see `summary.add_epoch`."""
        return unpack_summary(self.summary_kept)


class RunLine(NamedTuple):
    """The part of a run that a list shows; the fields are those of `RunRecord`."""

    uid: str
    name: str
    state: str
    created: float
    started: float | None
    ended: float | None
    seq: int
    owner: str | None
    parent: str | None
    error: str | None
    summary_kept: str | bytes

    @property
    def summary(self) -> Mapping[str, Any]:
        """As `RunRecord.summary`, but shared between lines: do not change it."""
        return _summary(self.summary_kept)


@lru_cache(4096)
def _summary(kept: str | bytes) -> Mapping[str, Any]:
    """Cached, because a list shows the same summaries again and again: 3 µs and 3 kB each."""
    return unpack_summary(kept)


class EpochRow(NamedTuple):
    """A finished epoch: `epoch` from 0, `at` seconds since 1970, `seconds` it took, `logs` in their order."""

    seq: int
    epoch: int
    at: float
    seconds: float
    logs: dict[str, float]


class EventRow(NamedTuple):
    """Another event and its `data`: "told" (entry of `history.events`), "printed", "batch", "measured" or "partial"."""

    seq: int
    kind: str
    at: float
    data: Any
