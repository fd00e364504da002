"""Synthetic data in two dimensions, whose decision boundary can be drawn."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from fitdash.data.tables.builtin import RowOrder, order_rows
from fitdash.data.tables.dataset import Dataset, make_dataset

Array = np.ndarray[Any, Any]
TOY_SEED = 7
_LINES = {
    "spiral": "{rows} points on {classes} spiral arms that wind around each other.",
    "moons": "{rows} points on 2 half circles that reach into each other.",
    "circles": "{rows} points on 2 circles, one inside the other.",
    "blobs": "{rows} points in {classes} heaps.",
}


def make_toy(
    name: str, *, samples: int = 600, noise: float = 0.1, classes: int = 2, order: RowOrder = "shuffled"
) -> Dataset:
    """Points in the plane, the same ones for the same settings; the global generators are not used.

    Args:
        name: spiral, moons, circles or blobs.
        samples: Number of points, over all classes.
        noise: Standard deviation of the points around their shape, in the shape's units.
        classes: 2 to 4, for spiral and blobs; the others have 2.
        order: Order of the rows: shuffled, or sorted by class.
    """
    classes = classes if name in ("spiral", "blobs") else 2
    generator = np.random.default_rng(TOY_SEED)
    label = np.arange(samples) % classes
    shape = _SHAPES[name](label, generator.random(samples), classes)
    points = shape + noise * generator.standard_normal((samples, 2))
    table = pd.DataFrame({"x1": points[:, 0], "x2": points[:, 1], "class": label})
    line = _LINES[name].format(rows=samples, classes=classes)
    return make_dataset(name, order_rows(table, "class", order), "class", "classification", line=line)


def _spiral(label: Array, along: Array, classes: int) -> Array:
    """Arms of one and a quarter turns."""
    turn = 2 * np.pi * (1.25 * along + label / classes)
    return 4 * np.sqrt(along)[:, None] * _direction(turn)


def _moons(label: Array, along: Array, classes: int) -> Array:
    upper = _direction(np.pi * along)
    return np.where(label[:, None] == 0, upper, np.array([1.0, 0.5]) - upper)


def _circles(label: Array, along: Array, classes: int) -> Array:
    return np.where(label == 0, 1.0, 0.5)[:, None] * _direction(2 * np.pi * along)


def _blobs(label: Array, along: Array, classes: int) -> Array:
    """Centres on a circle; `along` is unused, all spread comes from the noise."""
    return 1.0 * _direction(2 * np.pi * label / classes + np.pi / 4)


def _direction(angle: Array) -> Array:
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)


_SHAPES: dict[str, Callable[[Array, Array, int], Array]] = {
    "spiral": _spiral,
    "moons": _moons,
    "circles": _circles,
    "blobs": _blobs,
}
