"""What the engine knows of its own code, so that a file that moves cannot slow a fit in silence."""

import importlib

import numpy as np
import pytest
import torch

from fitdash.callbacks import CSVLogger, TerminateOnNaN
from fitdash.engine.callbacks.callback_list import CallbackList, make_callbacks
from fitdash.engine.callbacks.history import History
from fitdash.engine.recording.safety.bytecode import TRUSTED
from fitdash.engine.training.strategies import _is_known, _only_observes
from fitdash.model.model import Model
from fitdash.model.view_metrics import ScriptRecorder
from fitdash.runs.callbacks.recorder import Recorder


def test_a_plain_mlp_is_recorded():
    model = Model(torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 1)))
    x = np.random.default_rng(0).normal(size=(320, 4)).astype("float32")

    history = model.compile("adam", loss="mse").fit(x, x[:, :1], batch_size=8, epochs=5, verbose=0)

    assert history.params["stepper"] == "recorded"


@pytest.mark.parametrize("name", [name for name in TRUSTED if name.startswith("fitdash")])
def test_what_is_trusted_is_there(name):
    assert importlib.import_module(name)


def test_callbacks_that_only_observe_are_known():
    kinds = [History, TerminateOnNaN, Recorder, ScriptRecorder]

    assert all(kind.__dict__["observes_only"] for kind in kinds)
    assert all(_only_observes(one) for one in CallbackList(make_callbacks([], History(), 1), None, {}).callbacks)


def test_a_subclass_of_a_callback_that_only_observes_is_not_taken_for_one():
    class Mine(TerminateOnNaN):
        pass

    assert not _only_observes(Mine())
    assert not _is_known(Mine())


def test_the_engines_own_callbacks_leave_the_module_alone():
    assert _is_known(CSVLogger("unused.csv"))
