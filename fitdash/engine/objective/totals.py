"""`RunningTotals`: the total loss, the loss of each output and the metrics, summed over batches."""

import warnings
from collections.abc import Callable
from typing import Any

import torch

from fitdash.engine.losses.resolve import Loss, resolve_loss
from fitdash.engine.metrics.counted import zeros
from fitdash.engine.metrics.resolve import Metric, MetricFactory
from fitdash.engine.objective.ignored import kept_targets, kept_weight
from fitdash.engine.objective.outputs import outputs_of, targets_per_output
from fitdash.errors import DataError, SettingError

Tensor = torch.Tensor
Piece = tuple["OutputTotals", Tensor, Tensor, Tensor | None]

HALVES = (torch.bfloat16, torch.float16)


class OutputObjective:
    """One output of the network: its loss, its metrics and the meaning of its weights.

    Attributes:
        loss: None: not trained.
        share: Factor of its loss in the total.
        metrics, weighted: Names that logs show, with the factories of the metrics.
        temporal: Whether its weights must weigh time steps.
        anonymous: Whether it is a single output without a name, which a dict of one entry fits by any key.
    """

    def __init__(self, name: str, loss: Any, share: Any, *, temporal: bool, anonymous: bool) -> None:
        self.name, self.temporal, self.anonymous = name, temporal, anonymous
        self.loss: Loss | None = None if loss is None else resolve_loss(loss)
        self.share = 1.0 if share is None else float(share)
        self.metrics: list[tuple[str, MetricFactory]] = []
        self.weighted: list[tuple[str, MetricFactory]] = []

    @property
    def is_used(self) -> bool:
        return self.loss is not None or bool(self.metrics or self.weighted)


class OutputTotals:
    """The running totals of one output: of its loss and of its metrics.

    Attributes:
        total: Σ loss·rows of this output; None where it is the only one trained and the overall total is the same.
        plain, weighted: Name in the logs, metric and factory, of the metrics that ignore weights and that use them.
    """

    def __init__(self, output: OutputObjective, prediction: Tensor, alone: bool, heeds: bool = False) -> None:
        self.output, self.loss, self.share = output, output.loss, output.share
        self.total = None if alone or output.loss is None else zeros((), prediction)
        if output.loss is not None:
            output.loss.begin(prediction)
        self._classes_second = bool(output.loss and output.loss.classes_second and prediction.ndim > 2)
        self._ignored: int | None = getattr(output.loss, "ignore_index", None) if heeds else None
        kept = self._ignored is not None
        self.plain = [
            (name, recipe.make(output.loss, kept and recipe.counts_kept), recipe) for name, recipe in output.metrics
        ]
        self.weighted = [(name, recipe.make(output.loss, True), recipe) for name, recipe in output.weighted]
        for _, metric, recipe in self.plain + self.weighted:
            metric.begin(self._seen(prediction.detach(), recipe))

    def metrics(self) -> list[Metric]:
        return [metric for _, metric, _ in self.plain + self.weighted]

    def measure(self, target: Tensor, prediction: Tensor, weight: Tensor | None, rows: int) -> None:
        """Count the metrics of one batch."""
        if not (self.plain or self.weighted):
            return
        seen = prediction.detach()
        if self._ignored is not None and self._measure_kept(target, seen, weight, rows, self._ignored):
            return
        for _, metric, recipe in self.plain:
            metric.update(target, self._seen(seen, recipe), None, rows)
        for _, metric, recipe in self.weighted:
            metric.update(target, self._seen(seen, recipe), weight, rows)

    def _measure_kept(self, target: Tensor, seen: Tensor, weight: Tensor | None, rows: int, ignored: int) -> bool:
        """Count the metrics without the targets that the loss ignores; False where targets are no class ids."""
        parts = kept_targets(target, seen, ignored)
        if parts is None:
            return False
        known, kept = parts
        for metrics, given in ((self.plain, None), (self.weighted, weight)):
            for _, metric, recipe in metrics:
                shown = self._seen(seen, recipe)
                if recipe.counts_kept:
                    metric.update(known, shown, kept_weight(given, kept), kept.numel())
                else:
                    metric.update(target, shown, given, rows)
        return True

    def _seen(self, prediction: Tensor, recipe: MetricFactory) -> Tensor:
        return prediction.movedim(1, -1) if self._classes_second and recipe.classes_last else prediction


