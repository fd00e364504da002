"""The search: what is tried, given up, counted, stopped and gone on with."""

import threading

import pytest

from fitdash.errors import SettingError, StoreError
from fitdash.runs.protocol.events import Changed, Created, EpochEnded
from fitdash.runs.record import sweeps
from fitdash.runs.scheduling.failures import RunEndedElsewhere
from fitdash.sweeps.results import Sweep
from tests.sweeps.conftest import SPACE, Invented, falling


def states(store, uid):
    return [trial.state for trial in Sweep(store, uid).trials()]


def test_every_trial_is_an_ordinary_run_with_its_experiment(store, searched):
    place = Invented(falling)

    uid, state = searched(place, trials=6, pruner="none")

    assert state == "finished"
    runs = sweeps.newest_run_per_trial(store.runs(sweep=uid))
    assert [run.state for run in runs] == ["finished"] * 6
    assert [run.trial for run in runs] == list(range(6))
    assert [run.experiment for run in runs] == place.orders
    assert all(1e-4 <= run.experiment["compile"]["learning_rate"] <= 1e-1 for run in runs)


def test_the_best_trial_is_the_one_with_the_lowest_value(store, searched):
    uid, _ = searched(Invented(falling), trials=6, pruner="none")

    sweep = Sweep(store, uid)

    rates = [trial.values["compile.learning_rate"] for trial in sweep.trials()]
    assert sweep.best.values["compile.learning_rate"] == min(rates)
    assert sweep.best.value == pytest.approx(min(rates) + 0.25)


def test_a_hopeless_trial_is_given_up_and_told_as_pruned(store, searched):
    def curve(values):
        worse = len(place.orders) > 5
        return [5.0 + epoch if worse else 1.0 / (epoch + 1) for epoch in range(4)]

    place = Invented(curve)

    uid, _ = searched(place, trials=7, pruner="median")

    trials = Sweep(store, uid).trials()
    assert [trial.state for trial in trials] == ["finished"] * 5 + ["pruned"] * 2
    assert trials[-1].words == "pruned after epoch 2"
    assert store.run(trials[-1].run).state == "stopped"


def test_equal_sweeps_try_equal_values(store, searched):
    first, second = Invented(falling), Invented(falling)

    searched(first, trials=14)
    searched(second, trials=14)

    assert first.orders == second.orders


@pytest.mark.parametrize("sampler", ["tpe", "random", "quasi-random", "cma-es"])
def test_a_sweep_that_was_cut_goes_on_where_it_was(sampler, store, searched):
    space = SPACE | {"network.dropout": "0..0.5"}
    uid, _ = searched(Invented(falling), trials=4, sampler=sampler, space=space)
    rates = [trial.values["compile.learning_rate"] for trial in Sweep(store, uid).trials()]

    searched(Invented(falling), trials=9, uid=uid)

    trials = Sweep(store, uid).trials()
    assert [trial.values["compile.learning_rate"] for trial in trials][:4] == rates
    assert [trial.number for trial in trials] == list(range(9))
    assert len({trial.values["compile.learning_rate"] for trial in trials}) == 9


def test_quasi_random_points_are_the_same_with_and_without_a_restart(store, searched):
    whole, parts = Invented(falling), Invented(falling)
    searched(whole, trials=6, sampler="quasi-random")

    uid, _ = searched(parts, trials=2, sampler="quasi-random")
    searched(parts, trials=6, uid=uid)

    assert parts.orders == whole.orders


def test_a_grid_tries_each_combination_once_and_ends_by_itself(store, searched):
    space = {"compile.learning_rate": "1e-3..1e-1 log 3 points", "network.width": [8, 16]}
    place = Invented(falling)
    uid, _ = searched(place, trials=4, sampler="grid", space=space)

    searched(place, trials=100, uid=uid)

    pairs = [(round(one["compile"]["learning_rate"], 9), one["network"]["width"]) for one in place.orders]
    assert pairs == [(rate, width) for rate in (0.001, 0.01, 0.1) for width in (8, 16)]


