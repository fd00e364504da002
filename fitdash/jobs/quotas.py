"""Quotas of a server: bounds on rows, parameters and disk, checked before a run is recorded."""

from pathlib import Path

from fitdash.data.tables.catalogue import dataset_of
from fitdash.data.tables.data_facts import facts_of
from fitdash.data.tables.encoders import learn_encoders
from fitdash.data.tables.holdout import split_rows
from fitdash.data.tables.prepared import refuse_problems, reset_inert_settings
from fitdash.errors import SettingError
from fitdash.nn.registry import parameter_count
from fitdash.runs.protocol.paths import home
from fitdash.runs.record.disk_quota import check_disk_quota
from fitdash.runs.record.store import Store
from fitdash.settings.experiment import Experiment
from fitdash.settings.losses_and_metrics import output_of
from fitdash.settings.network_shape import shape_of
from fitdash.settings.server import ServerArgs


def check_quotas(
    store: Store,
    experiment: Experiment,
    settings: ServerArgs,
    *,
    owner: str | None = None,
    uploads: Path | None = None,
) -> None:
    """Raise if the experiment exceeds a quota of this server.

    Args:
        owner: The visitor whose run it would be.
        uploads: The folder of uploads; None is fitdash's own.

    Raises:
        SettingError: the experiment has problems, too many rows or too many parameters.
        DataError: its data cannot be loaded.
        StoreError: the quota of the disk is used up.
    """
    refuse_problems(experiment)
    dataset = dataset_of(experiment.data, uploads or home() / "uploads")
    facts = facts_of(dataset)
    if facts.rows > settings.rows:
        raise SettingError(f"The data must have at most {settings.rows:,} rows here, got {facts.rows:,}.")
    refuse_problems(experiment, facts)
    fit = reset_inert_settings(experiment.fit, facts)
    train, _ = split_rows(dataset, fit, experiment.seed)
    inputs = len(learn_encoders(dataset, train, without=fit.sample_weight).names)
    units = output_of(facts.task, facts.class_count, experiment.compile.loss).units
    shape = shape_of(facts_of(dataset, inputs=inputs), units)
    count = parameter_count(experiment.network, shape)
    if count > settings.parameters:
        raise SettingError(
            f"A network must have at most {settings.parameters:,} parameters here, got {count:,}. "
            "Make it narrower, or take fewer layers."
        )
    check_disk_quota(store, settings, owner)
