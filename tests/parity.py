"""The same small network in Keras and in torch, with the same parameters, trained by Keras and by fitdash.

    pair = compiled(twins(4, 8, 3, end="softmax"), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    keras, own = pair.fit(*rows(50, classes=3), epochs=3, batch_size=16)
    assert_same(own, keras)

Keras is imported when a pair is made. Its warnings are kept apart; fitdash's reach the test.
"""

import contextlib
import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import nn

ENDS = {"softmax": lambda: nn.Softmax(-1), "sigmoid": nn.Sigmoid, "linear": nn.Identity}
KERAS_NAMES = {
    "sgd": "SGD",
    "adam": "Adam",
    "adamw": "AdamW",
    "rmsprop": "RMSprop",
    "adagrad": "Adagrad",
    "adadelta": "Adadelta",
    "adamax": "Adamax",
    "nadam": "Nadam",
}
EPOCH_HOOKS = ("on_epoch_begin", "on_epoch_end")
RUN_HOOKS = tuple(f"on_{kind}_{edge}" for kind in ("train", "test", "predict") for edge in ("begin", "end"))
BATCH_HOOKS = tuple(f"on_{kind}_batch_{edge}" for kind in ("train", "test", "predict") for edge in ("begin", "end"))


# data -----------------------------------------------------------------------------------------------------------------


def rows(n: int = 50, *, classes: int | None = None, one_hot: bool = False, shape: Any = 4, seed: int = 0) -> Any:
    """x (n, *shape) and y: class ids (n,), one-hot (n, classes), or without classes a number each, (n, 1)."""
    numbers = np.random.default_rng(seed)
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    x = numbers.normal(size=(n, *shape)).astype("float32")
    steps = shape[:-1]
    if classes is None:
        return x, (x.sum(axis=-1, keepdims=True) + numbers.normal(size=(n, *steps, 1)) * 0.1).astype("float32")
    y = numbers.integers(0, classes, size=(n, *steps))
    return x, np.eye(classes, dtype="float32")[y] if one_hot else y


def weights(n: int = 50, seed: int = 1) -> np.ndarray:
    """One weight for each sample, some of them zero."""
    numbers = np.random.default_rng(seed)
    return (numbers.uniform(0, 3, size=n) * (numbers.uniform(size=n) > 0.2)).astype("float32")


# networks -------------------------------------------------------------------------------------------------------------


def twins(inputs: Any, *widths: int, end: str = "softmax", seed: int = 0) -> tuple[Any, nn.Module]:
    """Dense layers with ReLU between them, as keras.Sequential and nn.Sequential.

    Args:
        inputs: Features, or a shape such as (t, features): dense layers work on the last axis.
        widths: Of the layers; the last is the number of outputs.
        end: "softmax", "sigmoid" or "linear".
        seed: Of the parameters, which both share.
    """
    import keras

    shape = (inputs,) if isinstance(inputs, int) else tuple(inputs)
    model = keras.Sequential([keras.Input(shape)])
    layers: list[nn.Module] = []
    for place, (a, b) in enumerate(pairwise([shape[-1], *widths])):
        is_last = place == len(widths) - 1
        model.add(keras.layers.Dense(b, activation=end if is_last else "relu"))
        layers += [nn.Linear(a, b), ENDS[end]() if is_last else nn.ReLU()]
    module = nn.Sequential(*layers)
    _share(model, module, seed)
    return model, module


class Heads(nn.Module):
    """A shared layer and one head for each name; gives a list or a dict."""

    def __init__(self, features: int, width: int, heads: dict[str, tuple[int, str]], *, as_dict: bool) -> None:
        super().__init__()
        self.shared = nn.Sequential(nn.Linear(features, width), nn.ReLU())
        self.heads = nn.ModuleList(nn.Sequential(nn.Linear(width, n), ENDS[end]()) for n, end in heads.values())
        self.output_names = list(heads)
        self.as_dict = as_dict

    def forward(self, x: torch.Tensor) -> Any:
        shared = self.shared(x)
        outputs = [head(shared) for head in self.heads]
        return dict(zip(self.output_names, outputs, strict=True)) if self.as_dict else outputs


