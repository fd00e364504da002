"""Learning rates of a model's optimizer, as callbacks read and set them."""

from collections.abc import Sequence
from typing import Any


def learning_rates_of(model: Any) -> list[float]:
    """The rate of each parameter group; none where nothing is trained."""
    return [] if model.optimizer is None else [float(group["lr"]) for group in model.optimizer.param_groups]


def learning_rate_of(model: Any) -> float:
    """The rate that is logged: the first group's."""
    return next(iter(learning_rates_of(model)), 0.0)


def short_rate(rate: float) -> str:
    """A rate as text: 7 significant digits, so that 0.1 * 0.1 reads 0.01."""
    return str(float(f"{rate:.7g}"))


def set_learning_rates(model: Any, rates: Sequence[float]) -> None:
    """Give each parameter group its rate."""
    if model.optimizer is None:
        return
    from fitdash.engine.optimizers.learning_rate import change_learning_rates

    coming = iter(rates)
    change_learning_rates(model.optimizer, lambda _: next(coming))
