"""The Keras code: it runs, agrees with fitdash where the same weights are given, and says where Keras differs."""

from dataclasses import replace

import numpy as np
import pytest
from torch import nn

from fitdash.data.tables.catalogue import dataset_of
from fitdash.data.tables.data_facts import facts_of
from fitdash.export.keras_code import keras_code
from fitdash.jobs.build import build
from fitdash.settings.callbacks import ModelCheckpointArgs
from fitdash.settings.compile import CompileArgs
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.declaration import problems_in
from fitdash.settings.layers import DropoutArgs
from fitdash.settings.losses_and_metrics import CLASS_METRICS, LOSSES, METRICS, SHORT_NAMES, full_name
from fitdash.settings.network import layers_in, pooled_sizes
from fitdash.settings.network_shape import shape_of
from tests.export.recipes import FILES, recipe, recipes, upload

PARTS = 4
HALVES = "history = model.fit("
TWO_BIASES = ("long_memory", "listed_memory")
GATHERED = ("listed_batches", "listed_batches_first", "listed_image")
"""Recipes whose validation takes a variance that torch gathers in another way than Keras; training agrees."""


def code_of(experiment, uploads=None):
    return keras_code(experiment, facts_of(dataset_of(experiment.data, uploads)))


def names(folder):
    return list(recipes(folder))


