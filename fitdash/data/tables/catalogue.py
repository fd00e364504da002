"""The data set that the settings of an experiment name."""

from dataclasses import replace
from pathlib import Path

from fitdash.data.tables.builtin import load_bundled
from fitdash.data.tables.dataset import Dataset, select_features
from fitdash.data.tables.sequences import make_regimes
from fitdash.data.tables.synthetic import make_toy
from fitdash.data.tables.upload import dataset_from_table, read_upload
from fitdash.errors import DataError
from fitdash.settings.dataset import BUNDLED, FIXED_COLUMN_DATASETS, SEQUENCES, TOYS, DatasetArgs


def dataset_of(args: DatasetArgs, uploads: Path | None = None) -> Dataset:
    """The data set that the settings describe.

    Args:
        args: Name of the data set, and how it is read or made.
        uploads: The folder where uploads are kept.

    Raises:
        DataError: the uploaded file or a chosen column is missing.
    """
    if args.name in BUNDLED:
        dataset = load_bundled(args.name, args.order)
    elif args.name in TOYS:
        dataset = make_toy(args.name, samples=args.samples, noise=args.noise, classes=args.classes, order=args.order)
    elif args.name in SEQUENCES:
        dataset = make_regimes(samples=args.samples, noise=args.noise, order=args.order)
    elif args.content is None or uploads is None:
        raise DataError("An upload must have a file. Choose a CSV file, or other data.")
    else:
        name = args.filename or "The file"
        table = read_upload(args.content, uploads, name)
        return dataset_from_table(table, name=name, target=args.target, features=args.features, task=args.task)
    return (
        dataset
        if args.name in FIXED_COLUMN_DATASETS
        else replace(dataset, inputs=select_features(dataset, args.features))
    )
