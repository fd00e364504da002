"""Predictions of a model, counted and sorted: numbers for charts and tables."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def count_predictions(truth: Array, answers: Array, classes: int) -> Array:
    """Confusion matrix: samples by true class (rows) and predicted class (columns), (classes, classes)."""
    return np.bincount(truth.astype(np.int64) * classes + answers.astype(np.int64), minlength=classes**2).reshape(
        classes, classes
    )


def row_shares(counts: Array) -> Array:
    """The counts as shares of their row; 0 where a class has no sample."""
    return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))


def accuracy(counts: Array) -> float:
    """Share of samples on the diagonal; NaN without samples."""
    return float(np.trace(counts) / counts.sum()) if counts.sum() else float("nan")


def most_confused_pair(counts: Array) -> tuple[int, int] | None:
    """The cell off the diagonal with the most samples, as row and column; None without a mistake."""
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    if not wrong.any():
        return None
    row, column = divmod(int(wrong.argmax()), len(counts))
    return row, column


def confident_mistakes(truth: Array, answers: Array, sureness: Array) -> Array:
    """Indices of the wrongly predicted samples, the most confident predictions first."""
    wrong = np.flatnonzero(truth != answers)
    return wrong[np.argsort(-np.nan_to_num(sureness[wrong].astype(float), nan=-1), kind="stable")]


def largest_errors(truth: Array, predicted: Array) -> Array:
    """Indices of the samples, the largest errors first, errors that are not finite last."""
    off = np.abs(truth - predicted)
    return np.argsort(-np.where(np.isfinite(off), off, -1), kind="stable")
