"""Methods of a module that train it in other frameworks, and that `fit` does not call."""

import inspect
from typing import Any

from torch import nn

from fitdash.engine.first_batch.caller import warn_caller

NAMES = ("training_step", "train_step", "configure_optimizers", "compute_loss")
"""Of Lightning, of Keras, of Lightning, and of Keras and trainers of transformers."""


def warn_of_own_training(module: nn.Module) -> None:
    """Warn of such methods in the module's class, where `forward` does not use them itself."""
    found = [name for name in NAMES if _has_method(module, name) and name not in _names_in_forward(module)]
    if found:
        warn_caller(
            f"{type(module).__name__} has {' and '.join(f'{name}()' for name in found)}, which fit does not call: it "
            "calls forward, and uses the loss and the optimizer of compile. Give compile what is in there."
        )


def _has_method(module: nn.Module, name: str) -> bool:
    """True for a function in the class or on the object; a number, a tensor or a layer of that name is none."""
    found = vars(module).get(name, getattr(type(module), name, None))
    return inspect.isroutine(found)


def _names_in_forward(module: nn.Module) -> set[str]:
    """The names that the code of `forward` uses, with those of its inner functions."""
    names: set[str] = set()
    forward: Any = getattr(type(module), "forward", None)
    waiting: list[Any] = [getattr(inspect.unwrap(forward), "__code__", None)]
    while waiting:
        code = waiting.pop()
        if code is not None:
            names |= set(code.co_names)
            waiting += [part for part in code.co_consts if inspect.iscode(part)]
    return names
