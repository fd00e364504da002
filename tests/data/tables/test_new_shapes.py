"""Data beyond one table and one column to predict: steps, several inputs, several targets."""

import numpy as np
import pandas as pd
import pytest

from fitdash.data.tables.data_facts import facts_of
from fitdash.data.tables.encoded_arrays import encode_inputs, encode_targets
from fitdash.data.tables.encoders import TableEncoder, learn_encoders
from fitdash.data.tables.loaded_dataset import load_dataset
from fitdash.data.tables.prepared import prepare_data
from fitdash.data.tables.sequences import REGIMES, STEPS
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.validation_data import HoldOut


def of(name, **fit):
    return prepare_data(Experiment(data=DatasetArgs(name=name), fit=FitArgs(**fit)))


def test_sequences_have_a_class_per_step_and_the_most_common_one_per_row():
    data = load_dataset("regimes", samples=80)
    facts = facts_of(data)

    assert data.classes == REGIMES
    assert data.labels.shape == (80, STEPS)
    assert all(
        np.bincount(row, minlength=3).argmax() == code for row, code in zip(data.labels, data.codes, strict=True)
    )
    assert (facts.steps, facts.inputs, facts.label_counts) == (STEPS, 1, tuple(np.bincount(data.labels.ravel())))
    assert sum(facts.counts) == 80


def test_sequences_are_the_same_again_and_leave_the_global_generator_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002

    first, again = load_dataset("regimes"), load_dataset("regimes")

    pd.testing.assert_frame_equal(first.table, again.table)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    assert list(load_dataset("regimes", order="sorted").target) == sorted(first.target)


def test_noise_is_what_a_clear_sequence_has_less_of():
    noisy, plain = load_dataset("regimes", noise=1.0), load_dataset("regimes", noise=0.0)
    away = (noisy.features.to_numpy() - plain.features.to_numpy()).std(axis=1)

    assert np.corrcoef(away, 1 / noisy.table["clarity"])[0, 1] > 0.9


def test_sequences_are_given_step_after_step_standardised_alike():
    ours = of("regimes", validation_split=0.25)
    raw = ours.dataset.features.to_numpy()[:450]

    assert ours.x.shape == (600, STEPS, 1)
    assert ours.y.shape == (600, STEPS)
    assert len({(column.mean, column.scale) for column in ours.columns.inputs}) == 1
    assert np.allclose(ours.x[:450, :, 0], (raw - raw.mean()) / raw.std(), atol=1e-5)


def test_classes_of_steps_can_be_given_as_columns():
    data = load_dataset("regimes", samples=20)

    x, y = data.arrays(one_hot=True)

    assert x.shape == (20, STEPS, 1)
    assert y.shape == (20, STEPS, 3)
    assert (y.argmax(-1) == data.labels).all()


def test_two_inputs_are_the_halves_of_the_digits():
    whole, halves = of("digits"), of("digits_halves")

    assert list(halves.x) == ["upper", "lower"]
    assert (np.concatenate(list(halves.x.values()), axis=1) == whole.x).all()
    assert (halves.y == whole.y).all()
    assert halves.facts.parts == (("upper", 32), ("lower", 32))


def test_three_targets_are_each_standardised_from_the_training_rows():
    ours = of("linnerud", validation_data=HoldOut(kind="last", share=0.25))

    assert ours.facts.outputs == ("Weight", "Waist", "Pulse")
    assert ours.facts.features == ("Chins", "Situps", "Jumps")
    assert {name: part.shape for name, part in ours.y.items()} == dict.fromkeys(ours.facts.outputs, (15, 1))
    assert all(abs(part.mean()) < 1e-6 and abs(part.std() - 1) < 1e-6 for part in ours.y.values())
    held = ours.validation_data[1]["Pulse"]
    pulse = ours.dataset.table["Pulse"].to_numpy()
    assert np.allclose(held[:, 0], (pulse[15:] - pulse[:15].mean()) / pulse[:15].std())


@pytest.mark.parametrize("name", ["regimes", "digits_halves", "linnerud"])
def test_what_was_learned_of_the_columns_is_kept_with_the_run(name):
    data = load_dataset(name)
    columns = learn_encoders(data, np.arange(len(data)))

    again = TableEncoder.from_json(columns.to_json())

    assert again == columns
    for make in (encode_inputs, encode_targets):
        more = ("index",) if make is encode_targets else ()
        first, second = (make(data, one, data.table, *more) for one in (columns, again))
        pairs = [(first[key], second[key]) for key in first] if isinstance(first, dict) else [(first, second)]
        assert all((one == other).all() for one, other in pairs)


def test_columns_of_an_earlier_version_have_one_target():
    data = load_dataset("iris")
    text = learn_encoders(data, np.arange(150)).to_json().replace(', "more_targets": []', "")

    assert "more_targets" not in text
    assert TableEncoder.from_json(text).more_targets == ()


def test_columns_that_belong_together_are_not_chosen_from():
    data = load_dataset("digits_halves", features=("pixel_0_0",))

    assert len(data.inputs) == 64


def test_a_chosen_part_of_the_pixels_is_no_image():
    assert load_dataset("digits").facts().image == (8, 8)
    assert load_dataset("digits", features=("pixel_2_2", "pixel_2_3")).facts().image is None
