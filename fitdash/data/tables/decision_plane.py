"""The plane of a decision boundary: two columns vary over their range, the others stay at their median or mode."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fitdash.data.tables.encoders import NumberEncoder, TableEncoder, TextEncoder
from fitdash.data.tables.prepared import PreparedData

Array = np.ndarray[Any, Any]
ROOM = 0.06
"""Margin beyond the outermost points on each side, as a share of their range."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DecisionPlane:
    """Points in the plane of two columns.

    Attributes:
        across, up: The columns of the horizontal and the vertical axis.
        xs, ys: Their values, in the unit of the column, (cells,).
        inputs: Encoded inputs at each point, row after row from below, (cells * cells, inputs) float32.
    """

    across: str
    up: str
    xs: Array
    ys: Array
    inputs: Array


def axes_of(columns: TableEncoder) -> tuple[str, ...]:
    """The columns that can be an axis: the numeric ones."""
    return tuple(column.name for column in columns.inputs if isinstance(column, NumberEncoder))


def rank_columns(data: PreparedData, names: Iterable[str]) -> list[str]:
    """The columns by how much of the target each explains alone, most first; ties keep their order."""
    table, rows = data.dataset.table, data.train
    if data.dataset.classes is not None:
        codes = data.dataset.codes[rows]
        groups = [np.flatnonzero(codes == index) for index in range(len(data.dataset.classes))]
        shares = {name: _between(_numbers(table[name])[rows], groups) for name in names}
    else:
        target = _numbers(data.dataset.target)[rows]
        shares = {name: abs(_correlation(_numbers(table[name])[rows], target)) for name in names}
    return sorted(shares, key=lambda name: -shares[name])


def make_decision_plane(data: PreparedData, across: str, up: str, cells: int = 72) -> DecisionPlane:
    """The plane of two columns.

    Args:
        data: The data of the run.
        across, up: Two of `axes_of`.
        cells: Points along each axis.
    """
    seen = np.concatenate([data.train, data.validation])
    xs, ys = (_span(_numbers(data.dataset.table[name])[seen], cells) for name in (across, up))
    grid = {across: np.tile(xs, cells), up: np.repeat(ys, cells)}
    parts = [_part(column, grid, data, cells * cells) for column in data.columns.inputs]
    return DecisionPlane(across=across, up=up, xs=xs, ys=ys, inputs=np.concatenate(parts, axis=1).astype(np.float32))


def _part(column: NumberEncoder | TextEncoder, grid: dict[str, Array], data: PreparedData, count: int) -> Array:
    """Encoded values of one column: varied over the grid, or fixed at its median or most common word."""
    if isinstance(column, NumberEncoder):
        values = grid.get(column.name, np.full(count, column.median))
        return ((values - column.mean) / column.scale)[:, None]
    words = column.encode(data.dataset.table[column.name].iloc[data.train])
    one = np.zeros((1, len(column.levels)))
    one[0, words.sum(0).argmax()] = 1
    return np.repeat(one, count, axis=0)


def _span(values: Array, cells: int) -> Array:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    room = ROOM * (high - low) or 1.0
    return np.linspace(low - room, high + room, cells)


def _numbers(column: Any) -> Array:
    """(n,) float64, NaN for values that are not finite numbers."""
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(np.isfinite(values), values, np.nan)


def _between(values: Array, groups: list[Array]) -> float:
    """Share of the variance that lies between groups, 0–1."""
    whole = float(np.nanvar(values))
    if not whole > 0:
        return 0.0
    parts = [values[group] for group in groups if len(group) and not np.isnan(values[group]).all()]
    spread = sum(len(part) * (np.nanmean(part) - np.nanmean(values)) ** 2 for part in parts)
    return float(spread) / (len(values) * whole)


def _correlation(values: Array, target: Array) -> float:
    known = np.isfinite(values) & np.isfinite(target)
    if known.sum() < 3 or not (values[known].std() > 0 and target[known].std() > 0):
        return 0.0
    return float(np.corrcoef(values[known], target[known])[0, 1])
