"""`fitdash sweep` on the command line."""

import json
import os
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

from fitdash.cli.commands import main
from fitdash.runs.record import sweeps
from fitdash.runs.record.store import Store
from tests.forked import Processes

CONFIG = """
trials = {trials}
sampler = "random"
pruner = "none"
[experiment.data]
name = "iris"
[experiment.fit]
epochs = 2
validation_data = {{kind = "stratified", share = 0.2}}
[space]
"compile.learning_rate" = "1e-3..1e-1 log"
[space.network]
width = [4, 8]
"""


@pytest.fixture
def config(tmp_path):
    def write(trials=3, more=""):
        file = tmp_path / "first.toml"
        file.write_text(more + CONFIG.format(trials=trials))
        return str(file)

    return write


def call(*words):
    result = CliRunner().invoke(main, ["sweep", *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def test_each_trial_has_a_line_and_the_best_comes_last(config):
    result = call(config(), "--workers", "0")

    assert result.exit_code == 0, result.output
    first, together, *trials, best = result.stdout.splitlines()
    assert together == "Up to 32 trials train together in one program; --alone trains each by itself."
    assert first.startswith("Searching first (")
    assert [" ".join(line.split()[:3]) for line in trials] == [
        "trial 1 finished",
        "trial 2 finished",
        "trial 3 finished",
    ]
    assert all("val_loss" in line and "learning_rate" in line and "width" in line for line in trials)
    assert best.startswith("Best: trial")
    assert "`fitdash runs show " in best


def test_each_trial_can_be_trained_by_itself(config):
    result = call(config(), "--workers", "0", "--alone")

    assert "together" not in result.stdout
    assert result.stdout.count("finished") == 3


def test_json_is_a_line_for_each_trial_and_one_for_the_best(config):
    result = call(config(), "--workers", "0", "--json")

    *trials, last = [json.loads(line) for line in result.stdout.splitlines()]
    assert [one["trial"] for one in trials] == [1, 2, 3]
    assert last["state"] == "finished"
    assert last["best"]["val_loss"] == min(one["val_loss"] for one in trials)
    assert set(trials[0]["values"]) == {"compile.learning_rate", "network.width"}


def test_a_search_that_has_finished_is_extended_by_more_trials_and_not_begun_again(config):
    call(config(), "--workers", "0")

    again = call(config(), "--workers", "0")
    more = call(config(), "--workers", "0", "--trials", "5")
    new = call(config(), "--workers", "0", "--new")

    assert "It was finished before. --trials extends it." in again.stdout
    assert more.stdout.startswith("Going on with first (")
    assert sum(line.startswith("trial") for line in more.stdout.splitlines()) == 2
    assert new.stdout.startswith("Searching first (")
    with Store() as store:
        assert sorted(len(store.runs(sweep=one.uid)) for one in sweeps.all_sweeps(store)) == [3, 5]


@pytest.fixture
def hears_interrupts():
    """What is begun hears Ctrl-C, also where the tests do not because a shell began them in its background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("hears_interrupts")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_properly_and_the_same_command_goes_on(config, number):
    file = config(trials=1000)
    command = [sys.executable, "-m", "fitdash", "sweep", file, "--workers", "0"]
    with Processes.Popen(command, stdout=Processes.PIPE, text=True, env={**os.environ}) as process:
        lines = [process.stdout.readline() for _ in range(5)]
        process.send_signal(number)
        rest = process.stdout.read().splitlines()
        process.wait()

    assert process.returncode == 130
    assert lines[4].startswith("trial ")
    assert rest[-1] == "Stopped. The same command goes on."
    with Store() as store:
        (stopped,) = sweeps.all_sweeps(store)
        done = len({run.trial for run in store.runs(sweep=stopped.uid)})
        assert stopped.state == "stopped"
        assert {run.state for run in store.runs()} <= {"finished", "interrupted"}

    more = call(file, "--workers", "0", "--trials", str(done + 1), "--json")

    assert json.loads(more.stdout.splitlines()[-1])["trials"] == done + 1
    with Store() as store:
        newest = sweeps.newest_run_per_trial(store.runs(sweep=stopped.uid))
        assert len(newest) == done + 1
        assert {run.state for run in newest} == {"finished"}


def test_the_same_search_is_not_carried_out_twice_at_once(config):
    call(config(), "--workers", "0")
    with Store() as store:
        from fitdash.runs.record.writer import Writer

        writer = Writer(store)
        (record,) = sweeps.all_sweeps(store)
        sweeps.claim_sweep(store, record.uid, writer.uid, {"trials": 9, "seconds": None})

        result = call(config(), "--workers", "0")

        writer.close()
    assert result.exit_code == 1
    assert "The same search must not be on already, got" in result.stderr


def test_what_is_wrong_in_the_file_is_told_in_words(config, tmp_path):
    result = call(config(more='samler = "tpe"\n'))

    assert result.exit_code == 1
    assert "Error: Unknown name in a sweep's file, 'samler'. Did you mean 'sampler'?" in result.stderr
    assert call(config(), "--sampler", "best").exit_code == 1
    (tmp_path / "strange.toml").write_bytes(b"\xff\xfe")
    assert "must be text in UTF-8, got strange.toml" in call(str(tmp_path / "strange.toml")).stderr
    assert call(str(tmp_path / "nowhere.toml")).exit_code == 2


def test_help_needs_neither_torch_nor_optuna():
    code = "import sys; from fitdash.cli.commands import main; main(['sweep', '--help'], standalone_mode=False)"
    code += "; sys.exit(any(name in sys.modules for name in ('torch', 'optuna')))"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
