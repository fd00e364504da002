"""Listed layers: what can stand where, how large they are, and their way into a file and back."""

from dataclasses import replace

import pytest

from fitdash.errors import SettingError
from fitdash.settings.advice import advice_in
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.declaration import inert_in, problems_in
from fitdash.settings.ensemble_rules import best_ensemble_size
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.layer_list import as_layer_list
from fitdash.settings.layers import (
    LAYERS,
    ActivationArgs,
    BatchNormalizationArgs,
    ConvolutionArgs,
    DenseArgs,
    DropoutArgs,
    FlattenArgs,
    GruArgs,
    LayerNormalizationArgs,
    LstmArgs,
    PoolingArgs,
    layer_kinds_for,
)
from fitdash.settings.network import NetworkArgs, parameters_of
from fitdash.settings.network_shape import shape_of
from fitdash.settings.search_space import sweepable_settings, with_value

TABLE = DataFacts(rows=150, classes=("a", "b", "c"), inputs=4)
IMAGES = DataFacts(rows=1797, classes=tuple("0123456789"), inputs=64, image=(8, 8))
STEPS = DataFacts(rows=600, classes=("calm", "fast", "slow"), inputs=1, steps=30)


def listed(*layers):
    return NetworkArgs(kind="layers", layers=layers)


def found(experiment, facts):
    return [(problem.where, problem.text) for problem in problems_in(experiment, facts)]


def test_layers_that_fit_have_no_problem():
    image = listed(
        ConvolutionArgs(), BatchNormalizationArgs(), PoolingArgs(), FlattenArgs(), DropoutArgs(), DenseArgs()
    )
    steps = listed(DenseArgs(), GruArgs(), LayerNormalizationArgs(), ActivationArgs(), LstmArgs())

    assert found(Experiment(network=image), IMAGES) == []
    assert found(Experiment(network=steps), STEPS) == []
    assert found(Experiment(network=listed()), TABLE) == []
    assert found(Experiment(network=listed(DenseArgs(), BatchNormalizationArgs())), IMAGES) == []


@pytest.mark.parametrize(
    ("facts", "layers", "place", "text"),
    [
        (
            IMAGES,
            (ConvolutionArgs(filters=4), DenseArgs(), FlattenArgs()),
            1,
            "Dense must get numbers in a row or steps of a sequence, got an image, 4 × 8 × 8. Put Flatten before it.",
        ),
        (
            IMAGES,
            (FlattenArgs(), ConvolutionArgs()),
            1,
            "Conv2D must get an image, got 64 numbers in a row. Move it before Flatten.",
        ),
        (
            IMAGES,
            (ConvolutionArgs(filters=4),),
            0,
            "The output must get numbers in a row, got an image, 4 × 8 × 8. Add Flatten at the end.",
        ),
        (
            IMAGES,
            (PoolingArgs(pool_size=9), FlattenArgs()),
            0,
            "MaxPooling2D pool_size must be at most 8 here, got 9. Lower it.",
        ),
        (
            IMAGES,
            (ConvolutionArgs(kernel_size=9, padding="valid"), FlattenArgs()),
            0,
            "Conv2D kernel_size must be at most 8 here, got 9. Set padding to same.",
        ),
        (
            TABLE,
            (DenseArgs(), PoolingArgs()),
            1,
            "MaxPooling2D must get an image, got 64 numbers in a row. Remove it: the data are no images.",
        ),
        (
            TABLE,
            (LstmArgs(),),
            0,
            "LSTM must get steps of a sequence, got 4 numbers in a row. Remove it: the data are no sequences.",
        ),
        (
            STEPS,
            (BatchNormalizationArgs(),),
            0,
            "BatchNormalization must get numbers in a row or an image, got steps of a sequence, 30 × 1. "
            "Take LayerNormalization.",
        ),
    ],
)
def test_a_layer_in_a_wrong_place_says_so_and_what_to_do(facts, layers, place, text):
    assert found(Experiment(network=listed(*layers)), facts) == [(f"network.layers.{place}", text)]


@pytest.mark.parametrize(
    ("args", "where", "text"),
    [
        (DenseArgs(units=0), "units", "Dense units must be at least 1, got 0."),
        (DropoutArgs(rate=1), "rate", "Dropout rate must be below 1, got 1."),
        (
            ConvolutionArgs(kernel_size=4),
            "kernel_size",
            "Conv2D kernel_size must be odd while padding is same, got 4. Set padding to valid.",
        ),
    ],
)
def test_a_setting_of_a_layer_stands_at_its_place(args, where, text):
    layers = (args, FlattenArgs()) if isinstance(args, ConvolutionArgs) else (args,)

    assert found(Experiment(network=listed(*layers)), IMAGES) == [(f"network.layers.0.{where}", text)]


