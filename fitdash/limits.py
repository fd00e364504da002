"""What a server allows: bounds on rows, parameters and disk, asked before a run is recorded."""

from pathlib import Path

from fitdash.data.catalogue import dataset_of
from fitdash.data.columns import learn_columns
from fitdash.data.encoded import effective, refuse
from fitdash.data.holdout import split_rows
from fitdash.errors import SettingError, StoreError
from fitdash.nn.registry import parameter_count
from fitdash.runs.disk import size_of, size_of_runs
from fitdash.runs.home import home
from fitdash.runs.store import Store
from fitdash.spec.compile import output_of
from fitdash.spec.experiment import Experiment
from fitdash.spec.server import ServerArgs
from fitdash.spec.shape import shape_of

GIGABYTE = 1_000_000_000


def check(
    store: Store,
    experiment: Experiment,
    settings: ServerArgs,
    *,
    owner: str | None = None,
    uploads: Path | None = None,
) -> None:
    """Refuse what goes beyond the bounds of this server.

    Args:
        owner: Whose run it would be.
        uploads: The folder where uploads are kept; None is fitdash's own.

    Raises:
        SettingError: the experiment has problems, too many rows or too many parameters.
        DataError: its data cannot be had.
        StoreError: the disk is used up.
    """
    refuse(experiment)
    dataset = dataset_of(experiment.data, uploads or home() / "uploads")
    facts = dataset.facts()
    if facts.rows > settings.rows:
        raise SettingError(f"The data must have at most {settings.rows:,} rows here, got {facts.rows:,}.")
    refuse(experiment, facts)
    fit = effective(experiment.fit, facts)
    train, _ = split_rows(dataset, fit, experiment.seed)
    inputs = len(learn_columns(dataset, train, without=fit.sample_weight).names)
    units = output_of(facts.task, facts.class_count, experiment.compile.loss).units
    shape = shape_of(dataset.facts(inputs=inputs), units)
    count = parameter_count(experiment.network, shape)
    if count > settings.parameters:
        raise SettingError(
            f"A network must have at most {settings.parameters:,} parameters here, got {count:,}. "
            "Make it narrower, or take fewer layers."
        )
    _check_disk(store, settings, owner)


def _check_disk(store: Store, settings: ServerArgs, owner: str | None) -> None:
    folder = store.path.parent
    most, most_each = settings.disk_gigabytes, settings.disk_gigabytes_per_visitor
    if most is not None and (size := size_of(folder)) > most * GIGABYTE:
        raise StoreError(
            f"The runs of this server must take at most {most:g} GB, got {size / GIGABYTE:.2f}. "
            "`fitdash runs clean` and `fitdash runs purge` make room."
        )
    if most_each is not None and owner is not None:
        size = size_of_runs(folder, [line.uid for line in store.lines(owner=owner)])
        if size > most_each * GIGABYTE:
            raise StoreError(
                f"Your runs must take at most {most_each:g} GB, got {size / GIGABYTE:.2f}. Delete some of them."
            )