@pytest.fixture
def keras(tmp_path, monkeypatch):
    keras = pytest.importorskip("keras")
    monkeypatch.chdir(tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    keras.utils.clear_session(free_memory=False)
    return keras


@pytest.mark.parity
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning:keras")
@pytest.mark.parametrize("part", range(PARTS))
def test_every_recipe_runs_in_keras_and_agrees_with_fitdash(keras, home, part):
    uploads = home / "uploads"
    given = {name: comparable(one) for name, one in list(recipes(uploads).items())[part::PARTS]}

    apart = {}
    for name, one in given.items():
        keras.utils.clear_session(free_memory=False)
        theirs, ours = both(one, uploads)
        if name in GATHERED:
            theirs, ours = ({n: v for n, v in one.items() if not n.startswith("val_")} for one in (theirs, ours))
        if name not in TWO_BIASES and not agree(theirs, ours):
            apart[name] = (theirs, ours)

    assert apart == {}


def comparable(experiment):
    """The same in few steps: without order and dropout, which are left to chance, and passes that end with an epoch."""
    steps = None if experiment.fit.steps_per_epoch is None else 1
    size = None if experiment.fit.batch_size is None else 64
    fit = replace(experiment.fit, shuffle=False, steps_per_epoch=steps, batch_size=size)
    layers = tuple(replace(one, rate=0.0) if isinstance(one, DropoutArgs) else one for one in experiment.network.layers)
    return replace(experiment, network=replace(experiment.network, dropout=0.0, layers=layers), fit=fit)


def both(experiment, uploads):
    """What Keras logs when it begins with the weights of fitdash, and what fitdash logs."""
    built = build(experiment, uploads=uploads)
    before, fit, after = code_of(experiment, uploads).rpartition(HALVES)
    space = {}
    exec(before, space)
    share(built.model.module, space["model"], experiment, built.data.facts)
    exec(fit + after, space)
    return space["history"].history, built.model.fit(**built.fit_arguments).history


def share(module, model, experiment, facts):
    """Give the Keras model the weights of the module, layer by layer in the order in which both were written."""
    net, grid = experiment.network, None
    if net.kind == "cnn" and net.depth:
        grid = (net.width, *pooled_sizes(facts.image, net.depth)[-1])
    if net.kind == "layers":
        grid = next((one.before for one in layers_in(net, shape_of(facts)) if one.args.kind == "Flatten"), None)
    layers = [layer for layer in model.layers if layer.weights]
    if facts.parts or facts.outputs:
        layers.sort(key=lambda layer: written_at(layer.name, facts.outputs))
    parts = [part for part in module.modules() if not list(part.children()) and list(part.parameters())]
    for layer, part in zip(layers, parts, strict=True):
        layer.set_weights(weights_of(part, grid))
        # Only what comes right behind the grid has its numbers in another order.
        grid = None if isinstance(part, nn.Linear) else grid


def written_at(name, outputs):
    """Where a layer comes: those without a name of their own as Keras counts them, then the outputs."""
    count = name.rpartition("_")[2]
    return (1, outputs.index(name)) if name in outputs else (0, int(count) if count.isdigit() else 0)


def weights_of(part, grid):
    """The weights of a layer as Keras lays them out; behind a grid of (channels, height, width) pixel by pixel."""
    own = [parameter.detach().numpy() for parameter in part.parameters()]
    if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
        return [*own, part.running_mean.numpy(), part.running_var.numpy()]
    if isinstance(part, nn.LayerNorm):
        return own
    if isinstance(part, nn.GRU):
        reset, update, new = (np.arange(part.hidden_size) + part.hidden_size * gate for gate in range(3))
        kernel, again, bias, bias_again = (one[np.concatenate([update, reset, new])] for one in own)
        return [kernel.T, again.T, np.stack([bias, bias_again])]
    if isinstance(part, nn.LSTM):
        return [own[0].T, own[1].T, own[2] + own[3]]
    if isinstance(part, nn.Conv2d):
        return [own[0].transpose(2, 3, 1, 0), own[1]]
    if grid is not None:
        own[0] = own[0].reshape(-1, *grid).transpose(0, 2, 3, 1).reshape(len(own[0]), -1)
    return [own[0].T, own[1]]


def agree(theirs, ours):
    """Whether names are the same and numbers too; the area under a curve is counted in another way."""
    return sorted(theirs) == sorted(ours) and all(
        np.allclose(theirs[name], ours[name], rtol=1e-4, atol=0.02 if "auc" in name else 1e-4, equal_nan=True)
        for name in ours
    )


@pytest.mark.parity
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning:keras")
@pytest.mark.parametrize(
    ("data", "loss"),
    [("moons", "binary_crossentropy"), ("iris", "auto"), ("iris", "categorical_crossentropy"), ("diabetes", "mse")],
)
def test_every_metric_that_fits_counts_the_same_in_keras(keras, home, data, loss):
    facts = facts_of(dataset_of(DatasetArgs(name=data)))
    fitting = [
        name
        for name in (*METRICS, *SHORT_NAMES)
        if not problems_in(recipe(data, compile=CompileArgs(loss=loss, metrics=(name,))), facts)
    ]
    fitting = [name for name in fitting if not senseless(full_name(name), data)]

    one = comparable(recipe(data, epochs=2, compile=CompileArgs(loss=loss, metrics=tuple(fitting))))
    theirs, ours = both(one, home)

    assert len(fitting) > 3
    assert [name for name in ours if not agree({name: theirs.get(name)}, {name: ours[name]})] == []


def senseless(metric, data):
    """Shares of classes where there are none, the best 5 of 3, classes against one number."""
    classes = {"moons": 1, "iris": 3, "diabetes": 0}[data]
    of_classes = metric in CLASS_METRICS or "crossentropy" in metric
    of_columns = metric.startswith("categorical") and classes < 2
    return (of_classes and not classes) or ("top_k" in metric and classes < 5) or of_columns


@pytest.mark.parity
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning:keras")
@pytest.mark.parametrize("data", ["moons", "iris", "diabetes"])
def test_every_loss_that_fits_trains_the_same_in_keras(keras, home, data):
    facts = facts_of(dataset_of(DatasetArgs(name=data)))
    apart = []
    for loss in (*LOSSES, *(name for name in SHORT_NAMES if name != "acc")):
        if full_name(loss) == "cosine_similarity" and data == "diabetes":
            continue  # of one number it is the sign, whose slope is what rounding leaves, and Adam makes that large
        one = comparable(recipe(data, epochs=2, compile=CompileArgs(loss=loss, metrics=())))
        if not problems_in(one, facts) and not agree(*both(one, home)):
            apart.append(loss)

    assert apart == []


def test_keras_code_says_what_keras_presets_in_another_way():
    code = code_of(recipe(epochs=10, batch_size=None, verbose=None))

    assert "# epochs: where it is not given, Keras trains 1, fitdash and R 10.\n" in code
    assert 'optimizer="adam"' in code
    assert "history = model.fit(x, y, epochs=10)\n" in code


@pytest.mark.parametrize(
    ("fit", "text"),
    [
        ({"steps_per_epoch": 3}, "# steps_per_epoch: alone, Keras takes other batch sizes and shuffles;"),
        ({"steps_per_epoch": 3, "batch_size": None}, "batch_size=32, epochs=3, verbose=0, shuffle=False, steps_per"),
        ({"shuffle": "batch"}, "# shuffle: Keras moves rows within each batch, fitdash the batches.\n"),
        ({"view_metrics": True}, "# view_metrics: Keras has no live chart.\n"),
    ],
)
def test_where_keras_differs_a_comment_says_so(fit, text):
    assert text in code_of(recipe(**fit))


def test_files_of_checkpoints_have_the_ending_that_keras_asks_for():
    whole = ModelCheckpointArgs(filepath="{epoch:02d}.pt")
    weights = ModelCheckpointArgs(filepath="best.pt", save_weights_only=True)

    code = code_of(recipe(validation_split=0.2, callbacks=(whole, weights)))

    assert 'ModelCheckpoint(filepath="{epoch:02d}.keras")' in code
    assert 'ModelCheckpoint(filepath="best.weights.h5", save_weights_only=True)' in code


def test_where_both_weights_are_set_keras_is_given_their_product(home):
    fit = {"sample_weight": "weight", "class_weight": {1: 2.0}, "validation_split": 0.25}

    code = code_of(recipe(upload(home / "uploads"), **fit), home / "uploads")

    assert 'data.hold_out(0.25, kind="last")' in code
    assert "sample_weight=weight[train] * by_class[train]" in code
    assert "class_weight=" not in code.replace(" = ", "=").partition("model.fit")[2]
