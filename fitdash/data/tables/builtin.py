"""Data sets that scikit-learn ships, loaded without a network.

They are shuffled once, always the same way: iris and wine come sorted by class, so that the last rows, which
`validation_split` takes, would hold only classes that training never saw.
"""

from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from fitdash.data.tables.dataset import Dataset, make_dataset
from fitdash.settings.data_facts import Task

RowOrder = Literal["shuffled", "sorted"]
ORDER_SEED = 6
"""Makes the last fifth neither easy nor hard: with other seeds the R² of diabetes there is from 0.35 to 0.55."""

_TARGETS: dict[str, tuple[str, Task]] = {
    "digits": ("digit", "classification"),
    "wine": ("cultivar", "classification"),
    "breast_cancer": ("diagnosis", "classification"),
    "iris": ("species", "classification"),
    "diabetes": ("progression", "regression"),
    "digits_halves": ("digit", "classification"),
    "linnerud": ("Weight", "regression"),
}
_LINES = {
    "digits": "1797 handwritten digits of 8×8 pixels, 10 classes.",
    "wine": "178 wines of 3 growers, 13 chemical measurements.",
    "breast_cancer": "569 tumours, malignant or benign, 30 measurements of cell nuclei.",
    "iris": "150 flowers of 3 species, 4 lengths in centimetres.",
    "diabetes": "442 patients, 10 measurements, and a number for how the disease went on after a year.",
    "digits_halves": "1797 handwritten digits, their upper and their lower 4×8 pixels as two inputs, 10 classes.",
    "linnerud": "20 men of a fitness club, 3 exercises, and 3 numbers to predict: weight, waist and pulse.",
}


def load_bundled(name: str, order: RowOrder = "shuffled") -> Dataset:
    """One of scikit-learn's data sets.

    Args:
        name: One of `fitdash.settings.dataset.BUNDLED`.
        order: Order of its rows: shuffled, or sorted by target, for which `validation_split` holds out unseen classes.
    """
    target, task = _TARGETS[name]
    return make_dataset(name, order_rows(_read(name), target, order), target, task, line=_LINES[name], **_more(name))


def _more(name: str) -> dict[str, Any]:
    """Fields of `Dataset` that only some sets have: image shape, several inputs, several targets."""
    if name == "digits":
        return {"image_shape": (8, 8)}
    if name == "digits_halves":
        return {"parts": {"upper": _pixels(range(4)), "lower": _pixels(range(4, 8))}}
    return {"targets": ("Weight", "Waist", "Pulse")} if name == "linnerud" else {}


def _pixels(rows: Iterable[int]) -> tuple[str, ...]:
    return tuple(f"pixel_{row}_{column}" for row in rows for column in range(8))


def order_rows(table: pd.DataFrame, target: str, order: RowOrder) -> pd.DataFrame:
    """The rows shuffled by a fixed seed, or sorted by target."""
    if order == "sorted":
        return table.sort_values(target, kind="stable", ignore_index=True)
    return table.iloc[np.random.default_rng(ORDER_SEED).permutation(len(table))].reset_index(drop=True)


@cache
def _read(name: str) -> pd.DataFrame:
    """All columns in the order of the source, the target last; classes by their names."""
    if name == "digits_halves":
        return _read("digits")
    if name == "digits" and (file := _digits_file()) is not None:
        return _digits(file)
    from sklearn import datasets

    options: dict[str, Any] = {"scaled": False} if name == "diabetes" else {}
    bunch = getattr(datasets, f"load_{name}")(**options)
    table = pd.DataFrame(bunch.data, columns=[str(feature) for feature in bunch.feature_names])
    if name == "linnerud":
        return table.assign(**dict(zip(bunch.target_names, bunch.target.T, strict=True)))
    target, task = _TARGETS[name]
    named = task == "classification" and name != "digits"
    table[target] = np.asarray(bunch.target_names)[bunch.target].astype(str) if named else bunch.target
    return table


def _digits_file() -> Path | None:
    """The digits file of scikit-learn, found without importing it: the import costs the first page two seconds."""
    found = find_spec("sklearn")
    folders = [] if found is None else found.submodule_search_locations or []
    files = [Path(folder, "datasets", "data", "digits.csv.gz") for folder in folders]
    return next((file for file in files if file.is_file()), None)


def _digits(file: Path) -> pd.DataFrame:
    """The table of scikit-learn's `load_digits`: 64 pixels of 0 … 16 and the digit."""
    rows = np.loadtxt(file, delimiter=",")
    table = pd.DataFrame(rows[:, :-1], columns=_pixels(range(8)))
    table[_TARGETS["digits"][0]] = rows[:, -1].astype(int)
    return table
