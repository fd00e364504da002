"""Changes settings of a fit while it trains, between two steps, in the training thread."""

from collections.abc import Callable
from typing import Any

from fitdash.engine.callbacks.learning_rates import learning_rates_of, set_learning_rates
from fitdash.errors import SettingError
from fitdash.settings.batch_size import single_sample_batch


def change_setting(model: Any, setting: str, value: Any) -> tuple[Any, Any]:
    """Change a setting from the next batch on; `batch_size` from the next pass over the data on.

    Args:
        model: The `fitdash.Model`, while it is in `fit`.
        setting: "learning_rate", "weight_decay", "dropout", "batch_size" or "epochs".
        value: The new value; `epochs` never ends before the current epoch.

    Returns:
        The old value and the new one.

    Raises:
        SettingError: this model, or its data, has no such setting.
    """
    return _CHANGES[setting](model, value)


def announce_batch_size(model: Any) -> None:
    """Pass a changed batch size to the callbacks once it takes effect; called between two epochs."""
    training = getattr(model, "training", None)
    if training is not None and training.passes.settle():
        size = training.passes.source.batch_size
        training.callbacks.change_params(batch_size=size, steps=training.passes.steps)


def dropout_rates(model: Any) -> dict[str, float]:
    """Dropout rate (share 0–1) by the name of each dropout layer."""
    from torch import nn

    kinds = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
    return {name: float(part.p) for name, part in model.module.named_modules() if isinstance(part, kinds)}


def set_dropout_rates(model: Any, shares: dict[str, float]) -> None:
    """Set the rate of each dropout layer, by name."""
    layers = dict(model.module.named_modules())
    for name, share in shares.items():
        layers[name].p = share


def _learning_rate(model: Any, value: Any) -> tuple[Any, Any]:
    rates = learning_rates_of(model)
    if not rates:
        raise SettingError("learning_rate can change only where there is something to train, got no parameters.")
    set_learning_rates(model, [float(value)] * len(rates))
    return rates[0], float(value)


def _weight_decay(model: Any, value: Any) -> tuple[Any, Any]:
    groups = [] if model.optimizer is None else model.optimizer.param_groups
    if not groups or not all("weight_decay" in group for group in groups):
        raise SettingError("weight_decay can change only where the optimizer has it, got one without.")
    old = groups[0]["weight_decay"]
    for group in groups:
        group["weight_decay"] = float(value)
    return old, float(value)


def _dropout(model: Any, value: Any) -> tuple[Any, Any]:
    shares = dropout_rates(model)
    if not shares:
        raise SettingError(
            "dropout can change only where the network has dropout layers, got none. Start a run with dropout above 0."
        )
    set_dropout_rates(model, dict.fromkeys(shares, float(value)))
    return next(iter(shares.values())), float(value)


def _batch_size(model: Any, value: Any) -> tuple[Any, Any]:
    passes = model.training.passes
    if not hasattr(passes.source, "batch_size"):
        raise SettingError("batch_size can change only where x is arrays or a Dataset, got data that is in batches.")
    old = passes.source.batch_size
    which = (
        single_sample_batch(passes.source.rows, int(value)) if _normalizes_rows(model.module, passes.source) else None
    )
    if which is not None:
        rule = "batch_size must leave batches of two rows or more for BatchNorm1d"
        came = f"got {int(value)} for {passes.source.rows} rows"
        raise SettingError(f"{rule}, {came}. {which} batch would have 1: choose another.")
    passes.resize(int(value))
    return old, int(value)


def _normalizes_rows(module: Any, source: Any) -> bool:
    """True if a BatchNorm1d gets one value per row and feature, so that it fails on a batch of one row."""
    from torch.nn import BatchNorm1d

    is_flat = getattr(source, "inputs", 0) == 1 and len(source.parts[0].shape) <= 2
    return is_flat and any(isinstance(part, BatchNorm1d) for part in module.modules())


def _epochs(model: Any, value: Any) -> tuple[Any, Any]:
    training = model.training
    old, new = training.epochs, max(int(value), model.epoch + 1)
    training.epochs = new
    training.callbacks.change_params(epochs=new)
    return old, new


_CHANGES: dict[str, Callable[[Any, Any], tuple[Any, Any]]] = {
    "learning_rate": _learning_rate,
    "weight_decay": _weight_decay,
    "dropout": _dropout,
    "batch_size": _batch_size,
    "epochs": _epochs,
}