def test_trials_cut_by_a_dead_process_are_trained_again_with_the_same_values(store, searched):
    uid, _ = searched(Invented(falling), trials=2)
    lost = dict(store.runs(sweep=uid)[0].experiment) | {"seed": 0}
    lost["compile"] = {**lost["compile"], "learning_rate": 0.0123}
    store.write([Created(uid="cut", name="", experiment=lost, writer="dead", sweep=uid, trial=2)])
    store.write([Changed(uid="cut", state="running")])
    place = Invented(falling)

    searched(place, trials=4, uid=uid)

    assert place.orders[0]["compile"]["learning_rate"] == 0.0123
    assert states(store, uid) == ["finished"] * 4
    assert store.run("cut").state == "interrupted"


def test_a_grid_that_was_cut_tries_each_combination_once(store, searched):
    def before(number, epoch, control):
        if number == 1 and epoch == 1:
            raise KeyboardInterrupt

    space = {"network.width": [8, 16, 32], "compile.learning_rate": [0.1]}
    with pytest.raises(KeyboardInterrupt):
        searched(Invented(falling, before=before), space=space, sampler="grid", pruner="none")
    (uid,) = [one.uid for one in sweeps.all_sweeps(store)]

    place = Invented(falling)
    searched(place, uid=uid)

    assert [plain["network"]["width"] for plain in place.orders] == [16, 32]


@pytest.mark.parametrize("sampler", ["random", "quasi-random"])
def test_trials_asked_for_ahead_that_never_began_are_begun_when_it_goes_on(sampler, store, searched):
    whole, place = Invented(falling), Invented(falling)
    searched(whole, trials=6, sampler=sampler)
    uid, _ = searched(place, trials=2, sampler=sampler)
    last = store.runs(sweep=uid)[0]
    created = Created(uid="far", name="", experiment=last.experiment, writer="w", sweep=uid, trial=4)
    store.write([created, Changed(uid="far", state="finished")])

    searched(place, trials=6, uid=uid)

    assert [trial.number for trial in Sweep(store, uid).trials()] == list(range(6))
    if sampler == "quasi-random":
        assert place.orders[2:] == [*whole.orders[2:4], whole.orders[5]]


def test_a_restart_with_a_trial_to_train_again_repeats_no_point(store, searched):
    uid, _ = searched(Invented(falling), trials=2, sampler="quasi-random")
    store.write([Created(uid="cut", name="", experiment=_by_hand(0.05), writer="dead", sweep=uid, trial=2)])
    store.write([Changed(uid="cut", state="running")])

    searched(Invented(falling), trials=5, uid=uid)

    rates = [trial.values["compile.learning_rate"] for trial in Sweep(store, uid).trials()]
    assert len(set(rates)) == 5


def test_seconds_end_a_sweep_and_what_trains_then_is_interrupted(store, searched):
    now = [0.0]

    def before(number, epoch, control):
        now[0] += 1.0

    uid, state = searched(Invented(falling, before=before), seconds=10, pruner="none", clock=lambda: now[0])

    assert state == "finished"
    assert states(store, uid) == ["finished", "finished", "interrupted"]
    assert sweeps.find_sweep(store, uid).seconds == pytest.approx(10)


@pytest.mark.parametrize(("seconds", "sizes"), [(30, [1, 1]), (100, [1, 17, 1, 1])])
def test_no_more_train_together_than_the_seconds_have_room_for(store, searched, monkeypatch, seconds, sizes):
    now, groups = [0.0], []

    class Slow(Invented):
        def train(self, order, uid, put, control):
            runs = order.get("together") or [{"uid": uid, "experiment": order["experiment"]}]
            groups.append(len(runs))
            now[0] += 5.0 * len(runs)
            for run in runs:
                put(EpochEnded(uid=run["uid"], epoch=0, logs={"val_loss": 1.0}, seconds=0.1))

    space = {"compile.learning_rate": "1e-4..1e-1 log"}
    settings = {"seconds": seconds, "space": space, "together": True, "sampler": "random", "pruner": "none"}
    monkeypatch.setattr("fitdash.sweeps.coordinator.trials_asked_ahead", lambda recipe: 17)

    searched(Slow(falling), clock=lambda: now[0], **settings)

    assert groups[: len(sizes)] == sizes
    assert now[0] <= seconds + 5