def two_heads(
    features: int = 4, width: int = 6, *, as_dict: bool = False, seed: int = 0, **heads: tuple[int, str]
) -> tuple[Any, nn.Module]:
    """Networks with several outputs: `two_heads(price=(1, "linear"), kind=(3, "softmax"))`."""
    import keras

    heads = heads or {"price": (1, "linear"), "kind": (3, "softmax")}
    inputs = keras.Input((features,))
    shared = keras.layers.Dense(width, activation="relu", name="shared")(inputs)
    outputs = {name: keras.layers.Dense(n, activation=end, name=name)(shared) for name, (n, end) in heads.items()}
    model = keras.Model(inputs, outputs if as_dict else list(outputs.values()))
    module = Heads(features, width, heads, as_dict=as_dict)
    _share(model, module, seed)
    return model, module


def _share(model: Any, module: nn.Module, seed: int) -> None:
    """Draw parameters and give them to both."""
    numbers = np.random.default_rng(seed)
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.from_numpy(numbers.normal(size=tuple(p.shape)).astype("float32") * 0.4))
    drawn = iter(module.parameters())
    for layer in _layers(model, module):
        layer.set_weights([next(drawn).detach().numpy().T for _ in layer.weights])


def _layers(model: Any, module: nn.Module) -> list[Any]:
    """The Keras layers in the order of the module's; Keras sorts heads by name."""
    names = getattr(module, "output_names", None)
    return model.layers if names is None else [model.get_layer(name) for name in ("shared", *names)]


def _parameters(model: Any, module: nn.Module) -> list[np.ndarray]:
    """Copies of Keras' parameters, each laid out as the module's: matrices of dense layers the other way round."""
    return [weight.value.detach().numpy().T.copy() for layer in _layers(model, module) for weight in layer.weights]


# training -------------------------------------------------------------------------------------------------------------


@dataclass
class Outcome:
    """What one side did in one call.

    Attributes:
        result: What the method returned.
        history, epoch: Of the History, empty where the method gives none.
        events: (hook, epoch or batch or None, logs) in the order they came, arrays in logs left out.
        parameters: After the call, in the order and layout of the torch module's.
        text: What was printed.
        warned: Texts of Keras' warnings; fitdash's are not caught.
        callbacks: The instances made for this side.
    """

    result: Any
    history: dict[str, list[float]]
    epoch: list[int]
    events: list[tuple[str, int | None, dict[str, float]]]
    parameters: list[np.ndarray]
    text: str
    warned: list[str] = field(default_factory=list)
    callbacks: list[Any] = field(default_factory=list)


@dataclass
class Pair:
    """The two compiled models; every call is made to both."""

    keras: Any
    own: Any

    def fit(self, *data: Any, **arguments: Any) -> tuple[Outcome, Outcome]:
        """`call("fit", …)` without shuffling unless asked for; give `epochs`, whose defaults differ."""
        return self.call("fit", *data, **{"shuffle": False, **arguments})

    def call(
        self,
        method: str,
        *data: Any,
        callbacks: Callable[[Any], Sequence[Any]] | None = None,
        keras_only: dict[str, Any] | None = None,
        own_only: dict[str, Any] | None = None,
        **arguments: Any,
    ) -> tuple[Outcome, Outcome]:
        """What Keras and what fitdash did.

        Args:
            method: "fit", "evaluate", "predict", "train_on_batch", …
            data: x, y by place. A one-shot source belongs into keras_only and own_only, one for each.
            callbacks: Given `keras.callbacks` or `fitdash.callbacks`, makes the callbacks.
            keras_only, own_only: Arguments for one side.
            arguments: For both; verbose is 0 unless given.
        """
        import keras

        import fitdash.callbacks

        outcomes = []
        sides = ((self.keras, keras.callbacks, keras_only), (self.own, fitdash.callbacks, own_only))
        for model, kit, only in sides:
            given = {**arguments, **(only or {})}
            made = [] if callbacks is None else list(callbacks(kit))
            trace = tracer(kit.Callback)
            if not method.endswith("_on_batch"):
                given = {"verbose": 0, **given, "callbacks": [*made, trace]}
            outcomes.append(self._outcome(model, method, data, given, trace, made))
        return outcomes[0], outcomes[1]

    def _outcome(
        self, model: Any, method: str, data: Any, given: dict[str, Any], trace: Any, made: list[Any]
    ) -> Outcome:
        is_keras, text = model is self.keras, io.StringIO()
        with contextlib.redirect_stdout(text), warnings.catch_warnings(record=is_keras) as caught:
            if is_keras:
                warnings.simplefilter("always")
            result = getattr(model, method)(*data, **given)
        own = [p.detach().numpy().copy() for p in self.own.module.parameters()]
        return Outcome(
            result=result,
            history=dict(getattr(result, "history", {})),
            epoch=list(getattr(result, "epoch", [])),
            events=trace.events,
            parameters=_parameters(self.keras, self.own.module) if is_keras else own,
            text=text.getvalue(),
            warned=[str(w.message) for w in caught or [] if not issubclass(w.category, DeprecationWarning)],
            callbacks=made,
        )


