"""Whether a product that is added has one sum or another: tried, since the library's kernels decide it and nobody says.

`addmm(c, a, b)` and the sum of `c` and `mm(a, b)` are the same numbers on paper. Kernels that begin with `c` and those
that end with it differ in last bits, and which one runs depends on shapes and strides, not on values.
"""

import functools
from collections.abc import Collection, Iterator
from typing import Any

import torch

Tensor = torch.Tensor

LEAST_NUMBERS = 32
"""Of a result: fewer could agree by chance."""
MOST_PRODUCTS = 2**21
"""Of numbers in one matrix product: in larger ones the addition is nothing, and trying takes its time."""
DRAWS = (1.0, 1e-3, 1e3)
"""How large what is added is beside the factors."""

_BITS = {torch.float32: torch.int32, torch.float64: torch.int64}

Laid = tuple[tuple[int, ...], tuple[int, ...], torch.dtype]
"""Shape, strides and dtype."""
Factors = tuple[Laid, Laid]


def is_addmm_bit_equal(added: Laid, left: Laid, right: Laid, sources: Collection[Factors] = ()) -> bool:
    """Whether `addmm(c, a, b)`, in place where `c` is as large as the result, has the bits of `mm(a, b)` and a sum.

    Args:
        added: `c`, one row or as large as the result.
        left, right: `a` and `b`, two matrices.
        sources: Factors of the products whose sum `c` is, where it is one, and a zero that stands for numbers below
            1e-38 may have either sign.
    """
    if not _can_be_tried(left, right) or not _is_usual(added):
        return False
    threads = torch.get_num_threads()
    # A sum is -0 where all that it adds are, or where it is flushed: who gives its sources does not mind the sign then.
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
    """The same, asked once for such matrices and so many threads; without `is_signed` no number of `c` is -0."""
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
    """Whether a product of such matrices can be -0: kernels differ in what they begin with."""
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
    """Numbers of several sizes, and those where a sum of nothing has one sign or the other, or products vanish."""
    for size in DRAWS:
        c, a, b = (_drawn(laid, dice) for laid in (added, left, right))
        yield c.mul_(size), a, b
    for zero in (0.0, -0.0) if is_signed else (0.0,):
        for tiny in (0.0, -0.0, _vanishing(left)):
            c, a, b = (_drawn(laid, dice) for laid in (added, left, right))
            yield c.fill_(zero), a.mul_(tiny), b.mul_(tiny or 1.0)


def _vanishing(laid: Laid) -> float:
    """A number whose square is 0."""
    return float(torch.finfo(laid[2]).tiny ** 0.8)


def _drawn(laid: Laid, dice: torch.Generator) -> Tensor:
    shape, strides, dtype = laid
    drawn: Any = torch.empty_strided(shape, strides, dtype=dtype)
    return drawn.normal_(generator=dice)  # type: ignore[no-any-return]


def is_stacked_sum_bit_equal(moments: int, rows: int, columns: int, dtype: torch.dtype) -> bool:
    """Whether sums over rows, added moment after moment, have the bits of one sum and a product with ones."""
    if columns < LEAST_NUMBERS or dtype not in (torch.float32, torch.float64):
        return False
    return _summed(moments, rows, columns, dtype, torch.get_num_threads())


@functools.lru_cache(maxsize=64)
def _summed(moments: int, rows: int, columns: int, dtype: torch.dtype, threads: int) -> bool:
    """The same, asked once for such tensors and so many threads."""
    dice = torch.Generator().manual_seed(threads)
    with torch.inference_mode():
        for size in DRAWS:
            drawn = torch.empty(moments, rows, columns, dtype=dtype).normal_(generator=dice) * size
            drawn[:, :, 0] = -0.0  # whose sum is 0
            added, *others = (moment.sum([0], True).view(columns) for moment in drawn)
            for other in others:
                added = added + other
            product = torch.mm(torch.ones(1, moments, dtype=dtype), drawn.sum([1])).view(columns)
            if not torch.equal(added.view(torch.uint8), product.view(torch.uint8)):
                return False
    return True
