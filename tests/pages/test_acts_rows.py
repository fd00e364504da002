"""Every control of validation, weighting and order acts: moved on the page, seen in the rows and the loss."""

import numpy as np
import pytest

from fitdash.data.tables.prepared import prepare_data
from fitdash.settings.experiment import Experiment
from tests.pages.conftest import trained
from tests.pages.seen import per_sample
from tests.pages.test_acts_time import QUICK, epochs_of
from tests.pages.test_form import by_key

STILL = {"compile__learning_rate": "1e-12"}
"""Weights that stay: the loss of an epoch is that of the network as it is."""


def test_validation_split_takes_the_last_rows(open_page, seen):
    page = open_page(**QUICK)
    by_key(page, "fit.validation_split").set_value(0.25).run()

    run, logs = trained(page)

    assert {row for batch in seen.trained(run) for row in batch} == set(range(45))
    assert seen.validated(run) == 2 * [list(range(45, 60))[:32]]
    assert list(logs[0]) == ["loss", "accuracy", "val_loss", "val_accuracy"]


@pytest.mark.parametrize("kind", ["stratified", "random", "last"])
def test_validation_data_holds_out_the_rows_of_its_kind(open_page, seen, kind):
    page = open_page(**QUICK | {"data__order": "sorted"})
    by_key(page, "fit.validation_data").set_value(kind).run()
    by_key(page, "fit.validation_data.share").set_value(0.3).run()

    run, _ = trained(page)

    held = sum(seen.validated(run)[:1], [])
    assert len(held) == 18
    assert not set(held) & {row for batch in seen.trained(run) for row in batch}
    in_first_class = sum(row < 30 for row in held)
    if kind == "stratified":
        assert in_first_class == 9
    else:
        assert held == list(range(42, 60)) if kind == "last" else 0 < in_first_class < 18


def test_validation_steps_look_at_the_first_batches_alone(open_page, seen):
    page = open_page(**QUICK, fit__batch_size="5", fit__validation_split="0.25")
    by_key(page, "fit.validation_steps").set_value(2).run()

    run, _ = trained(page)

    assert sorted({row for batch in seen.validated(run) for row in batch}) == list(range(45, 55))


def test_validation_batch_size_changes_the_batches_and_not_the_result(open_page, seen):
    page = open_page(**QUICK, fit__validation_split="0.25")
    _, whole = trained(page)
    before = len(seen.batches)
    by_key(page, "fit.validation_batch_size").set_value(4).run()

    _, cut = trained(page)

    sizes = [len(x) for training, x in seen.batches[before:] if not training]
    assert sizes == 2 * [4, 4, 4, 3]
    assert cut[-1]["val_loss"] == pytest.approx(whole[-1]["val_loss"], rel=1e-5)


@pytest.mark.parametrize(("freq", "validated"), [("2", [1, 3]), ("1, 4", [0, 3])])
def test_validation_freq_is_which_epochs_are_validated(open_page, freq, validated):
    page = open_page(**QUICK | {"fit__epochs": "5"}, fit__validation_split="0.25")
    by_key(page, "fit.validation_freq").set_value(freq).run()

    _, logs = trained(page)

    assert [epoch for epoch, one in enumerate(logs) if "val_loss" in one] == validated


def test_shuffle_is_the_order_of_the_rows(open_page, seen):
    page = open_page(**QUICK, fit__batch_size="20")
    orders = {}
    for value in (False, True, "batch"):
        seen.batches.clear()
        by_key(page, "fit.shuffle").set_value(value).run()
        run, _ = trained(page)
        orders[value] = seen.trained(run)

    blocks = [list(range(start, start + 20)) for start in (0, 20, 40)]
    assert orders[False] == 2 * blocks
    assert sorted(sum(orders[True][:3], [])) == list(range(60))
    assert orders[True][:3] != orders[True][3:]
    assert orders[True][:3] != blocks
    assert sorted(orders["batch"][:3]) == sorted(orders["batch"][3:]) == blocks


def test_class_weight_weighs_the_loss_of_each_class(open_page, seen):
    page = open_page(**QUICK | STILL | {"data__name": "iris"}, fit__class_weight="custom")
    by_key(page, "fit.class_weight.0").set_value(3.0).run()
    by_key(page, "fit.class_weight.2").set_value(0.0).run()

    run, logs = trained(page)

    data = prepare_data(Experiment.from_dict(run.experiment))
    weights = np.array([3.0, 1.0, 0.0])[data.y]
    assert logs[0]["loss"] == pytest.approx((weights * per_sample(seen, data)).mean(), rel=1e-4)


def test_class_weight_balanced_lets_each_class_count_the_same(open_page, seen):
    page = open_page(**QUICK | STILL | {"data__name": "wine"})
    by_key(page, "fit.class_weight").set_value("balanced").run()

    run, logs = trained(page)

    data = prepare_data(Experiment.from_dict(run.experiment))
    losses = per_sample(seen, data)
    expected = np.mean([losses[data.y == index].mean() for index in range(3)])
    assert logs[0]["loss"] == pytest.approx(expected, rel=1e-4)


def test_sample_weight_weighs_the_loss_of_each_row_and_is_no_input(open_page, seen):
    page = open_page(**QUICK | STILL | {"data__name": "iris"})
    by_key(page, "fit.sample_weight").set_value("petal length (cm)").run()

    run, logs = trained(page)

    data = prepare_data(Experiment.from_dict(run.experiment))
    weights = data.dataset.table["petal length (cm)"].to_numpy()
    assert data.x.shape[1] == 3
    assert logs[0]["loss"] == pytest.approx((weights * per_sample(seen, data)).mean(), rel=1e-4)


def test_sample_weight_can_be_of_each_step(open_page):
    page = open_page(**QUICK | STILL | {"data__name": "regimes"}, fit__sample_weight="ramp")
    _, ramp = trained(page)
    by_key(page, "fit.sample_weight").set_value("last_steps").run()

    _, last = trained(page)

    # Untrained, each step costs about ln 3; the weights are 0.52 and 1/3 on average.
    assert ramp[0]["loss"] / last[0]["loss"] == pytest.approx((31 / 60) / (1 / 3), rel=0.05)


def test_weights_of_the_last_rows_weigh_the_validation_loss(open_page, seen):
    page = open_page(**QUICK | STILL | {"data__name": "iris"}, fit__validation_split="0.2")
    by_key(page, "fit.sample_weight").set_value("petal length (cm)").run()

    run, logs = trained(page)

    data = prepare_data(Experiment.from_dict(run.experiment))
    weights = data.dataset.table["petal length (cm)"].to_numpy()
    expected = (weights * per_sample(seen, data))[120:].mean()
    assert epochs_of(run) == [0, 1]
    assert logs[0]["val_loss"] == pytest.approx(expected, rel=1e-4)
