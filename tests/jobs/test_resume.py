"""Going on after a stop, a crash or in another run, number for number."""

import json
import os
import random
import signal
import sys
from dataclasses import replace

import pytest
import torch

from fitdash.data.tables.upload import save_upload
from fitdash.errors import DataError, SettingError, StoreError
from fitdash.jobs.build import make_job, make_resume_job
from fitdash.jobs.launch import resume_run, start_over
from fitdash.jobs.warm_start import checkpoint_epochs
from fitdash.runs.checkpoints.checkpoint_files import checkpoints_of, run_checkpoint_folder
from fitdash.runs.record.history import history_of
from fitdash.runs.record.store import Store
from fitdash.runs.record.writer import Writer
from fitdash.runs.scheduling.runner import Runner
from fitdash.settings.callbacks import CALLBACKS
from fitdash.settings.compile import CompileArgs
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.network import NetworkArgs
from fitdash.settings.validation_data import HoldOut
from tests.forked import Processes

SECONDS = 60
EVERYTHING = Experiment(
    data=DatasetArgs(name="digits"),
    network=NetworkArgs(width=16, depth=1, dropout=0.3),
    compile=CompileArgs(optimizer="sgd", learning_rate=0.05, momentum=0.9),
    fit=FitArgs(epochs=7, batch_size=100, verbose=0, validation_data=HoldOut()),
    callbacks=(
        CALLBACKS["LearningRateScheduler"](schedule="cosine"),
        CALLBACKS["EarlyStopping"](monitor="val_loss", patience=50, restore_best_weights=True),
        CALLBACKS["CSVLogger"](filename="log.csv"),
    ),
    seed=4,
)
PLATEAU = replace(
    EVERYTHING,
    compile=CompileArgs(optimizer="adam"),
    callbacks=(CALLBACKS["ReduceLROnPlateau"](monitor="loss", patience=1, min_delta=0.3, cooldown=1),),
)
ON = replace(EVERYTHING, fit=replace(EVERYTHING.fit, steps_per_epoch=12, validation_data=None, validation_split=0.1))


def logs(store, uid):
    return [(row.epoch, row.logs) for row in store.epochs(uid)]


def whole(runner, experiment):
    """A run that nothing interrupts."""
    run = runner.submit(make_job(experiment), experiment=experiment.to_dict())
    assert run.join(SECONDS)
    runner.writer.flush(SECONDS)
    return run.uid


def cut(runner, experiment, batches, change=None):
    """A run that is stopped after so many batches; `change` is made while it stands there."""

    def begins(recorder, control):
        control.step(batches=batches)
        make_job(experiment)(recorder, control)

    run = runner.submit(begins, experiment=experiment.to_dict())
    while not run.control.is_standing:
        assert not run.join(0.001), runner.writer.store.run(run.uid)
    if change:
        run.change(**change)
        run.step(batches=3)
        while run.control.batches_left != 1 or not run.control.is_standing:
            assert not run.join(0.001)
    run.stop()
    assert run.join(SECONDS)
    runner.writer.flush(SECONDS)
    return run.uid


def keeping(runner, experiment, epoch):
    """A whole run that has kept this epoch."""

    def begins(recorder, control):
        control.step(epochs=epoch)
        make_job(experiment)(recorder, control)

    run = runner.submit(begins, experiment=experiment.to_dict())
    while not run.control.is_standing:
        assert not run.join(0.001), runner.writer.store.run(run.uid)
    runner.writer.flush(SECONDS)
    run.resume()
    assert run.join(SECONDS)
    runner.writer.flush(SECONDS)
    assert epoch in checkpoint_epochs(run.uid)
    return run.uid


def gone_on(runner, uid):
    run = resume_run(runner, uid)
    assert run.join(SECONDS)
    runner.writer.flush(SECONDS)
    record = runner.writer.store.run(uid)
    assert record.state == "finished", record.traceback
    return record


