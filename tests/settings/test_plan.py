import pytest

from fitdash.settings.data_facts import DataFacts
from fitdash.settings.experiment import Experiment, plan_run
from fitdash.settings.fit import FitArgs
from fitdash.settings.validation_data import HoldOut

FACTS = DataFacts(rows=100, classes=("a", "b"), counts=(50, 50))


def numbers(**fit):
    return plan_run(Experiment(fit=FitArgs(**fit)), FACTS)


def test_a_plan_counts_rows_batches_and_updates():
    planned = numbers(validation_split=0.2, epochs=5, initial_epoch=2)

    assert (planned.train_rows, planned.val_rows) == (80, 20)
    assert (planned.batch_size, planned.batches, planned.last_batch, planned.steps) == (32, 3, 16, 3)
    assert (planned.first_epoch, planned.epochs, planned.updates, planned.passes) == (2, 3, 9, 1.0)
    assert (planned.val_batches, planned.val_share, planned.validations) == (1, 1.0, 3)


def test_a_batch_larger_than_the_data_is_the_data():
    planned = numbers(batch_size=1000)

    assert (planned.batches, planned.last_batch, planned.validations, planned.val_share) == (1, 100, 0, 0.0)


def test_steps_per_epoch_redefine_the_epoch():
    planned = numbers(batch_size=10, steps_per_epoch=4, epochs=2)

    assert (planned.batches, planned.steps, planned.updates, planned.passes) == (10, 4, 8, 0.4)


def test_validation_steps_see_a_share_of_the_rows():
    planned = numbers(validation_data=HoldOut(share=0.5), validation_batch_size=10, validation_steps=2)

    assert (planned.val_rows, planned.val_batches, planned.val_share) == (50, 2, 0.4)
    assert numbers(validation_split=0.5, validation_steps=99).val_batches == 2


@pytest.mark.parametrize(
    ("freq", "initial", "validations"),
    [(1, 0, 10), (3, 0, 3), (3, 3, 2), (4, 7, 1), (11, 0, 0), ((1, 5, 5, 11), 0, 2), ((1, 5), 1, 1)],
)
def test_11_11_validations_are_counted_absolutely(freq, initial, validations):
    planned = numbers(validation_split=0.2, validation_freq=freq, initial_epoch=initial)

    assert planned.validations == validations


def test_no_epoch_runs_when_initial_epoch_is_not_below_epochs():
    planned = numbers(epochs=3, initial_epoch=5, validation_split=0.2)

    assert (planned.epochs, planned.updates, planned.validations) == (0, 0, 0)


def test_a_value_that_cannot_be_counts_as_its_default():
    assert numbers(epochs="x", batch_size=0, validation_split=float("nan")) == numbers()


def test_a_part_without_rows_is_counted_too():
    assert numbers(validation_split=0.995).batches == 0
