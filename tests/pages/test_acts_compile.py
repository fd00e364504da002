"""Every control of compile acts: moved on the page, seen in the logs."""

import numpy as np
import pytest

from fitdash.data.encoded import encoded
from fitdash.spec.experiment import Experiment
from tests.pages.conftest import trained
from tests.pages.seen import per_sample
from tests.pages.test_acts_rows import STILL
from tests.pages.test_acts_time import QUICK
from tests.pages.test_form import by_key


def test_loss_is_what_is_minimised(open_page, seen):
    page = open_page(**QUICK | STILL | {"data__name": "iris"})
    by_key(page, "compile.loss").set_value("categorical_hinge").run()

    run, logs = trained(page)

    data = encoded(Experiment.from_dict(run.experiment))
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

    data = encoded(Experiment.from_dict(run.experiment))
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
