"""Data by name."""

from dataclasses import replace
from pathlib import Path

from fitdash.data.tables.builtin import bundled
from fitdash.data.tables.dataset import Dataset, with_features
from fitdash.data.tables.sequences import regimes
from fitdash.data.tables.synthetic import toy
from fitdash.data.tables.upload import from_table, kept_table
from fitdash.errors import DataError
from fitdash.settings.dataset import BUNDLED, SEQUENCES, TOGETHER, TOYS, DatasetArgs


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
