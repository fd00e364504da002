"""The script of fitdash: it says only what differs, and gives the same numbers to the last digit."""

import subprocess
import sys
from itertools import pairwise

import pytest

from fitdash.data.tables.catalogue import dataset_of
from fitdash.data.tables.data_facts import facts_of
from fitdash.export.fitdash_code import fitdash_code
from fitdash.export.network_torch import KINDS
from fitdash.jobs.build import build, make_job
from fitdash.nn.registry import NETWORKS
from fitdash.runs.callbacks.recorder import Recorder
from fitdash.runs.protocol.control import Control
from fitdash.runs.protocol.events import EpochEnded, Told
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.network import NetworkArgs
from fitdash.settings.validation_data import HoldOut
from tests.export.recipes import FILES, recipe, recipes
from tests.export.scripts import histories


def script_of(experiment, uploads=None, **more):
    return fitdash_code(experiment, facts_of(dataset_of(experiment.data, uploads)), **more)


def test_only_what_differs_from_the_defaults_is_written():
    script = script_of(Experiment(data=DatasetArgs(name="moons"), fit=FitArgs(epochs=20)))

    assert script == (
        "import fitdash as fd\n"
        "from torch import nn\n"
        "\n"
        'data = fd.load_dataset("moons")\n'
        "x, y = data.arrays()\n"
        "\n"
        "fd.set_random_seed(0)\n"
        "network = nn.Sequential(\n"
        "    nn.Linear(2, 64),\n"
        "    nn.ReLU(),\n"
        "    nn.Linear(64, 64),\n"
        "    nn.ReLU(),\n"
        "    nn.Linear(64, 1),\n"
        "    nn.Sigmoid(),\n"
        ")\n"
        "model = fd.Model(network)\n"
        'model.compile(loss="binary_crossentropy", metrics=["accuracy"])\n'
        "history = model.fit(x, y, epochs=20)\n"
    )


def test_what_is_without_effect_is_left_out():
    fit = FitArgs(steps_per_epoch=5, shuffle=False, validation_steps=3, class_weight={0: 2.0})

    script = script_of(Experiment(data=DatasetArgs(name="diabetes", samples=99, target="x"), fit=fit))

    assert "history = model.fit(x, y, steps_per_epoch=5)\n" in script
    assert 'fd.load_dataset("diabetes")' in script


def test_rows_that_are_held_out_are_named_in_the_script():
    script = script_of(recipe(validation_data=HoldOut(share=0.3), seed=7, verbose=None))

    assert 'train, val = data.hold_out(0.3, kind="stratified", seed=7)\n' in script
    assert "x, y = data.arrays(train=train)\n" in script
    assert "model.fit(x[train], y[train], batch_size=16, epochs=3, validation_data=(x[val], y[val]))" in script


def test_the_network_is_the_one_that_is_built():
    network = NetworkArgs(width=7, depth=2, activation="silu", dropout=0.25)

    space = {}
    exec(script_of(recipe(network=network, epochs=1)), space)

    built = build(recipe(network=network)).model.module
    assert [repr(layer) for layer in space["network"]] == [repr(layer) for layer in built]


def test_every_script_repeats_its_run_to_the_last_digit_in_a_fresh_process(tmp_path, home):
    uploads = home / "uploads"
    given = recipes(uploads)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)

    found = histories(tmp_path, {name: script_of(one, uploads) for name, one in given.items()})

    assert {name: logs for name, logs in found.items() if logs != trained(given[name])} == {}


def test_a_script_is_a_program_of_its_own(tmp_path):
    (tmp_path / "script.py").write_text(script_of(recipe()) + "print(history.history)\n")

    done = subprocess.run([sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == str(trained(recipe()))


@pytest.mark.parametrize(
    "changes",
    [
        [(0, {"learning_rate": 0.3})],
        [(5, {"learning_rate": 0.1, "weight_decay": 0.01}), (9, {"dropout": 0.6}), (17, {"epochs": 5})],
        [(3, {"batch_size": 7}), (30, {"batch_size": 40, "learning_rate": 0.02})],
    ],
)
def test_changes_made_while_it_ran_are_made_again(tmp_path, changes):
    experiment = recipe(network=NetworkArgs(width=4, depth=1, dropout=0.2), epochs=4, validation_split=0.2)
    logs, told = trained(experiment, control=Changing(changes), with_told=True)

    found = histories(tmp_path, {"script": script_of(experiment, changes=told)})

    assert len(told) == sum(len(settings) for _, settings in changes)
    assert found["script"] == logs
    assert logs != trained(experiment)


def test_notes_stand_at_the_top():
    assert script_of(recipe(), notes=["It was stopped.", "By hand."]).startswith("# It was stopped.\n# By hand.\n\nimp")


class Changing(Control):
    """Changes settings after so many batches of the run, in the training thread."""

    def __init__(self, changes):
        super().__init__()
        ends = [batches for batches, _ in changes]
        self.gaps = [after - before for before, after in pairwise([*ends, None]) if after is not None] + [0]
        self.coming = [settings for _, settings in changes]
        self.listen(self.stands)
        self.step(batches=ends[0]) if ends[0] else self.pause()

    def stands(self, is_standing):
        if not is_standing or not self.coming:
            return
        self.change(**self.coming.pop(0))
        gap = self.gaps.pop(0)
        self.step(batches=gap) if self.coming else self.resume()


def trained(experiment, *, control=None, with_told=False):
    """What the run of the dashboard logs, by name as `History` keeps it."""
    events = []
    make_job(experiment)(Recorder("run", events.append), control or Control())
    rows = [event.logs for event in events if isinstance(event, EpochEnded)]
    history = {name: [row[name] for row in rows if name in row] for name in dict.fromkeys(n for r in rows for n in r)}
    told = [event.facts for event in events if isinstance(event, Told) and event.facts["kind"] == "setting"]
    return (history, told) if with_told else history


def test_every_kind_of_network_can_be_written():
    assert set(KINDS) == set(NETWORKS)