@pytest.mark.parametrize("experiment", [EVERYTHING, PLATEAU, ON], ids=["everything", "plateau", "passes go on"])
@pytest.mark.parametrize("batches", [3, 25, 45])
def test_a_run_that_was_stopped_goes_on_to_the_same_numbers(store, runner, experiment, batches):
    expected = whole(runner, experiment)

    uid = cut(runner, experiment, batches)
    before = logs(store, uid)
    assert store.run(uid).state == "stopped"
    random.seed(1), torch.manual_seed(99)
    gone_on(runner, uid)

    assert before == logs(store, expected)[: len(before)] != logs(store, expected)
    assert logs(store, uid) == logs(store, expected)
    one, other = (checkpoints_of(run_checkpoint_folder(each))[-1].content() for each in (uid, expected))
    assert all(torch.equal(one["weights"][name], other["weights"][name]) for name in other["weights"])


def test_it_goes_on_again_and_again(store, runner):
    expected = whole(runner, EVERYTHING)
    uid = cut(runner, EVERYTHING, 20)
    for batches in (14, 14):
        run = resume_run(runner, uid)
        run.step(batches=batches)
        while not run.control.is_standing:
            assert not run.join(0.001)
        run.stop()
        assert run.join(SECONDS)

    gone_on(runner, uid)

    assert logs(store, uid) == logs(store, expected)
    csv = (run_checkpoint_folder(uid).parent / "log.csv").read_text()
    assert csv == (run_checkpoint_folder(expected).parent / "log.csv").read_text()


@pytest.mark.parametrize("change", [{"learning_rate": 0.2}, {"batch_size": 70}, {"dropout": 0.6}, {"epochs": 9}])
def test_what_was_changed_while_it_ran_happens_again(store, runner, change):
    # A schedule would set the rate again in the next epoch.
    experiment = replace(EVERYTHING, callbacks=()) if "learning_rate" in change else EVERYTHING

    def changed(recorder, control):
        control.step(batches=20)
        make_job(experiment)(recorder, control)

    run = runner.submit(changed, experiment=experiment.to_dict())
    while not run.control.is_standing:
        assert not run.join(0.001)
    run.change(**change)
    run.resume()
    assert run.join(SECONDS)
    expected = run.uid

    uid = cut(runner, experiment, 20, change)
    gone_on(runner, uid)

    assert logs(store, uid) == logs(store, expected)
    settings = [
        [row.data for row in store.events(each, "told") if row.data["kind"] == "setting"] for each in (uid, expected)
    ]
    assert settings[0] == settings[1]
    assert len(settings[0]) == 1


def test_the_record_tells_that_it_went_on_and_tells_nothing_twice(store, runner):
    scheduled = replace(EVERYTHING, callbacks=EVERYTHING.callbacks[:1])
    expected = whole(runner, scheduled)
    uid = cut(runner, scheduled, 25)
    gone_on(runner, uid)

    told = [row.data for row in store.events(uid, "told")]
    assert [facts["kind"] for facts in told if facts["kind"] in ("stop_run", "resumed")] == ["stop_run", "resumed"]
    others = [facts for facts in told if facts["kind"] not in ("stop_run", "resumed")]
    once = [row.data for row in store.events(expected, "told")]
    assert sorted(map(json.dumps, others)) == sorted(map(json.dumps, once))
    assert history_of(store, uid).to_csv() == history_of(store, expected).to_csv()


@pytest.fixture
def keeps_all(monkeypatch):
    monkeypatch.setattr("fitdash.runs.callbacks.checkpointing.EVERY_SECONDS", 0.0)


@pytest.mark.usefixtures("keeps_all")
@pytest.mark.parametrize("recipe", [EVERYTHING, PLATEAU], ids=["everything", "plateau"])
def test_a_branch_from_a_kept_epoch_knows_its_parent_and_equals_it_where_nothing_changed(store, runner, recipe):
    epoch = 4
    parent = keeping(runner, recipe, epoch)
    experiment = replace(recipe, fit=replace(recipe.fit, initial_epoch=epoch))

    run = runner.submit(
        make_job(experiment, origin=parent, epoch=epoch), experiment=experiment.to_dict(), parent=parent
    )
    assert run.join(SECONDS)
    runner.writer.flush(SECONDS)

    assert store.run(run.uid).parent == parent
    assert logs(store, run.uid) == logs(store, parent)[epoch:]


