"""The constructors of R keras: `keras_model`, `keras_model_sequential`, `multi_gpu_model`."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from fitdash.model.model import Model


def keras_model(module: nn.Module) -> Model:
    """`Model(module)`, under R's name."""
    return Model(module)


def keras_model_sequential(layers: Sequence[nn.Module] = ()) -> Model:
    """A Model of consecutive layers, under R's name.

    Args:
        layers: torch modules, wrapped in nn.Sequential.
    """
    return keras_model(nn.Sequential(*layers))


def multi_gpu_model(*_args: Any, **_kwargs: Any) -> Any:
    """Refused; R keras trains on several GPUs with it.

    Raises:
        NotImplementedError: always; its text names the replacement.
    """
    raise NotImplementedError(
        "multi_gpu_model does not exist here: wrap the module in torch.nn.DataParallel before Model(module)."
    )
