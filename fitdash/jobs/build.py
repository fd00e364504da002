"""Builds the compiled model and the arguments of `fit` from an experiment, and the job that a `Runner` runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

from fitdash.data.tables.catalogue import dataset_of
from fitdash.data.tables.data_facts import facts_of
from fitdash.data.tables.prepared import PreparedData, prepare_data, refuse_problems, reset_inert_settings
from fitdash.data.tables.row_weights import balanced_weights, compute_sample_weight
from fitdash.data.tables.validation_file import add_validation_facts
from fitdash.engine.callbacks.base import Callback
from fitdash.engine.callbacks.csv_logger import CSVLogger
from fitdash.engine.optimizers.resolve import RULES
from fitdash.engine.training.argument_checks import ImpliedBatchSize
from fitdash.engine.training.baseline import measure_baseline
from fitdash.errors import SettingError, StoreError
from fitdash.jobs.make_callbacks import make_callback
from fitdash.jobs.warm_start import WarmStart, apply_warm_start, load_warm_start, remember_final_state
from fitdash.model.model import Model
from fitdash.nn.registry import make_network
from fitdash.random_state import set_random_seed
from fitdash.runs.callbacks.checkpointing import Checkpointing
from fitdash.runs.callbacks.control_callback import SETTING_CHANGED, ControlCallback
from fitdash.runs.callbacks.prediction_snapshots import PredictionSnapshots
from fitdash.runs.callbacks.recorder import Recorder
from fitdash.runs.callbacks.train_evaluation import TrainEvaluation
from fitdash.runs.callbacks.warning_log import redirect_warnings
from fitdash.runs.checkpoints.checkpoint_files import (
    checkpoints_of,
    load_newest_checkpoint,
    remove_checkpoints_after,
    run_checkpoint_folder,
)
from fitdash.runs.protocol.control import Control
from fitdash.runs.protocol.paths import home, run_folder
from fitdash.runs.record.records import RunRecord
from fitdash.runs.scheduling.runner import Job
from fitdash.settings.batch_size import DEFAULT_BATCH_SIZE
from fitdash.settings.compile import CompileArgs, optimizer_settings
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.losses_and_metrics import resolved_loss, resolved_metrics

MOST_LOOKED_AT = 2000
"""Rows that are predicted after an epoch, for the page to show what the model has learned."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Built:
    """A model that is ready to train.

    Attributes:
        model: Compiled, its weights drawn from the experiment's seed.
        data: The arrays, with their encoders and facts.
        fit_arguments: All arguments of `model.fit`, with x, y and callbacks.
    """

    model: Model
    data: PreparedData
    fit_arguments: dict[str, Any]


def build(
    experiment: Experiment, *, uploads: Path | None = None, files: Path | None = None, data: PreparedData | None = None
) -> Built:
    """Load the data, set the seed, make and compile the network.

    Args:
        experiment: The experiment to build.
        uploads: The folder of uploads; None is fitdash's own.
        files: The folder that callbacks write their files to; None is the current folder.
        data: The prepared data of an experiment that differs in numbers alone and has the same seed; None loads it.

    Raises:
        SettingError, DataError: it cannot run; every problem of the settings, one per line.
    """
    if data is None:
        data = prepare_data(experiment, uploads or home() / "uploads")
    else:
        data = replace(data, fit=reset_inert_settings(experiment.fit, data.facts))
    set_random_seed(experiment.seed)
    model = Model(make_network(experiment.network, data.shape, data.output.activation))
    model.compile(**compile_arguments(reset_inert_settings(experiment.compile, data.facts), data.facts))
    return Built(model=model, data=data, fit_arguments=_fit_arguments(experiment, data, files or Path()))


def make_job(
    experiment: Experiment,
    *,
    origin: str | None = None,
    epoch: int | None = None,
    uploads: Path | None = None,
    looks_often: bool = True,
) -> Callable[[Recorder, Control], None]:
    """The job that builds an experiment and trains it.

    Args:
        experiment: The experiment to train.
        origin: uid of a run to start from: its weights, its optimizer's state and, with the same seed, its random
            states; None draws new weights from the seed.
        epoch: Start from the state after this many epochs of `origin`, one of `checkpoint_epochs`; the state of equal
            callbacks is restored too. None: from the end of `origin`.
        uploads: The folder of uploads; None is fitdash's own.
        looks_often: Keep predictions again and again during training; False: only after the last epoch.

    Raises:
        SettingError: the experiment has problems, or the weights of `origin` are no longer kept.
    """
    refuse_problems(experiment)
    start = None if origin is None else load_warm_start(origin, epoch)
    return partial(_train, experiment, start, uploads, looks_often=looks_often)


