"""The run that ships is one that anybody can train again."""

import numpy as np
import pytest

from fitdash.runs.checkpoints import prediction_files
from fitdash.runs.protocol.events import EpochEnded
from fitdash.ui.view_models.run_view import EXAMPLE_PREDICTIONS, example_run
from tests.ui.view_models.example_run import looked, trained


def test_the_example_is_what_its_experiment_gives():
    told = trained()

    losses = [one.logs["val_loss"] for one in told if isinstance(one, EpochEnded)]
    assert losses == pytest.approx(example_run().columns["val_loss"].tolist(), rel=1e-3)
    again = looked(told)
    assert prediction_files.saved_epochs(EXAMPLE_PREDICTIONS) == [one.epoch for one in again] == example_run().epochs
    for one in again:
        kept = prediction_files.read(EXAMPLE_PREDICTIONS, one.epoch)
        assert kept is not None
        assert kept.rows.tolist() == one.rows.tolist()
        # Another processor may round otherwise.
        assert np.mean(kept.answers == one.answers) > 0.98
