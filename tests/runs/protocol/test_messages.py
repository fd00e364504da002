"""Events between processes."""

import math

import pytest

from fitdash.runs.protocol import events
from fitdash.runs.protocol.events import (
    BatchEnded,
    Began,
    Changed,
    CheckpointTaken,
    Created,
    EpochEnded,
    Event,
    PartialEpoch,
    PredictionsTaken,
    Printed,
    SweepEnded,
    Tagged,
    Told,
    TrainEvaluated,
    TrialJudged,
)
from fitdash.runs.protocol.messages import event_of, from_line, to_line

NUMBERS = {"loss": 0.1 + 0.2, "val_loss": 5e-324, "b": -0.0, "a": 1.7976931348623157e308, "inf": math.inf}


EXAMPLES = [
    Created(uid="a", name="n", experiment={"seed": 1}, writer="w", sweep="s", trial=0),
    Changed(uid="a", state="failed", error="x", traceback="y\nz"),
    TrialJudged(uid="a", verdict="pruned"),
    SweepEnded(uid="a", state="finished", seconds=0.1),
    Tagged(uid="a", tags=["b", "c"]),
    Began(uid="a", params={"epochs": 3, "steps": None, "metrics": ["loss"]}),
    EpochEnded(uid="a", epoch=3, logs=NUMBERS, seconds=0.1),
    BatchEnded(uid="a", epoch=3, step=2, steps=None, logs=NUMBERS),
    TrainEvaluated(uid="a", epoch=3, logs=NUMBERS, seconds=0.1),
    PartialEpoch(uid="a", epoch=3, logs=NUMBERS),
    Told(uid="a", facts={"epoch": 1, "kind": "ü\ud800\u2028"}),
    Printed(uid="a", text="one line\r\n"),
]
FILES = {CheckpointTaken, PredictionsTaken}
"""Events that the process that trains makes files of, in place of lines."""


def test_each_kind_of_event_that_crosses_processes_is_tried_here():
    kinds = {kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event)}

    assert {type(event) for event in EXAMPLES} == kinds - FILES - {Event}


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: type(event).__name__)
def test_an_event_comes_back_as_it_was(event):
    line = to_line(event)

    assert line.count(b"\n") == 1
    assert event_of(from_line(line)) == event
    assert repr(event_of(from_line(line))) == repr(event)


def test_what_is_no_number_comes_back_as_such():
    event = event_of(from_line(to_line(EpochEnded(uid="a", epoch=0, logs={"loss": math.nan}, seconds=0.0))))

    assert math.isnan(event.logs["loss"])


def test_a_message_comes_back_as_it_was():
    message = {"is": "over", "error": None, "traceback": "a\nb"}

    assert from_line(to_line(message)) == message
