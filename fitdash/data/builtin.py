"""Real data that scikit-learn ships: no network needed.

The sets are shuffled once, always the same way: iris and wine come sorted by class, so that the last rows, which
`validation_split` takes, would hold only classes that training never saw.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from fitdash.data.dataset import Dataset, make_dataset
from fitdash.spec.facts import Task

Order = Literal["shuffled", "sorted"]
ORDER_SEED = 6
"""Gives last fifths that are neither easy nor hard: other seeds move the R² of diabetes there from 0.35 to 0.55."""

_TARGETS: dict[str, tuple[str, Task]] = {
    "digits": ("digit", "classification"),
    "wine": ("cultivar", "classification"),
    "breast_cancer": ("diagnosis", "classification"),
    "iris": ("species", "classification"),
    "diabetes": ("progression", "regression"),
}
_LINES = {
    "digits": "1797 handwritten digits of 8×8 pixels, 10 classes.",
    "wine": "178 wines of 3 growers, 13 chemical measurements.",
    "breast_cancer": "569 tumours, malignant or benign, 30 measurements of cell nuclei.",
    "iris": "150 flowers of 3 species, 4 lengths in centimetres.",
    "diabetes": "442 patients, 10 measurements, and a number for how the disease went on after a year.",
}


def bundled(name: str, order: Order = "shuffled") -> Dataset:
    """One of scikit-learn's sets.

    Args:
        name: digits, wine, breast_cancer, iris or diabetes.
        order: Of its rows: shuffled, or sorted by target, which is the trap that `validation_split` falls into.
    """
    target, task = _TARGETS[name]
    return make_dataset(
        name,
        ordered(_read(name), target, order),
        target,
        task,
        image_shape=(8, 8) if name == "digits" else None,
        line=_LINES[name],
    )


def ordered(table: pd.DataFrame, target: str, order: Order) -> pd.DataFrame:
    """The rows shuffled by a fixed seed, or sorted by target."""
    if order == "sorted":
        return table.sort_values(target, kind="stable", ignore_index=True)
    return table.iloc[np.random.default_rng(ORDER_SEED).permutation(len(table))].reset_index(drop=True)


@cache
def _read(name: str) -> pd.DataFrame:
    """All columns in the order of the source, the target last; classes by their names."""
    if name == "digits" and (file := _digits_file()) is not None:
        return _digits(file)
    from sklearn import datasets

    options: dict[str, Any] = {"scaled": False} if name == "diabetes" else {}
    bunch = getattr(datasets, f"load_{name}")(**options)
    table = pd.DataFrame(bunch.data, columns=[str(feature) for feature in bunch.feature_names])
    target, task = _TARGETS[name]
    named = task == "classification" and name != "digits"
    table[target] = np.asarray(bunch.target_names)[bunch.target].astype(str) if named else bunch.target
    return table


def _digits_file() -> Path | None:
    """The digits that scikit-learn ships, found without importing it: that costs the first page two seconds."""
    found = find_spec("sklearn")
    folders = [] if found is None else found.submodule_search_locations or []
    files = [Path(folder, "datasets", "data", "digits.csv.gz") for folder in folders]
    return next((file for file in files if file.is_file()), None)


def _digits(file: Path) -> pd.DataFrame:
    """What `load_digits` gives: 64 pixels of 0 … 16 and the digit."""
    rows = np.loadtxt(file, delimiter=",")
    table = pd.DataFrame(rows[:, :-1], columns=[f"pixel_{row}_{column}" for row in range(8) for column in range(8)])
    table[_TARGETS["digits"][0]] = rows[:, -1].astype(int)
    return table
