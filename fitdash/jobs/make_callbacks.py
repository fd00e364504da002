"""The callbacks that an experiment declares, as `fit` takes them."""

from dataclasses import asdict
from functools import partial
from pathlib import Path

from fitdash.engine.callbacks.base import Callback
from fitdash.engine.callbacks.csv_logger import CSVLogger
from fitdash.engine.callbacks.early_stopping import EarlyStopping
from fitdash.engine.callbacks.learning_rate_scheduler import LearningRateScheduler
from fitdash.engine.callbacks.model_checkpoint import ModelCheckpoint
from fitdash.engine.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau
from fitdash.engine.callbacks.terminate_on_nan import TerminateOnNaN
from fitdash.settings.callbacks import CallbackArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.losses_and_metrics import resolved_learning_rate
from fitdash.settings.schedules import learning_rate_at

KINDS: dict[str, type[Callback]] = {
    kind.__name__: kind
    for kind in (
        EarlyStopping,
        ReduceLROnPlateau,
        LearningRateScheduler,
        TerminateOnNaN,
        ModelCheckpoint,
        CSVLogger,
    )
}
"""The callbacks that the form offers, by the name in links and in stored experiments."""


def make_callback(args: CallbackArgs, experiment: Experiment, files: Path) -> Callback:
    """The callback that settings describe.

    Args:
        args: Its settings.
        experiment: Its experiment; a schedule needs the number of epochs and the learning rate.
        files: The folder for its files.
    """
    settings = asdict(args)
    for name in ("filepath", "filename"):
        if name in settings:
            settings[name] = files / settings[name]
    if settings.get("save_freq", 0) is None:
        settings["save_freq"] = "epoch"
    if args.kind == "LearningRateScheduler":
        schedule = partial(
            learning_rate_at,
            settings.pop("schedule"),
            initial=resolved_learning_rate(experiment.compile.optimizer, experiment.compile.learning_rate),
            epochs=experiment.fit.epochs,
            factor=settings.pop("factor"),
            every=settings.pop("every"),
        )
        return LearningRateScheduler(lambda epoch, rate: float(schedule(epoch)), **settings)
    return KINDS[args.kind](**settings)
