"""The learning rate of an optimizer: `optimizer.learning_rate = 0.1`, or `lr`, sets that of all parameter groups."""

import copyreg
from collections.abc import Callable
from functools import cache
from math import inf
from numbers import Real
from typing import Any

import numpy as np
import torch

from fitdash.errors import SettingError


def change_learning_rates(optimizer: torch.optim.Optimizer, change: Callable[[float], float]) -> None:
    """Give every parameter group a rate computed from its own: `lambda rate: max(rate * 0.1, 1e-6)`."""
    for group in optimizer.param_groups:
        rate = float(change(float(group["lr"])))
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(rate)  # captured and compiled steps read this very tensor
        else:
            group["lr"] = rate


def check_rate(value: Any) -> float:
    """A learning rate as a float.

    Raises:
        SettingError: it is no finite number from 0.
    """
    if isinstance(value, (torch.Tensor, np.ndarray)) and not value.ndim:
        value = value.item()
    if isinstance(value, Real) and not isinstance(value, bool) and 0 <= float(value) < inf:
        return float(value)
    remedy = " Use the callback LearningRateScheduler for a rate that changes." if callable(value) else ""
    raise SettingError(f"learning_rate must be a number from 0, got {value!r}.{remedy}")


class LearningRate:
    """The properties `learning_rate` and `lr` of an optimizer: read from its first group, set for all groups."""

    param_groups: list[dict[str, Any]]

    @property
    def learning_rate(self) -> float:
        """The rate of the first parameter group; setting it sets the rate of all groups."""
        return float(self.param_groups[0]["lr"])

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        rate = check_rate(value)
        change_learning_rates(self, lambda _: rate)  # type: ignore[arg-type]

    lr = learning_rate


def give_learning_rate(optimizer: torch.optim.Optimizer) -> None:
    """Give a torch optimizer the properties `learning_rate` and `lr`, as far as it has no such attributes of its own.

    Its class becomes a subclass that has the same name and adds these two; the optimizer stays the same object, and a
    pickle of it names its former class. torch's other optimizers are not touched.
    """
    if isinstance(optimizer, LearningRate):
        return
    names = tuple(name for name in ("learning_rate", "lr") if not hasattr(optimizer, name))
    if not names or not all("lr" in group for group in optimizer.param_groups):
        return
    try:
        kind: Any = type(optimizer)
        optimizer.__class__ = _with_properties(kind, names)
    except TypeError:  # a class with slots of its own
        return


def _new(kind: Any, *given: Any) -> Any:
    """An object without its state, for pickles."""
    return kind.__new__(kind, *given)


@cache
def _with_properties(kind: Any, names: tuple[str, ...]) -> type:
    def reduce(self: Any, protocol: Any) -> Any:
        made, given, *rest = kind.__reduce_ex__(self, protocol)
        if given[:1] != (type(self),):  # the user's own way
            return made, given, *rest
        return (made if made is not copyreg.__newobj__ else _new), (kind, *given[1:]), *rest  # type: ignore[attr-defined]

    def setting(self: Any, name: str, value: Any) -> None:
        if not hasattr(self, name) and any(name in group for group in vars(self).get("param_groups", ())):
            raise AttributeError(
                f"{kind.__name__} reads '{name}' from its parameter groups. Set it there: "
                f"for group in optimizer.param_groups: group['{name}'] = {value!r}"
            )
        kind.__setattr__(self, name, value)

    members: dict[str, Any] = {name: vars(LearningRate)[name] for name in names}
    members |= {"__module__": kind.__module__, "__qualname__": kind.__qualname__, "__doc__": kind.__doc__}
    return type(kind.__name__, (kind,), {**members, "__reduce_ex__": reduce, "__setattr__": setting})