def test_seconds_of_earlier_starts_count(store, searched):
    now = [0.0]

    def before(number, epoch, control):
        now[0] += 1.0

    place = Invented(falling, before=before)
    uid, _ = searched(place, trials=1, pruner="none", clock=lambda: now[0])

    searched(place, uid=uid, seconds=9, clock=lambda: now[0])

    assert states(store, uid) == ["finished", "finished", "interrupted"]


def test_a_failing_trial_is_told_and_the_sweep_goes_on(store, searched):
    def curve(values):
        if len(place.orders) == 2:
            raise ValueError("the numbers\nran away")
        return falling(values)

    place = Invented(curve)

    uid, state = searched(place, trials=4, pruner="none")

    assert state == "finished"
    trials = Sweep(store, uid).trials()
    assert [trial.state for trial in trials] == ["finished", "failed", "finished", "finished"]
    assert trials[1].words == "failed before its first epoch ended: ValueError: the numbers"
    assert "ran away" in store.run(trials[1].run).traceback


def test_a_sweep_whose_trials_all_fail_ends_in_words(store, searched):
    def curve(values):
        raise ValueError("no")

    uid, state = searched(Invented(curve), trials=100)

    assert state == "failed"
    assert sweeps.find_sweep(store, uid).error == "The first 5 trials failed, the last one with: ValueError: no"
    assert len(states(store, uid)) == 5


def test_a_trial_without_a_number_is_over_and_never_best(store, searched):
    def curve(values):
        return [float("nan")] * 4 if len(place.orders) == 1 else falling(values)

    place = Invented(curve)

    uid, _ = searched(place, trials=3, pruner="none")

    trials = Sweep(store, uid).trials()
    assert trials[0].words == "finished, no number"
    assert Sweep(store, uid).best.number in (1, 2)


def test_stopping_interrupts_what_trains_and_going_on_trains_it_again(store, searched):
    def before(number, epoch, control):
        if number == 2 and epoch == 1:
            sweeps.ask_to_stop(store, sweeps.all_sweeps(store)[0].uid)
            now[0] += 1

    now = [0.0]
    uid, state = searched(Invented(falling, before=before), trials=5, pruner="none", clock=lambda: now[0])

    assert state == "stopped"
    assert states(store, uid) == ["finished", "finished", "interrupted"]
    place = Invented(falling)
    assert searched(place, trials=5, uid=uid) == (uid, "finished")
    assert states(store, uid) == ["finished"] * 5
    assert len(place.orders) == 3


def test_ctrl_c_leaves_a_sweep_that_can_go_on(store, searched):
    def before(number, epoch, control):
        if number == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        searched(Invented(falling, before=before), trials=5, pruner="none")

    uid = sweeps.all_sweeps(store)[0].uid
    assert sweeps.find_sweep(store, uid).state == "stopped"
    assert states(store, uid) == ["finished", "interrupted"]
    searched(Invented(falling), trials=5, uid=uid)
    assert states(store, uid) == ["finished"] * 5


def test_a_lost_worker_costs_its_trial_a_start_and_nothing_else(store, searched):
    class Lossy(Invented):
        def train(self, order, uid, put, control):
            if len(self.orders) == 1:
                self.orders.append(order["experiment"])
                raise RunEndedElsewhere(Changed(uid=uid, state="interrupted", error="The process died."))
            super().train(order, uid, put, control)

    place = Lossy(falling)

    uid, state = searched(place, trials=3, pruner="none")

    assert state == "finished"
    assert states(store, uid) == ["finished"] * 3
    assert place.orders[1] == place.orders[2]
    assert [run.state for run in store.runs(sweep=uid)].count("interrupted") == 1