class RunningTotals:
    """Sums over the batches since the last reset; training and evaluation have one each.

    Args:
        bind: Gives the outputs that a prediction has.

    Attributes:
        rows, batches: Numbers of those counted.

    Metrics count every target, also those that the loss ignores, unless `heed_ignored` was called.
    """

    def __init__(self, bind: Callable[[Any], list[OutputObjective]]) -> None:
        self._bind = bind
        self._parts: list[OutputTotals] = []
        self._total: Tensor | None = None
        self._plain = self._heeds = False
        self.rows = self.batches = 0

    def heed_ignored(self, heeds: bool) -> None:
        """Whether metrics leave out the targets that the loss ignores; to be called before `reset`."""
        if heeds is not self._heeds:
            self._heeds = heeds
            self._total, self._parts = None, []

    def reset(self) -> None:
        """Count from 0 again."""
        self.rows = self.batches = 0
        for total in [self._total, *(part.total for part in self._parts)]:
            if total is not None:
                total.zero_()
        for metric in (metric for part in self._parts for metric in part.metrics()):
            metric.reset()

    def add(self, target: Any, prediction: Any, weight: Any, rows: int) -> Tensor:
        """Count a batch; returns its total loss, for `backward`.

        Args:
            target, weight: Tensors, or lists or dicts per output; a weight of None is 1 for every sample.
            rows: Samples of the batch.

        Raises:
            DataError: a target is missing, or shapes do not fit.
            SettingError: no output has a loss.
        """
        if self.rows == 0:
            self._ready(target, prediction)
        loss = self.measure(target, prediction, weight, rows)
        self.advance(rows)
        return loss

    def prepare(self, target: Any, prediction: Any) -> None:
        """Allocate the sums, once; `add` does it on the first batch.

        Raises:
            DataError: an output that is trained or measured is no tensor.
            SettingError: no output has a loss.
        """
        outputs, predictions = self._bind(prediction), outputs_of(prediction)
        trained = [i for i, output in enumerate(outputs) if output.loss is not None]
        if not trained:
            raise SettingError("loss must be given to compile: no output has one.")
        alone = len(trained) == 1
        used = [(output, said) for output, said in zip(outputs, predictions, strict=True) if output.is_used]
        _refuse_other_than_tensors(used)
        self._parts = [OutputTotals(output, whole(said), alone, self._heeds) for output, said in used]
        self._total = zeros((), predictions[trained[0]])
        self._plain = len(outputs) == 1
        for part, _, said, _ in self._pieces(target, prediction, None):
            _warn_of_flat_accuracy(part.output, said)

    def _ready(self, target: Any, prediction: Any) -> None:
        """Allocate the sums where there are none on the device of the predictions."""
        if self._total is None or self._total.device != _device_of(prediction):
            self.prepare(target, prediction)

    def measure(self, target: Any, prediction: Any, weight: Any, rows: int) -> Tensor:
        """The tensor operations of `add`, chosen by shapes and never by values, so that a step can be recorded."""
        total: Any = None
        for part, aim, said, by in self._pieces(target, prediction, weight):
            if part.loss is not None:
                loss = part.loss(aim, said, by)
                if part.total is not None:
                    part.total.add_(loss.detach(), alpha=rows)
                loss = loss if part.share == 1.0 else loss * part.share
                total = loss if total is None else total + loss
            part.measure(aim, said, by, rows)
        self._total.add_(total.detach(), alpha=rows)  # type: ignore[union-attr]
        return total  # type: ignore[no-any-return]

    def advance(self, rows: int, batches: int = 1) -> None:
        """Count samples and batches in Python: the rest of `add`, for steps that are replayed."""
        self.rows += rows
        self.batches += batches

    def logs(self) -> dict[str, float]:
        """Means and metrics so far, in the order of `Objective.names`."""
        rows = max(self.rows, 1)
        results: dict[str, Any] = {} if self._total is None else {"loss": self._total / rows}
        for part in self._parts:
            if part.total is not None:
                results[f"{part.output.name}_loss"] = part.total / rows
        for metrics in [part.plain for part in self._parts] + [part.weighted for part in self._parts]:
            for name, metric, _ in metrics:
                results[name] = metric.result(self.rows, self.batches)
        return floats(results)

    def states(self) -> list[Tensor]:
        """All sums that `measure` adds to."""
        sums = [self._total, *(part.total for part in self._parts)]
        counted = [state for part in self._parts for metric in part.metrics() for state in metric.states()]
        return [total for total in sums if total is not None] + counted

    def parts(self) -> list[OutputTotals]:
        """The totals of each output; empty before the first batch."""
        return self._parts

    def _pieces(self, target: Any, prediction: Any, weight: Any) -> list[Piece]:
        """The totals, target, prediction and weight of each output that has a loss or metrics."""
        single = self._plain and isinstance(target, Tensor) and isinstance(prediction, Tensor)
        if not (single and (weight is None or isinstance(weight, Tensor))):
            return self._spread(target, prediction, weight)
        part = self._parts[0]
        check_weight(weight, prediction, part.output)
        return [(part, target, whole(prediction), weight)]

    def _spread(self, target: Any, prediction: Any, weight: Any) -> list[Piece]:
        outputs = self._bind(prediction)
        names, needed = [output.name for output in outputs], [output.is_used for output in outputs]
        any_key = outputs[0].anonymous
        targets = targets_per_output(target, names, needed, "y", any_key=any_key)
        if weight is None or isinstance(weight, Tensor):
            weights = [weight for _ in names]
        else:
            weights = targets_per_output(weight, names, needed, "sample_weight", any_key=any_key)
        rest, pieces = iter(self._parts), []
        for output, aim, said, by in zip(outputs, targets, outputs_of(prediction), weights, strict=True):
            if not output.is_used:
                continue
            if aim is None:
                raise DataError(f"y has no target for the output {output.name!r}. Give one, or no loss and no metrics.")
            check_weight(by, said, output)
            pieces.append((next(rest), aim, whole(said), by))
        return pieces


