"""The data of an experiment as the arrays that `fit` is given."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from fitdash.data.tables.catalogue import dataset_of
from fitdash.data.tables.data_facts import facts_of
from fitdash.data.tables.dataset import Dataset
from fitdash.data.tables.encoded_arrays import inputs_of, picked, targets_of
from fitdash.data.tables.encoders import Columns, learn_columns
from fitdash.data.tables.holdout import split_rows
from fitdash.data.tables.row_weights import weights_of
from fitdash.data.tables.validation_file import joined, kept_validation, with_validation
from fitdash.errors import SettingError
from fitdash.settings.data_facts import Facts
from fitdash.settings.declaration import Settings, inert_in, problems_in, settings_of
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.losses_and_metrics import Output, output_of
from fitdash.settings.network_shape import Shape, shape_of

Array = np.ndarray[Any, Any]
S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, kw_only=True, eq=False)
class Encoded:
    """Arrays, and how they were made.

    Attributes:
        dataset: The data as it came.
        columns: How its columns became numbers, learned from the training rows.
        output: What the last layer has to give.
        facts: The data in numbers, `inputs` too.
        fit: The arguments of fit that have an effect; the others at their defaults.
        train, validation: Indices of the rows of each part; those of a second file stand below the others.
        x, y: What fit is given: all rows where `validation_split` cuts them, else the training rows; dicts where
            there are several inputs or targets.
        sample_weight: Weight of each of those rows, or of each step of them, or None.
        validation_data: (x, y) or (x, y, sample_weight) of the rows that `validation_data` names, or None.
    """

    dataset: Dataset
    columns: Columns
    output: Output
    facts: Facts
    fit: FitArgs
    train: Array
    validation: Array
    x: Any
    y: Any
    sample_weight: Array | None
    validation_data: tuple[Any, ...] | None

    @property
    def shape(self) -> Shape:
        """What goes into the network and comes out of it."""
        return shape_of(self.facts, self.output.units)

    @property
    def line(self) -> str:
        """What the data is, and what was done to it."""
        return f"{self.dataset.line} {self.columns.line}"

    def trained_on(self) -> tuple[Any, Any]:
        """x and y of the training rows, as `fit` takes them."""
        held = self.validation_data is not None or not len(self.validation)
        return (self.x, self.y) if held else (picked(self.x, self.train), picked(self.y, self.train))

    def looked_at(self, most: int) -> tuple[Array, Any]:
        """Rows by which people judge what was learned, at most so many: those held out, else those trained on.

        Returns:
            Their indices, (n,), and their inputs as `fit` takes them.
        """
        held = self.validation_data is not None
        rows = self.validation if len(self.validation) else self.train
        x = self.validation_data[0] if self.validation_data is not None else self.x
        places = np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int))
        return rows[places], picked(x, places if held else rows[places])


def encoded(experiment: Experiment, uploads: Path | None = None) -> Encoded:
    """Load the data, split its rows, learn its columns from the training rows, and turn all rows into numbers.

    Args:
        experiment: What is to run.
        uploads: The folder where uploads are kept.

    Raises:
        SettingError: the experiment has problems; all of them, one per line.
        DataError: the data is not there, or cannot be trained on.
    """
    refuse(experiment)
    dataset = dataset_of(experiment.data, uploads)
    refuse(experiment, facts_of(dataset))
    fit = effective(experiment.fit, facts_of(dataset))
    train, validation = split_rows(dataset, fit, experiment.seed)
    columns = learn_columns(dataset, train, without=fit.sample_weight)
    facts = with_validation(facts_of(dataset, inputs=len(columns.names)), dataset, fit, uploads)
    refuse(experiment, facts)
    weights = None if fit.sample_weight is None else weights_of(dataset, fit.sample_weight, uploads, train=train)
    held, held_weights = fit.validation_data, None if weights is None else weights[validation]
    if held is not None and held.kind == "upload":
        more = kept_validation(held, uploads)
        both = joined(dataset, more, held.filename or "The validation file", without=fit.sample_weight)
        dataset, train, validation = both.dataset, both.train, both.validation
        column = held.sample_weight
        held_weights = None if column is None else more[column].to_numpy(dtype=np.float32)
    output = output_of(facts.task, facts.class_count, experiment.compile.loss)
    x = inputs_of(dataset, columns, dataset.table)
    y = targets_of(dataset, columns, dataset.table, output.target)
    given = (x, y, weights)
    validation_data = None
    if held is not None:
        given = (picked(x, train), picked(y, train), None if weights is None else weights[train])
        weighed = () if held_weights is None else (held_weights,)
        validation_data = (picked(x, validation), picked(y, validation), *weighed)
    return Encoded(
        dataset=dataset,
        columns=columns,
        output=output,
        facts=facts,
        fit=fit,
        train=train,
        validation=validation,
        x=given[0],
        y=given[1],
        sample_weight=given[2],
        validation_data=validation_data,
    )


def refuse(experiment: Experiment, facts: Facts | None = None) -> None:
    """Stop here if the experiment has problems.

    Raises:
        SettingError: all of them, one per line.
    """
    if problems := problems_in(experiment, facts):
        raise SettingError("\n".join(problem.text for problem in problems))


def effective(args: S, facts: Facts) -> S:
    """The arguments with the defaults in place of those that are without effect."""
    declared, inert = settings_of(type(args)), inert_in(args, facts)
    where = args.section
    return replace(args, **{name: declared[name].default for name in declared if f"{where}.{name}" in inert})
