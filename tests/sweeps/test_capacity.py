"""A sweep on a disk that fills: it waits between trials, and loses nothing."""

import threading

import pytest

from fitdash.errors import StoreError
from fitdash.runs.record import sweeps
from fitdash.sweeps.api import begin_sweep
from fitdash.sweeps.capacity import CapacityCheck
from fitdash.sweeps.config import Budget, make_sweep_config
from fitdash.sweeps.coordinator import Coordinator
from tests.sweeps.conftest import BASE, SPACE, Invented, falling
from tests.sweeps.test_coordinator import states

FULL = "The disk is used up. The next trial begins when there is room."


class Disk:
    """Is full after so many trials; notes what the record says when it is asked again, and is then emptied."""

    def __init__(self, store, place, trials):
        self.store, self.place, self.trials = store, place, trials
        self.asked, self.told = 0, []

    def __call__(self):
        self.asked += 1
        if self.told:
            return
        if len(self.place.orders) >= self.trials:
            record = sweeps.all_sweeps(self.store)[0]
            if record.state == "paused":
                self.told.append((record.error, states(self.store, record.uid)))
                return
            raise StoreError("The disk is used up.")


@pytest.mark.parametrize("most", [1, 2])
def test_a_sweep_pauses_in_words_while_there_is_no_room_and_goes_on_by_itself(store, writer, searched, most):
    place = Invented(falling, most=most)
    disk = Disk(store, place, 2)

    uid, state = searched(place, trials=4, pruner="none", refuse=disk)

    ((error, at_pause),) = disk.told
    assert error == FULL
    assert 2 <= len(at_pause) <= 1 + most  # one may be on its way to the executor when room is asked for
    assert (state, sweeps.find_sweep(store, uid).error) == ("finished", None)
    assert states(store, uid) == ["finished"] * 4
    assert len(place.orders) == 4


def test_room_is_asked_for_before_each_trial(store, searched):
    place = Invented(falling)
    asked = []

    searched(place, trials=3, pruner="none", refuse=lambda: asked.append(len(place.orders)), clock=lambda: 0.0)

    assert asked == [0, 1, 2]


def test_a_sweep_that_is_done_needs_no_room(store, searched):
    def refuse():
        if len(place.orders) == 2:
            raise StoreError("The disk is used up.")

    place = Invented(falling)

    assert searched(place, trials=2, pruner="none", refuse=refuse)[1] == "finished"


def test_a_sweep_that_waits_for_room_can_be_stopped_and_gone_on_with(store, searched):
    def refuse():
        if len(place.orders) == 1:
            raise StoreError("The disk is used up.")

    def ask_to_stop():
        while not (known := sweeps.all_sweeps(store)) or known[0].state != "paused":
            stop.wait(0.01)
        sweeps.ask_to_stop(store, known[0].uid)

    stop = threading.Event()
    place = Invented(falling)
    threading.Thread(target=ask_to_stop, daemon=True).start()

    uid, state = searched(place, trials=3, pruner="none", refuse=refuse)

    assert (state, states(store, uid)) == ("stopped", ["finished"])
    assert searched(Invented(falling), trials=3, uid=uid) == (uid, "finished")
    assert states(store, uid) == ["finished"] * 3


def test_waiting_for_room_uses_up_no_seconds(store, writer):
    now = [0.0]

    def refuse():
        if len(place.orders) == 1 and now[0] < 500:
            raise StoreError("The disk is used up.")

    def wait(timeout):
        now[0] += 100.0

    place = Invented(falling)
    record = begin_sweep(
        store, make_sweep_config(BASE, SPACE, pruner="none"), Budget(trials=2, seconds=50), writer=writer
    )
    coordinator = Coordinator(record, writer, place, together=False, refuse=refuse, clock=lambda: now[0])
    coordinator._changed.wait = wait

    assert coordinator.run() == "finished"

    assert now == [500.0]
    assert states(store, record.uid) == ["finished"] * 2
    assert sweeps.find_sweep(store, record.uid).seconds == 0


def test_looking_at_the_disk_takes_a_small_share_of_the_time(store):
    now, asked = [0.0], []

    def refuse():
        asked.append(now[0])
        now[0] += 0.1

    room = CapacityCheck(store, "s", refuse, clock=lambda: now[0])
    for _ in range(100):
        assert room.is_there()
        now[0] += 0.5

    assert len(asked) == 10


def test_without_a_bound_there_is_always_room(store):
    assert CapacityCheck(store, "s", None, clock=lambda: 0.0).is_there()
