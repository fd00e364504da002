"""Prepares the data of an experiment: loads it, splits it, and encodes the arrays that `fit` takes."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from fitdash.data.tables.catalogue import dataset_of
from fitdash.data.tables.data_facts import facts_of
from fitdash.data.tables.dataset import Dataset
from fitdash.data.tables.encoded_arrays import encode_inputs, encode_targets, take_rows
from fitdash.data.tables.encoders import TableEncoder, learn_encoders
from fitdash.data.tables.holdout import split_rows
from fitdash.data.tables.row_weights import compute_sample_weight
from fitdash.data.tables.validation_file import add_validation_facts, join_validation_rows, read_validation_file
from fitdash.errors import SettingError
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.declaration import Settings, inert_in, problems_in, settings_of
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.losses_and_metrics import OutputSpec, output_of
from fitdash.settings.network_shape import NetworkShape, shape_of

Array = np.ndarray[Any, Any]
S = TypeVar("S", bound=Settings)


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedData:
    """Arrays for `fit`, and the data and encoders that they were made from.

    Attributes:
        dataset: The raw data.
        columns: Encoders of its columns, learned from the training rows.
        output: Units, activation and form of targets that task and loss require of the last layer.
        facts: Facts of the data, `inputs` included.
        fit: The arguments of fit that have an effect; the others at their defaults.
        train, validation: Indices of the rows of each part; rows of a second file come after the others.
        x, y: Arrays for fit: all rows if `validation_split` cuts them, else the training rows; dicts if there are
            several inputs or targets.
        sample_weight: Weight of each of those rows, or of each of their steps, or None.
        validation_data: (x, y) or (x, y, sample_weight) of the rows that `validation_data` names, or None.
    """

    dataset: Dataset
    columns: TableEncoder
    output: OutputSpec
    facts: DataFacts
    fit: FitArgs
    train: Array
    validation: Array
    x: Any
    y: Any
    sample_weight: Array | None
    validation_data: tuple[Any, ...] | None

    @property
    def shape(self) -> NetworkShape:
        """Shape of the network's inputs and outputs."""
        return shape_of(self.facts, self.output.units)

    @property
    def line(self) -> str:
        """Sentences that describe the data and its encoding."""
        return f"{self.dataset.line} {self.columns.line}"

    def trained_on(self) -> tuple[Any, Any]:
        """x and y of the training rows, as `fit` takes them."""
        held = self.validation_data is not None or not len(self.validation)
        return (self.x, self.y) if held else (take_rows(self.x, self.train), take_rows(self.y, self.train))

    def looked_at(self, most: int) -> tuple[Array, Any]:
        """Rows whose predictions the dashboard shows, at most `most`: those held out, else those trained on.

        Returns:
            Their indices, (n,), and their inputs as `fit` takes them.
        """
        held = self.validation_data is not None
        rows = self.validation if len(self.validation) else self.train
        x = self.validation_data[0] if self.validation_data is not None else self.x
        places = np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int))
        return rows[places], take_rows(x, places if held else rows[places])


def prepare_data(experiment: Experiment, uploads: Path | None = None) -> PreparedData:
    """Load the data, split its rows, learn encoders from the training rows, and encode all rows.

    Args:
        experiment: The experiment that will run.
        uploads: The folder where uploads are kept.

    Raises:
        SettingError: the experiment has problems; all of them, one per line.
        DataError: the data is missing, or cannot be trained on.
    """
    refuse_problems(experiment)
    dataset = dataset_of(experiment.data, uploads)
    refuse_problems(experiment, facts_of(dataset))
    fit = reset_inert_settings(experiment.fit, facts_of(dataset))
    train, validation = split_rows(dataset, fit, experiment.seed)
    columns = learn_encoders(dataset, train, without=fit.sample_weight)
    facts = add_validation_facts(facts_of(dataset, inputs=len(columns.names)), dataset, fit, uploads)
    refuse_problems(experiment, facts)
    weights = (
        None if fit.sample_weight is None else compute_sample_weight(dataset, fit.sample_weight, uploads, train=train)
    )
    held, held_weights = fit.validation_data, None if weights is None else weights[validation]
    if held is not None and held.kind == "upload":
        more = read_validation_file(held, uploads)
        both = join_validation_rows(dataset, more, held.filename or "The validation file", without=fit.sample_weight)
        dataset, train, validation = both.dataset, both.train, both.validation
        column = held.sample_weight
        held_weights = None if column is None else more[column].to_numpy(dtype=np.float32)
    output = output_of(facts.task, facts.class_count, experiment.compile.loss)
    x = encode_inputs(dataset, columns, dataset.table)
    y = encode_targets(dataset, columns, dataset.table, output.target)
    given = (x, y, weights)
    validation_data = None
    if held is not None:
        given = (take_rows(x, train), take_rows(y, train), None if weights is None else weights[train])
        weighed = () if held_weights is None else (held_weights,)
        validation_data = (take_rows(x, validation), take_rows(y, validation), *weighed)
    return PreparedData(
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


def refuse_problems(experiment: Experiment, facts: DataFacts | None = None) -> None:
    """Raise if the experiment has problems.

    Raises:
        SettingError: all of them, one per line.
    """
    if problems := problems_in(experiment, facts):
        raise SettingError("\n".join(problem.text for problem in problems))


def reset_inert_settings(args: S, facts: DataFacts) -> S:
    """The arguments, with those that have no effect reset to their defaults."""
    declared, inert = settings_of(type(args)), inert_in(args, facts)
    where = args.section
    return replace(args, **{name: declared[name].default for name in declared if f"{where}.{name}" in inert})
