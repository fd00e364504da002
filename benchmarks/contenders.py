"""Contenders: each trains a workload for a number of epochs and returns the accuracy on the held-out rows.

All train on the first four fifths of the rows with Adam and cross-entropy, compute loss and accuracy, and measure both
on the rest after every epoch, unless the docstring says what a peer leaves out.
"""

import atexit
import functools
import importlib.util
import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

import fitdash as fd
from benchmarks import keras_jax
from benchmarks.keras_networks import channels_last, network
from benchmarks.workloads import Workload

Tensor = torch.Tensor


class NoSuchNetwork(Exception):
    """A contender cannot build the network of the workload, and is left out of it."""


Contender = Callable[[Workload, Tensor, Tensor, int], float | keras_jax.Timed]


def bare(work: Workload, x: Tensor, y: Tensor, epochs: int) -> float:
    """A careful hand-written loop: sums stay tensors, validation runs in large batches."""
    return _loop(work, x, y, epochs, fused=False, gathers=False)


def tuned(work: Workload, x: Tensor, y: Tensor, epochs: int) -> float:
    """The same with torch's fused Adam and one gather per epoch."""
    return _loop(work, x, y, epochs, fused=True, gathers=True)


def loader(work: Workload, x: Tensor, y: Tensor, epochs: int) -> float:
    """The loop of tutorials: a DataLoader, and `.item()` after every step."""
    from torch.utils.data import DataLoader, TensorDataset

    cut, module = _cut(x), work.network()
    adam = torch.optim.Adam(module.parameters())
    batches = DataLoader(TensorDataset(x[:cut], y[:cut]), work.batch, shuffle=True)
    tests = DataLoader(TensorDataset(x[cut:], y[cut:]), work.batch)
    share = 0.0
    for _ in range(epochs):
        module.train()
        total, hits = 0.0, 0.0
        for xb, yb in batches:
            adam.zero_grad()
            said = module(xb)
            loss = F.cross_entropy(said, yb)
            loss.backward()
            adam.step()
            total += loss.item() * len(xb)
            hits += (said.argmax(1) == yb).sum().item()
        module.eval()
        with torch.no_grad():
            share = sum((module(xb).argmax(1) == yb).sum().item() for xb, yb in tests) / (len(x) - cut)
    return share


def fitdash(work: Workload, x: Tensor, y: Tensor, epochs: int) -> float:
    """fitdash by default: the step is recorded."""
    return _fitdash(work, x, y, epochs, run_eagerly=False)


def fitdash_eager(work: Workload, x: Tensor, y: Tensor, epochs: int) -> float:
    """fitdash with `run_eagerly`: every step runs as written."""
    return _fitdash(work, x, y, epochs, run_eagerly=True)


def fitdash_stored(work: Workload, x: Tensor, y: Tensor, epochs: int) -> float:
    """fitdash by default, while the writer thread stores its run, as for a dashboard that shows it live."""
    from fitdash.model.view_metrics import ScriptRecorder
    from fitdash.runs.protocol.events import Created

    writer = _writer()
    recorder = ScriptRecorder(secrets.token_hex(8), writer.put)
    writer.put(Created(uid=recorder.uid, name="benchmark", experiment={}, writer=writer.uid, state="running"))
    accuracy = _fitdash(work, x, y, epochs, run_eagerly=False, watcher=recorder)
    writer.flush()
    if len(writer.store.epochs(recorder.uid)) != epochs:
        raise RuntimeError("every epoch should have been stored")
    return accuracy


def fitdash_loader(work: Workload, x: Tensor, y: Tensor, epochs: int) -> float:
    """fitdash with a DataLoader over tensors in place of arrays."""
    from torch.utils.data import DataLoader, TensorDataset

    cut = _cut(x)
    batches = DataLoader(TensorDataset(x[:cut], y[:cut]), work.batch, shuffle=True)
    model = fd.Model(work.network()).compile("adam", nn.CrossEntropyLoss(), metrics=["accuracy"])
    history = model.fit(batches, epochs=epochs, verbose=0, validation_data=(x[cut:], y[cut:]))
    return history.history["val_accuracy"][-1]