def test_a_trial_whose_worker_is_lost_again_and_again_is_left(store, searched):
    class Deadly(Invented):
        def train(self, order, uid, put, control):
            self.orders.append(order["experiment"])
            raise RunEndedElsewhere(Changed(uid=uid, state="interrupted", error="The process died."))

    place = Deadly(falling)

    uid, _ = searched(place, trials=1)

    assert len(place.orders) == 3
    assert states(store, uid) == ["interrupted"]


def test_several_trials_train_at_once_as_the_place_allows(store, searched):
    meeting = threading.Barrier(2, timeout=60)

    def before(number, epoch, control):
        if epoch == 0:
            meeting.wait()

    uid, state = searched(Invented(falling, most=2, before=before), trials=4, pruner="none")

    assert state == "finished"
    assert states(store, uid) == ["finished"] * 4


def test_one_trial_can_be_stopped_and_retried(store, writer, searched):
    from fitdash.sweeps.api import begin_sweep
    from fitdash.sweeps.config import Budget, make_sweep_config
    from fitdash.sweeps.coordinator import Coordinator
    from tests.sweeps.conftest import BASE

    def before(number, epoch, control):
        if number == 1 and epoch == 2:
            coordinator.stop_trial(1)
        if number == 2 and epoch == 0:
            coordinator.retry(1)

    recipe = make_sweep_config(BASE, SPACE, pruner="none")
    record = begin_sweep(store, recipe, Budget(trials=3), writer=writer)
    coordinator = Coordinator(record, writer, Invented(falling, before=before), together=False)

    coordinator.run()

    stopped = next(run for run in store.runs(sweep=record.uid) if run.trial == 1 and run.state == "stopped")
    again = next(run for run in store.runs(sweep=record.uid) if run.trial == 1 and run.state == "finished")
    assert stopped.experiment == again.experiment
    assert stopped.summary["epochs"] == 2
    with pytest.raises(SettingError, match="must be one that trains to be stopped, got 7"):
        coordinator.stop_trial(7)
    with pytest.raises(StoreError, match="must be there and be over to be retried, got 7"):
        coordinator.retry(7)


def test_a_budget_can_be_extended_while_the_sweep_goes_on(store, searched):
    def before(number, epoch, control):
        if number == 1 and epoch == 0:
            sweeps.change_budget(store, sweeps.all_sweeps(store)[0].uid, {"trials": 4, "seconds": None})

    uid, _ = searched(Invented(falling, before=before), trials=2, pruner="none")

    assert states(store, uid) == ["finished"] * 4


def test_the_search_learns_from_runs_made_by_hand(store, searched):
    for place, rate in enumerate((0.05, 0.06)):
        plain = _by_hand(rate)
        created = Created(uid=f"hand{place}", name="", experiment=plain, writer="w")
        store.write([created, *_epochs(f"hand{place}", rate), Changed(uid=f"hand{place}", state="finished")])

    uid, _ = searched(Invented(falling), trials=2, include=("hand0", "hand1"))

    trials = Sweep(store, uid).trials()
    assert [trial.number for trial in trials] == [0, 1, None, None]
    assert [trial.value for trial in trials[2:]] == pytest.approx([0.3, 0.31])


def _by_hand(rate):
    from fitdash.settings.search_space import with_value
    from tests.sweeps.conftest import BASE

    return with_value(with_value(BASE, "compile.learning_rate", rate), "network.width", 16).to_dict()


def _epochs(uid, rate):
    for epoch, loss in enumerate(falling({"rate": rate})):
        yield EpochEnded(uid=uid, epoch=epoch, logs={"val_loss": loss}, seconds=0.1)
