"""Advice on an experiment before it runs: remarks that do not stop it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from fitdash.settings.callbacks import CallbackArgs, ModelCheckpointArgs
from fitdash.settings.data_facts import DataFacts, balanced_class_weight
from fitdash.settings.declaration import inert_in, replace_invalid_values
from fitdash.settings.experiment import SECTIONS, Experiment, plan_run
from fitdash.settings.fit import count_split_rows
from fitdash.settings.layers import BatchNormalizationArgs
from fitdash.settings.losses_and_metrics import CLASS_METRICS, full_name
from fitdash.settings.network import LAYER_LIST, largest_layer, parameters_of
from fitdash.settings.network_shape import shape_of
from fitdash.settings.weight_expressions import COLUMN_EXPRESSIONS, parse_weight_expression

MANY_PARAMETERS = 2_000_000
MANY_CLASSES = 50
FEW_ROWS = 5
MUCH_OF_THE_BEGINNING = 0.1
HUGE_RATIO = 100
MOST_FAR = 3
FROM_0_UP = ("poisson", "mean_squared_logarithmic_error", "mean_absolute_percentage_error")
STRATIFY = "Use validation_data with stratified rows."


@dataclass(frozen=True, kw_only=True)
class Advice:
    """A remark: the address of its setting ("fit.batch_size") and the sentences that are shown."""

    where: str
    text: str


def advice_in(experiment: Experiment, facts: DataFacts, *, continues: bool = False) -> list[Advice]:
    """Remarks on an experiment, for settings that have an effect; an invalid value counts as its default.

    Args:
        experiment: The experiment that will run.
        facts: Facts of its data.
        continues: True if the run starts from weights that were trained before.
    """
    names = [name for name, cls in SECTIONS.items() if isinstance(getattr(experiment, name), cls)]
    if len(names) < len(SECTIONS) or not isinstance(experiment.callbacks, tuple):
        return []
    callbacks = tuple(
        replace_invalid_values(args) if isinstance(args, CallbackArgs) else args for args in experiment.callbacks
    )
    repaired = replace(
        experiment, callbacks=callbacks, **{name: replace_invalid_values(getattr(experiment, name)) for name in names}
    )
    inert = inert_in(repaired, facts)
    notes = [Advice(where=where, text=text) for where, text in _fresh(repaired, continues)]
    notes += [Advice(where=where, text=text) for remark in REMARKS for where, text in remark(repaired, facts)]
    return [note for note in notes if note.where not in inert]


Remarks = Iterator[tuple[str, str]]


def _fresh(experiment: Experiment, continues: bool) -> Remarks:
    start = experiment.fit.initial_epoch
    if start and not continues:
        yield "fit.initial_epoch", f"initial_epoch is {start} but the weights are new: only the numbering starts there."


def _time(experiment: Experiment, facts: DataFacts) -> Remarks:
    fit, numbers = experiment.fit, plan_run(experiment, facts)
    if fit.batch_size is not None and fit.batch_size > numbers.train_rows > 0:
        there = f"there are {numbers.train_rows} training rows"
        yield "fit.batch_size", f"batch_size is {fit.batch_size} but {there}: one update per pass."
    if fit.steps_per_epoch is not None and numbers.batches:
        if numbers.steps < numbers.batches:
            seen = numbers.steps * numbers.batch_size / numbers.train_rows
            yield "fit.steps_per_epoch", f"An epoch sees {_percent(seen)} of the training rows; the next goes on there."
        elif numbers.steps > numbers.batches:
            yield "fit.steps_per_epoch", f"An epoch makes {numbers.passes:.3g} passes: rows repeat within it."


def _validation(experiment: Experiment, facts: DataFacts) -> Remarks:
    fit, numbers = experiment.fit, plan_run(experiment, facts)
    if not fit.validates or not numbers.val_rows:
        return
    if fit.validation_steps is not None and numbers.val_share < 1:
        yield "fit.validation_steps", f"Validation uses the first {_percent(numbers.val_share)} of its rows."
    if fit.validation_steps is not None and fit.validation_steps > numbers.val_batches:
        more = f"validation_steps is {fit.validation_steps}, more than the {numbers.val_batches} that there are"
        yield "fit.validation_steps", f"{more}: it uses those."
    if numbers.epochs and not numbers.validations:
        yield "fit.validation_freq", f"No epoch from {fit.initial_epoch + 1} to {fit.epochs} is validated."


def _order(experiment: Experiment, facts: DataFacts) -> Remarks:
    """Classes without rows in one of the two parts, if the last rows are held out."""
    fit = experiment.fit
    held = fit.validation_data
    if not fit.validates or (held is not None and held.kind != "last"):
        return
    split, _ = count_split_rows(facts.rows, fit, facts.counts)
    where = "fit.validation_split" if held is None else "fit.validation_data"
    missing = {
        "training": facts.classes_without(0, split),
        "validation": facts.classes_without(split, facts.rows),
    }
    for part, names in missing.items():
        if names:
            yield where, f"The last rows are held out, and no {part} row is of class {_some(names)}. {STRATIFY}"


def _in_time(experiment: Experiment, facts: DataFacts) -> Remarks:
    """Rows in the order of time or of the target, if some of them are held out."""
    fit = experiment.fit
    held = fit.validation_data
    if not fit.validates or (held is not None and held.kind == "upload"):
        return
    where = "fit.validation_split" if held is None else "fit.validation_data"
    is_last = held is None or held.kind == "last"
    if is_last and facts.sorted_target:
        sizes = "The target only goes up, or down, with the rows, so the last ones hold values that training never sees"
        yield where, f"{sizes}. Use validation_data with random rows."
    elif is_last and facts.rising is not None:
        rows = f"{facts.rising} goes one way with the rows, as time does, so validation is on one end of it alone"
        yield where, f"{rows}: right for a forecast, else use validation_data with random rows."
    elif is_last and facts.dates is not None:
        yield where, f"{facts.dates} holds dates, but the rows are not in their order: the last rows are no later ones."
    elif not is_last and (time := facts.rising or facts.dates) is not None:
        rows = f"{time} {'goes one way with the rows, as time does' if facts.rising else 'holds dates'}"
        yield (
            where,
            f"{rows}: rows held out by chance lie between training rows. For a forecast hold out the last rows.",
        )


def _scale(experiment: Experiment, facts: DataFacts) -> Remarks:
    """Columns with outliers, even after standardising."""
    for name, reach in facts.far[:MOST_FAR]:
        far = f"Also standardised, {name} reaches {reach:.0f} standard deviations from its mean"
        yield "data.features", f"{far}: a few rows may drown the others. Look at them, or leave it out of x."


def _tiny(experiment: Experiment, facts: DataFacts) -> Remarks:
    """Classes of so few rows that their validation metrics are chance."""
    pairs = zip(facts.classes or (), facts.counts or (), strict=False)
    if experiment.fit.validates and (few := [f"{name} ({count})" for name, count in pairs if count < FEW_ROWS]):
        where = "fit.validation_split" if experiment.fit.validation_data is None else "fit.validation_data"
        yield where, f"Classes of fewer than {FEW_ROWS} rows: {_some(few)}. What validation says of them is chance."


def _file(experiment: Experiment, facts: DataFacts) -> Remarks:
    if facts.overlap and facts.validation_rows:
        same = f"{facts.overlap} of the {facts.validation_rows} rows of the file are training rows too"
        yield "fit.validation_data", f"{same}: the validation flatters."


def _weighting(experiment: Experiment, facts: DataFacts) -> Remarks:
    fit = experiment.fit
    if fit.shuffle == "batch":
        yield "fit.shuffle", "'batch' moves whole batches; on data in memory True mixes better and costs no more."
    if fit.class_weight is None or facts.task == "regression":
        return
    if fit.sample_weight is not None:
        yield "fit.class_weight", "class_weight and sample_weight are both set: they are multiplied."
    weights = balanced_class_weight(facts.labels) if fit.class_weight == "balanced" else fit.class_weight
    values = [weights.get(index, 1.0) for index in range(facts.class_count or 0)]
    if values and max(values) > HUGE_RATIO * min(values):
        yield "fit.class_weight", f"One class weighs more than {HUGE_RATIO} times another: training may be restless."


def _columns(experiment: Experiment, facts: DataFacts) -> Remarks:
    column = experiment.fit.sample_weight
    if column is not None and column in (experiment.data.features or ()):
        yield "fit.sample_weight", f"{column} is the sample_weight, so it is left out of x."
    meant = None if column in facts.weights else parse_weight_expression(column)
    if meant is not None and meant.form in COLUMN_EXPRESSIONS and meant.column in facts.features:
        yield "fit.sample_weight", f"{meant.column} is in x too. If it is nothing but a weight, leave it out of x."
    if (facts.class_count or 0) > MANY_CLASSES:
        yield "data.target", f"The target has {facts.class_count} classes. Is it a number? Then set task to regression."


def _network(experiment: Experiment, facts: DataFacts) -> Remarks:
    network, shape = experiment.network, shape_of(facts)
    count = parameters_of(network, shape)
    if count > MANY_PARAMETERS:
        is_listed = network.kind == LAYER_LIST and network.layers
        where = f"network.layers.{largest_layer(network, shape)}" if is_listed else "network.width"
        yield where, f"The network has {count:,} parameters: an epoch will take its time."
    for place, args in enumerate(network.layers if network.kind == LAYER_LIST else ()):
        if isinstance(args, BatchNormalizationArgs):
            yield from _gathered(
                f"network.layers.{place}.momentum", replace_invalid_values(args).momentum, experiment, facts
            )


def _gathered(where: str, momentum: float, experiment: Experiment, facts: DataFacts) -> Remarks:
    """Batch normalization whose running mean and variance the run is too short to learn."""
    updates = plan_run(experiment, facts).updates
    left = momentum**updates if experiment.fit.validates else 0.0
    if left > MUCH_OF_THE_BEGINNING:
        yield where, f"After {updates:,} steps {_percent(left)} of its first guess is left in validation. Lower it."


def _metrics(experiment: Experiment, facts: DataFacts) -> Remarks:
    given = experiment.compile.metrics
    for metric in given if given != "auto" else ():
        if facts.task == "regression" and full_name(metric) in CLASS_METRICS:
            yield "compile.metrics", f"{metric} counts classes, but the target is a number."


def _loss(experiment: Experiment, facts: DataFacts) -> Remarks:
    loss = full_name(experiment.compile.loss)
    if facts.task == "regression" and loss in FROM_0_UP:
        yield "compile.loss", f"{loss} compares numbers from 0 up, but half of the standardised target is below 0."
    weighed = experiment.fit.sample_weight is not None or experiment.fit.class_weight is not None
    if experiment.compile.weighted_metrics and not weighed:
        yield "compile.weighted_metrics", "Neither sample_weight nor class_weight is set: they equal metrics."


def _callbacks(experiment: Experiment, facts: DataFacts) -> Remarks:
    seen: list[CallbackArgs] = []
    for where, args in experiment.parts():
        if not isinstance(args, CallbackArgs):
            continue
        if args.single and args in seen:
            yield where, f"{args.kind} is there already: the second one adds nothing."
        seen.append(args)
        monitor = getattr(args, "monitor", "")
        if isinstance(args, ModelCheckpointArgs) and not args.save_best_only:
            monitor = ""
        if isinstance(args, ModelCheckpointArgs) and args.save_freq is not None and monitor.startswith("val_"):
            yield f"{where}.monitor", f"{monitor} is not known between batches: every file is saved."
        elif monitor.startswith("val_"):
            yield from _late(f"{where}.monitor", args.kind, monitor, experiment)


def _late(where: str, kind: str, monitor: str, experiment: Experiment) -> Remarks:
    """A monitored validation metric that some or all epochs lack."""
    fit = experiment.fit
    if not fit.validates:
        yield where, f"{kind} watches {monitor}, which will not exist. Set validation_split or validation_data."
    elif fit.validation_freq != 1:
        yield where, f"{kind} watches {monitor}, which exists only in the epochs of validation_freq."


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


REMARKS: tuple[Callable[[Experiment, DataFacts], Remarks], ...] = (
    _time,
    _validation,
    _order,
    _in_time,
    _scale,
    _tiny,
    _file,
    _weighting,
    _columns,
    _network,
    _metrics,
    _loss,
    _callbacks,
)
