"""Products that are added: as one or as two where a trial shows the same bits, and only there."""

import pytest
import torch

from fitdash.engine.recording.passes import bit_equality
from fitdash.engine.recording.passes.bit_equality import MOST_PRODUCTS, is_addmm_bit_equal


def laid(*shape, strides=None, dtype=torch.float32):
    return shape, strides or torch.empty(shape).stride(), dtype


SMALL = laid(32, 64), laid(32, 20), laid(20, 64)


@pytest.fixture(autouse=True)
def _not_tried_before():
    """Nor after, where a library was another one."""
    tried = bit_equality._tried, bit_equality._gives_minus_zero
    for one in tried:
        one.cache_clear()
    yield
    for one in tried:
        one.cache_clear()


@pytest.mark.parametrize("added", [laid(32, 64), laid(64)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_a_trial_says_holds_for_other_numbers(added, dtype):
    shapes = [(shape, strides, dtype) for shape, strides, _ in (added, *SMALL[1:])]

    said = is_addmm_bit_equal(*shapes)

    found = []
    for _ in range(20):
        c, a, b = (torch.randn(shape, dtype=dtype) for shape, _, _ in shapes)
        found.append(torch.equal(torch.addmm(c, a, b), c + a @ b))
    assert not said or all(found)


def test_a_library_that_begins_with_what_is_added_is_found_out(monkeypatch):
    def begins(added, left, right):
        total = added.expand(left.shape[0], right.shape[1]).clone()
        for place in range(left.shape[1]):
            total += left[:, place : place + 1] * right[place]
        return total

    monkeypatch.setattr(torch, "addmm", begins)

    assert not is_addmm_bit_equal(laid(64), *SMALL[1:])


def test_what_cannot_be_minus_zero_is_not_tried_with_it(monkeypatch):
    def kept(added, left, right):
        product = left @ right + 0.0
        keeps = added.signbit() & (added == 0) & (product == 0) & (left.abs().max() < 1e-20)
        return added.copy_(torch.where(keeps, added, added + product))

    monkeypatch.setattr(torch, "mm", lambda left, right: left @ right + 0.0)
    monkeypatch.setattr(torch.Tensor, "addmm_", kept)
    factors = SMALL[1:]

    assert not is_addmm_bit_equal(*SMALL)
    assert is_addmm_bit_equal(*SMALL, [factors])
    assert not is_addmm_bit_equal(*SMALL, [factors, (laid(1, 8), laid(8, 1))])  # too few numbers to know


def test_a_library_whose_products_can_be_minus_zero_is_tried_with_it(monkeypatch):
    monkeypatch.setattr(torch, "mm", lambda left, right: torch.where(left @ right == 0, -0.0, left @ right))
    monkeypatch.setattr(torch.Tensor, "addmm_", lambda added, left, right: added.add_(left @ right + 0.0))

    assert not is_addmm_bit_equal(*SMALL, [SMALL[1:]])


@pytest.mark.parametrize(
    "matrices",
    [
        [laid(1), laid(8, 4), laid(4, 1)],
        [laid(64), laid(32, 20, strides=(0, 1)), laid(20, 64)],
        [laid(64, dtype=torch.complex64), laid(32, 20, dtype=torch.complex64), laid(20, 64, dtype=torch.complex64)],
        [laid(512), laid(MOST_PRODUCTS // 512, 2), laid(2, 512)],
    ],
)
def test_what_is_too_small_too_large_or_unusual_is_not_tried(matrices, monkeypatch):
    monkeypatch.setattr(bit_equality, "_tried", None)

    assert not is_addmm_bit_equal(*matrices)


def test_a_trial_leaves_the_random_stream_alone():
    before = torch.get_rng_state()

    is_addmm_bit_equal(*SMALL)

    assert torch.equal(before, torch.get_rng_state())
