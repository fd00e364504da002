"""From an experiment to a compiled model and the arguments of its `fit`; and the job that a `Runner` trains with."""

import copy
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import torch

from fitdash import callbacks, optimizers
from fitdash.data.encoded import Encoded, encoded, refuse
from fitdash.data.holdout import balanced_weights
from fitdash.errors import SettingError
from fitdash.model import Model
from fitdash.nn.registry import make
from fitdash.runs.home import home
from fitdash.runs.recorder import Recorder
from fitdash.runs.steering import Control, Steering
from fitdash.seeds import set_random_seed
from fitdash.spec.callbacks import CallbackArgs
from fitdash.spec.compile import CompileArgs, resolved_learning_rate, resolved_loss, resolved_metrics
from fitdash.spec.experiment import Experiment
from fitdash.spec.fit import FitArgs
from fitdash.spec.schedules import rate_at

MOST_KEPT = 4
"""Runs whose weights are kept in this process, so that another run can go on from them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Built:
    """A model that is ready to train.

    Attributes:
        model: Compiled, its weights drawn from the experiment's seed.
        data: The arrays, and how they were made.
        fit_arguments: What `model.fit` is given; x, y and callbacks too.
    """

    model: Model
    data: Encoded
    fit_arguments: dict[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """Where a run ended: enough to go on as if it had not."""

    experiment: Experiment
    module: dict[str, torch.Tensor]
    optimizer: dict[str, Any]
    random: torch.Tensor


_kept: dict[str, Trained] = {}
_lock = threading.Lock()


def build(experiment: Experiment, *, uploads: Path | None = None, files: Path | None = None) -> Built:
    """Load the data, seed everything, make and compile the network.

    Args:
        experiment: What is to run.
        uploads: The folder where uploads are kept; None is fitdash's own.
        files: The folder that callbacks write their files to; None is the current one.

    Raises:
        SettingError, DataError: it cannot run; all that is wrong with the settings, one per line.
    """
    data = encoded(experiment, uploads or home() / "uploads")
    set_random_seed(experiment.seed)
    output = data.output
    model = Model(make(experiment.network, data.x.shape[1], output.units, output.activation))
    model.compile(
        optimizer=optimizer_of(experiment.compile),
        loss=resolved_loss(data.facts.task, data.facts.class_count, experiment.compile.loss),
        metrics=list(resolved_metrics(data.facts.task, experiment.compile.metrics)),
    )
    return Built(model=model, data=data, fit_arguments=_fit_arguments(experiment, data, files or Path()))


def job(
    experiment: Experiment, *, origin: str | None = None, uploads: Path | None = None
) -> Callable[[Recorder, Control], None]:
    """What a `Runner` runs: builds the experiment and trains it.

    Args:
        experiment: What is to run.
        origin: uid of a run of this process to go on from: its weights, its optimizer's state and, with the same
            seed, its random numbers; None draws new weights.
        uploads: The folder where uploads are kept; None is fitdash's own.

    Raises:
        SettingError: the experiment has problems, or the weights of `origin` are no longer here.
    """
    refuse(experiment)
    trained = None if origin is None else _trained(origin)
    return partial(_train, experiment, trained, uploads)


def goes_on(uid: str) -> bool:
    """Whether the weights of this run are still here to go on from."""
    return uid in _kept


def files_of(uid: str) -> Path:
    """The folder of a run: what its callbacks wrote, and columns.json, how its columns became numbers."""
    return home() / "runs" / uid


def optimizer_of(args: CompileArgs) -> Any:
    """The optimizer as `compile` takes it: its name, or a factory where one of its settings is set."""
    chosen = {"learning_rate": args.learning_rate, "weight_decay": args.weight_decay}
    chosen |= {"momentum": args.momentum or None} if args.optimizer == "sgd" else {}
    given = {name: value for name, value in chosen.items() if value is not None}
    return getattr(optimizers, args.optimizer)(**given) if given else args.optimizer


def callback_of(args: CallbackArgs, experiment: Experiment, files: Path) -> callbacks.Callback:
    """The callback that settings describe.

    Args:
        args: Its settings.
        experiment: What it belongs to; a schedule needs its epochs and its learning rate.
        files: The folder of its files.
    """
    settings = asdict(args)
    for name in ("filepath", "filename"):
        if name in settings:
            settings[name] = files / settings[name]
    if args.kind == "LearningRateScheduler":
        schedule = partial(
            rate_at,
            settings.pop("schedule"),
            initial=resolved_learning_rate(experiment.compile.optimizer, experiment.compile.learning_rate),
            epochs=experiment.fit.epochs,
            factor=settings.pop("factor"),
            every=settings.pop("every"),
        )
        return callbacks.LearningRateScheduler(lambda epoch, rate: float(schedule(epoch)), **settings)
    made: callbacks.Callback = getattr(callbacks, args.kind)(**settings)
    return made


def _fit_arguments(experiment: Experiment, data: Encoded, files: Path) -> dict[str, Any]:
    """Every argument of `fit` by name."""
    arguments = {field.name: getattr(data.fit, field.name) for field in fields(FitArgs)}
    if data.fit.class_weight == "balanced":
        arguments["class_weight"] = balanced_weights(data.dataset, data.train)
    return arguments | {
        "x": data.x,
        "y": data.y,
        "callbacks": [callback_of(args, experiment, files) for args in experiment.callbacks],
        "validation_data": data.validation_data,
        "sample_weight": data.sample_weight,
    }


def _train(
    experiment: Experiment, trained: Trained | None, uploads: Path | None, recorder: Recorder, control: Control
) -> None:
    """Build, train, and keep where it ended."""
    files = files_of(recorder.uid)
    built = build(experiment, uploads=uploads, files=files)
    if trained is not None:
        _go_on(built.model, experiment, trained)
    files.mkdir(parents=True, exist_ok=True)
    (files / "columns.json").write_text(built.data.columns.to_json(), encoding="utf-8")
    built.model.watchers = [recorder, _Opening(built.data.line), Steering(control, show=recorder.show)]
    console: Any = recorder.console  # text goes one way: it has what printing needs of a stream
    built.model.console = console
    # The page shows the run itself: fit opens no second dashboard.
    built.model.fit(**built.fit_arguments | {"view_metrics": False})
    _keep(recorder.uid, experiment, built.model)


class _Opening(callbacks.Callback):
    """Puts into the record what the data is and what was done to it."""

    def __init__(self, line: str) -> None:
        super().__init__()
        self.line = line

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.tell("data", text=self.line)


def _go_on(model: Model, experiment: Experiment, trained: Trained) -> None:
    """Take over weights, and what else still fits: the optimizer's state, the random numbers."""
    try:
        model.module.load_state_dict(trained.module)
    except RuntimeError as error:
        raise SettingError(
            "Going on must keep the network of the earlier run and the columns of its data, got others. "
            "Start from new weights, or set them back."
        ) from error
    before, now = trained.experiment, experiment.compile
    same_rule = (now.optimizer, now.momentum) == (before.compile.optimizer, before.compile.momentum)
    if model.optimizer is not None and same_rule:
        state = copy.deepcopy(trained.optimizer)
        if now != before.compile:  # the form's learning rate counts, not the one that a callback left
            state["param_groups"] = model.optimizer.state_dict()["param_groups"]
        model.optimizer.load_state_dict(state)
    if experiment.seed == before.seed:
        torch.set_rng_state(trained.random)


def _keep(uid: str, experiment: Experiment, model: Model) -> None:
    trained = Trained(
        experiment=experiment,
        module={name: tensor.detach().clone() for name, tensor in model.module.state_dict().items()},
        optimizer={} if model.optimizer is None else copy.deepcopy(model.optimizer.state_dict()),
        random=torch.get_rng_state(),
    )
    with _lock:
        _kept[uid] = trained
        while len(_kept) > MOST_KEPT:
            del _kept[next(iter(_kept))]


def _trained(uid: str) -> Trained:
    if uid not in _kept:
        raise SettingError(
            f"The run to go on from must be one of the last {MOST_KEPT} of this process, got {uid!r}. "
            "Start from new weights."
        )
    return _kept[uid]
