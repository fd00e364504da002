"""The run that ships, trained again: what its network answers after every epoch.

`python -m tests.ui.view_models.example_run` writes it to where the page reads it; a test compares.
"""

from dataclasses import replace
from unittest.mock import patch

from fitdash.jobs.build import make_job
from fitdash.runs.callbacks import prediction_snapshots
from fitdash.runs.callbacks.recorder import Recorder
from fitdash.runs.checkpoints import prediction_files
from fitdash.runs.protocol.control import Control
from fitdash.runs.protocol.events import Event, PredictionsTaken
from fitdash.ui.view_models.run_view import EXAMPLE_PREDICTIONS, example_run


def trained() -> list[Event]:
    """What its run tells, with one look after each epoch."""
    told: list[Event] = []
    experiment = example_run().experiment
    assert experiment is not None
    with patch.multiple(
        prediction_snapshots, LEAST_SECONDS=0.0, MOST_SHARE=float("inf"), MOST_BYTES_A_SECOND=float("inf")
    ):
        make_job(experiment)(Recorder("example", told.append), Control())
    return told


def looked(told: list[Event]) -> list[PredictionsTaken]:
    """The looks without the weights, which no panel of it needs."""
    return [replace(one, weights={}) for one in told if isinstance(one, PredictionsTaken)]


def main() -> None:
    for one in looked(trained()):
        prediction_files.write(EXAMPLE_PREDICTIONS, one)


if __name__ == "__main__":
    main()