def make_resume_job(record: RunRecord, told: Sequence[Mapping[str, Any]], *, uploads: Path | None = None) -> Job:
    """The job that resumes a stopped, interrupted or failed run as if it had not ended.

    Args:
        record: The run.
        told: The entries of `history.events` so far: the data of `Store.events(uid, "told")`.
        uploads: The folder of uploads; None is fitdash's own.

    Raises:
        StoreError: the run has no experiment that can be built, or all its checkpoints are broken.
        SettingError, DataError: the experiment cannot run here, for instance because its upload was removed.
    """
    experiment = experiment_of(record)
    uploads_there = uploads or home() / "uploads"
    dataset = dataset_of(experiment.data, uploads_there)
    facts = facts_of(dataset)
    add_validation_facts(facts, dataset, experiment.fit, uploads_there)
    if (weighs := reset_inert_settings(experiment.fit, facts).sample_weight) is not None:
        compute_sample_weight(dataset, weighs, uploads_there)
    kept = [checkpoint for checkpoint in checkpoints_of(run_checkpoint_folder(record.uid)) if not checkpoint.is_end]
    # Files are synced and rows are not: after a power cut, or where a worker process wrote the files, a file may be
    # ahead of the rows.
    done = record.summary.get("epoch", -1) + 1
    content = load_newest_checkpoint(
        [checkpoint for checkpoint in kept if checkpoint.epoch <= done or checkpoint is kept[0]]
    )
    if content is None and record.parent is not None:
        raise StoreError("A run that went on from another must have a checkpoint to go on, got none. Start it again.")
    if content is None:
        return partial(_train, experiment, WarmStart(told=list(told)), uploads)
    start = WarmStart(
        content=content, is_same_run=True, told=[event for event in told if event.get("epoch", 0) >= content["epoch"]]
    )
    return partial(_train, experiment, start, uploads)


def compile_arguments(args: CompileArgs, facts: DataFacts) -> dict[str, Any]:
    """The arguments of `compile` by name; with several outputs, metrics by output."""
    metrics, weighted = list(resolved_metrics(facts.task, args.metrics)), list(args.weighted_metrics)
    return {
        "optimizer": optimizer_of(args),
        "loss": resolved_loss(facts.task, facts.class_count, args.loss),
        "metrics": dict.fromkeys(facts.outputs, metrics) if facts.outputs else metrics,
        "loss_weights": {name: (args.loss_weights or {}).get(name, 1.0) for name in facts.outputs} or None,
        "weighted_metrics": dict.fromkeys(facts.outputs, weighted) if facts.outputs else weighted,
        "sample_weight_mode": args.sample_weight_mode,
    }


def optimizer_of(args: CompileArgs) -> Any:
    """The optimizer as `compile` takes it: its name, or a factory if any of its settings is set."""
    given = optimizer_settings(args)
    return RULES[args.optimizer](**given) if given else args.optimizer


def _fit_arguments(experiment: Experiment, data: PreparedData, files: Path) -> dict[str, Any]:
    """Every argument of `fit` by name."""
    arguments = {field.name: getattr(data.fit, field.name) for field in fields(FitArgs)}
    if data.fit.class_weight == "balanced":
        arguments["class_weight"] = balanced_weights(data.dataset, data.train)
    return arguments | {
        "x": data.x,
        "y": data.y,
        "callbacks": [make_callback(args, experiment, files) for args in experiment.callbacks],
        "validation_data": data.validation_data,
        "sample_weight": data.sample_weight,
    }


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedRun:
    """A run that `model.fit(**arguments)` trains, with the callbacks that record and control it.

    Attributes:
        data: The arrays, with their encoders and facts.
        saving: The checkpoint callback, which has the final state.
        console: The text stream that takes the run's output.
    """

    model: Model
    data: PreparedData
    arguments: dict[str, Any]
    saving: Checkpointing
    console: Any


