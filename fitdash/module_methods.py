"""The methods of `Model` that look into its module, and R's older names of the others."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from fitdash.engine import layers
from fitdash.errors import DataError


class ModuleMethods:
    """What `Model` offers beside training; expects `module`, `fit`, `evaluate` and `predict`."""

    module: nn.Module
    _optimizer: Any = None

    def summary(self, line_length: int | None = None, print_fn: Callable[[str], Any] = print) -> None:
        """Print the layers with their output shapes (once a batch was seen) and parameters.

        Args:
            line_length: At least so many characters a row.
            print_fn: Called with each line.
        """
        layers.summary(self.module, layers.output_shapes(self.module, self._example()), line_length, print_fn)

    def get_config(self) -> dict[str, Any]:
        """The module's class and layers and what `compile` was given, as data for JSON."""
        return {"module": layers.config(self.module), "compile": self._compile_config()}

    def get_layer(self, name: str | None = None, index: int | None = None) -> nn.Module:
        """A layer by its (dotted) name or by its index from 0.

        Raises:
            SettingError: neither or both are given, or there is none.

        Source: R keras `get_layer`, which counts from 1.
        """
        return layers.get_layer(self.module, name, index)

    def pop_layer(self) -> nn.Module:
        """Remove and give the last layer of an nn.Sequential; the optimizer forgets its parameters.

        Raises:
            SettingError: the module is no nn.Sequential, or empty.
        """
        layer = layers.pop_layer(self.module)
        gone = {id(parameter) for parameter in layer.parameters()}
        if self._optimizer is not None:
            for group in self._optimizer.param_groups:
                for parameter in group["params"]:
                    if id(parameter) in gone:
                        self._optimizer.state.pop(parameter, None)
                group["params"] = [parameter for parameter in group["params"] if id(parameter) not in gone]
        self._forget_shapes()
        return layer

    def get_weights(self) -> list[np.ndarray[Any, Any]]:
        """Copies of parameters and buffers in the order of the module's state_dict."""
        return [value.detach().cpu().numpy().copy() for value in self.module.state_dict().values()]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Put such a list back.

        Raises:
            DataError: another number of arrays, or other shapes.
        """
        state = self.module.state_dict()
        shapes = [tuple(np.shape(weight)) for weight in weights]
        expected = [tuple(value.shape) for value in state.values()]
        if shapes != expected:
            raise DataError(f"weights must have the shapes {expected}, got {shapes}.")
        with torch.no_grad():
            for value, weight in zip(state.values(), weights, strict=True):
                value.copy_(torch.as_tensor(np.array(weight)))

    def fit_generator(self, generator: Any, *args: Any, **kwargs: Any) -> Any:
        """`fit`, under its older name.

        Source: R keras `fit_generator(object, generator, steps_per_epoch, epochs, …)`.
        """
        first = "steps_per_epoch epochs verbose callbacks view_metrics validation_data validation_steps class_weight"
        names = (*first.split(), "max_queue_size", "workers", "initial_epoch")
        return self._renamed("fit", generator, names, args, kwargs)

    def evaluate_generator(self, generator: Any, *args: Any, **kwargs: Any) -> Any:
        """`evaluate`, under its older name."""
        return self._renamed("evaluate", generator, ("steps", "max_queue_size", "workers", "callbacks"), args, kwargs)

    def predict_generator(self, generator: Any, *args: Any, **kwargs: Any) -> Any:
        """`predict`, under its older name."""
        names = ("steps", "max_queue_size", "workers", "verbose", "callbacks")
        return self._renamed("predict", generator, names, args, kwargs)

    def _renamed(self, name: str, generator: Any, order: tuple[str, ...], args: Any, kwargs: Any) -> Any:
        warnings.warn(f"{name}_generator is deprecated: {name} takes generators.", DeprecationWarning, stacklevel=3)
        if len(args) > len(order):
            raise TypeError(f"{name}_generator takes at most {len(order) + 1} arguments by place, got {len(args) + 1}.")
        given = dict(zip(order, args, strict=False)) | kwargs
        unused = {"max_queue_size", "workers", "use_multiprocessing"}
        return getattr(self, name)(generator, **{key: value for key, value in given.items() if key not in unused})

    def _example(self) -> Any:
        raise NotImplementedError

    def _forget_shapes(self) -> None:
        raise NotImplementedError

    def _compile_config(self) -> dict[str, Any] | None:
        raise NotImplementedError


def keras_model(module: nn.Module) -> Any:
    """`Model(module)`, under R's name."""
    from fitdash.model import Model

    return Model(module)


def keras_model_sequential(layers: Sequence[nn.Module] = ()) -> Any:
    """A Model of layers in a row, under R's name.

    Args:
        layers: torch modules, wrapped in nn.Sequential.
    """
    return keras_model(nn.Sequential(*layers))


def multi_gpu_model(*_args: Any, **_kwargs: Any) -> Any:
    """Not there.

    Raises:
        NotImplementedError: always; its text says what to use.
    """
    raise NotImplementedError(
        "multi_gpu_model does not exist here: wrap the module in torch.nn.DataParallel before Model(module)."
    )
