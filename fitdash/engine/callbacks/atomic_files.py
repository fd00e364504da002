"""Files that callbacks write: replaced whole or left as they were, and loaded without running code from the file."""

import os
import tempfile
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import IO, Any


def copy_weights(module: Any) -> dict[str, Any]:
    """A copy of the complete state_dict, buffers included."""
    return {name: _copy(value) for name, value in module.state_dict().items()}


def training_state(model: Any, epoch: int) -> dict[str, Any]:
    """What a checkpoint file holds: "state_dict", "optimizer" (its state, None without one) and "epoch" (from 0)."""
    optimizer = getattr(model, "optimizer", None)
    state = None if optimizer is None else optimizer.state_dict()
    return {"state_dict": model.module.state_dict(), "optimizer": state, "epoch": epoch}


def save_tensors(content: Any, path: Path) -> None:
    """Write tensors and plain values so that `torch.load(weights_only=True)` reads them."""
    import torch

    _replace(path, lambda file: torch.save(content, file))


def load_tensors(path: Path) -> Any:
    """What `save_tensors` wrote, on the CPU."""
    import torch

    return torch.load(path, map_location="cpu", weights_only=True)


def replace_text(path: Path, text: str) -> None:
    """Write UTF-8 text."""
    _replace(path, lambda file: file.write(text.encode()))


def _replace(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Write a temporary file beside the path, then put it in its place; missing folders are made."""
    if path.is_dir():
        raise IsADirectoryError(f"A file is to be written but {str(path)!r} is a directory. Name a file.")
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name[:40]}.", delete=False) as file:
        try:
            write(file)
            file.close()
            os.chmod(file.name, 0o666 & ~_umask())
            os.replace(file.name, path)
        except BaseException:
            file.close()
            os.unlink(file.name)
            raise


def _umask() -> int:
    """The process's mask of permissions for new files: temporary files are made private, so it is applied afterwards.

    The system has no call that only reads it.
    """
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _copy(value: Any) -> Any:
    return value.detach().clone() if hasattr(value, "detach") else deepcopy(value)
