"""View model of one run: its record, epochs and events at one moment, read from the store incrementally."""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from fitdash.charts.thin import Floats
from fitdash.errors import SettingError
from fitdash.runs.protocol.events import ACTIVE
from fitdash.runs.record.records import EpochRow, EventRow, RunRecord
from fitdash.runs.record.store import Store
from fitdash.settings.experiment import Experiment
from fitdash.ui.view_models.log_columns import LogColumns

EXAMPLE = Path(__file__).parent / "example.json"
EXAMPLE_PREDICTIONS = Path(__file__).parent / "example"
"""Predictions of the example's network after each epoch; `tests/ui/example_run.py` makes them."""

MOST_LINES = 400
MOST_RUNNING = 4000
"""Running values that one page keeps; beyond that, every second one is dropped."""


@dataclass(frozen=True)
class Running:
    """Running values within an epoch.

    Attributes:
        over: Finished epochs at that moment, with the fraction of the current one.
    """

    over: float
    logs: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class RunView:
    """A run as it is now.

    Attributes:
        uid: Of the run in the store; "example" for the one that ships.
        experiment: The experiment; None if the run has none, as a script's, or one that this version cannot read.
        owner: Visitor whose run it is, on a shared server.
        shared: True if other visitors may see it.
        seq: Grows with every event of the run.
        recipe: The experiment as stored, or the arguments of compile and fit that a script recorded.
        params: Of the fit, as callbacks get them.
        rows: The finished epochs in order.
        columns: The logs of `rows` as columns.
        batch: The newest running values within an epoch.
        measured: By epoch, the training rows' logs measured as validation rows are; empty unless the option was on.
        measured_seconds: Time that those measurements took.
        running: Running values of all epochs that were long enough to have some.
        told: Facts that the run recorded beside its logs: its data, actions of callbacks, changes of settings.
        lines: The last printed lines.
    """

    uid: str
    name: str
    state: str
    experiment: Experiment | None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any]
    rows: Sequence[EpochRow]
    columns: Mapping[str, Floats] = field(default_factory=dict)
    batch: EventRow | None = None
    running: Sequence[Running] = ()
    measured: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    measured_seconds: float = 0.0
    told: Sequence[Mapping[str, Any]] = ()
    lines: Sequence[str] = ()
    error: str | None = None
    traceback: str | None = None
    owner: str | None = None
    shared: bool = False
    seq: int = 0

    @property
    def is_active(self) -> bool:
        """True if the run trains, waits or is paused."""
        return self.state in ACTIVE

    @property
    def is_example(self) -> bool:
        """True for the run that ships with fitdash."""
        return self.uid == "example"

    @cached_property
    def epochs(self) -> list[int]:
        """Index of each finished epoch."""
        return [row.epoch for row in self.rows]

    @cached_property
    def history(self) -> dict[str, list[float]]:
        """The logs as columns, NaN where an epoch has none."""
        names = dict.fromkeys(name for row in self.rows for name in row.logs)
        return {name: [row.logs.get(name, float("nan")) for row in self.rows] for name in names}

    @property
    def planned(self) -> tuple[int, int]:
        """First and last shown epoch of the plan."""
        fit = self.experiment.fit if self.experiment else None
        first = self.rows[0].epoch if self.rows else fit.initial_epoch if fit else 0
        # `params` counts rather than the experiment: the number of epochs can change while a run trains.
        last = int(self.params.get("epochs") or (fit.epochs if fit else first + 1))
        return first + 1, max(last, first + 1, self.rows[-1].epoch + 1 if self.rows else 0)


