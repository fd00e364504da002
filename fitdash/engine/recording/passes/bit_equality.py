"""Trials that decide whether two ways to add matrix products give the same bits on this machine.

`addmm(c, a, b)` and the sum of `c` and `mm(a, b)` are the same numbers on paper. Kernels that begin with `c` and those
that end with it differ in last bits, and which one runs depends on shapes and strides, not on values; no library
documents which. So both are run on random numbers, once for each kind of matrices and number of threads.

Example: two lines of one GRU step (batches of 16, hidden size 32), before and after `peephole`. The first
keeps its form, since a trial with (16, 32) @ (32, 96) gave other bits; (16, 32) @ (32, 3) gave the same:

    v27 = aten.addmm(t3, v22, v11)     v27 = aten.addmm(t3, v24, v11)
    v93 = aten.addmm(t5, v91, v92)     v93 = aten.mm(v91, v92)
                                       aten.add_(v93, t5)
"""

import functools
from collections.abc import Collection, Iterator
from typing import Any

import torch

Tensor = torch.Tensor

LEAST_NUMBERS = 32
"""Elements of the smallest result that is tried: fewer could agree by chance."""
MOST_PRODUCTS = 2**21
"""Multiplications of the largest matrix product that is tried: beside a larger one the addition costs nothing, and a
trial takes long."""
DRAWS = (1.0, 1e-3, 1e3)
"""Scales of the added tensor, relative to the factors."""

_BITS = {torch.float32: torch.int32, torch.float64: torch.int64}

Laid = tuple[tuple[int, ...], tuple[int, ...], torch.dtype]
"""Shape, strides and dtype."""
Factors = tuple[Laid, Laid]


def is_addmm_bit_equal(added: Laid, left: Laid, right: Laid, sources: Collection[Factors] = ()) -> bool:
    """True if `addmm(c, a, b)` has the bits of `mm(a, b)` plus `c`; in place where `c` is as large as the result.

    Args:
        added: `c`, one row or as large as the result.
        left, right: `a` and `b`, two matrices.
        sources: Factors of the matrix products whose sum `c` is, if it is one. The caller then accepts either sign of a
            zero that stands for a number below 1e-38.
    """
    if not _can_be_tried(left, right) or not _is_usual(added):
        return False
    threads = torch.get_num_threads()
    # A sum is -0 where all its terms are, or where it is flushed; a caller that gives sources accepts either sign.
    is_signed = not sources or any(_gives_minus_zero(*factors, threads) for factors in sources)
    return _tried(added, left, right, threads, is_signed)


def _can_be_tried(left: Laid, right: Laid) -> bool:
    (rows, inner), (_, columns) = left[0], right[0]
    is_of_size = rows * columns >= LEAST_NUMBERS and rows * inner * columns <= MOST_PRODUCTS
    return is_of_size and _is_usual(left) and _is_usual(right)


def _is_usual(laid: Laid) -> bool:
    _, strides, dtype = laid
    return dtype in (torch.float32, torch.float64) and 0 not in strides


@functools.lru_cache(maxsize=512)
def _tried(added: Laid, left: Laid, right: Laid, threads: int, is_signed: bool) -> bool:
    """The trial itself, cached by layouts and number of threads; without `is_signed` no element of `c` is -0."""
    dice = torch.Generator().manual_seed(threads)
    with torch.inference_mode():
        for c, a, b in _trials(added, left, right, dice, is_signed):
            product = torch.mm(a, b)
            if c.dim() == 1:
                one, two = torch.addmm(c, a, b), product.add_(c)
            else:
                two = c + product
                one = c.addmm_(a, b)
            if not torch.equal(one.view(_BITS[one.dtype]), two.view(_BITS[two.dtype])):
                return False
    return True


@functools.lru_cache(maxsize=512)
def _gives_minus_zero(left: Laid, right: Laid, threads: int) -> bool:
    """True if a product of such matrices can be -0: kernels differ in the value that their sums begin with."""
    if not _can_be_tried(left, right):
        return True
    dice = torch.Generator().manual_seed(threads)
    with torch.inference_mode():
        for tiny in (0.0, -0.0, _vanishing(left)) * len(DRAWS):
            for is_apart in (False, True):
                a, b = _drawn(left, dice), _drawn(right, dice)
                if is_apart:  # all products have the same sign
                    a.abs_()
                    b.abs_().neg_()
                if torch.mm(a.mul_(tiny), b.mul_(tiny or 1.0)).signbit().any():
                    return True
    return False


def _trials(
    added: Laid, left: Laid, right: Laid, dice: torch.Generator, is_signed: bool
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Operands of several scales, and some whose sums are zeros of either sign or whose products underflow to 0."""
    for size in DRAWS:
        c, a, b = (_drawn(laid, dice) for laid in (added, left, right))
        yield c.mul_(size), a, b
    for zero in (0.0, -0.0) if is_signed else (0.0,):
        for tiny in (0.0, -0.0, _vanishing(left)):
            c, a, b = (_drawn(laid, dice) for laid in (added, left, right))
            yield c.fill_(zero), a.mul_(tiny), b.mul_(tiny or 1.0)


def _vanishing(laid: Laid) -> float:
    """A number whose square underflows to 0."""
    return float(torch.finfo(laid[2]).tiny ** 0.8)


def _drawn(laid: Laid, dice: torch.Generator) -> Tensor:
    shape, strides, dtype = laid
    drawn: Any = torch.empty_strided(shape, strides, dtype=dtype)
    return drawn.normal_(generator=dice)  # type: ignore[no-any-return]


def is_stacked_sum_bit_equal(steps: int, rows: int, columns: int, dtype: torch.dtype) -> bool:
    """True if row sums added time step by time step have the bits of one sum over rows and a product with ones."""
    if columns < LEAST_NUMBERS or dtype not in (torch.float32, torch.float64):
        return False
    return _summed(steps, rows, columns, dtype, torch.get_num_threads())


@functools.lru_cache(maxsize=64)
def _summed(steps: int, rows: int, columns: int, dtype: torch.dtype, threads: int) -> bool:
    """The trial itself, cached by sizes, dtype and number of threads."""
    dice = torch.Generator().manual_seed(threads)
    with torch.inference_mode():
        for size in DRAWS:
            drawn = torch.empty(steps, rows, columns, dtype=dtype).normal_(generator=dice) * size
            drawn[:, :, 0] = -0.0  # whose sum is 0
            added, *others = (step.sum([0], True).view(columns) for step in drawn)
            for other in others:
                added = added + other
            product = torch.mm(torch.ones(1, steps, dtype=dtype), drawn.sum([1])).view(columns)
            if not torch.equal(added.view(torch.uint8), product.view(torch.uint8)):
                return False
    return True
