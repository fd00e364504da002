"""The networks of the workloads in Keras' own layers, for the Keras backend of the process; needs no torch."""

from typing import Any

import numpy as np


def network(shape: tuple[int, ...], kind: str, widths: tuple[int, ...], classes: int, at_once: int = 1) -> Any:
    """A compiled network: "mlp", "cnn" or "gru", as `benchmarks.workloads` has them.

    Args:
        shape: Shape of one row, channels last.
        widths: Widths of the hidden layers of an MLP.
        at_once: Steps per call.
    """
    import keras

    layer = keras.layers
    hidden = {
        "mlp": [layer.Dense(width, activation="relu") for width in widths],
        "gru": [layer.GRU(64)],
        "cnn": [
            layer.Conv2D(16, 3, padding="same", activation="relu"),
            layer.MaxPooling2D(2),
            layer.Conv2D(32, 3, padding="same", activation="relu"),
            layer.MaxPooling2D(2),
            layer.Flatten(),
            layer.Dense(64, activation="relu"),
        ],
    }[kind]
    model = keras.Sequential([keras.Input(shape), *hidden, layer.Dense(classes)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"], steps_per_execution=at_once)
    model.optimizer.build(model.trainable_variables)
    return model


def channels_last(x: Any) -> Any:
    """Images with the channels last, as these networks take them; other rows as they are."""
    return np.ascontiguousarray(np.moveaxis(x, 1, -1)) if x.ndim == 4 else x
