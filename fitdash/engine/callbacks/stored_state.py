"""The states of callbacks in a backup: what of them can be stored, and to whom they are given back."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from fitdash.engine.callbacks.base import Callback
from fitdash.errors import SettingError

_PLAIN = (type(None), bool, int, float, complex, str, bytes)

Stored = list[list[Any]]
"""The name of the class and the state of each callback that has one, in their order."""


def stored_states(callbacks: Sequence[Callback]) -> Stored:
    """The states as `torch.load(weights_only=True)` reads them; callbacks with an empty one are left out.

    Raises:
        SettingError: a state holds something else; it names the callback and the entry.
    """
    found: Stored = []
    for callback in callbacks:
        state = callback.state_dict()
        if state:
            name = type(callback).__name__
            found.append([name, _storable(state, name, "")])
    return found


def give_back(callbacks: Sequence[Callback], stored: Stored) -> None:
    """Restore each state in the next callback of its class; warn of states that have none."""
    waiting = list(callbacks)
    left = []
    for name, state in stored:
        owner = next((one for one in waiting if type(one).__name__ == name), None)
        if owner is None:
            left.append(name)
            continue
        waiting = [one for one in waiting if one is not owner]
        owner.load_state_dict(state)
    if left:
        warnings.warn(
            f"BackupAndRestore holds the state of {', '.join(left)}, but this fit has no such callback: it is not "
            "restored. Pass the callbacks of the interrupted fit in their order.",
            stacklevel=2,
        )


def _storable(value: Any, name: str, place: str) -> Any:
    """The value with numbers of NumPy as those of Python; tensors keep their data."""
    if isinstance(value, np.generic) and isinstance(value.item(), _PLAIN):
        return value.item()
    if isinstance(value, torch.Tensor):
        return value.detach()
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Mapping):
        return {_key(key, name, place): _storable(part, name, f"{place}[{key!r}]") for key, part in value.items()}
    if type(value) in (list, tuple, set):
        return type(value)(_storable(part, name, f"{place}[{i}]") for i, part in enumerate(value))
    raise SettingError(
        f"BackupAndRestore stores numbers, text, tensors and lists, tuples, sets and dicts of them, got "
        f"{type(value).__name__} from {name}.state_dict(){place}. {_remedy(value, name)}"
    )


def _key(key: Any, name: str, place: str) -> Any:
    return _storable(key, name, f"{place} as a key")


def _remedy(value: Any, name: str) -> str:
    if isinstance(value, np.ndarray):
        return "Give torch.from_numpy of it."
    return f"Leave it out of {name}.state_dict(), or give plain values."
