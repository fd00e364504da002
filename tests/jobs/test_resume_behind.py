"""Going on with a run whose copies are of later epochs than its rows, as where the store could not be written."""

import json

import pytest

from fitdash.jobs.launch import resume_run
from fitdash.jobs.warm_start import checkpoint_epochs
from tests.jobs.test_resume import EVERYTHING, SECONDS, cut, gone_on, logs, whole


@pytest.fixture
def behind(store, runner):
    """The uid of a run of which only the first row is there."""
    uid = cut(runner, EVERYTHING, 60)
    with store.write_transaction(durable=True) as db:
        summary = json.dumps({"epochs": 1, "epoch": 0, "logs": {}})
        db.execute("UPDATE runs SET summary = ? WHERE uid = ?", [summary, uid])
        db.execute("DELETE FROM epochs WHERE epoch > 0 AND run = (SELECT id FROM runs WHERE uid = ?)", [uid])
    return uid


def test_a_checkpoint_that_is_ahead_of_the_rows_is_passed_over(store, runner, behind):
    expected = whole(runner, EVERYTHING)
    gone_on(runner, behind)

    assert logs(store, behind) == logs(store, expected)


def test_checkpoints_ahead_are_gone_before_the_run_takes_another_course(store, runner, behind):
    assert max(checkpoint_epochs(behind)) > 1

    run = resume_run(runner, behind)
    run.step(batches=1)
    while not run.control.is_standing:
        assert not run.join(0.001)

    assert max(checkpoint_epochs(behind)) <= 1
    run.stop()
    assert run.join(SECONDS)
