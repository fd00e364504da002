"""Tensors and plain values as the bytes of one safetensors file, and back: no pickle anywhere.

The structure around the tensors is JSON in the file's header. A tensor that occurs twice is written once and comes
back as one; strides come back too, because fused optimizers walk memory in a line.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fitdash.errors import StoreError

FORMAT = "fitdash checkpoint 1"
LARGEST_HEADER = 100_000_000


def pack(content: Any, facts: Mapping[str, Any]) -> bytes:
    """The bytes of a file.

    Args:
        content: None, numbers, text, tensors, and lists, tuples and dicts of them.
        facts: Plain values that `facts_of` reads without the tensors.

    Raises:
        TypeError: there is something else in it.
    """
    from safetensors.torch import save

    tensors: dict[str, Any] = {}
    structure = _noted(content, tensors, {})
    header = {"format": FORMAT, "facts": json.dumps(dict(facts)), "content": json.dumps(structure)}
    return bytes(save(tensors, metadata=header))


def unpack(path: Path) -> Any:
    """What `pack` was given, on the CPU.

    Raises:
        StoreError: the file is not there, broken, or something else.
    """
    from safetensors import safe_open

    header = _header(path)
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return _made(json.loads(header["content"]), tensors, {})
    except Exception as error:
        raise _refusal(path, error) from error


def read_facts(path: Path) -> dict[str, Any]:
    """The facts that `pack` was given; reads the header only.

    Raises:
        StoreError: as `unpack`.
    """
    try:
        return dict(json.loads(_header(path)["facts"]))
    except (ValueError, TypeError, KeyError) as error:
        raise _refusal(path, error) from error


def _header(path: Path) -> dict[str, str]:
    """The texts in the header of a safetensors file."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if length > LARGEST_HEADER:
                raise ValueError("it does not begin as a safetensors file")
            texts = json.loads(file.read(length))["__metadata__"]
        if texts["format"] != FORMAT:
            raise ValueError(f"its format is {texts['format']!r}")
        return dict(texts)
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise _refusal(path, error) from error


def _refusal(path: Path, error: Exception) -> StoreError:
    return StoreError(f"{path} must be a checkpoint of fitdash, got a file that is none or is broken: {error}.")


def _noted(value: Any, tensors: dict[str, Any], names: dict[int, str]) -> Any:
    """The value with names in place of tensors; `names` keeps those that were met by their identity."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {"dict": [[_noted(key, tensors, names), _noted(part, tensors, names)] for key, part in value.items()]}
    if isinstance(value, (list, tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_noted(part, tensors, names) for part in value]}
    if hasattr(value, "is_contiguous") and hasattr(value, "stride"):
        if id(value) not in names:
            names[id(value)] = str(len(names))
            tensors[names[id(value)]] = value.detach().clone(memory_format=_in_a_line())
        return {"tensor": names[id(value)], "stride": list(value.stride())}
    if hasattr(value, "item") and getattr(value, "shape", None) == ():  # a number of NumPy
        return value.item()
    raise TypeError(f"A checkpoint can hold numbers, text, tensors, lists and dicts, got {type(value).__name__}.")


def _in_a_line() -> Any:
    import torch

    return torch.contiguous_format


def _made(note: Any, tensors: Mapping[str, Any], laid: dict[str, Any]) -> Any:
    """What `_noted` was given."""
    if not isinstance(note, dict):
        return note
    ((kind, parts),) = [(kind, parts) for kind, parts in note.items() if kind != "stride"]
    if kind == "tensor":
        if parts not in laid:
            laid[parts] = _laid_out(tensors[parts], note["stride"])
        return laid[parts]
    if kind == "dict":
        return {_made(key, tensors, laid): _made(part, tensors, laid) for key, part in parts}
    made = [_made(part, tensors, laid) for part in parts]
    return made if kind == "list" else tuple(made)


def _laid_out(tensor: Any, stride: list[int]) -> Any:
    """The tensor with these strides."""
    if list(tensor.stride()) == stride:
        return tensor
    import torch

    return torch.empty_strided(tuple(tensor.shape), stride, dtype=tensor.dtype).copy_(tensor)
