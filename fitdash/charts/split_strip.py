"""The split as a strip of pixels, a column per row: training rows in the upper band, validation rows in the lower."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

BAND, GAP = 12, 3
CLASSES = ("4477AA", "EE6677", "228833", "CCBB44", "66CCEE", "AA3377", "DDAA66", "774411", "99AA00", "8899AA")
"""Distinct for colour-blind readers too, the first seven after Paul Tol; classes beyond ten repeat them."""
LOW, HIGH = (68, 119, 170), (238, 170, 68)
FAINT = 40


def strip_pixels(values: NDArray[Any], held: NDArray[np.bool_], *, is_class: bool) -> NDArray[np.uint8]:
    """One column of pixels per row.

    Args:
        values: (n,) class indices, or numbers from 0 to 1.
        held: (n,) whether the row is held out.
        is_class: Whether `values` are class indices.

    Returns:
        (height, n, 4), red, green, blue, opacity; a row leaves a faint trace in the band where it is not.
    """
    colours = _class_colours(values) if is_class else _number_colours(values)
    pixels = np.zeros((2 * BAND + GAP, len(values), 4), dtype=np.uint8)
    for band, inside in ((slice(0, BAND), ~held), (slice(BAND + GAP, None), held)):
        pixels[band, :, :3] = colours
        pixels[band, :, 3] = np.where(inside, 255, FAINT)
    return pixels


def _class_colours(values: NDArray[Any]) -> NDArray[np.uint8]:
    table = np.array([[int(code[i : i + 2], 16) for i in (0, 2, 4)] for code in CLASSES], dtype=np.uint8)
    return np.asarray(table[values % len(CLASSES)])


def _number_colours(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Colours between `LOW` and `HIGH`; grey for NaN."""
    share = np.nan_to_num(values)[:, None]
    mixed = (1 - share) * np.array(LOW) + share * np.array(HIGH)
    return np.where(np.isnan(values)[:, None], 128, mixed).astype(np.uint8)
