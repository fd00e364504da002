"""Tensors and plain values as the bytes of one safetensors file, and back: no pickle anywhere.

The structure around the tensors is JSON in the file's header. A tensor that occurs twice is written once and comes
back as one; strides are restored too, because fused optimizers walk memory linearly.
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
        facts: Plain values that `read_facts` reads without the tensors.

    Raises:
        TypeError: it holds a value of another type.
    """
    from safetensors.torch import save

    tensors: dict[str, Any] = {}
    structure = _replace_tensors(content, tensors, {})
    header = {"format": FORMAT, "facts": json.dumps(dict(facts)), "content": json.dumps(structure)}
    return bytes(save(tensors, metadata=header))


def unpack(path: Path) -> Any:
    """The content that `pack` wrote, with its tensors on the CPU.

    Raises:
        StoreError: the file is missing, broken, or not a checkpoint.
    """
    from safetensors import safe_open

    header = _header(path)
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return _insert_tensors(json.loads(header["content"]), tensors, {})
    except Exception as error:
        raise _refusal(path, error) from error


def read_facts(path: Path) -> dict[str, Any]:
    """The facts that `pack` wrote; reads the header only.

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


def _replace_tensors(value: Any, tensors: dict[str, Any], names: dict[int, str]) -> Any:
    """The value with names in place of tensors, which go to `tensors`; `names` maps `id(tensor)` to its name."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {
            "dict": [
                [_replace_tensors(key, tensors, names), _replace_tensors(part, tensors, names)]
                for key, part in value.items()
            ]
        }
    if isinstance(value, (list, tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_replace_tensors(part, tensors, names) for part in value]}
    if hasattr(value, "is_contiguous") and hasattr(value, "stride"):
        if id(value) not in names:
            names[id(value)] = str(len(names))
            tensors[names[id(value)]] = value.detach().clone(memory_format=_contiguous_format())
        return {"tensor": names[id(value)], "stride": list(value.stride())}
    if hasattr(value, "item") and getattr(value, "shape", None) == ():  # a NumPy number
        return value.item()
    raise TypeError(f"A checkpoint can hold numbers, text, tensors, lists and dicts, got {type(value).__name__}.")


def _contiguous_format() -> Any:
    import torch

    return torch.contiguous_format


def _insert_tensors(note: Any, tensors: Mapping[str, Any], restored: dict[str, Any]) -> Any:
    """The value that `_replace_tensors` was given; `restored` keeps each tensor by its name."""
    if not isinstance(note, dict):
        return note
    ((kind, parts),) = [(kind, parts) for kind, parts in note.items() if kind != "stride"]
    if kind == "tensor":
        if parts not in restored:
            restored[parts] = _with_strides(tensors[parts], note["stride"])
        return restored[parts]
    if kind == "dict":
        return {
            _insert_tensors(key, tensors, restored): _insert_tensors(part, tensors, restored) for key, part in parts
        }
    values = [_insert_tensors(part, tensors, restored) for part in parts]
    return values if kind == "list" else tuple(values)


def _with_strides(tensor: Any, stride: list[int]) -> Any:
    """The tensor with these strides."""
    if list(tensor.stride()) == stride:
        return tensor
    import torch

    return torch.empty_strided(tuple(tensor.shape), stride, dtype=tensor.dtype).copy_(tensor)
