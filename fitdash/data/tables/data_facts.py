"""`DataFacts` of a data set, for the checks of the settings: rows, classes, inputs, order in time, outliers."""

import math
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from fitdash.data.tables.data_checks import detect_order_and_outliers
from fitdash.data.tables.dataset import Dataset
from fitdash.settings.data_facts import STEP_WEIGHTS, DataFacts

_CHECKED: WeakKeyDictionary[Dataset, dict[str, Any]] = WeakKeyDictionary()
"""Order and outliers by data set, while it is in use: finding them takes longer than all else here."""


def facts_of(dataset: Dataset, inputs: int | None = None) -> DataFacts:
    """Rows, columns, classes and shapes of a data set.

    Args:
        inputs: Numbers that the network receives for a sample; None counts the columns, if none is text.
    """
    if inputs is None and set(dataset.inputs) <= set(dataset.numeric_columns):
        inputs = len(dataset.inputs)
    image = dataset.image_shape
    shared: dict[str, Any] = {
        "rows": len(dataset),
        "task": dataset.task,
        "features": dataset.inputs,
        "columns": dataset.numeric_columns,
        "weights": dataset.weight_columns,
        "step_weights": STEP_WEIGHTS if dataset.steps else (),
        "inputs": inputs if inputs is None or not dataset.steps else inputs // dataset.steps,
        "steps": dataset.steps,
        "image": image if image and len(dataset.inputs) == math.prod(image) else None,
        "parts": tuple((name, len(columns)) for name, columns in dataset.parts.items()),
        "outputs": dataset.targets,
        **_checks_of(dataset),
    }
    if dataset.classes is None:
        return DataFacts(**shared)
    spans = [np.flatnonzero(dataset.codes == index) for index in range(len(dataset.classes))]
    labels = np.bincount(dataset.labels.ravel(), minlength=len(dataset.classes))
    return DataFacts(
        **shared,
        classes=dataset.classes,
        label_counts=tuple(int(count) for count in labels) if dataset.step_targets else None,
        counts=tuple(len(span) for span in spans),
        first_rows=tuple(int(span[0]) for span in spans),
        last_rows=tuple(int(span[-1]) for span in spans),
    )


def _checks_of(dataset: Dataset) -> dict[str, Any]:
    """Fields of the facts on order in time and on values far from all others."""
    if dataset not in _CHECKED:
        _CHECKED[dataset] = detect_order_and_outliers(dataset)
    return _CHECKED[dataset]
