"""Networks of listed layers train the same number for number, recorded or not."""

import pytest

from fitdash.jobs.build import build, compile_arguments
from tests.export.recipes import LISTED, recipe


@pytest.mark.parametrize("name", LISTED)
def test_recorded_steps_give_the_numbers_of_plain_ones(name, home):
    data, network = LISTED[name]
    experiment = recipe(data, network=network, epochs=2, batch_size=64, validation_split=0.2)
    logs = []
    for eagerly in (True, False):
        built = build(experiment)
        arguments = compile_arguments(experiment.compile, built.data.facts)
        built.model.compile(**arguments, run_eagerly=eagerly)
        logs.append(built.model.fit(**built.fit_arguments).history)

    assert logs[0] == logs[1]
