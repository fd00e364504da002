"""Weights by class (contract 6)."""

import numpy as np
import pytest
import torch

from fitdash.data.batches.class_weights import ClassWeights, multiply_weights
from fitdash.errors import DataError, SettingError


@pytest.mark.parametrize(
    ("y", "axes", "expected"),
    [
        (torch.tensor([0, 1, 2]), 2, [1.0, 4.0, 1.0]),
        (torch.tensor([[0], [1]]), 2, [1.0, 4.0]),
        (torch.tensor([[0.0, 1.0], [1.0, 0.0]]), 2, [4.0, 1.0]),
        (torch.tensor([0.6, 0.4]), 2, [4.0, 1.0]),
        (torch.tensor([[0, 1], [1, 1]]), 3, [[1.0, 4.0], [4.0, 4.0]]),
        (torch.tensor([[[0], [1]]]), 3, [[1.0, 4.0]]),
        (torch.tensor([[[0.0, 1.0], [1.0, 0.0]]]), 3, [[4.0, 1.0]]),
        (torch.tensor([-100, 1, 99]), 2, [1.0, 4.0, 1.0]),
    ],
)
def test_6_2_and_6_7_the_class_of_a_row_or_step_is_looked_up(y, axes, expected):
    assert ClassWeights({1: 4.0}).of(y, axes).tolist() == expected


@pytest.mark.parametrize("key", [1, np.int64(1), 1.0, np.float32(1), "1"])
def test_6_3_whole_numbers_and_digit_strings_are_indices(key):
    assert ClassWeights({key: 3}).of(torch.tensor([0, 1]), 2).tolist() == [1.0, 3.0]


@pytest.mark.parametrize("key", ["cat", 1.5, -1, None, True, "1.0"])
def test_6_3_other_keys_are_refused(key):
    with pytest.raises(SettingError, match="class_weight must map class indices"):
        ClassWeights({key: 1.0})


@pytest.mark.parametrize("given", ["balanced", [1.0, 2.0], 3])
def test_6_9_what_is_no_mapping_is_refused(given):
    with pytest.raises(SettingError, match="class_weight must map class indices to weights, such as"):
        ClassWeights(given)


def test_6_6_class_and_sample_weights_are_multiplied():
    weight = ClassWeights({1: 4.0}).times(torch.tensor([[0.5], [2.0]]), torch.tensor([0, 1]), torch.zeros(2, 3))

    assert weight.tolist() == [0.5, 8.0]


def test_6_6_the_product_aligns_samples_with_steps():
    assert multiply_weights(torch.tensor([2.0, 3.0]), torch.ones(2, 4)).tolist() == [[2.0] * 4, [3.0] * 4]
    assert multiply_weights(torch.ones(2, 4), torch.tensor([2.0, 3.0])).tolist() == [[2.0] * 4, [3.0] * 4]


def test_6_8_several_outputs_are_refused():
    with pytest.raises(DataError, match="class_weight works with one output, got 2"):
        ClassWeights({0: 1.0}).times(None, [torch.zeros(2), torch.zeros(2)], torch.zeros(2, 1))
