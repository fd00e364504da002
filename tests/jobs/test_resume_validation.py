"""A run that goes on validates as if it had not been interrupted, to the last digit."""

from dataclasses import replace

import pytest

from fitdash.jobs.build import make_job
from tests.jobs.test_resume import EVERYTHING, SECONDS, cut, gone_on, logs


@pytest.mark.parametrize("change", [None, {"batch_size": 20}])
def test_validation_goes_on_in_the_batches_that_it_began_with(store, runner, change):
    # Many small batches are measured several in one, which shows in the last digits.
    experiment = replace(EVERYTHING, fit=replace(EVERYTHING.fit, batch_size=32), callbacks=())

    def changed(recorder, control):
        control.step(batches=50)
        make_job(experiment)(recorder, control)

    run = runner.submit(changed, experiment=experiment.to_dict())
    while not run.control.is_standing:
        assert not run.join(0.001)
    if change:
        run.change(**change)
    run.resume()
    assert run.join(SECONDS)

    uid = cut(runner, experiment, 50, change)
    gone_on(runner, uid)

    assert logs(store, uid) == logs(store, run.uid)
