"""Trials that train together: they end one by one, and their place is free when the last of them has."""

import threading

from fitdash.runs.protocol.events import Changed, EpochEnded
from fitdash.runs.record.sweeps import find_sweep
from fitdash.sweeps.results import Sweep
from tests.sweeps.conftest import SPACE


def states(store, uid):
    return [trial.state for trial in Sweep(store, uid).trials()]


def test_a_word_that_comes_after_the_end_of_its_trial_ends_no_other(store, searched):
    rates = {"compile.learning_rate": "1e-4..1e-1 log"}

    uid, state = searched(
        _Late(), trials=8, space=rates, together=True, objective="loss", sampler="random", pruner="none"
    )

    assert state == "finished"
    assert states(store, uid) == ["failed"] + ["finished"] * 7


def test_a_search_goes_on_when_the_trials_of_a_group_end_before_their_place_is_free(store, searched, monkeypatch):
    rates = {"compile.learning_rate": SPACE["compile.learning_rate"]}
    looked = threading.Semaphore(0)

    def look(*args):
        looked.release()
        return find_sweep(*args)

    monkeypatch.setattr("fitdash.sweeps.coordinator.sweeps.find_sweep", look)
    monkeypatch.setattr("fitdash.sweeps.coordinator.LOOK_SECONDS", 0.01)
    place = _Lingering(looked)

    uid, state = searched(
        place, trials=64, space=rates, together=True, objective="loss", sampler="random", pruner="none"
    )

    assert state == "finished"
    assert states(store, uid) == ["finished"] * 64


class _Lingering:
    """A place for two groups that stays taken until somebody has looked at the sweep after all their trials ended."""

    most = 2

    def __init__(self, looked):
        self.looked, self.both = looked, threading.Barrier(2, timeout=60)

    def train(self, order, uid, put, control):
        for one in order["together"]:
            put(Changed(uid=one["uid"], state="finished"))
        self.both.wait()
        assert all(self.looked.acquire(timeout=60) for _ in range(3))

    def close(self):
        pass


class _Late:
    """A place where the first trial of a group fails, and an epoch of it comes after that."""

    most = 1

    def train(self, order, uid, put, control):
        first, *others = [one["uid"] for one in order["together"]]
        put(Changed(uid=first, state="failed", error="It broke."))
        for each in (first, *others):
            put(EpochEnded(uid=each, epoch=0, logs={"loss": 1.0}, seconds=0.1))
        for each in others:
            put(Changed(uid=each, state="finished"))

    def close(self):
        pass
