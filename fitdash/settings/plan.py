"""The plan of a run before it starts: its rows, batches, steps, epochs and validations."""

import math
from dataclasses import dataclass

from fitdash.settings.batch_size import DEFAULT_BATCH_SIZE
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.declaration import replace_invalid_values
from fitdash.settings.fit import FitArgs, count_split_rows
from fitdash.settings.type_checks import LARGEST_INTEGER


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The numbers of a run.

    Attributes:
        train_rows, val_rows: Samples of the two parts.
        batch_size: Samples per step.
        batches: Batches of one pass over the training rows.
        last_batch: Samples of the last one.
        steps: Batches that make an epoch.
        first_epoch: Index of the first epoch that runs.
        epochs: How many epochs run.
        updates: Steps of the whole run.
        passes: Passes over the training rows in an epoch.
        val_batches: Batches of one validation.
        val_share: Share of the validation rows that one validation sees.
        validations: How many epochs end with a validation.
    """

    train_rows: int
    val_rows: int
    batch_size: int
    batches: int
    last_batch: int
    steps: int
    first_epoch: int
    epochs: int
    updates: int
    passes: float
    val_batches: int
    val_share: float
    validations: int


def plan_of(fit: FitArgs, facts: DataFacts) -> Plan:
    """The plan of a run with these arguments; an invalid value counts as its default."""
    fit = replace_invalid_values(fit)
    train, val = count_split_rows(facts.rows, fit, facts.counts, facts.validation_rows)
    size = fit.batch_size or DEFAULT_BATCH_SIZE
    batches = math.ceil(train / size)
    steps = batches if fit.steps_per_epoch is None else fit.steps_per_epoch
    val_size = fit.validation_batch_size or size
    val_batches = min(math.ceil(val / val_size), fit.validation_steps or LARGEST_INTEGER)
    epochs = max(0, fit.epochs - fit.initial_epoch)
    return Plan(
        train_rows=train,
        val_rows=val,
        batch_size=size,
        batches=batches,
        last_batch=train - (batches - 1) * size if batches else 0,
        steps=steps,
        first_epoch=fit.initial_epoch,
        epochs=epochs,
        updates=epochs * steps,
        passes=steps / batches if batches else 0.0,
        val_batches=val_batches,
        val_share=min(1.0, val_batches * val_size / val) if val else 0.0,
        validations=_validations(fit) if val else 0,
    )


def _validations(fit: FitArgs) -> int:
    """Number of epochs that end with a validation; validation_freq counts epochs absolutely, from 1."""
    if isinstance(fit.validation_freq, tuple):
        return sum(fit.initial_epoch < epoch <= fit.epochs for epoch in set(fit.validation_freq))
    return max(0, fit.epochs // fit.validation_freq - fit.initial_epoch // fit.validation_freq)
