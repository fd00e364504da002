"""`load_dataset`, and the methods of the data that scripts call: arrays, hold-out, weights, a second file."""

from dataclasses import dataclass, fields
from os import PathLike
from pathlib import Path
from typing import Any, cast

import numpy as np

from fitdash.data.tables.catalogue import dataset_of
from fitdash.data.tables.csv_reader import read_table
from fitdash.data.tables.data_facts import facts_of
from fitdash.data.tables.dataset import Dataset
from fitdash.data.tables.encoded_arrays import encode_inputs, encode_targets
from fitdash.data.tables.encoders import learn_encoders
from fitdash.data.tables.holdout import split_rows
from fitdash.data.tables.row_weights import balanced_weights, compute_sample_weight
from fitdash.data.tables.upload import dataset_from_table
from fitdash.data.tables.validation_file import join_validation_rows
from fitdash.errors import DataError, SettingError
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.dataset import DATASETS, DatasetArgs
from fitdash.settings.declaration import describe_unknown_name, problems_in, settings_of
from fitdash.settings.fit import FitArgs
from fitdash.settings.validation_data import HoldOut
from fitdash.settings.validation_split import refuse_empty_part, validation_start


@dataclass(frozen=True, kw_only=True, eq=False)
class LoadedDataset(Dataset):
    """A data set that makes arrays for `fit`, as `load_dataset` returns it."""

    def arrays(
        self,
        validation_split: float = 0.0,
        *,
        train: Any = None,
        one_hot: bool = False,
        sample_weight: str | None = None,
    ) -> tuple[Any, ...]:
        """All rows as x and y for `fit`: numbers standardised, gaps filled, words one-hot encoded.

        Args:
            validation_split: The value that `fit` will be given; encoders do not learn from the rows it holds out.
            train: Indices of the training rows, the only ones that are learned from; in place of validation_split.
            one_hot: y as one column per class, for losses that compare those.
            sample_weight: A column that is not an input but weighs each row, or an expression such as
                "above(age, 40, 3)" or "upload(weights.csv)"; of sequences also the name of weights of the steps,
                "ramp" or "last_steps".

        Returns:
            x (n, inputs) float32, of sequences (n, steps, inputs), of several inputs a dict of them; y (n,) int64
            class indices, (n, classes) float32, or (n, 1) float32 standardised numbers, of sequences with an axis of
            steps after the first, of several targets a dict; where sample_weight is given, also (n,) or (n, steps)
            float32 weights.

        Raises:
            SettingError: validation_split leaves one of the parts without rows, or is not from 0 to below 1.
            DataError: sample_weight names no column of weights.
        """
        rows = self._training_rows(validation_split, train)
        weights = [] if sample_weight is None else [compute_sample_weight(self, sample_weight, train=rows)]
        columns = learn_encoders(self, rows, without=sample_weight)
        y = encode_targets(self, columns, self.table, "one_hot" if one_hot else "index")
        return encode_inputs(self, columns, self.table), y, *weights

    def hold_out(
        self, share: float = 0.2, kind: str = "stratified", seed: int = 0, rows: int | None = None
    ) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Indices of the rows to train on and of those to validate on, each in the order of the data.

        Args:
            share: Share of the rows that is held out, 0–1.
            kind: "stratified" takes the same share of every class, "random" any rows, "last" the last ones.
            seed: Seed of the random choice; the global generators are not used.
            rows: Number of last rows to hold out, in place of a share.

        Raises:
            SettingError: share, kind or rows is invalid, or one of the parts would be empty.
        """
        held = HoldOut(kind=cast(Any, kind), share=share, rows=rows)
        if problems := problems_in(held):
            raise SettingError("\n".join(problem.text for problem in problems))
        return split_rows(self, FitArgs(validation_data=held), seed)

    def with_file(self, path: str | PathLike[str], sample_weight: str | None = None) -> tuple[Any, ...]:
        """The data with the rows of a second CSV file appended, to validate on, and the indices of both parts.

        Args:
            path: Path of the file, which has the same columns.
            sample_weight: A column of the file that weighs each of its rows.

        Returns:
            The data, the indices of its own rows and of those of the file; where sample_weight is given, also the
            weights of the latter, (n,) float32.

        Raises:
            DataError: the file cannot be read, or does not fit this data.
        """
        name = Path(path).name
        more = read_table(Path(path).read_bytes(), name).frame
        both = join_validation_rows(self, more, name)
        weights = [] if sample_weight is None else [more[sample_weight].to_numpy(dtype=np.float32)]
        return _loaded(both.dataset), both.train, both.validation, *weights

    def weights(self, sample_weight: str) -> np.ndarray[Any, Any]:
        """Weight of each row, (n,) float32, or of each of its steps, (n, steps).

        Args:
            sample_weight: As in `arrays`.

        Raises:
            DataError: sample_weight names no weights.
        """
        return compute_sample_weight(self, sample_weight)

    def balanced_weights(self, validation_split: float = 0.0, *, train: Any = None) -> dict[int, float]:
        """The class_weight with which every class of the training rows has the same total weight.

        Args:
            validation_split, train: As in `arrays`.

        Raises:
            DataError: the target is a number.
        """
        return balanced_weights(self, self._training_rows(validation_split, train))

    def _training_rows(self, validation_split: float, train: Any) -> np.ndarray[Any, Any]:
        if train is not None:
            return np.asarray(train)
        if not 0 <= validation_split < 1:
            raise SettingError(f"validation_split must be from 0 to below 1 and leave rows, got {validation_split}.")
        start = validation_start(len(self), validation_split)
        if validation_split:
            refuse_empty_part("validation_split", validation_split, len(self), start)
        return np.arange(start)

    def facts(self, inputs: int | None = None) -> DataFacts:
        """The facts that the checks of settings need of the data.

        Args:
            inputs: Numbers that the network receives for a sample; None counts the columns, if none is text.
        """
        return facts_of(self, inputs)


def load_dataset(name: str = "digits", **settings: Any) -> LoadedDataset:
    """A bundled or synthetic data set by name, or a CSV file.

    Args:
        name: digits, wine, breast_cancer, iris, diabetes (real); digits_halves (two inputs), linnerud (three
            targets); spiral, moons, circles, blobs (toys); regimes (sequences with a class per step); or the path of a
            CSV file.
        settings: Those of `DatasetArgs`: order, features; samples, noise and classes of synthetic data; target and task
            of a file.

    Raises:
        SettingError: a setting is unknown or invalid.
        DataError: the file cannot be read or trained on.
    """
    known = tuple(setting for setting in settings_of(DatasetArgs) if setting not in ("name", "content", "filename"))
    if strange := [setting for setting in settings if setting not in known]:
        raise SettingError(describe_unknown_name("setting of a data set,", strange[0], known))
    path = Path(name)
    file = name not in DATASETS and (path.suffix.lower() in (".csv", ".tsv", ".txt") or path.exists())
    args = DatasetArgs(name="digits" if file else name, **settings)
    if problems := problems_in(args):
        raise SettingError("\n".join(problem.text for problem in problems))
    return _loaded(_from_path(path, args) if file else dataset_of(args))


def _loaded(dataset: Dataset) -> LoadedDataset:
    return LoadedDataset(**{part.name: getattr(dataset, part.name) for part in fields(Dataset)})


def _from_path(path: Path, args: DatasetArgs) -> Dataset:
    if not path.is_file():
        raise DataError(f"{path} must be a file, got a path where none is.")
    table = read_table(path.read_bytes(), path.name)
    return dataset_from_table(table, name=path.name, target=args.target, features=args.features, task=args.task)
