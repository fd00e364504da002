"""Which rows validate (contract 11.1 to 11.4)."""

import pytest

from fitdash.data.batches.split import require_validation_start
from fitdash.errors import SettingError


@pytest.mark.parametrize(("rows", "share", "first"), [(10, 0.25, 7), (10, 0.33, 6), (10, 0.8, 1), (100, 0.2, 80)])
def test_11_1_split_index_is_floor_in_floating_point(rows, share, first):
    assert require_validation_start(rows, share) == first


@pytest.mark.parametrize(("rows", "share", "empty"), [(10, 0.9, "training"), (4, 1e-20, "validation")])
def test_11_3_an_empty_part_is_refused_with_the_numbers(rows, share, empty):
    with pytest.raises(SettingError, match=f"validation_split.*{share} of {rows} samples.*none for {empty}"):
        require_validation_start(rows, share)
