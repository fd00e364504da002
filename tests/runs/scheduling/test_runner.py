"""Training in the background, one run after the other."""

import subprocess
import sys
import threading

import pytest

from fitdash.errors import StoreError
from fitdash.runs.record.writer import CLOSE_SECONDS
from fitdash.runs.scheduling.runner import SHUTDOWN_SECONDS, WORKERS_SECONDS, Runner


class Job:
    """A job that a test lets begin, go on and look at."""

    def __init__(self):
        self.began = threading.Event()
        self.may_end = threading.Event()

    def __call__(self, recorder, control):
        self.began.set()
        while not control.stop_is_wanted and not self.may_end.is_set():
            control.wait(0.01, control.changes)


def nothing(recorder, control):
    pass


def test_a_run_is_queued_runs_and_finishes(store, writer, runner):
    job = Job()
    run = runner.submit(job, experiment={"seed": 3}, name="iris", owner="me", parent="p")
    assert job.began.wait(60)
    writer.flush(10)
    seen = store.run(run.uid)
    assert (seen.state, run.state, seen.experiment, seen.name) == ("running", "running", {"seed": 3}, "iris")
    assert (seen.owner, seen.parent) == ("me", "p")
    assert seen.started >= seen.created

    job.may_end.set()
    assert run.join(10)
    writer.flush(10)

    seen = store.run(run.uid)
    assert (seen.state, run.state) == ("finished", "finished")
    assert seen.ended >= seen.started
    assert runner.active() == []


def test_one_trains_at_a_time_and_the_others_follow_in_their_order(store, writer, runner):
    order = []
    first = Job()
    runs = [runner.submit(first, experiment={})]
    runs += [
        runner.submit(lambda recorder, control, name=name: order.append(name), experiment={}) for name in ("b", "c")
    ]
    assert first.began.wait(60)
    writer.flush(10)
    assert [store.run(run.uid).state for run in runs] == ["running", "queued", "queued"]
    assert runner.active() == runs
    assert runner.find(runs[1].uid) is runs[1]

    first.may_end.set()
    assert all(run.join(10) for run in runs)

    assert order == ["b", "c"]
    assert runner.find(runs[1].uid) is None


def test_stop_reads_stopping_and_then_stopped(store, writer, runner):
    job = Job()
    run = runner.submit(job, experiment={})
    assert job.began.wait(60)
    seen = []
    put = writer.put
    runner.writer.put = lambda event: (seen.append(getattr(event, "state", None)), put(event))

    run.stop()
    run.stop()
    assert run.join(10)
    run.stop()
    writer.flush(10)

    assert seen == ["stopping", "stopped"]
    assert store.run(run.uid).state == "stopped"


def test_a_queued_run_that_is_stopped_never_trains(store, writer, runner):
    first = Job()
    runner.submit(first, experiment={})
    trained = []
    second = runner.submit(lambda recorder, control: trained.append(1), experiment={})

    second.stop()
    assert second.join(10)
    first.may_end.set()
    third = runner.submit(nothing, experiment={})
    third.join(10)
    writer.flush(10)

    assert trained == []
    assert store.run(second.uid).state == "stopped"
    assert store.run(third.uid).state == "finished"


def test_a_failure_keeps_its_traceback_and_the_next_run_works(store, writer, runner):
    def fails(recorder, control):
        recorder.console.write("half a line")
        raise ValueError("x has 100 samples but y has 90.\nAnd more.")

    failed = runner.submit(fails, experiment={})
    works = runner.submit(nothing, experiment={})
    assert works.join(10)
    writer.flush(10)

    seen = store.run(failed.uid)
    assert (seen.state, seen.error) == ("failed", "ValueError: x has 100 samples but y has 90.")
    assert "in fails" in seen.traceback
    assert "And more." in seen.traceback
    assert store.texts(failed.uid) == ["half a line"]
    assert store.run(works.uid).state == "finished"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
def test_whatever_a_job_raises_the_runner_goes_on(store, writer, runner, error):
    def fails(recorder, control):
        raise error

    failed = runner.submit(fails, experiment={})
    works = runner.submit(nothing, experiment={})
    assert works.join(10)
    writer.flush(10)

    assert [store.run(failed.uid).state, store.run(works.uid).state] == ["failed", "finished"]
    assert store.run(failed.uid).error == error.__name__


def test_shutdown_interrupts_what_trains_and_what_waits(store, writer, runner):
    job = Job()
    runs = [runner.submit(job, experiment={}), runner.submit(nothing, experiment={})]
    assert job.began.wait(60)

    runner.shutdown()
    runner.shutdown()
    writer.flush(10)

    assert [store.run(run.uid).state for run in runs] == ["interrupted", "interrupted"]
    with pytest.raises(StoreError, match="The runner must be open to train"):
        runner.submit(nothing, experiment={})