def keras_torch(work: Workload, x: Tensor, y: Tensor, epochs: int) -> float:
    """Keras 3 on torch, with its own layers."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    rows = channels_last(x.numpy())
    model = network(rows.shape[1:], work.kind, work.layers or (), work.classes)
    settings = {"batch_size": work.batch, "epochs": epochs, "validation_split": 0.2, "verbose": 0}
    return model.fit(rows, y.numpy(), **settings).history["val_accuracy"][-1]


def keras_wrapped(work: Workload, x: Tensor, y: Tensor, epochs: int) -> float:
    """Keras 3 on torch around the module itself, where its own layers are slow."""
    if work.kind == "mlp":
        raise NoSuchNetwork
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    model = keras.Sequential([keras.layers.TorchModuleWrapper(work.network())])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    settings = {"batch_size": work.batch, "epochs": epochs, "validation_split": 0.2, "verbose": 0}
    return model.fit(x.numpy(), y.numpy(), **settings).history["val_accuracy"][-1]


def lightning(work: Workload, x: Tensor, y: Tensor, epochs: int) -> float:
    """Lightning with torchmetrics' accuracy and nothing that prints, logs or saves."""
    import logging
    import warnings

    import lightning as L
    from torch.utils.data import DataLoader, TensorDataset
    from torchmetrics.classification import MulticlassAccuracy

    class Module(L.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.network = work.network()
            self.seen = MulticlassAccuracy(work.classes, average="micro")
            self.held = MulticlassAccuracy(work.classes, average="micro")

        def training_step(self, batch: list[Tensor], index: int) -> Tensor:
            said = self.network(batch[0])
            loss = F.cross_entropy(said, batch[1])
            self.seen(said, batch[1])
            self.log("loss", loss, on_step=False, on_epoch=True)
            self.log("accuracy", self.seen, on_step=False, on_epoch=True)
            return loss

        def validation_step(self, batch: list[Tensor], index: int) -> None:
            said = self.network(batch[0])
            self.held(said, batch[1])
            self.log("val_loss", F.cross_entropy(said, batch[1]), on_epoch=True)
            self.log("val_accuracy", self.held, on_epoch=True)

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters())

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    cut, module = _cut(x), Module()
    batches = DataLoader(TensorDataset(x[:cut], y[:cut]), work.batch, shuffle=True)
    tests = DataLoader(TensorDataset(x[cut:], y[cut:]), work.batch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = L.Trainer(
            max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
            enable_model_summary=False, num_sanity_val_steps=0,
        )  # fmt: skip
        trainer.fit(module, batches, tests)
    return float(trainer.callback_metrics["val_accuracy"])


def skorch(work: Workload, x: Tensor, y: Tensor, epochs: int) -> float:
    """skorch; it measures no accuracy in training."""
    from skorch import NeuralNetClassifier
    from skorch.dataset import ValidSplit

    net = NeuralNetClassifier(
        work.network, criterion=nn.CrossEntropyLoss, optimizer=torch.optim.Adam, batch_size=work.batch, lr=1e-3,
        max_epochs=epochs, train_split=ValidSplit(5), iterator_train__shuffle=True, verbose=0,
    )  # fmt: skip
    return net.fit(x.numpy(), y.numpy()).history[-1]["valid_acc"]


def sklearn(work: Workload, x: Tensor, y: Tensor, epochs: int) -> float:
    """scikit-learn's MLP; it measures no accuracy in training, and only there where the network is an MLP."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    if work.layers is None:
        raise NoSuchNetwork
    net = MLPClassifier(
        work.layers, batch_size=work.batch, max_iter=epochs, early_stopping=True, validation_fraction=0.2,
        n_iter_no_change=epochs + 1,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        net.fit(x.numpy(), y.numpy())
    return net.validation_scores_[-1]


CONTENDERS: dict[str, Contender] = {
    "bare": bare,
    "tuned": tuned,
    "DataLoader loop": loader,
    "fitdash": fitdash,
    "fitdash, stored": fitdash_stored,
    "fitdash eager": fitdash_eager,
    "fitdash DataLoader": fitdash_loader,
    "keras-torch": keras_torch,
    "keras-torch, the module wrapped": keras_wrapped,
    "keras-jax": functools.partial(keras_jax.trained, at_once=0),
    "keras-jax, compiled before": functools.partial(keras_jax.trained, at_once=1),
    "keras-jax, compiled, 16 steps a call": functools.partial(keras_jax.trained, at_once=16),
    "Lightning": lightning,
    "skorch": skorch,
    "sklearn": sklearn,
}
NEEDS = {
    "keras-torch": "keras",
    "keras-torch, the module wrapped": "keras",
    "Lightning": "lightning",
    "skorch": "skorch",
    "sklearn": "sklearn",
}


def is_here(name: str) -> bool:
    """Whether the packages that a contender needs are installed."""
    if name.startswith("keras-jax"):
        return keras_jax.is_here()
    return name not in NEEDS or importlib.util.find_spec(NEEDS[name]) is not None


@functools.cache
def _writer() -> Any:
    """The writer of a temporary store, which is removed when this process exits."""
    from fitdash.runs.record.store import Store
    from fitdash.runs.record.writer import Writer

    folder = tempfile.TemporaryDirectory()
    writer = Writer(Store(Path(folder.name) / "runs.db"))
    atexit.register(lambda: (writer.close(), writer.store.close(), folder.cleanup()))
    return writer


def _fitdash(
    work: Workload, x: Tensor, y: Tensor, epochs: int, *, run_eagerly: bool, watcher: fd.Callback | None = None
) -> float:
    model = fd.Model(work.network())
    model.watchers += [] if watcher is None else [watcher]
    model.compile("adam", nn.CrossEntropyLoss(), metrics=["accuracy"], run_eagerly=run_eagerly)
    history = model.fit(x, y, batch_size=work.batch, epochs=epochs, validation_split=0.2, verbose=0)
    said = history.params["stepper"]
    if not run_eagerly and said != "recorded" and "too few steps" not in said:
        raise RuntimeError(f"the step should have been recorded, but: {said}")
    return history.history["val_accuracy"][-1]


def _cut(x: Tensor) -> int:
    return len(x) * 4 // 5


def _loop(work: Workload, x: Tensor, y: Tensor, epochs: int, *, fused: bool, gathers: bool) -> float:
    cut, module = _cut(x), work.network()
    adam = torch.optim.Adam(module.parameters(), fused=fused or None)
    share = 0.0
    for _ in range(epochs):
        module.train()
        order = torch.randperm(cut)
        total, hits = torch.zeros(()), torch.zeros((), dtype=torch.int64)
        parts = order.split(work.batch)
        if gathers:
            batches = zip(x[order].split(work.batch), y[order].split(work.batch), strict=True)
        else:
            batches = ((x[part], y[part]) for part in parts)
        for xb, yb in batches:
            adam.zero_grad()
            said = module(xb)
            loss = F.cross_entropy(said, yb)
            loss.backward()
            adam.step()
            total += loss.detach() * len(xb)
            hits += (said.argmax(1) == yb).sum()
        module.eval()
        with torch.inference_mode():
            pieces = zip(x[cut:].split(1024), y[cut:].split(1024), strict=True)
            found = [(F.cross_entropy(said := module(xb), yb), (said.argmax(1) == yb).sum()) for xb, yb in pieces]
        share = float(sum(right for _, right in found)) / (len(x) - cut)
        float(total), float(hits)
    return share
