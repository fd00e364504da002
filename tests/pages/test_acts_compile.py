"""Every control of compile acts: moved on the page, seen in the logs."""

import numpy as np
import pytest

from fitdash.data.tables.prepared import prepare_data
from fitdash.settings.experiment import Experiment
from tests.pages.conftest import trained
from tests.pages.seen import per_sample
from tests.pages.test_acts_rows import STILL
from tests.pages.test_acts_time import QUICK
from tests.pages.test_form import by_key


def test_loss_is_what_is_minimised(open_page, seen):
    page = open_page(**QUICK | STILL | {"data__name": "iris"})
    by_key(page, "compile.loss").set_value("categorical_hinge").run()

    run, logs = trained(page)

    data = prepare_data(Experiment.from_dict(run.experiment))
    assert data.y.shape == (150, 3)
    given = seen.modules[-1].eval()(_tensor(data.x)).detach().numpy()
    right, others = (given * data.y).sum(1), (given * (1 - data.y)).max(1)
    assert logs[0]["loss"] == pytest.approx(np.maximum(0, others - right + 1).mean(), rel=1e-4)


def test_metrics_are_what_is_measured(open_page):
    page = open_page(**QUICK | {"data__name": "diabetes"}, fit__validation_split="0.2")
    by_key(page, "compile.metrics").set_value(["root_mean_squared_error", "mse"]).run()

    _, logs = trained(page)

    assert list(logs[0])[:3] == ["loss", "root_mean_squared_error", "mse"]
    assert logs[0]["val_root_mean_squared_error"] ** 2 == pytest.approx(logs[0]["val_mse"], rel=1e-4)


def test_weighted_metrics_are_measured_with_the_weights(open_page, seen):
    page = open_page(**QUICK | STILL | {"data__name": "iris"}, fit__sample_weight="petal length (cm)")
    by_key(page, "compile.weighted_metrics").set_value(["sparse_categorical_crossentropy"]).run()

    run, logs = trained(page)

    data = prepare_data(Experiment.from_dict(run.experiment))
    weights = data.sample_weight
    expected = (weights * per_sample(seen, data)).sum() / weights.sum()
    assert logs[0]["sparse_categorical_crossentropy"] == pytest.approx(expected, rel=1e-4)


def test_the_optimizer_and_its_settings_decide_how_the_weights_move(open_page):
    page = open_page(**QUICK)
    _, adam = trained(page)
    by_key(page, "compile.optimizer").set_value("sgd").run()
    _, sgd = trained(page)
    by_key(page, "compile.momentum").set_value(0.9).run()

    _, rolling = trained(page)

    assert len({one[1]["loss"] for one in (adam, sgd, rolling)}) == 3
    assert rolling[1]["loss"] < sgd[1]["loss"]


def test_sample_weight_mode_refuses_weights_of_rows(open_page):
    page = open_page(**QUICK | {"data__name": "regimes"}, fit__sample_weight="clarity")
    trained(page)
    by_key(page, "compile.sample_weight_mode").set_value("temporal").run()
    assert page.button(key="fit").disabled

    by_key(page, "fit.sample_weight").set_value("ramp").run()

    _, logs = trained(page)
    assert logs


def _tensor(x):
    import torch

    return torch.as_tensor(x)


def _chances(seen, data):
    import torch

    with torch.no_grad():
        return seen.modules[-1].eval()(_tensor(data.x)).numpy()


LOSSES = {
    "mean_squared_error": lambda y, p: ((y - p) ** 2).mean(),
    "mae": lambda y, p: np.abs(y - p).mean(),
    "huber": lambda y, p: np.where(np.abs(y - p) < 1, (y - p) ** 2 / 2, np.abs(y - p) - 0.5).mean(),
    "log_cosh": lambda y, p: np.log(np.cosh(y - p)).mean(),
}


@pytest.mark.parametrize("loss", list(LOSSES))
def test_each_loss_of_numbers_is_what_is_minimised(open_page, seen, loss):
    page = open_page(**QUICK | STILL | {"data__name": "diabetes"})
    by_key(page, "compile.loss").set_value(loss).run()

    run, logs = trained(page)

    data = prepare_data(Experiment.from_dict(run.experiment))
    expected = LOSSES[loss](data.y.astype(np.float64), _chances(seen, data).astype(np.float64))
    assert logs[0]["loss"] == pytest.approx(expected, rel=1e-4)


def test_metrics_of_classes_count_what_they_say(open_page, seen):
    page = open_page(**QUICK | STILL)
    by_key(page, "compile.metrics").set_value(["accuracy", "precision", "recall"]).run()

    run, logs = trained(page)

    data = prepare_data(Experiment.from_dict(run.experiment))
    said, truth = _chances(seen, data).ravel() > 0.5, data.y.ravel() == 1
    assert logs[0]["accuracy"] == pytest.approx((said == truth).mean(), abs=1e-6)
    assert logs[0]["precision"] == pytest.approx((said & truth).sum() / max(1, said.sum()), abs=1e-6)
    assert logs[0]["recall"] == pytest.approx((said & truth).sum() / truth.sum(), abs=1e-6)


def test_weights_of_classes_reach_weighted_metrics_and_no_others(open_page, seen):
    page = open_page(**QUICK | STILL | {"data__name": "iris"}, fit__class_weight="custom")
    by_key(page, "fit.class_weight.0").set_value(5.0).run()
    by_key(page, "compile.weighted_metrics").set_value(["accuracy"]).run()

    run, logs = trained(page)

    data = prepare_data(Experiment.from_dict(run.experiment))
    right, weights = _chances(seen, data).argmax(1) == data.y, np.array([5.0, 1.0, 1.0])[data.y]
    assert logs[0]["accuracy"] == pytest.approx(right.mean(), abs=1e-6)
    assert logs[0]["weighted_accuracy"] == pytest.approx((weights * right).sum() / weights.sum(), abs=1e-6)


def test_loss_weights_weigh_the_loss_of_each_output(open_page):
    page = open_page(**QUICK | STILL | {"data__name": "linnerud"})
    by_key(page, "compile.loss_weights").set_value("custom").run()
    for name, weight in (("Weight", 0.0), ("Waist", 3.0)):
        by_key(page, f"compile.loss_weights.{name}").set_value(weight).run()

    _, logs = trained(page)

    one = logs[0]
    assert one["loss"] == pytest.approx(3 * one["Waist_loss"] + one["Pulse_loss"], rel=1e-5)


def test_settings_that_the_optimizer_does_not_have_change_nothing(open_page):
    page = open_page(**QUICK, compile__rho="0.5")
    _, adam = trained(page)
    by_key(page, "compile.optimizer").set_value("rmsprop").run()
    _, half = trained(page)
    by_key(page, "compile.rho").set_value(0.9).run()
    _, usual = trained(page)
    by_key(page, "compile.optimizer").set_value("adam").run()

    _, again = trained(page)

    assert again == adam
    assert half != usual
