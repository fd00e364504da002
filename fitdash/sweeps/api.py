"""`fitdash.sweep`, the search from code, and its steps, which the command line and the pages use too."""

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fitdash.runs.protocol.events import SweepEnded
from fitdash.runs.protocol.json_codec import decode, encode
from fitdash.runs.record import sweeps
from fitdash.runs.record.store import Store
from fitdash.runs.record.sweeps import SweepRecord
from fitdash.runs.record.writer import Writer
from fitdash.runs.scheduling.runner import FLUSH_SECONDS
from fitdash.settings.experiment import Experiment
from fitdash.sweeps.config import Budget, SweepConfig, budget_of, plan_sweep
from fitdash.sweeps.coordinator import Coordinator, TrialRetry
from fitdash.sweeps.executors import TrialExecutor, make_executor
from fitdash.sweeps.results import Sweep
from fitdash.sweeps.trial import Trial, check_included_runs


def sweep(
    experiment: Experiment | Mapping[str, Any] | None = None,
    space: Any = None,
    *,
    trials: int | None = None,
    seconds: float | None = None,
    objective: str | None = None,
    mode: str = "auto",
    which: str = "best",
    sampler: str = "tpe",
    pruner: str = "median",
    seed: int = 0,
    workers: int | str | None = None,
    together: bool = True,
    include: tuple[str, ...] = (),
    name: str = "",
    resume: str | None = None,
    listener: Callable[[Trial], None] | None = None,
    store: str | Path | None = None,
) -> Sweep:
    """Train many variants of an experiment and keep all of them.

    Args:
        experiment: The experiment to vary: an Experiment, or its settings as tables, the others at their defaults.
        space: The varied settings and their values:
            {"compile.learning_rate": "1e-4..1e-1 log", "network.width": [16, 32, 64]}.
        trials: Bound on the number of trials, those of earlier starts included; None: no bound.
        seconds: Bound on the duration, over all starts; None: no bound.
        objective: The number by which trials are compared, by its name in the history; None: val_loss, or loss
            without validation.
        mode: "min", "max", or "auto": by the name.
        which: The epoch of a trial that counts: "best" or "last".
        sampler: "tpe", "random", "grid", "quasi-random" or "cma-es".
        pruner: Ends poor trials early: "median", "hyperband" or "none".
        seed: The seed of the sampler.
        workers: Number of worker processes; 0: this process; None: one process for each core but one, or this process
            if that is one; the address of a Ray cluster.
        together: Trials of small networks that differ in numbers alone may train in one program, where that is faster;
            their numbers agree with those of a run alone to a relative error of about 1e-4.
        include: uids of runs outside of the sweep that the sampler learns from.
        name: The name of the sweep in the record.
        resume: uid of a sweep to resume, with its own experiment and space, and this budget.
        listener: Called when a trial begins, after each of its epochs, and when it ends.
        store: The file of the record; None: the user's.

    Returns:
        The sweep, with its trials, the best trial, and tables of them.

    Raises:
        SettingError, DataError, StoreError: every problem, before any trial trains.
        KeyboardInterrupt: Ctrl-C; the sweep was stopped and recorded, and `resume` goes on with it.
    """
    opened = Store(store)
    recipe = None
    if resume is None:
        recipe, budget = plan_sweep(
            experiment if isinstance(experiment, Experiment) else Experiment.from_dict(experiment or {}),
            space or {},
            trials=trials,
            seconds=seconds,
            objective=objective,
            mode=mode,
            which=which,
            sampler=sampler,
            pruner=pruner,
            seed=seed,
            include=tuple(include),
        )
        check_included_runs(opened, recipe, recipe.include)
    opened.reap()
    place, writer = make_executor(workers), Writer(opened)
    try:
        if recipe is not None:
            record = begin_sweep(opened, recipe, budget, name=name, writer=writer)
        else:
            record = resume_sweep(opened, str(resume), writer=writer, trials=trials, seconds=seconds)
        run_sweep(record, writer, place=place, listener=listener, together=together)
    finally:
        writer.close()
        place.close()
    return Sweep(opened, record.uid)


def begin_sweep(
    store: Store, recipe: SweepConfig, budget: Budget, *, name: str = "", writer: Writer, owner: str | None = None
) -> SweepRecord:
    """Record a new sweep, for `run_sweep` to search."""
    uid = secrets.token_hex(8)
    return sweeps.create_sweep(
        store,
        uid,
        name=name or f"sweep {uid[:4]}",
        recipe=recipe.to_dict(),
        budget=budget.to_dict(),
        writer=writer.uid,
        owner=owner,
    )


def resume_sweep(
    store: Store, uid: str, *, writer: Writer, trials: int | None = None, seconds: float | None = None
) -> SweepRecord:
    """Claim a sweep that has ended, for `run_sweep` to go on with it.

    Args:
        trials, seconds: The budget over all starts; both None leave it as it was.

    Raises:
        StoreError: the sweep is unknown, or a process searches it.
        SettingError: the budget is invalid.
    """
    record = sweeps.find_sweep(store, uid)
    budget = Budget(**record.budget)
    if trials is not None or seconds is not None:
        budget = budget_of(trials, seconds, sampler=SweepConfig.from_dict(record.recipe).sampler)
    return sweeps.claim_sweep(store, uid, writer.uid, budget.to_dict())


def run_sweep(
    record: SweepRecord,
    writer: Writer,
    *,
    workers: int | str | None = None,
    place: TrialExecutor | None = None,
    listener: Callable[[Trial], None] | None = None,
    together: bool = True,
    refuse: Callable[[], None] | None = None,
    only: TrialRetry | None = None,
    started: Callable[[Coordinator], None] | None = None,
) -> str:
    """Search until the sweep ends; returns the state it ended in.

    Args:
        record: From `begin_sweep` or `resume_sweep`.
        workers: As `sweep` takes it.
        place: The executor to use in place of `workers`; it stays open.
        together: As `sweep` takes it.
        refuse: Raises StoreError where there is no room for another trial; the sweep pauses until there is.
        only: Train only this trial, again.
        started: Called with the coordinator, so that another thread can stop the sweep or a trial.
    """
    own = place is None
    try:
        chosen = make_executor(workers) if place is None else place
        coordinator = Coordinator(
            record, writer, chosen, listener=listener, together=together, refuse=refuse, only=only
        )
    except BaseException as error:
        writer.put(SweepEnded(uid=record.uid, state="failed", seconds=record.seconds, error=str(error)))
        writer.flush(FLUSH_SECONDS)
        raise
    try:
        if started is not None:
            started(coordinator)
        return coordinator.run()
    finally:
        if own:
            chosen.close()


def find_same_sweep(store: Store, recipe: SweepConfig, *, active: bool = False) -> SweepRecord | None:
    """The newest sweep with the same configuration, included runs aside; None if there is none.

    `fitdash sweep` resumes it.

    Args:
        active: True for a sweep that a process searches, False for an ended sweep.
    """
    wanted = decode(encode(recipe.to_dict() | {"include": None}))
    for record in sweeps.all_sweeps(store):
        if record.is_active is active and {**record.recipe, "include": None} == wanted:
            return record
    return None