@pytest.mark.usefixtures("keeps_all")
def test_a_branch_takes_changed_settings(store, runner):
    epoch = 4
    parent = keeping(runner, EVERYTHING, epoch)
    experiment = replace(EVERYTHING, compile=CompileArgs(optimizer="adam"), callbacks=())
    experiment = replace(experiment, fit=replace(experiment.fit, initial_epoch=epoch, epochs=epoch + 2))

    run = runner.submit(
        make_job(experiment, origin=parent, epoch=epoch), experiment=experiment.to_dict(), parent=parent
    )
    assert run.join(SECONDS)
    runner.writer.flush(SECONDS)

    rows = logs(store, run.uid)
    assert [epoch for epoch, _ in rows] == [epoch, epoch + 1]
    assert rows[0][1]["loss"] < logs(store, parent)[1][1]["loss"]


def test_starting_over_gives_the_same_weights_and_another_seed_gives_others(store, runner):
    expected = whole(runner, EVERYTHING)
    uid = cut(runner, EVERYTHING, 20)

    runs = [start_over(runner, uid), start_over(runner, uid, seed=5)]
    assert all(run.join(SECONDS) for run in runs)
    runner.writer.flush(SECONDS)

    same, other = (logs(store, run.uid) for run in runs)
    assert same == logs(store, expected)
    assert other[0][1]["loss"] != same[0][1]["loss"]
    assert store.run(runs[1].uid).experiment["seed"] == 5


def test_starting_over_stops_a_run_that_is_on(store, runner):
    run = runner.submit(make_job(EVERYTHING), experiment=EVERYTHING.to_dict(), pace=1)

    again = start_over(runner, run.uid)
    again.stop()

    assert run.join(SECONDS)
    assert again.join(SECONDS)
    assert (run.state, again.state) == ("stopped", "stopped")


def test_an_epoch_that_is_not_kept_is_refused(runner):
    parent = whole(runner, EVERYTHING)

    with pytest.raises(SettingError, match="epoch must be one that is kept of the run, got 99. Kept: 0, "):
        make_job(EVERYTHING, origin=parent, epoch=99)


def test_a_run_can_go_on_where_another_process_ended_it(store, runner, monkeypatch):
    uid = whole(runner, EVERYTHING)
    monkeypatch.setattr("fitdash.jobs.warm_start._final_states", {})
    experiment = replace(EVERYTHING, fit=replace(EVERYTHING.fit, initial_epoch=7, epochs=8))

    run = runner.submit(make_job(experiment, origin=uid), experiment=experiment.to_dict(), parent=uid)
    assert run.join(SECONDS)
    runner.writer.flush(SECONDS)

    assert logs(store, run.uid)[0][1]["loss"] < logs(store, uid)[1][1]["loss"]


def test_a_run_that_is_on_or_finished_is_not_resumed(store, runner):
    uid = whole(runner, EVERYTHING)

    with pytest.raises(StoreError, match="A run must be stopped, interrupted or failed to go on, got one .* finished"):
        resume_run(runner, uid)
    with pytest.raises(StoreError, match="must know the run to go on with it, got 'nobody'"):
        resume_run(runner, "nobody")
    assert store.run(uid).state == "finished"


def test_only_one_process_gets_a_run_to_go_on_with(home, runner):
    uid = cut(runner, EVERYTHING, 3)
    with Store() as store:
        writer = Writer(store)
        other = Runner(writer)
        first = resume_run(runner, uid)
        with pytest.raises(StoreError, match="got one that is"):
            resume_run(other, uid)
        assert first.join(SECONDS)
        other.shutdown()
        writer.close()


