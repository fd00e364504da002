"""The R code: only what the reference page has, and read back to the same experiment."""

import random
from dataclasses import replace
from functools import cache

import pytest

from fitdash.data.tables.catalogue import dataset_of
from fitdash.data.tables.data_facts import facts_of
from fitdash.export.fitdash_code import fitdash_code
from fitdash.export.r_code import r_code
from fitdash.export.resolved_experiment import resolve_experiment
from fitdash.pasted.read import read_pasted
from fitdash.settings.declaration import problems_in
from fitdash.settings.experiment import Experiment
from fitdash.settings.layer_list import as_layer_list
from fitdash.settings.layers import ActivationArgs, FlattenArgs
from fitdash.settings.network import NetworkArgs
from tests.export.recipes import recipe, recipes
from tests.ui.experiments import drawn


def facts_in(experiment, uploads=None):
    return _facts(experiment.data, uploads)


@cache
def _facts(data, uploads):
    return facts_of(dataset_of(data, uploads))


def told(experiment, facts):
    """What code can say of an experiment: what is without effect at its default, every name resolved."""
    said = resolve_experiment(experiment, facts)
    weights = said.experiment.compile.loss_weights
    weights = None if weights is None else {name: weights.get(name, 1.0) for name in facts.outputs}
    compiled = replace(said.experiment.compile, loss=said.concrete_loss, metrics=said.metrics, loss_weights=weights)
    network = replace(said.experiment.network, kind=said.kind)
    if network.depth == 0:  # what is linear has no other family
        kind = network.kind if network.kind in ("branches", "heads") else "mlp"
        network = NetworkArgs(depth=0, kind=kind)
    weight = said.experiment.fit.class_weight
    held = said.experiment.fit.validation_data
    held = None if held is None else replace(held, content=None)
    fit = replace(said.experiment.fit, class_weight=weight or None, validation_data=held)
    data = replace(said.experiment.data, content=None)
    return replace(said.experiment, compile=compiled, network=network, fit=fit, data=data)


def read_as(network, expected):
    """A preset as the list that was written, where it is one of both."""
    if expected.kind != "layers" or network.kind == "layers":
        return network
    listed = as_layer_list(network, None)
    return expected if listed.layers == merged(expected.layers) else network


def merged(layers):
    """Without what a preset does by itself: bends are in the layers, an image without windows is laid out anyway."""
    found = []
    for one in layers:
        if isinstance(one, ActivationArgs) and found and getattr(found[-1], "activation", "") == "linear":
            found[-1] = replace(found[-1], activation=one.activation)
        elif not isinstance(one, FlattenArgs):
            found.append(one)
    return tuple(found)


def by_chance(dice):
    """A random experiment without problems, and its data in numbers."""
    while True:
        one = drawn(dice)
        if one.data.name != "upload" and not problems_in(one) and not problems_in(one, facts := facts_in(one)):
            return one, facts


@pytest.mark.parametrize("seed", range(8))
def test_r_code_is_read_back_to_the_same_experiment(seed):
    dice = random.Random(seed)
    for _ in range(25):
        experiment, facts = by_chance(dice)

        pasted = read_pasted(r_code(experiment, facts))

        assert pasted.language == "R"
        applied, expected = pasted.applied(Experiment()), told(experiment, facts)
        assert replace(applied, network=read_as(applied.network, expected.network)) == expected
        assert pasted.not_understood == ()


@pytest.mark.parametrize("write", [r_code, fitdash_code])
def test_every_recipe_is_read_back(write, home):
    uploads = home / "uploads"
    for name, experiment in recipes(uploads).items():
        facts = facts_in(experiment, uploads)
        if write is fitdash_code and resolve_experiment(experiment, facts).kind in ("branches", "heads"):
            continue  # classes of their own, which are not read
        if name == "file_weighs":
            continue  # its weights are named as a column of a table, which is not read

        pasted = read_pasted(write(experiment, facts))

        expected = told(experiment, facts)
        if write is fitdash_code:
            loss = resolve_experiment(experiment, facts).loss
            expected = replace(expected, compile=replace(expected.compile, loss=loss))
        applied = pasted.applied(Experiment())
        assert replace(applied, network=read_as(applied.network, expected.network)) == expected, name
        assert pasted.not_understood == (), name


def test_r_code_speaks_like_the_reference_page():
    fit = {"class_weight": {0: 1.0, 1: 2.5}, "shuffle": False, "view_metrics": True, "steps_per_epoch": None}

    code = r_code(recipe("moons", **fit, validation_split=0.25), facts_in(recipe("moons")))

    assert code == (
        "library(keras)\n"
        'fitdash <- reticulate::import("fitdash")  # the data alone\n'
        "\n"
        'data <- fitdash$load_dataset("moons")\n'
        "arrays <- data$arrays(validation_split = 0.25)\n"
        "x <- arrays[[1]]\n"
        "y <- arrays[[2]]\n"
        "\n"
        "tensorflow::set_random_seed(3L)\n"
        "\n"
        "model <- keras_model_sequential() %>%\n"
        '  layer_dense(units = 6L, activation = "relu", input_shape = 2L) %>%\n'
        '  layer_dense(units = 1L, activation = "sigmoid")\n'
        "\n"
        'model %>% compile(optimizer = "adam", loss = "binary_crossentropy", metrics = list("accuracy"))\n'
        "\n"
        "history <- model %>% fit(\n"
        "  x,\n"
        "  y,\n"
        "  batch_size = 16L,\n"
        "  epochs = 3L,\n"
        "  verbose = 0L,\n"
        "  view_metrics = TRUE,\n"
        "  validation_split = 0.25,\n"
        "  shuffle = FALSE,\n"
        '  class_weight = list("0" = 1, "1" = 2.5)\n'
        ")\n"
    )
