"""Data by name."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from fitdash.data.builtin import bundled
from fitdash.data.dataset import Dataset, with_features
from fitdash.data.sequences import regimes
from fitdash.data.synthetic import toy
from fitdash.data.table import read_table
from fitdash.data.upload import from_table, kept_table
from fitdash.errors import DataError, SettingError
from fitdash.spec.arg import problems_in, settings_of, unknown
from fitdash.spec.dataset import BUNDLED, DATASETS, SEQUENCES, TOGETHER, TOYS, DatasetArgs


def load_dataset(name: str = "digits", **settings: Any) -> Dataset:
    """Data to try things on, or a CSV file.

    Args:
        name: digits, wine, breast_cancer, iris, diabetes (real); digits_halves (two inputs), linnerud (three
            targets); spiral, moons, circles, blobs (toys); regimes (sequences with a class per step); or the path of a
            CSV file.
        settings: Those of `fitdash.spec.dataset.DatasetArgs`: order, features; samples, noise and classes of what is
            made here; target and task of a file.

    Raises:
        SettingError: a setting is unknown or cannot be.
        DataError: the file cannot be read or trained on.
    """
    known = tuple(setting for setting in settings_of(DatasetArgs) if setting not in ("name", "content", "filename"))
    if strange := [setting for setting in settings if setting not in known]:
        raise SettingError(unknown("setting of a data set,", strange[0], known))
    path = Path(name)
    file = name not in DATASETS and (path.suffix.lower() in (".csv", ".tsv", ".txt") or path.exists())
    args = DatasetArgs(name="digits" if file else name, **settings)
    if problems := problems_in(args):
        raise SettingError("\n".join(problem.text for problem in problems))
    return _from_path(path, args) if file else dataset_of(args)


def dataset_of(args: DatasetArgs, uploads: Path | None = None) -> Dataset:
    """The data that settings describe.

    Args:
        args: The settings.
        uploads: The folder where uploads are kept.

    Raises:
        DataError: an upload is not there, or a chosen column.
    """
    if args.name in BUNDLED:
        dataset = bundled(args.name, args.order)
    elif args.name in TOYS:
        dataset = toy(args.name, samples=args.samples, noise=args.noise, classes=args.classes, order=args.order)
    elif args.name in SEQUENCES:
        dataset = regimes(samples=args.samples, noise=args.noise, order=args.order)
    elif args.content is None or uploads is None:
        raise DataError("An upload must have a file. Choose a CSV file, or other data.")
    else:
        name = args.filename or "The file"
        table = kept_table(args.content, uploads, name)
        return from_table(table, name=name, target=args.target, features=args.features, task=args.task)
    return dataset if args.name in TOGETHER else replace(dataset, inputs=with_features(dataset, args.features))


def _from_path(path: Path, args: DatasetArgs) -> Dataset:
    if not path.is_file():
        raise DataError(f"{path} must be a file, got a path where none is.")
    table = read_table(path.read_bytes(), path.name)
    return from_table(table, name=path.name, target=args.target, features=args.features, task=args.task)