def test_shutdown_does_not_wait_for_ever(store, writer, runner):
    deaf = threading.Event()
    run = runner.submit(lambda recorder, control: deaf.wait(60), experiment={})

    runner.shutdown(timeout=0.01)
    writer.flush(10)

    assert store.run(run.uid).state == "interrupted"
    deaf.set()
    run.thread.join(10)
    writer.flush(10)
    assert store.run(run.uid).state == "interrupted"


def test_a_run_stopped_by_someone_stays_stopped_at_shutdown(store, writer, runner):
    goes_on = threading.Event()
    run = runner.submit(lambda recorder, control: goes_on.wait(60), experiment={})

    run.stop()
    goes_on.set()
    runner.shutdown()
    writer.flush(10)

    assert store.run(run.uid).state == "stopped"


def test_the_thread_ends_with_the_process_and_says_interrupted(store):
    script = """
import threading
from fitdash.runs.scheduling.runner import Runner
from fitdash.runs.record.store import Store
from fitdash.runs.record.writer import Writer

began = threading.Event()
def job(recorder, control):
    began.set()
    while not control.stop_is_wanted:
        control.wait(60, control.changes)

Runner(Writer(Store())).submit(job, experiment={}, name="left alone")
began.wait()
"""
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, timeout=60)

    assert [(run.name, run.state) for run in store.runs()] == [("left alone", "interrupted")]


def test_a_server_that_is_told_to_end_waits_less_than_the_five_seconds_after_which_it_is_killed():
    assert SHUTDOWN_SECONDS + WORKERS_SECONDS + CLOSE_SECONDS < 5


def test_a_job_that_is_over_is_let_go(runner):
    run = runner.submit(Job().__call__, experiment={})
    job = run._job
    run.stop()
    run.join(10)

    assert run._job is not job


def queued(runner, owners):
    """A runner whose thread is busy, and a queued run for each of these owners."""
    first = Job()
    runner.submit(first, experiment={})
    assert first.began.wait(60)
    return first, [runner.submit(nothing, experiment={}, owner=owner) for owner in owners]


def test_owners_take_turns(runner):
    first, (a, b, c) = queued(runner, ["a", "a", "b"])

    assert runner.waiting() == [a, c, b]
    assert runner.active()[1:] == [a, c, b]
    first.may_end.set()
    assert all(run.join(10) for run in (a, b, c))


def test_a_run_can_be_put_first_among_those_of_its_owner(runner):
    _, (a, b, c, d) = queued(runner, ["a", "a", "a", "b"])

    runner.put_first(c)

    assert runner.waiting() == [c, d, a, b]


def test_more_runs_than_may_wait_are_refused(writer):
    runner = Runner(writer, most_waiting=3, most_waiting_each=2)
    queued(runner, ["a", "a"])

    with pytest.raises(StoreError, match="Your runs that wait must be at most 2, got one more"):
        runner.submit(nothing, experiment={}, owner="a")
    runner.submit(nothing, experiment={}, owner="b")
    with pytest.raises(StoreError, match="Runs that wait must be at most 3, got one more"):
        runner.submit(nothing, experiment={}, owner="c")
    assert len(runner.active()) == 4
    runner.shutdown()


def test_where_none_may_wait_one_may_train(writer):
    runner = Runner(writer, most_waiting=0)
    queued(runner, [])

    with pytest.raises(StoreError, match="at most 0"):
        runner.submit(nothing, experiment={})
    runner.shutdown()


class Elsewhere:
    """Workers that a test looks into."""

    most, has_room = 1, True

    def __init__(self):
        self.orders, self.go_on = [], threading.Event()

    def train(self, order, uid, put, control):
        self.orders.append(order)
        self.go_on.wait(60)

    def close(self, timeout):
        self.go_on.set()


def test_what_came_with_an_order_trains_beside_the_thread(store, writer):
    workers = Elsewhere()
    runner = Runner(writer, workers=workers)
    first = Job()
    runs = [runner.submit(first, experiment={}, order={"n": 0}), runner.submit(nothing, experiment={})]
    runs += [runner.submit(nothing, experiment={}, order={"n": number}) for number in (1, 2)]
    assert first.began.wait(60)
    writer.flush(10)

    assert [run.state for run in runs] == ["running", "queued", "running", "queued"]
    workers.go_on.set()
    assert runs[3].join(10)
    first.may_end.set()
    assert all(run.join(10) for run in runs)
    writer.flush(10)
    assert workers.orders == [{"n": 1}, {"n": 2}]
    assert {store.run(run.uid).state for run in runs} == {"finished"}
    runner.shutdown()