def test_what_is_no_layer_and_too_many_of_them_stop_a_run():
    strange = NetworkArgs(kind="layers", layers=[DenseArgs(), "Dense"])

    assert found(Experiment(network=strange), TABLE) == [
        ("network.layers.1", "layers must hold settings of layers, got 'Dense'.")
    ]
    assert found(Experiment(network=listed(*[ActivationArgs()] * 101)), TABLE) == [
        ("network.layers", "layers must be at most 100, got 101. Remove some.")
    ]


def test_layers_beyond_memory_stop_a_run_at_the_largest():
    network = listed(DenseArgs(), DenseArgs(units=60_000), DenseArgs(units=60_000))

    assert found(Experiment(network=network), TABLE) == [
        (
            "network.layers.2",
            "The layers must have at most 100,000,000 parameters together, got 3,604,140,323. Lower the largest.",
        )
    ]


def test_many_parameters_are_told_at_the_largest_layer():
    notes = advice_in(Experiment(network=listed(DenseArgs(), DenseArgs(units=40_000))), TABLE)

    assert [note.where for note in notes if "parameters" in note.text] == ["network.layers.1"]


def test_a_batch_of_one_row_cannot_be_normalized():
    network = listed(DenseArgs(), BatchNormalizationArgs())
    rule = "BatchNormalization must get batches of two samples or more."

    assert found(Experiment(network=network, fit=FitArgs(batch_size=149)), TABLE) == [
        ("network.layers.1", f"{rule} The last batch has 1. Set another batch_size.")
    ]
    assert found(Experiment(network=network, fit=FitArgs(batch_size=1)), TABLE) == [
        ("network.layers.1", f"{rule} Every batch has 1. Set another batch_size.")
    ]
    pixels = listed(ConvolutionArgs(), BatchNormalizationArgs(), FlattenArgs())
    assert found(Experiment(network=pixels, fit=FitArgs(batch_size=1)), IMAGES) == []


def test_a_run_too_short_for_its_momentum_is_told():
    network = listed(BatchNormalizationArgs())
    short, long = (FitArgs(validation_split=0.2, epochs=epochs) for epochs in (5, 200))

    assert [note.where for note in advice_in(Experiment(network=network, fit=short), TABLE)] == [
        "network.layers.0.momentum"
    ]
    assert advice_in(Experiment(network=network, fit=long), TABLE) == []


def test_an_experiment_with_layers_comes_back_from_its_file():
    experiment = Experiment(network=listed(*(cls() for cls in LAYERS.values())))

    assert Experiment.from_json(experiment.to_json()) == experiment


def test_an_experiment_from_before_there_were_layers_is_read():
    plain = Experiment(network=NetworkArgs(width=8)).to_dict()

    assert "layers" not in plain["network"]
    assert Experiment.from_dict(plain).network == NetworkArgs(width=8)


def test_a_file_with_an_unknown_layer_is_refused_in_words():
    plain = Experiment(network=listed(DenseArgs())).to_dict()
    plain["network"]["layers"][0]["kind"] = "Dens"

    with pytest.raises(SettingError, match="Unknown layer at network.layers.0, 'Dens'. Did you mean 'Dense'?"):
        Experiment.from_dict(plain)


@pytest.mark.parametrize(
    ("kind", "facts"), [("mlp", TABLE), ("mlp", IMAGES), ("cnn", IMAGES), ("gru", STEPS), ("lstm", STEPS)]
)
def test_a_preset_as_layers_is_as_large(kind, facts):
    network = NetworkArgs(kind=kind, width=5, depth=3, dropout=0.5)

    layers = as_layer_list(network, facts)

    assert parameters_of(layers, shape_of(facts)) == parameters_of(network, shape_of(facts))
    assert found(Experiment(network=layers), facts) == []
    assert layers.silenced == 0.5


def test_several_inputs_are_no_list_of_layers():
    halves = replace(IMAGES, image=None, parts=(("upper", 32), ("lower", 32)))

    assert as_layer_list(NetworkArgs(), halves) is None
    assert "kind must be 'auto' or 'branches'" in found(Experiment(network=listed()), halves)[0][1]


def test_only_layers_that_can_fit_are_offered():
    assert "Conv2D" in layer_kinds_for(IMAGES)
    assert layer_kinds_for(TABLE) == ("Dense", "Dropout", "Activation", "BatchNormalization", "LayerNormalization")
    assert layer_kinds_for(STEPS) == ("Dense", "Dropout", "Activation", "LayerNormalization", "GRU", "LSTM")


def test_the_settings_of_presets_are_without_effect_beside_layers():
    inert = inert_in(Experiment(network=listed(DenseArgs())), TABLE)

    assert {name for name in inert if name.startswith("network.")} == {
        f"network.{name}" for name in ("width", "depth", "activation", "dropout")
    }


def test_a_sweep_varies_the_settings_of_layers():
    experiment = Experiment(network=listed(DenseArgs(), DropoutArgs()))

    assert {"network.layers.0.units", "network.layers.1.rate"} <= set(sweepable_settings(experiment))
    assert with_value(experiment, "network.layers.0.units", 9).network.layers[0] == DenseArgs(units=9)
    assert best_ensemble_size(experiment, TABLE) == 1