def test_a_broken_checkpoint_is_passed_over_and_if_all_are_the_file_is_named(store, runner):
    expected = whole(runner, EVERYTHING)
    uid = cut(runner, EVERYTHING, 60)
    kept = [one for one in checkpoints_of(run_checkpoint_folder(uid)) if not one.is_end]
    whole_file = kept[-1].path.read_bytes()
    kept[-1].path.write_bytes(whole_file[: len(whole_file) // 2])
    gone_on(runner, uid)
    assert logs(store, uid) == logs(store, expected)

    uid = cut(runner, EVERYTHING, 60)
    for one in checkpoints_of(run_checkpoint_folder(uid)):
        one.path.write_bytes(one.path.read_bytes()[:-10])
    with pytest.raises(StoreError, match=r"epoch-\d+.safetensors must be a checkpoint of fitdash"):
        resume_run(runner, uid)
    assert store.run(uid).state == "stopped"


def test_an_upload_that_is_gone_is_refused_in_words(home, store, runner):
    rows = "\n".join(f"{i},{i % 7},{i % 2}" for i in range(60))
    digest = save_upload(f"a,b,y\n{rows}".encode(), home / "uploads", "mine.csv")
    data = DatasetArgs(name="upload", content=digest, filename="mine.csv", target="y")
    experiment = Experiment(data=data, fit=FitArgs(epochs=3, verbose=0))
    expected = whole(runner, experiment)
    uid = cut(runner, experiment, 3)
    gone_on(runner, uid)
    assert logs(store, uid) == logs(store, expected)

    uid = cut(runner, experiment, 3)
    (home / "uploads" / digest).unlink()
    with pytest.raises(DataError, match="mine.csv must be uploaded again"):
        resume_run(runner, uid)
    assert store.run(uid).state == "stopped"


def test_a_run_of_a_script_is_refused_in_words(store, writer, runner):
    run = runner.submit(
        lambda recorder, control: 1 / 0, experiment={"fit": {"epochs": 3}, "compile": {"loss": "mse", "?": 1}}
    )
    assert run.join(SECONDS)
    writer.flush(SECONDS)

    with pytest.raises(StoreError, match="A run must have been started from the dashboard to go on"):
        make_resume_job(store.run(run.uid), [])


TRAINS = """
import sys
from fitdash.jobs.build import make_job
from fitdash.runs.scheduling.runner import Runner
from fitdash.runs.record.store import Store
from fitdash.runs.record.writer import Writer
from fitdash.settings.experiment import Experiment

experiment = Experiment.from_json(sys.argv[1])
writer = Writer(Store())
run = Runner(writer).submit(make_job(experiment), experiment=experiment.to_dict(), pace=20)
writer.flush()
print(run.uid, flush=True)
run.join()
writer.flush()
print("over", flush=True)
"""


@pytest.mark.parametrize("seed", range(int(os.environ.get("FITDASH_KILL_ROUNDS", "2"))))
def test_after_kill_9_a_run_reads_interrupted_and_goes_on_to_the_same_numbers(home, seed):
    experiment = replace(EVERYTHING, fit=replace(EVERYTHING.fit, epochs=60))
    environment = os.environ | {"PYTHONWARNINGS": "error"}
    seconds = random.Random(seed).uniform(0.0, 3.0)
    command = [sys.executable, "-c", TRAINS, experiment.to_json()]
    with Processes.Popen(command, stdout=Processes.PIPE, text=True, env=environment) as process:
        uid = process.stdout.readline().strip()
        try:
            process.wait(seconds)
        except Processes.TimeoutExpired:
            process.send_signal(signal.SIGKILL)

    with Store() as store:
        writer = Writer(store)
        runner = Runner(writer)
        assert store.reap() == [uid]
        assert store.run(uid).state == "interrupted"
        before = logs(store, uid)
        expected = whole(runner, experiment)
        gone_on(runner, uid)

        assert before == logs(store, expected)[: len(before)]
        assert logs(store, uid) == logs(store, expected)
        assert not list(run_checkpoint_folder(uid).glob("*.part"))
        runner.shutdown()
        writer.close()
