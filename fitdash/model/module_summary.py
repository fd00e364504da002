"""Layers of a module by name or index, its printed summary, and its configuration as data.

Source: Keras `get_layer`, `pop_layer`, `summary`, `get_config`, and the R functions of the same names.
"""

import contextlib
import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from fitdash.engine.step.step import Forward
from fitdash.errors import SettingError


def get_layer(module: nn.Module, name: str | None, index: int | None) -> nn.Module:
    """A child by its (dotted) name or by its index from 0; a negative index counts from the end.

    Raises:
        SettingError: neither or both are given, or there is no such layer.
    """
    if (name is None) == (index is None):
        raise SettingError(f"get_layer needs either a name or an index, got name={name!r} and index={index!r}.")
    if index is not None:
        children = list(module.children())
        if not -len(children) <= index < len(children):
            raise SettingError(f"index must be one of {len(children)} layers, got {index}. Known: {_names(module)}.")
        return children[index]
    found: nn.Module | None = dict(module.named_modules()).get(str(name))
    if not name or found is None:
        raise SettingError(f"Unknown layer {name!r}. Known: {_names(module)}.")
    return found


def pop_layer(module: nn.Module) -> nn.Module:
    """Remove and return the last layer of an nn.Sequential.

    Raises:
        SettingError: the module is no nn.Sequential, or empty.
    """
    if not isinstance(module, nn.Sequential):
        raise SettingError(f"pop_layer needs an nn.Sequential, got {type(module).__name__}.")
    if len(module) == 0:
        raise SettingError("pop_layer needs at least one layer, got an empty nn.Sequential.")
    last: nn.Module = module.pop(-1)
    return last


def parameter_counts(module: nn.Module) -> tuple[int, int]:
    """Numbers of trainable and of other parameters."""
    counts = {True: 0, False: 0}
    for parameter in module.parameters():
        counts[parameter.requires_grad] += _size(parameter)
    return counts[True], counts[False]


def summary(
    module: nn.Module, shapes: dict[str, tuple[int, ...]], line_length: int | None, print_fn: Callable[[str], Any]
) -> None:
    """Print a row per layer (name, type, output shape if known, parameters) and the totals."""
    rows = [("Layer (type)", "Output shape", "Parameters")]
    for name, layer in _leaves(module):
        size = sum(_size(p) for p in layer.parameters(recurse=False))
        rows.append((f"{name} ({type(layer).__name__})", _shape(shapes.get(name)), f"{size:,}"))
    width = [max(len(row[i]) for row in rows) for i in range(3)]
    spare = (line_length or 0) - sum(width) - 4
    width[0] += max(0, spare)
    rule = "─" * (sum(width) + 4)
    print_fn(f'Model "{type(module).__name__}"')
    for i, row in enumerate(rows):
        print_fn(f"{row[0]:<{width[0]}}  {row[1]:<{width[1]}}  {row[2]:>{width[2]}}")
        if i == 0:
            print_fn(rule)
    trainable, fixed = parameter_counts(module)
    print_fn(rule)
    print_fn(f"Total parameters: {trainable + fixed:,}")
    print_fn(f"Trainable parameters: {trainable:,}")
    print_fn(f"Non-trainable parameters: {fixed:,}")


def module_config(module: nn.Module) -> dict[str, Any]:
    """A module as data for JSON: its class, and name, class and `extra_repr` of its layers."""
    layers = [
        {"name": name, "class": type(layer).__name__, "settings": layer.extra_repr()} for name, layer in _leaves(module)
    ]
    return {"class": type(module).__name__, "layers": layers}


def to_json_data(value: Any) -> Any:
    """A setting as data for JSON; what is neither number nor text by its `repr`."""
    if isinstance(value, Mapping):
        return {str(key): to_json_data(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json_data(part) for part in value]
    return value if isinstance(value, (str, bool, int, float, type(None))) else repr(value)


def output_shapes(module: nn.Module, example: Any) -> dict[str, tuple[int, ...]]:
    """Output shape by name of layer, found with a copy of the module on the meta device; empty or partial if it fails.

    Args:
        module: Not changed.
        example: Inputs of one batch on the meta device, or None.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    if example is None:
        return shapes
    with contextlib.suppress(Exception):  # a module may use operations that the meta device does not have
        copied = copy.deepcopy(module).to("meta").eval()
        for name, layer in _leaves(copied):
            layer.register_forward_hook(_noting(name, shapes))
        Forward(copied)(example)
    return shapes


def _noting(name: str, shapes: dict[str, tuple[int, ...]]) -> Callable[..., None]:
    def note(_layer: nn.Module, _inputs: Any, output: Any) -> None:
        if isinstance(output, torch.Tensor):
            shapes[name] = tuple(output.shape)

    return note


def _leaves(module: nn.Module) -> list[tuple[str, nn.Module]]:
    """Layers without layers of their own, and those that hold parameters directly; the module itself if it has none."""
    found = [
        (name, layer)
        for name, layer in module.named_modules()
        if name and (not list(layer.children()) or list(layer.parameters(recurse=False)))
    ]
    return found or [(type(module).__name__.lower(), module)]


def _names(module: nn.Module) -> str:
    return ", ".join(name for name, _ in module.named_modules() if name) or "none"


def _size(parameter: nn.Parameter) -> int:
    return 0 if isinstance(parameter, nn.UninitializedParameter) else parameter.numel()


def _shape(shape: tuple[int, ...] | None) -> str:
    return "?" if shape is None else "(" + ", ".join(["None", *map(str, shape[1:])]) + ")"
