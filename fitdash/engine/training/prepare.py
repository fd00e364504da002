"""Prepares a fit, an evaluation or a single batch from the caller's arguments; reports all problems in one error."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fitdash.data.batches.arrays import ArraySource, ShuffleMode, is_single_array
from fitdash.data.batches.class_weights import ClassWeights
from fitdash.data.batches.epochs import EpochBatches, EvaluationBatches
from fitdash.data.batches.generator import ANY
from fitdash.data.batches.items import InputNames
from fitdash.data.batches.make_source import SOURCE_NAMES, make_source
from fitdash.data.batches.source import DeviceAndDtype, Source, detect_source_kind
from fitdash.engine.callbacks.callback_list import make_callbacks
from fitdash.engine.step.step import Step
from fitdash.engine.training import argument_checks
from fitdash.engine.training.loop import Validation
from fitdash.errors import DataError, SettingError
from fitdash.settings.batch_size import DEFAULT_BATCH_SIZE
from fitdash.settings.validation_split import refuse_empty_part, validation_start


@dataclass(frozen=True, kw_only=True)
class RawFitArguments:
    """The arguments of `fit` as the caller gave them."""

    x: Any
    y: Any
    batch_size: Any
    epochs: Any
    verbose: Any
    view_metrics: Any
    validation_split: Any
    validation_data: Any
    shuffle: Any
    class_weight: Any
    sample_weight: Any
    initial_epoch: Any
    steps_per_epoch: Any
    validation_steps: Any
    validation_batch_size: Any
    validation_freq: Any
    callbacks: Any


@dataclass(frozen=True, kw_only=True)
class PreparedFit:
    """The arguments of `fit`, checked and resolved.

    Attributes:
        params: What callbacks get in `params` besides verbose, epochs and steps.
    """

    passes: EpochBatches
    validation: Validation | None
    class_weight: ClassWeights | None
    initial_epoch: int
    epochs: int
    verbose: int
    view_metrics: bool | str
    params: dict[str, Any]


def prepare_fit(given: RawFitArguments, feed: Any, target: DeviceAndDtype, step: Step) -> PreparedFit:
    """Check all arguments of `fit`, split the data and choose the sources of batches.

    Args:
        given: As the caller gave them.
        feed: What `x=None` trains from, or None.
        target: Device and floating-point type of the batches.
        step: Has the inputs that the module needs, and the objective.

    Raises:
        SettingError, DataError, TypeError: all problems, in one error.
    """
    problems = argument_checks.Problems()
    check = problems.checked
    batch_size = check(argument_checks.check_positive, "batch_size", given.batch_size)
    steps = check(argument_checks.check_positive, "steps_per_epoch", given.steps_per_epoch)
    validation_steps = check(argument_checks.check_positive, "validation_steps", given.validation_steps)
    validation_size = check(argument_checks.check_positive, "validation_batch_size", given.validation_batch_size)
    epochs = check(argument_checks.check_epoch_index, "epochs", given.epochs)
    initial_epoch = check(argument_checks.check_epoch_index, "initial_epoch", given.initial_epoch)
    verbose = check(argument_checks.check_verbose, given.verbose)
    view_metrics = check(argument_checks.check_view_metrics, given.view_metrics)
    split = check(argument_checks.check_validation_split, given.validation_split)
    due = check(argument_checks.check_validation_freq, given.validation_freq)
    shuffle = check(argument_checks.check_shuffle, given.shuffle)
    class_weight = check(weights_by_class, given.class_weight, given.y)
    check(make_callbacks, given.callbacks, None, 0)
    order: ShuffleMode = "given" if steps is not None or shuffle is False else "batch" if shuffle == "batch" else "rows"
    whole = "given" if split and given.validation_data is None else order  # a part of it gets the order
    source = check(_training_source, given, feed, target, batch_size, whole, step.forward.names)
    validating = check(
        _validation_source,
        given,
        source,
        split or 0.0,
        target,
        validation_size or batch_size,
        batch_size,
        order,
        step.forward.names,
    )
    check(_fitting, source, step, "")
    if given.validation_data is not None and validating is not None:
        check(_fitting, validating[1], step, "validation ")
        check(_with_the_same_targets, validating[0], validating[1], step)
    problems.refuse()
    assert source is not None
    assert due is not None
    assert epochs is not None
    assert initial_epoch is not None
    training, held_out = validating or (source, None)
    if given.x is None and steps is None and training.steps is None:
        steps = 1
    passes = EpochBatches(training, steps)
    is_free = validation_size is None or isinstance(given.validation_batch_size, argument_checks.ImpliedBatchSize)
    window = None if held_out is None else EvaluationBatches(held_out, validation_steps, is_free=is_free)
    if epochs > initial_epoch:
        check(passes.refuse_empty)
    if window is not None:
        check(window.refuse_empty)
    problems.refuse()
    return PreparedFit(
        passes=passes,
        validation=None if window is None else Validation(window=window, due=due),
        class_weight=class_weight,
        initial_epoch=initial_epoch,
        epochs=epochs,
        verbose=verbose or 0,
        view_metrics="auto" if view_metrics is None else view_metrics,
        params=_params(training, held_out, batch_size),
    )


def prepare_evaluation(
    x: Any,
    y: Any,
    weight: Any,
    batch_size: Any,
    steps: Any,
    target: DeviceAndDtype,
    *,
    needs_y: bool = True,
    names: InputNames = ANY,
    verbose: Any = None,
    callbacks: Any = None,
) -> EvaluationBatches:
    """The batches of `evaluate` and `predict`, of a module with inputs of these names.

    `verbose` and `callbacks` are only checked.

    Raises:
        SettingError, DataError, TypeError: all problems, in one error.

    Source: with `steps` and no batch_size, arrays are cut into that many equal batches, as in Keras.
    """
    problems = argument_checks.Problems()
    size = problems.checked(argument_checks.check_positive, "batch_size", batch_size)
    most = problems.checked(argument_checks.check_positive, "steps", steps)
    problems.checked(argument_checks.check_verbose, verbose)
    problems.checked(make_callbacks, callbacks, None, 0)
    source = problems.checked(make_source, x, y, weight, target=target, batch_size=size, needs_y=needs_y, names=names)
    problems.refuse()
    assert source is not None
    if size is None and most is not None and isinstance(source, ArraySource):
        source = source.narrow(0, source.rows, batch_size=-(-source.rows // most), order="given")
    window = EvaluationBatches(source, most, is_free=size is None and most is None)
    window.refuse_empty()
    return window


def prepare_single_batch(
    x: Any, y: Any, weight: Any, target: DeviceAndDtype, *, class_weight: Any = None, needs_y: bool = True
) -> tuple[ArraySource, ClassWeights | None]:
    """All rows of arrays as a source of one batch, and the class weights.

    Raises:
        SettingError, DataError: all problems, in one error.
    """
    problems = argument_checks.Problems()
    by_class = problems.checked(weights_by_class, class_weight, y)
    source = problems.checked(_rows_of_arrays, x, y, weight, target=target, needs_y=needs_y)
    problems.refuse()
    assert source is not None
    return source.narrow(0, source.rows, batch_size=source.rows, order="given"), by_class


def _rows_of_arrays(x: Any, y: Any, weight: Any, *, target: DeviceAndDtype, needs_y: bool) -> ArraySource:
    source = make_source(x, y, weight, target=target, needs_y=needs_y)
    if not isinstance(source, ArraySource):
        raise DataError(
            f"x must be the arrays of one batch, got {_named(x)}. Give fit or evaluate a source of batches."
        )
    return source


def weights_by_class(given: Any, y: Any) -> ClassWeights | None:
    """The class weights of `class_weight`; None without.

    Raises:
        SettingError: it is no mapping of class indices to numbers, or `y` has the targets of several outputs.
    """
    if given is None:
        return None
    outputs = len(y) if isinstance(y, dict) or (isinstance(y, (list, tuple)) and not is_single_array(y)) else 1
    if outputs > 1:
        raise SettingError(
            f"class_weight works with one output, got {outputs} targets. Give sample_weight for each output instead."
        )
    return ClassWeights(given)


def _fitting(source: Source | None, step: Step, prefix: str) -> None:
    """Refuse arrays that lack an input, or whose weights cannot fit their targets."""
    if isinstance(source, ArraySource):
        step.forward.refuse_missing(source.x, f"{prefix}x")
        step.objective.refuse_misfits(source.y, source.weight, prefix)


def _with_the_same_targets(training: Source, held_out: Source | None, step: Step) -> None:
    """Refuse validation data that lacks a trained target: it would else fail only after the first epoch."""
    if not (isinstance(training, ArraySource) and isinstance(held_out, ArraySource)):
        return
    trained, given = training.y, held_out.y
    if isinstance(trained, dict) and isinstance(given, dict):
        missing = [str(name) for name in trained if name not in given and step.objective.trains(name)]
        if missing:
            raise DataError(f"validation y must have the targets that are trained, got none for {', '.join(missing)}.")
    count = len(given) if isinstance(given, list) else 1
    if isinstance(trained, list) and not isinstance(given, dict) and len(trained) != count:
        raise DataError(f"validation y must have as many targets as y, {len(trained)}, got {count}.")


def _training_source(
    given: RawFitArguments,
    feed: Any,
    target: DeviceAndDtype,
    batch_size: int | None,
    order: ShuffleMode,
    names: InputNames,
) -> Source:
    x = feed if given.x is None else given.x
    if x is None:
        raise DataError("x must be given, got None, and this model has no feed. Pass x, or Model(module, feed=…).")
    return make_source(x, given.y, given.sample_weight, target=target, batch_size=batch_size, order=order, names=names)


def _validation_source(
    given: RawFitArguments,
    source: Source | None,
    split: float,
    target: DeviceAndDtype,
    validation_size: int | None,
    batch_size: int | None,
    order: ShuffleMode,
    names: InputNames,
) -> tuple[Source, Source | None] | None:
    """The sources of training and of validation; `validation_data` overrides `validation_split`."""
    if given.validation_data is not None:
        held_out = _from_validation_data(given.validation_data, target, validation_size, names)
        return (source, held_out) if source is not None else None
    if not split or source is None:
        return (source, None) if source is not None else None
    if not isinstance(source, ArraySource):
        raise SettingError(
            f"validation_split must be 0 unless x and y are arrays, got {split} with {_named(given.x)}. "
            "Give validation_data instead."
        )
    first = validation_start(source.rows, split)
    refuse_empty_part("validation_split", split, source.rows, first)
    training = source.narrow(0, first, batch_size=batch_size or DEFAULT_BATCH_SIZE, order=order)
    size = validation_size or DEFAULT_BATCH_SIZE
    return training, source.narrow(first, source.rows, batch_size=size, order="given")


def _described(data: Any) -> str:
    shape = getattr(data, "shape", None)
    return type(data).__name__ if shape is None else f"array of shape {tuple(shape)}"


def _named(x: Any) -> str:
    return "the model's feed" if x is None else SOURCE_NAMES[detect_source_kind(x)]


def _from_validation_data(data: Any, target: DeviceAndDtype, batch_size: int | None, names: InputNames) -> Source:
    if isinstance(data, Mapping):
        known = {"x", "y", "sample_weight"}
        if not {"x", "y"} <= set(data) <= known:
            raise SettingError(
                'validation_data must have the names "x", "y" and perhaps "sample_weight", '
                f"got {', '.join(map(str, data))}."
            )
        data = (data["x"], data["y"], data.get("sample_weight"))
    if isinstance(data, (list, tuple)):
        if len(data) not in (2, 3):
            raise SettingError(f"validation_data must be (x, y) or (x, y, sample_weight), got {len(data)} parts.")
        return make_source(*data, target=target, batch_size=batch_size, prefix="validation ")
    kind = detect_source_kind(data, "validation_data")
    if kind == "arrays":
        raise SettingError(
            f"validation_data must be (x, y), (x, y, sample_weight) or a source of batches, got one {_described(data)}."
        )
    size = batch_size if kind == "dataset" else None
    return make_source(data, target=target, batch_size=size, names=names, prefix="validation ")


def _params(training: Source, held_out: Source | None, batch_size: int | None) -> dict[str, Any]:
    """What callbacks get in `params` besides verbose, epochs and steps."""
    sized = hasattr(training, "batch_size")
    params = {
        "batch_size": (batch_size or DEFAULT_BATCH_SIZE) if sized else None,
        "samples": training.rows,
        "validation_samples": None if held_out is None else held_out.rows,
    }
    return {name: value for name, value in params.items() if value is not None}