def compiled(models: tuple[Any, nn.Module], *, optimizer: Any = "sgd", **arguments: Any) -> Pair:
    """Both models compiled alike.

    Args:
        models: From `twins` or `two_heads`.
        optimizer: A name, or (name, settings).
        arguments: Of `compile`. An argument that differs is given as `Each(keras=…, own=…)`.
    """
    import keras

    import fitdash

    name, settings = (optimizer, {}) if isinstance(optimizer, str) else optimizer
    model, module = models
    own = fitdash.Model(module)
    model.compile(
        optimizer=getattr(keras.optimizers, KERAS_NAMES[name])(**settings),
        **{key: value.keras if isinstance(value, Each) else value for key, value in arguments.items()},
    )
    own.compile(
        optimizer=getattr(fitdash.optimizers, name)(**settings) if settings else name,
        **{key: value.own if isinstance(value, Each) else value for key, value in arguments.items()},
    )
    return Pair(model, own)


class Each(SimpleNamespace):
    """An argument that is another for Keras than for fitdash: `Each(keras=…, own=…)`."""


def tracer(base: type) -> Any:
    """A callback of that class that notes every hook in its `events`."""

    def note(hook: str, is_indexed: bool) -> Callable[..., None]:
        def indexed(self: Any, index: int, logs: dict[str, Any] | None = None) -> None:
            self.events.append((hook, int(index), _numbers(logs)))

        def plain(self: Any, logs: dict[str, Any] | None = None) -> None:
            self.events.append((hook, None, _numbers(logs)))

        return indexed if is_indexed else plain

    hooks = {hook: note(hook, hook not in RUN_HOOKS) for hook in (*EPOCH_HOOKS, *RUN_HOOKS, *BATCH_HOOKS)}
    trace = type("Trace", (base,), hooks)()
    trace.events = []
    return trace


def _numbers(logs: dict[str, Any] | None) -> dict[str, float]:
    return {key: float(value) for key, value in (logs or {}).items() if np.ndim(value) == 0}


# comparing ------------------------------------------------------------------------------------------------------------


def assert_same(own: Outcome, keras: Outcome, *, events: bool = True, tolerance: float = 1e-5) -> None:
    """Equal epochs, history, events with their logs, and parameters; numbers within the tolerance, NaN equals NaN."""
    assert own.epoch == keras.epoch
    assert_same_numbers(own.history, keras.history, tolerance)
    if events:
        assert_same_events(own, keras, tolerance=tolerance)
    assert len(own.parameters) == len(keras.parameters)
    for a, b in zip(own.parameters, keras.parameters, strict=True):
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


def assert_same_events(own: Outcome, keras: Outcome, *, tolerance: float = 1e-5) -> None:
    """Equal hooks in equal order, with equal logs."""
    assert [event[:2] for event in own.events] == [event[:2] for event in keras.events]
    for (hook, index, a), (_, _, b) in zip(own.events, keras.events, strict=True):
        assert_same_numbers(a, b, tolerance, f"{hook} {'' if index is None else index}: ")


def assert_same_numbers(own: dict[str, Any], keras: dict[str, Any], tolerance: float = 1e-5, where: str = "") -> None:
    """Equal keys, in any order, with equal numbers or lists of them."""
    assert sorted(own) == sorted(keras), where
    for key, value in own.items():
        np.testing.assert_allclose(value, keras[key], rtol=tolerance, atol=tolerance, err_msg=f"{where}{key}")
