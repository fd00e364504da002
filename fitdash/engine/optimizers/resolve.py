"""Resolves what `compile(optimizer=…)` takes to a torch optimizer."""

import functools
import inspect
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any

import torch

from fitdash.engine.optimizers.keras_optimizer import UpdateRule
from fitdash.engine.optimizers.rules import SGD, Adadelta, Adagrad, Adam, Adamax, AdamW, Nadam, RMSprop
from fitdash.errors import SettingError

RULES: dict[str, type[UpdateRule]] = {
    "sgd": SGD,
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
    "adadelta": Adadelta,
    "adamax": Adamax,
    "nadam": Nadam,
}


def make_optimizer(given: Any, parameters: Iterable[Any]) -> torch.optim.Optimizer | None:
    """The torch optimizer for these parameters.

    Args:
        given: A name, any case; a torch optimizer, used as it is; or a factory, called with the parameters.
        parameters: Parameters of the module, or dicts of groups as torch takes them.

    Returns:
        None if there are no parameters and `given` is no optimizer yet: nothing could be trained.

    Raises:
        SettingError: An unknown name, something that is no optimizer, or one whose step needs a closure.
    """
    check_optimizer(given)
    if isinstance(given, torch.optim.Optimizer):
        return given
    parameters = list(parameters)
    if not parameters:
        return None
    made = _factory(given)(parameters)
    if not isinstance(made, torch.optim.Optimizer):
        raise SettingError(f"A factory of optimizers must give a torch.optim.Optimizer, {given!r} gave {made!r}.")
    _refuse_closure(type(made))
    return made


def check_optimizer(given: Any) -> bool:
    """True if `make_optimizer` takes it; all that can be said before there are parameters.

    Raises:
        SettingError: An unknown name, something that is no optimizer, or one whose step needs a closure.
    """
    if isinstance(given, str):
        if given.lower() not in RULES:
            likely = get_close_matches(given.lower(), RULES, n=1)
            hint = f" Did you mean '{likely[0]}'?" if likely else ""
            raise SettingError(f"Unknown optimizer '{given}'.{hint} Known: {', '.join(sorted(RULES))}.")
    elif not (isinstance(given, torch.optim.Optimizer) or callable(given)):
        raise SettingError(
            "optimizer must be a name, a torch optimizer or a callable that makes one from parameters, "
            f"got {given!r}. Known: {', '.join(sorted(RULES))}."
        )
    kind = given
    while isinstance(kind, functools.partial):
        kind = kind.func
    kind = type(kind) if isinstance(kind, torch.optim.Optimizer) else kind
    if isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer):
        _refuse_closure(kind)
    return True


def _refuse_closure(kind: type[torch.optim.Optimizer]) -> None:
    """Refuse an optimizer whose `step` cannot be called without arguments, as that of LBFGS.

    Raises:
        SettingError: naming the arguments.
    """
    places = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.KEYWORD_ONLY,
    )
    parameters = list(inspect.signature(kind.step).parameters.values())[1:]
    needed = [p.name for p in parameters if p.kind in places and p.default is p.empty]
    if needed:
        raise SettingError(
            f"optimizer must have a step() that takes no argument, got {kind.__name__}, whose step needs "
            f"{' and '.join(needed)}: fit computes the loss of each batch once, then updates. Use another, such as "
            "'adam', or train with this one in a loop of your own."
        )


def _factory(given: Any) -> Callable[[list[Any]], Any]:
    """What is called with the parameters."""
    if isinstance(given, str):
        return RULES[given.lower()]()
    if isinstance(given, type) and issubclass(given, UpdateRule):
        return given()
    made: Callable[[list[Any]], Any] = given
    return made
