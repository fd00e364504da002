"""From settings to the values of widgets and back."""

import random
from dataclasses import replace

import pytest

from fitdash.settings.callbacks import CALLBACKS, EarlyStoppingArgs
from fitdash.settings.compile import CompileArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.validation_data import HoldOut
from fitdash.ui.form.widget_values import free_slot, read_experiment, to_widget_values
from tests.ui.experiments import drawn


@pytest.mark.parametrize("seed", range(40))
def test_the_form_says_what_was_written_into_it(seed):
    experiment = drawn(random.Random(seed))

    assert read_experiment(to_widget_values(experiment).get) == experiment


def test_two_callbacks_of_a_kind_are_two_cards():
    experiment = Experiment(callbacks=(EarlyStoppingArgs(patience=1), EarlyStoppingArgs(patience=2)))

    values = to_widget_values(experiment)

    assert values["callbacks"] == ["EarlyStopping", "EarlyStopping~2"]
    assert values["callbacks.EarlyStopping~2.patience"] == 2
    assert read_experiment(values.get) == experiment


def test_a_slot_of_a_removed_card_is_free_again():
    assert free_slot("CSVLogger", ["CSVLogger~2"]) == "CSVLogger"
    assert free_slot("CSVLogger", ["CSVLogger", "CSVLogger~2"]) == "CSVLogger~3"


def test_weights_of_one_are_no_weights():
    values = to_widget_values(Experiment(fit=FitArgs(class_weight={0: 1.0, 1: 3, 2: 1})))

    assert read_experiment(values.get).fit.class_weight == {1: 3.0}
    assert read_experiment({**values, "fit.class_weight.1": 1.0}.get).fit.class_weight is None


def test_an_unknown_kind_of_card_is_left_out():
    values = to_widget_values(Experiment(callbacks=tuple(cls() for cls in CALLBACKS.values())))

    read = read_experiment({**values, "callbacks": [*values["callbacks"], "Evil"]}.get)

    assert [args.kind for args in read.callbacks] == list(CALLBACKS)


def test_numbers_are_floats_where_the_field_takes_floats():
    experiment = Experiment(
        compile=CompileArgs(learning_rate=1), fit=replace(FitArgs(), validation_data=HoldOut(share=0.5))
    )

    assert type(to_widget_values(experiment)["compile.learning_rate"]) is float


@pytest.mark.parametrize(
    "said",
    [
        "petal length (cm)",
        "ramp",
        "recency()",
        "above(petal length (cm), 4, 2.5)",
        'equal(a, b, "Paris, ""Texas""", 2.5)',
        "last_steps(7)",
        f"upload(a, b.csv, {'0' * 64})",
        f"upload_steps(w.csv, {'0' * 64})",
    ],
)
def test_every_way_to_weigh_rows_is_written_and_read_alike(said):
    experiment = Experiment(fit=FitArgs(sample_weight=said))

    assert read_experiment(to_widget_values(experiment).get) == experiment
