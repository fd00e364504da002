"""Assigns losses, metrics, targets and weights, in whatever containers they come, to the outputs of a network.

Every argument may be a list in the order of the outputs or a dict of their names, independently of the others.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch

from fitdash.errors import DataError, SettingError

Tensor = torch.Tensor


def output_names(prediction: Any, given: Sequence[str] | None) -> list[str]:
    """The names of the outputs: keys of a dict; for a list the given names, or out1, out2, …

    Raises:
        SettingError: there are not as many names as outputs.
    """
    if isinstance(prediction, Mapping):
        return [str(key) for key in prediction]
    count = len(prediction) if isinstance(prediction, (list, tuple)) else 1
    if given is None:
        return [f"out{i + 1}" for i in range(count)]
    if len(given) != count:
        raise SettingError(f"output_names must name every output: there are {count}, got {list(given)}.")
    return [str(name) for name in given]


def outputs_of(prediction: Any) -> list[Any]:
    """The outputs in order."""
    if isinstance(prediction, Mapping):
        return list(prediction.values())
    return list(prediction) if isinstance(prediction, (list, tuple)) else [prediction]


def split_per_output(given: Any, names: list[str], what: str, *, any_key: bool = False) -> list[Any]:
    """The entry of each output; None where a dict has no entry. A value that is no container applies to each.

    Args:
        what: Name of the argument, for messages.
        any_key: Whether a dict of one entry fits whatever its key is: the single output has no name.

    Raises:
        SettingError: wrong length or unknown keys.
    """
    if isinstance(given, Mapping):
        if any_key and len(given) == 1:
            return list(given.values())
        unknown = [key for key in given if key not in names]
        if unknown:
            raise SettingError(f"{what} has the key {unknown[0]!r}, which is no output. {_outputs(names)}")
        return [given.get(name) for name in names]
    if isinstance(given, (list, tuple)):
        if len(given) != len(names):
            raise SettingError(f"{what} must have one entry per output, got {len(given)}. {_outputs(names)}")
        return list(given)
    return [given for _ in names]


def metrics_per_output(given: Any, names: list[str], what: str, *, any_key: bool = False) -> list[list[Any]]:
    """The metrics of each output. All belong to a single output, however they are nested.

    Raises:
        SettingError: wrong length or unknown keys.
    """
    if len(names) == 1:
        if isinstance(given, Mapping):
            given = split_per_output(given, names, what, any_key=any_key)
        return [list(leaves(given))]
    return [list(leaves(part)) for part in split_per_output(given, names, what)]


def targets_per_output(
    given: Any, names: list[str], needed: list[bool], what: str, *, any_key: bool = False
) -> list[Any]:
    """Targets or weights of each output, None where there are none.

    Args:
        needed: Outputs that have a loss or metrics; a shorter list serves these alone, in their order.

    Raises:
        DataError: wrong length or unknown keys.
    """
    if isinstance(given, Mapping):
        unknown = [key for key in given if key not in names]
        if any_key and len(given) == 1:
            return list(given.values())
        if unknown:
            raise DataError(f"{what} has the key {unknown[0]!r}, which is no output. {_outputs(names)}")
        return [given.get(name) for name in names]
    parts = list(given) if isinstance(given, (list, tuple)) else [given]
    if len(parts) == len(names):
        return parts
    if len(parts) == sum(needed):
        rest = iter(parts)
        return [next(rest) if used else None for used in needed]
    raise DataError(f"{what} must have one part per output, got {len(parts)}. {_outputs(names)}")


def leaves(given: Any) -> Iterable[Any]:
    """What is in nested lists and dicts, None left out."""
    if isinstance(given, Mapping):
        given = list(given.values())
    if isinstance(given, (list, tuple)):
        for part in given:
            yield from leaves(part)
    elif given is not None:
        yield given


def guess_output_names(arguments: Iterable[Any]) -> list[str]:
    """Output names guessed from the arguments of `compile`, before the first prediction."""
    found = list(arguments)
    for given in found:
        if isinstance(given, Mapping) and len(given) > 1:
            return [str(key) for key in given]
    counts = [len(given) for given in found[:1] if isinstance(given, (list, tuple))]
    return [f"out{i + 1}" for i in range(max([1, *counts]))]


def unique_name(name: str, taken: set[str]) -> str:
    """`name`, numbered if it is taken already: mse, mse_1, mse_2; it is taken from then on."""
    number, free = 0, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    taken.add(free)
    return free


def _outputs(names: list[str]) -> str:
    return f"The outputs are {', '.join(names)}." if len(names) > 1 else f"The output is {names[0]}."