def loss_names(outputs: list[OutputObjective]) -> list[str]:
    """`<output>_loss` of each output that is trained; empty where only one is."""
    trained = [output.name for output in outputs if output.loss is not None]
    return [f"{name}_loss" for name in trained] if len(trained) > 1 else []


def check_weight(weight: Tensor | None, prediction: Tensor, output: OutputObjective) -> None:
    """Refuse one number for all samples, and weights of samples where time steps must be weighed.

    Raises:
        DataError: the shapes do not fit.
    """
    if weight is None:
        return
    if output.temporal and prediction.ndim < 3:
        raise DataError(
            f"sample_weight_mode='temporal' needs an output with a time axis, got {output.name} of shape "
            f"{tuple(prediction.shape)}."
        )
    if output.temporal and (weight.ndim < 2 or weight.shape[:2] != prediction.shape[:2]):
        raise DataError(
            f"sample_weight must have the shape {tuple(prediction.shape[:2])} with sample_weight_mode='temporal', "
            f"got {tuple(weight.shape)}."
        )
    if weight.ndim == 0:
        raise DataError(f"sample_weight must have the shape ({prediction.shape[0]},), got ().")


def floats(results: dict[str, Any]) -> dict[str, float]:
    """Python floats; from the GPU in one transfer."""
    tensors = {name: value for name, value in results.items() if isinstance(value, Tensor) and value.is_cuda}
    moved = torch.stack([value.double() for value in tensors.values()]).tolist() if tensors else []
    return {name: float(value) for name, value in {**results, **dict(zip(tensors, moved, strict=True))}.items()}


def whole(prediction: Tensor) -> Tensor:
    """The prediction in single precision if it is in half precision, which is too coarse for losses and sums."""
    return prediction.float() if prediction.dtype in HALVES else prediction


def _device_of(prediction: Any) -> torch.device:
    return next(part.device for part in outputs_of(prediction) if isinstance(part, Tensor))


def _refuse_other_than_tensors(used: list[tuple[OutputObjective, Any]]) -> None:
    others = [f"{type(said).__name__} for {output.name}" for output, said in used if not isinstance(said, Tensor)]
    if others:
        raise DataError(f"forward must give a tensor, or a list or dict of tensors, got {', '.join(others)}.")


def _warn_of_flat_accuracy(output: OutputObjective, prediction: Tensor) -> None:
    """Warn of accuracy on predictions of shape (n,): Keras takes them for one categorical answer, hardly intended."""
    if prediction.ndim == 1 and any(recipe.by_shape for _, recipe in output.metrics + output.weighted):
        warnings.warn(
            f"accuracy takes a prediction of shape {tuple(prediction.shape)} for one categorical answer. Give the "
            'output a last axis of 1, or measure "binary_accuracy".',
            stacklevel=2,
        )
