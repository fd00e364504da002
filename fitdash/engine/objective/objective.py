"""`Objective`: the losses, metrics and weights that `compile` was given, over all outputs of a network."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from fitdash.engine.losses.resolve import resolve_loss
from fitdash.engine.metrics.resolve import MetricFactory, resolve_metric
from fitdash.engine.metrics.third_party import expand_collections
from fitdash.engine.objective.outputs import (
    guess_output_names,
    leaves,
    metrics_per_output,
    output_names,
    split_per_output,
    unique_name,
)
from fitdash.engine.objective.totals import OutputObjective, RunningTotals, loss_names
from fitdash.engine.objective.weight_checks import refuse_misfits
from fitdash.errors import DataError, SettingError

Tensor = torch.Tensor


class Objective:
    """Losses and metrics of `compile`.

    Args:
        loss: A name, a torch loss, a callable, or a list or dict of those per output; None inside: not trained.
        metrics: Measured without any weights.
        weighted_metrics: Measured with sample and class weights, divided by their sum.
        loss_weights: Factor of each output's loss in the total.
        sample_weight_mode: None, or "temporal": weights must be (n, t).

    Attributes:
        has_loss: Whether any output has one.
        ignored: The class ids that losses leave out (`ignore_index`).

    Raises:
        SettingError: an unknown name, or a value that is neither name nor callable.

    Source: R keras `compile`; Keras 3 for what it does with several outputs, except that every argument may be a
    list or a dict whatever the network returns, and that `loss` comes first in the logs.
    """

    def __init__(
        self,
        *,
        loss: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        loss_weights: Any = None,
        sample_weight_mode: Any = None,
    ) -> None:
        self._loss, self._metrics, self._weighted = (
            loss,
            expand_collections(metrics),
            expand_collections(weighted_metrics),
        )
        self._loss_weights, self._mode = loss_weights, sample_weight_mode
        self.has_loss = any(True for _ in leaves(loss))
        self.outputs: list[OutputObjective] = []
        self._shape: Any = None
        self._check()
        found = {getattr(resolve_loss(given), "ignore_index", None) for given in leaves(loss)}
        self.ignored = frozenset(one for one in found if one is not None)

    def bind(self, prediction: Any, names: Sequence[str] | None = None) -> list[OutputObjective]:
        """The outputs, learned from the first prediction; later calls only compare.

        Args:
            names: The module's own names for a list of outputs, else out1, out2, …

        Raises:
            SettingError: an argument of `compile` has wrong keys or a wrong length; the text lists the outputs.
            DataError: the outputs differ from those of the first prediction.
        """
        shape = "tensor" if isinstance(prediction, Tensor) else tuple(output_names(prediction, None))
        if shape != self._shape:
            self._begin(prediction, output_names(prediction, names), named=names is not None)
            self._shape = shape
        return self.outputs

    @property
    def names(self) -> list[str]:
        """The names of all logs, `loss` first; guessed from the arguments of `compile` before the first prediction."""
        outputs = self.outputs or self._guessed()
        measured = [name for kind in ("metrics", "weighted") for o in outputs for name, _ in getattr(o, kind)]
        return ["loss", *loss_names(outputs), *measured]

    @property
    def links(self) -> list[str | None]:
        """By output, what turns its predictions into probabilities: "sigmoid", "softmax", or None: they are that."""
        return [output.loss.link if output.loss else None for output in self.outputs or self._guessed()]

    def refuse_misfits(self, y: Any, weight: Any, prefix: str = "") -> None:
        """Refuse weights whose shapes cannot fit those of their targets.

        Raises:
            DataError: naming both shapes.
        """
        losses = [resolve_loss(given) for given in leaves(self._loss)]
        refuse_misfits(y, weight, losses, temporal=self._mode == "temporal", prefix=prefix)

    def trains(self, name: str) -> bool:
        """Whether an output has a loss; True where `compile` gave losses without names."""
        return not isinstance(self._loss, Mapping) or self._loss.get(name) is not None

    def new_book(self) -> RunningTotals:
        """New totals, for training or for evaluation."""
        return RunningTotals(self.bind)

    @property
    def depends_on_batches(self) -> bool:
        """Whether a loss or metric depends on how rows are cut into batches: it may be one number per batch."""
        outputs = self.outputs or self._guessed()
        recipes = [recipe for output in outputs for _, recipe in output.metrics + output.weighted]
        losses = [output.loss for output in outputs if output.loss is not None]
        return any(loss.depends_on_batches for loss in losses) or any(recipe.depends_on_batches for recipe in recipes)

    def _begin(self, prediction: Any, names: list[str], *, named: bool) -> None:
        if self.outputs:
            raise DataError(f"The outputs must stay {[output.name for output in self.outputs]}, got {names}.")
        single = len(names) == 1 and not named and not isinstance(prediction, Mapping)
        self.outputs = self._outputs(names, any_key=single)

    def _check(self) -> None:
        """Refuse wrong losses, metrics, factors and modes, before any data is seen, all in one error."""
        checks: list[tuple[Any, Callable[[Any], Any]]] = [(given, resolve_loss) for given in leaves(self._loss)]
        checks += [(given, resolve_metric) for given in leaves(self._metrics)]
        checks += [(given, _weighted_metric) for given in leaves(self._weighted)]
        checks += [(given, _factor) for given in leaves(self._loss_weights)]
        checks += [(given, _mode) for given in leaves(self._mode)]
        problems = []
        for given, check in checks:
            try:
                check(given)
            except SettingError as error:
                problems.append(str(error))
        if problems:
            raise SettingError("\n".join(dict.fromkeys(problems)))

    def _guessed(self) -> list[OutputObjective]:
        names = guess_output_names([self._loss, self._metrics, self._weighted, self._loss_weights, self._mode])
        try:
            return self._outputs(names, any_key=len(names) == 1)
        except SettingError:
            return []

    def _outputs(self, names: list[str], *, any_key: bool) -> list[OutputObjective]:
        if len(names) > 1 and self._loss_weights is not None and not _is_container(self._loss_weights):
            raise SettingError(f"loss_weights must be a list or a dict for several outputs: {', '.join(names)}.")
        losses = split_per_output(self._loss, names, "loss", any_key=any_key)
        shares = split_per_output(self._loss_weights, names, "loss_weights", any_key=any_key)
        modes = split_per_output(self._mode, names, "sample_weight_mode", any_key=any_key)
        outputs = [
            OutputObjective(name, loss, share, temporal=mode == "temporal", anonymous=any_key)
            for name, loss, share, mode in zip(names, losses, shares, modes, strict=True)
        ]
        taken = {"loss", *loss_names(outputs)}
        self._name_metrics(outputs, taken, any_key=any_key)
        return outputs

    def _name_metrics(self, outputs: list[OutputObjective], taken: set[str], *, any_key: bool) -> None:
        """Add the metrics of all outputs, then the weighted ones, called weighted_<name> where a name is taken."""
        names = [output.name for output in outputs]
        plain = metrics_per_output(self._metrics, names, "metrics", any_key=any_key)
        for output, given in zip(outputs, plain, strict=True):
            prefix = f"{output.name}_" if len(outputs) > 1 else ""
            for recipe in map(resolve_metric, given):
                output.metrics.append((unique_name(prefix + recipe.name, taken), recipe))
        weighted = metrics_per_output(self._weighted, names, "weighted_metrics", any_key=any_key)
        for output, given in zip(outputs, weighted, strict=True):
            prefix = f"{output.name}_" if len(outputs) > 1 else ""
            for recipe in map(_weighted_metric, given):
                clashes = prefix + recipe.name in taken
                name = prefix + ("weighted_" if clashes else "") + recipe.name
                output.weighted.append((unique_name(name, taken), recipe))


def _weighted_metric(given: Any) -> MetricFactory:
    return resolve_metric(given, weighted=True)


def _factor(given: Any) -> float:
    """A factor of `loss_weights`."""
    if isinstance(given, (bool, str)) or not (isinstance(given, (int, float)) or hasattr(given, "item")):
        raise SettingError(f"loss_weights must be numbers, got {given!r}.")
    return float(given)


def _mode(given: Any) -> None:
    if given != "temporal":
        raise SettingError(f"sample_weight_mode must be None or 'temporal', got {given!r}.")


def _is_container(given: Any) -> bool:
    return isinstance(given, (Mapping, list, tuple))
