"""Sweeps in background threads of a server; their trials train in worker processes."""

import atexit
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from fitdash.errors import StoreError
from fitdash.runs.record import sweeps
from fitdash.runs.record.disk_quota import check_disk_quota
from fitdash.runs.record.sweeps import SweepRecord
from fitdash.runs.record.writer import Writer
from fitdash.runs.scheduling.worker_pool import WorkerPool, available_cores
from fitdash.settings.search_space import corners
from fitdash.settings.server import ServerArgs
from fitdash.sweeps.api import begin_sweep, resume_sweep, run_sweep
from fitdash.sweeps.config import Budget, SweepConfig
from fitdash.sweeps.coordinator import Coordinator, TrialRetry

SHUTDOWN_SECONDS = 2.0


class Sweeper:
    """Begins and resumes sweeps, and finds those that this process searches.

    Args:
        writer: Writes the events of sweeps and trials to the store.
        most: Trials that train at once, of all sweeps together; None: one for each core but one.
        settings: The settings of this server, with its quotas; None: no quotas.
    """

    def __init__(self, writer: Writer, most: int | None = None, settings: ServerArgs | None = None) -> None:
        self.writer = writer
        # Never in this process: torch has one random generator, and a run may train in a thread of this process.
        self.most = most or max(1, available_cores() - 1)
        self._settings = settings
        self._workers = WorkerPool(self.most, note_trouble=writer.note_trouble)
        self._lock = threading.Lock()
        self._threads: dict[str, threading.Thread] = {}
        self._coordinators: dict[str, Coordinator] = {}
        self._is_closed = False
        atexit.register(self.shutdown)

    def begin(self, recipe: SweepConfig, budget: Budget, *, name: str = "", owner: str | None = None) -> SweepRecord:
        """Begin a sweep in the background; returns its record.

        Raises:
            SettingError: a trial would exceed a quota of this server.
            StoreError: the store cannot be written, the quota of the disk is used up, or this process ends.
        """
        self._refuse_when_closed()
        self._check_quotas(recipe, owner)
        return self._start_thread(
            begin_sweep(self.writer.store, recipe, budget, name=name, writer=self.writer, owner=owner)
        )

    def go_on(self, uid: str, *, trials: int | None = None, seconds: float | None = None) -> SweepRecord:
        """Resume a sweep that has ended, with another budget over all starts where one is given.

        Raises:
            StoreError: the sweep is unknown, a process searches it, the quota of the disk is used up, or this process
                ends.
            SettingError: the budget is invalid, or a trial would exceed a quota of this server.
        """
        self._refuse_when_closed()
        record = sweeps.find_sweep(self.writer.store, uid)
        self._check_quotas(SweepConfig.from_dict(record.recipe), record.owner)
        return self._start_thread(
            resume_sweep(self.writer.store, uid, writer=self.writer, trials=trials, seconds=seconds)
        )

    def retry(self, uid: str, number: int) -> None:
        """Train a trial again; of a sweep that has ended, only this trial.

        Raises:
            StoreError: the trial is unknown, it trains, the quota of the disk is used up, or this process ends.
            SettingError: it would exceed a quota of this server.
        """
        coordinator = self.find(uid)
        if coordinator is not None:
            coordinator.retry(number)
            return
        self._refuse_when_closed()
        store = self.writer.store
        record = sweeps.find_sweep(store, uid)
        runs = sweeps.newest_run_per_trial(store.runs(sweep=uid))
        if not any(run.trial == number for run in runs):
            raise StoreError(f"A trial must be there to be retried, got {number}.")
        self._check_quotas(SweepConfig.from_dict(record.recipe), record.owner)
        # Interrupted trials are left for a resume of the whole sweep.
        only = TrialRetry(number=number, leaves="finished" if record.state == "finished" else "stopped")
        self._start_thread(resume_sweep(store, uid, writer=self.writer), only)

    def stop(self, uid: str) -> None:
        """Stop a sweep, in this process or another; trials that train are trained again when it is resumed."""
        coordinator = self.find(uid)
        if coordinator is not None:
            coordinator.stop()
        try:
            sweeps.ask_to_stop(self.writer.store, uid)
        except StoreError:
            if coordinator is None:
                raise  # a sweep of this process stops all the same

    def find(self, uid: str) -> Coordinator | None:
        """The coordinator of this sweep; None if this process does not search it."""
        with self._lock:
            return self._coordinators.get(uid)

    def join(self, uid: str, timeout: float | None = None) -> bool:
        """Wait until a sweep of this process has ended; False if that took longer than `timeout` seconds."""
        thread = self._threads.get(uid)
        if thread is not None:
            thread.join(timeout)
        return thread is None or not thread.is_alive()

    def shutdown(self, timeout: float = SHUTDOWN_SECONDS) -> None:
        """Interrupt all sweeps: the next server may resume them by itself. May be called more than once."""
        with self._lock:
            self._is_closed = True
            coordinators = list(self._coordinators.values())
            threads = list(self._threads.values())
        for coordinator in coordinators:
            coordinator.leave()
        end = time.monotonic() + timeout
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
        self._workers.close(max(0.1, end - time.monotonic()))

    def _refuse_when_closed(self) -> None:
        if self._is_closed:
            raise StoreError("A server must be on to search, got a sweep while it ends.")

    def _check_quotas(self, recipe: SweepConfig, owner: str | None) -> None:
        """Check the corners of the space, with the largest network and the most rows, against the quotas."""
        if self._settings is None:
            return
        from fitdash.jobs.quotas import check_quotas

        for varied in corners(recipe.space, recipe.experiment):
            check_quotas(self.writer.store, varied, self._settings, owner=owner)

    def _capacity_check(self, owner: str | None) -> Callable[[], None] | None:
        """The check of the disk quota before each trial; None without quotas."""
        return None if self._settings is None else partial(check_disk_quota, self.writer.store, self._settings, owner)

    def _start_thread(self, record: SweepRecord, only: TrialRetry | None = None) -> SweepRecord:
        with self._lock:
            thread = threading.Thread(
                target=self._search, args=[record, only], name=f"fitdash-sweep-{record.uid}", daemon=True
            )
            self._threads[record.uid] = thread
        thread.start()
        return record

    def _search(self, record: SweepRecord, only: TrialRetry | None) -> None:
        try:
            with suppress(Exception):  # recorded with the sweep, whose page shows it
                refuse = self._capacity_check(record.owner)
                remember = self._remember(record.uid)
                run_sweep(record, self.writer, place=self._workers, refuse=refuse, only=only, started=remember)
        finally:
            with self._lock:
                self._coordinators.pop(record.uid, None)

    def _remember(self, uid: str) -> Callable[[Any], None]:
        def remember(coordinator: Coordinator) -> None:
            with self._lock:
                self._coordinators[uid] = coordinator
                if self._is_closed:
                    coordinator.leave()

        return remember
