"""The trivial answer, by the arithmetic of a run."""

import numpy as np
import pytest

from fitdash.data.tables.prepared import prepare_data
from fitdash.engine.training.baseline import measure_baseline
from fitdash.settings.compile import CompileArgs
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.validation_data import HoldOut


def data_of(name="iris", fit=None, **compiled):
    recipe = Experiment(data=DatasetArgs(name=name), fit=fit or FitArgs(), compile=CompileArgs(**compiled))
    return prepare_data(recipe)


def test_the_most_common_class_of_the_validation_rows_has_its_share_as_accuracy():
    data = data_of(fit=FitArgs(validation_split=0.2))
    counts = np.bincount(data.y[data.validation])
    shares = counts / counts.sum()

    found = measure_baseline(data, "sparse_categorical_crossentropy", ["accuracy"])

    assert found["accuracy"] == {"text": "commonest class", "value": pytest.approx(shares.max())}
    assert found["loss"]["value"] == pytest.approx(-(shares * np.log(shares)).sum(), rel=1e-5)


def test_without_validation_rows_the_training_rows_are_asked():
    data = data_of("breast_cancer")
    share = data.y.mean()

    found = measure_baseline(data, "binary_crossentropy", ["accuracy", "auc"])

    assert found["accuracy"]["value"] == pytest.approx(max(share, 1 - share))
    assert found["auc"]["value"] == pytest.approx(0.5)


@pytest.mark.parametrize("fit", [FitArgs(validation_split=0.25), FitArgs(validation_data=HoldOut(kind="random"))])
def test_the_mean_has_no_r_squared_and_the_variance_as_loss(fit):
    data = data_of("diabetes", fit)
    y = data.validation_data[1] if data.validation_data else data.y[data.validation]

    found = measure_baseline(data, "mean_squared_error", ["mean_absolute_error", "r2_score"])

    assert found["loss"] == {"text": "always the mean", "value": pytest.approx(y.var(), rel=1e-5)}
    assert found["mean_absolute_error"]["value"] == pytest.approx(np.abs(y - y.mean()).mean(), rel=1e-5)
    assert found["r2_score"]["value"] == pytest.approx(0, abs=1e-5)


def test_what_says_nothing_of_a_constant_answer_and_a_weighted_loss_are_left_out():
    data = data_of("breast_cancer", FitArgs(class_weight="balanced"))

    found = measure_baseline(data, "binary_crossentropy", ["accuracy", "precision", "recall", "true_positives"])

    assert list(found) == ["accuracy"]


def test_one_column_per_class_is_answered_by_the_share_of_each():
    data = data_of(loss="categorical_crossentropy")

    found = measure_baseline(data, "categorical_crossentropy", ["categorical_accuracy"])

    assert found["categorical_accuracy"]["value"] == pytest.approx(1 / 3)
    assert found["loss"]["value"] == pytest.approx(np.log(3), rel=1e-5)


def test_the_labels_of_all_steps_are_answered_by_their_shares():
    data = data_of("regimes", FitArgs(validation_split=0.25))
    shares = np.bincount(data.y[data.validation].ravel()) / data.y[data.validation].size

    found = measure_baseline(data, "sparse_categorical_crossentropy", ["accuracy"])

    assert found["accuracy"]["value"] == pytest.approx(shares.max())
    assert found["loss"]["value"] == pytest.approx(-(shares * np.log(shares)).sum(), rel=1e-5)


def test_each_of_several_targets_has_its_own_mean():
    data = data_of("linnerud")

    found = measure_baseline(data, "mean_squared_error", ["r2_score"], {"Waist": 0.0})

    assert found["Pulse_loss"] == {"text": "always the mean", "value": pytest.approx(1, rel=1e-5)}
    assert found["loss"]["value"] == pytest.approx(2, rel=1e-5)
    assert found["Weight_r2_score"]["value"] == pytest.approx(0, abs=1e-5)