def prepare_run(
    experiment: Experiment,
    start: WarmStart | None,
    uploads: Path | None,
    recorder: Recorder,
    control: Control,
    *,
    looks_often: bool = True,
    data: PreparedData | None = None,
) -> PreparedRun:
    """The model, arguments and callbacks of a run; `data` as `build` takes it.

    Raises:
        SettingError, DataError: it cannot run.
    """
    files = run_folder(recorder.uid)
    built = build(experiment, uploads=uploads, files=files, data=data)
    files.mkdir(parents=True, exist_ok=True)
    (files / "columns.json").write_text(built.data.columns.to_json(), encoding="utf-8")
    (files / "experiment.json").write_text(experiment.to_json(), encoding="utf-8")
    start = start or WarmStart()
    arguments = built.fit_arguments | {"view_metrics": False}  # the page shows the run itself
    saving = Checkpointing(recorder.uid, recorder.put)
    if start.is_same_run and start.content is not None:
        remove_checkpoints_after(run_checkpoint_folder(recorder.uid), start.content["epoch"])
        saving = Checkpointing(recorder.uid, recorder.put, start=start.content)
        arguments |= _resumed_arguments(arguments, start.content)
    elif start.content is not None:
        apply_warm_start(built.model, experiment, start)
        if start.is_between and start.experiment and start.experiment.callbacks == experiment.callbacks:
            saving = Checkpointing(recorder.uid, recorder.put, memory=start.content)
    recorder.known = list(start.told)
    again = [facts for facts in start.told if facts.get("kind") == SETTING_CHANGED]
    opening = _OpeningEvents(built.data, experiment.compile, start)
    fair = TrainEvaluation(recorder.uid, recorder.put, control, built.data.trained_on)
    steering = ControlCallback(control, again=again, show=recorder.show)
    built.model.watchers = [
        recorder,
        opening,
        saving,
        _prediction_snapshots(built.data, recorder, often=looks_often),
        fair,
        steering,
    ]
    console: Any = recorder.console  # write-only: it has the methods of a stream that print needs
    built.model.console = console
    return PreparedRun(model=built.model, data=built.data, arguments=arguments, saving=saving, console=console)


def _train(
    experiment: Experiment,
    start: WarmStart | None,
    uploads: Path | None,
    recorder: Recorder,
    control: Control,
    *,
    looks_often: bool = True,
) -> None:
    """Build and train, and keep the final state in memory."""
    made = prepare_run(experiment, start, uploads, recorder, control, looks_often=looks_often)
    with redirect_warnings(made.console):
        made.model.fit(**made.arguments)
    remember_final_state(recorder.uid, WarmStart(content=made.saving.end, experiment=experiment))


def _prediction_snapshots(data: PreparedData, recorder: Recorder, *, often: bool) -> Callback:
    """The callback that predicts some rows now and then."""
    rows, x = data.looked_at(MOST_LOOKED_AT)
    return PredictionSnapshots(recorder.uid, recorder.put, x=x, rows=rows, task=data.facts.task, often=often)


def _resumed_arguments(arguments: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `fit` that differ in a resumed run: its first epoch, and settings changed while it trained."""
    for callback in arguments["callbacks"]:
        if isinstance(callback, CSVLogger):
            callback.append = True
    settings = content["settings"]
    # Validation goes on with the batch size that the run began with, also where batch_size was changed since.
    initial_size = ImpliedBatchSize(arguments["batch_size"] or DEFAULT_BATCH_SIZE)
    return {
        "initial_epoch": content["epoch"],
        "epochs": settings["epochs"],
        "batch_size": settings["batch_size"],
        "validation_batch_size": arguments["validation_batch_size"] or initial_size,
    }


class _OpeningEvents(Callback):
    """Records a description of the data and the baseline to beat, or that the run was resumed."""

    def __init__(self, data: PreparedData, compiled: CompileArgs, start: WarmStart) -> None:
        super().__init__()
        self.data, self.compiled, self.start = data, compiled, start

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        if self.start.is_same_run:
            self.tell("resumed", start_epoch=self.model.start_epoch)
            return
        self.tell("data", text=self.data.line)
        if answers := measure_baseline(self.data, *_loss_and_metrics(self.data, self.compiled)):
            self.tell("trivial", rows="validation" if len(self.data.validation) else "training", answers=answers)


def _loss_and_metrics(data: PreparedData, compiled: CompileArgs) -> tuple[str, list[str], Mapping[str, float] | None]:
    """The names of the loss and the metrics, and the weight of each output's loss."""
    facts = data.facts
    loss = resolved_loss(facts.task, facts.class_count, compiled.loss)
    return loss, list(resolved_metrics(facts.task, compiled.metrics)), compiled.loss_weights


def experiment_of(record: RunRecord) -> Experiment:
    """The experiment of a run.

    Raises:
        StoreError: it cannot be built, such as that of a script's `fit`.
    """
    try:
        experiment = Experiment.from_dict(record.experiment)
        refuse_problems(experiment)
    except SettingError as error:
        raise StoreError(f"A run must have been started from the dashboard to go on, got another: {error}") from error
    return experiment