@dataclass
class RunReader:
    """Reads one run for one session: keeps what it has read, and asks the store only for what is new."""

    uid: str
    seq: int = 0
    rows: dict[int, EpochRow] = field(default_factory=dict)
    columns: LogColumns = field(default_factory=LogColumns)
    running: list[Running] = field(default_factory=list)
    measured: dict[int, Mapping[str, float]] = field(default_factory=dict)
    measured_seconds: float = 0.0
    told: list[Mapping[str, Any]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    latest: RunView | None = None
    turn: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def read(self, store: Store) -> RunView | None:
        """The run as it is now; None if the store does not have it. Safe to call from any thread."""
        with self.turn:
            record = store.run(self.uid)
            if record is None:
                return None
            if self.latest is None or record.seq != self.seq or record.state != self.latest.state:
                self._add(store, record.seq)
                self.seq, self.latest = record.seq, self._snapshot(record, store)
            return self.latest

    def _add(self, store: Store, until: int) -> None:
        """Adds what was written since the last read, up to the record's `seq`; later rows are read next time."""
        self._add_epochs([row for row in store.epochs(self.uid, since=self.seq) if row.seq <= until])
        events = store.events(self.uid, "told", "printed", "batch", "measured", since=self.seq)
        others = [row for row in events if row.seq <= until]
        self.told += [row.data for row in others if row.kind == "told"]
        self.lines = [*self.lines, *(str(row.data) for row in others if row.kind == "printed")][-MOST_LINES:]
        for row in others:
            if row.kind == "measured":
                self.measured[row.data["epoch"]] = row.data["logs"]
                self.measured_seconds += row.data["seconds"]
            if row.kind == "batch" and row.data["steps"]:
                self._run_on(Running(row.data["epoch"] + (row.data["step"] + 1) / row.data["steps"], row.data["logs"]))
        if len(self.running) > MOST_RUNNING:
            del self.running[1::2]

    def _add_epochs(self, new: Sequence[EpochRow]) -> None:
        """Adds epochs; one that was trained again replaces the earlier one."""
        goes_on = not new or not self.rows or new[0].epoch > next(reversed(self.rows))
        self.rows.update({row.epoch: row for row in new})
        if goes_on:
            self.columns.add(new)
            return
        self.rows = {epoch: self.rows[epoch] for epoch in sorted(self.rows)}
        self.columns = LogColumns()
        self.columns.add(self.rows.values())

    def _run_on(self, new: Running) -> None:
        """Appends running values; if an epoch is trained again, drops its earlier ones."""
        while self.running and self.running[-1].over >= new.over:
            self.running.pop()
        self.running.append(new)

    def _snapshot(self, record: RunRecord, store: Store) -> RunView:
        last = self.latest
        known = last.experiment if last and last.recipe == record.experiment else _experiment(record.experiment)
        return RunView(
            uid=record.uid,
            name=record.name,
            state=record.state,
            experiment=known,
            recipe=record.experiment,
            params=record.params,
            rows=list(self.rows.values()),
            columns=self.columns.arrays(),
            running=list(self.running),
            measured=dict(self.measured),
            measured_seconds=self.measured_seconds,
            batch=store.latest(record.uid, "batch") if record.is_active else None,
            told=list(self.told),
            lines=self.lines,
            error=record.error,
            traceback=record.traceback,
            owner=record.owner,
            shared=bool(record.shared),
            seq=record.seq,
        )


@cache
def example_run() -> RunView:
    """The finished run that ships with fitdash: recorded, not made up."""
    told = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    rows = [EpochRow(0, row["epoch"], row["at"], row["seconds"], row["logs"]) for row in told["epochs"]]
    columns = LogColumns()
    columns.add(rows)
    return RunView(
        uid="example",
        name=told["name"],
        state="finished",
        experiment=_experiment(told["experiment"]),
        params=told["params"],
        rows=rows,
        columns=columns.arrays(),
        told=told["told"],
        lines=told["lines"],
    )


def _experiment(plain: Mapping[str, Any]) -> Experiment | None:
    """The experiment; None if there is none or this version cannot read it."""
    try:
        return Experiment.from_dict(plain) if plain else None
    except SettingError:
        return None
