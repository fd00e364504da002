import json
from dataclasses import fields, replace

import pytest

from fitdash.errors import SettingError
from fitdash.settings.advice import advice_in
from fitdash.settings.callbacks import (
    CALLBACKS,
    EarlyStoppingArgs,
    LearningRateSchedulerArgs,
    ModelCheckpointArgs,
    ReduceLROnPlateauArgs,
    TerminateOnNaNArgs,
)
from fitdash.settings.compile import CompileArgs
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.declaration import inert_in, non_default_settings, problems_in, settings_of
from fitdash.settings.experiment import SECTIONS, Experiment, plan_run
from fitdash.settings.fit import FitArgs
from fitdash.settings.network import NetworkArgs
from fitdash.settings.validation_data import HoldOut

IRIS = DataFacts(rows=150, classes=("a", "b", "c"), counts=(50, 50, 50), columns=("w",), weights=("w",), inputs=4)
FULL = Experiment(
    data=DatasetArgs(name="upload", content="ab" * 32, filename="ä .csv", target="y", features=("x", "z")),
    network=NetworkArgs(kind="heads", width=8, depth=1, dropout=0.25),
    compile=CompileArgs(
        optimizer="sgd",
        learning_rate=0.1,
        momentum=0.9,
        nesterov=True,
        clipnorm=1.5,
        metrics=("acc", "auc"),
        loss_weights={"Weight": 0.5, "1": 2},
        weighted_metrics=("mae",),
        sample_weight_mode="temporal",
    ),
    fit=FitArgs(
        batch_size=8,
        verbose=0,
        view_metrics=False,
        validation_split=0.1,
        validation_data=HoldOut(kind="upload", share=0.3, rows=4, content="cd" * 32, filename="v", sample_weight="h"),
        shuffle="batch",
        class_weight={0: 1.0, 2: 2, 10: 0.1},
        sample_weight="w",
        initial_epoch=1,
        validation_freq=(1, 5),
    ),
    callbacks=tuple(args() for args in CALLBACKS.values()),
    seed=7,
)
HOSTILE = [
    *(
        None,
        True,
        -1,
        0,
        1.5,
        float("nan"),
        float("inf"),
        10**400,
        10**5000,
        "",
        "x" * 10_000,
        "\ud800",
        b"x",
        object(),
    ),
    *((), [1], ("a", 1), {}, {"a": 1}, {0: "x"}, {0: float("nan")}, {10**5000: 1.0}, int, HoldOut(share="x", kind=[])),
]


def exact(value):
    """The value with the type of everything in it, so that 1 is not True and a tuple no list."""
    if isinstance(value, dict):
        return {(type(key), key): exact(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return tuple(exact(item) for item in value)
    if hasattr(value, "__dataclass_fields__"):
        return type(value), {field.name: exact(getattr(value, field.name)) for field in fields(value)}
    return type(value), value


@pytest.mark.parametrize(
    "experiment",
    [
        Experiment(),
        FULL,
        Experiment(fit=FitArgs(class_weight="balanced", shuffle=False, verbose="auto", view_metrics=True)),
        Experiment(fit=FitArgs(class_weight={}, validation_freq=3), compile=CompileArgs(metrics=())),
    ],
)
def test_an_experiment_comes_back_from_json_without_loss(experiment):
    again = Experiment.from_json(experiment.to_json())

    assert exact(again) == exact(experiment)
    assert exact(Experiment.from_dict(experiment.to_dict())) == exact(experiment)
    assert again.to_json() == experiment.to_json()


def test_the_full_experiment_has_no_problem():
    assert problems_in(replace(FULL, callbacks=())) == []


def test_the_json_is_what_any_reader_takes_and_complete():
    plain = json.loads(FULL.to_json(), parse_constant=pytest.fail)

    assert plain["version"] == 1
    assert plain["fit"]["class_weight"] == {"0": 1.0, "2": 2, "10": 0.1}
    assert plain["callbacks"][0]["kind"] == "EarlyStopping"
    assert all(list(plain[name]) == list(settings_of(cls)) for name, cls in SECTIONS.items())


def test_what_is_left_out_has_its_default():
    assert Experiment.from_json("{}") == Experiment()
    assert Experiment.from_dict({"fit": {"epochs": 3}}) == Experiment(fit=FitArgs(epochs=3))


@pytest.mark.parametrize(
    ("plain", "text"),
    [
        ({"version": 2}, "version must be at most 1, got 2. A newer fitdash wrote it: update this one."),
        ({"fit": {"epoch": 3}}, "Unknown setting of fit, 'epoch'. Did you mean 'epochs'? Known: batch_size, epochs"),
        ({"fitt": {}}, "Unknown part of an experiment 'fitt'. Did you mean 'fit'? Known: version, seed, data, network"),
        (
            {"fit": {"validation_data": {"size": 1}}},
            "Unknown setting of fit.validation_data, 'size'. Known: kind, share, rows",
        ),
        ({"fit": [1]}, "fit must be a table of settings, got [1]."),
        ({"callbacks": {}}, "callbacks must be a list, got {}."),
        ({"callbacks": [{"kind": "EarlyStoping"}]}, "Unknown callback at callbacks.0, 'EarlyStoping'. Did you mean 'E"),
        ({"callbacks": [3]}, "Unknown callback at callbacks.0, 3. Known: EarlyStopping, ReduceLROnPlateau, Learning"),
        ({"callbacks": [{"kind": ["x"]}]}, "Unknown callback at callbacks.0, ['x']. Known: EarlyStopping"),
        (
            {"callbacks": [{"kind": "TerminateOnNaN", "patience": 1}]},
            "Unknown setting of callbacks.0, 'patience'. Known: none.",
        ),
        ([], "An experiment must be a table of settings, got []."),
    ],
)
def test_what_has_no_place_in_an_experiment_is_refused_by_name(plain, text):
    with pytest.raises(SettingError) as refused:
        Experiment.from_dict(plain)

    assert str(refused.value).startswith(text)


def test_everything_that_has_no_place_is_named_at_once():
    with pytest.raises(SettingError) as refused:
        Experiment.from_dict({"fit": {"a1": 1, "b1": 2}, "c1": 3})

    assert all(name in str(refused.value) for name in ("'a1'", "'b1'", "'c1'"))


@pytest.mark.parametrize("text", ["", "{", "nul", b"\xff", "[" * 100_000, '{"seed": ' + "9" * 5000 + "}"])
def test_what_is_no_json_is_refused(text):
    with pytest.raises(SettingError, match="An experiment must be JSON"):
        Experiment.from_json(text)


def test_values_that_cannot_be_are_read_and_then_told():
    experiment = Experiment.from_json(
        '{"version": "1", "seed": -1, "fit": {"epochs": "x", "validation_split": NaN, "batch_size": 1e999,'
        ' "class_weight": {"cat": 1}, "validation_data": {"share": "much"}}, "compile": {"metrics": [[1]]}}'
    )

    assert [problem.where for problem in problems_in(experiment)] == [
        *("compile.metrics", "fit.batch_size", "fit.epochs", "fit.validation_split", "fit.class_weight"),
        *("fit.validation_data.share", "seed", "version"),
    ]


def test_an_experiment_with_a_value_that_is_not_finite_is_not_written():
    with pytest.raises(SettingError, match="must hold plain finite values"):
        Experiment(fit=FitArgs(validation_split=float("nan"))).to_json()


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("section", [*SECTIONS, "callbacks", "seed", "version"])
def test_no_part_makes_the_checks_fail(section, value):
    experiment = Experiment(**{section: value})

    _check(experiment)

    if section in SECTIONS:
        assert section in [problem.where for problem in problems_in(experiment)]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("cls", [*SECTIONS.values(), HoldOut, *CALLBACKS.values()], ids=lambda cls: cls.__name__)
def test_no_value_makes_the_checks_fail(cls, value):
    for name in settings_of(cls):
        settings = cls(**{name: value})
        if cls is HoldOut:
            _check(Experiment(fit=FitArgs(validation_data=settings)))
        elif cls in CALLBACKS.values():
            _check(Experiment(callbacks=(settings,)))
        else:
            _check(Experiment(**{cls.section: settings}))
        non_default_settings(settings)


def _check(experiment):
    problems = problems_in(experiment) + problems_in(experiment, IRIS)
    inert_in(experiment)
    inert_in(experiment, IRIS)
    advice_in(experiment, IRIS)
    if isinstance(experiment.fit, FitArgs):
        plan_run(experiment, IRIS)
    assert all(len(problem.text) < 2000 for problem in problems)


def test_all_values_that_cannot_be_are_told_together():
    nothing = object()
    wrong = {cls: cls(**dict.fromkeys(settings_of(cls), nothing)) for cls in SECTIONS.values()}

    problems = problems_in(Experiment(**{name: wrong[cls] for name, cls in SECTIONS.items()}))

    assert len(problems) == sum(len(settings_of(cls)) for cls in SECTIONS.values())


def test_the_address_of_a_callback_has_its_place():
    experiment = Experiment(callbacks=(TerminateOnNaNArgs(), EarlyStoppingArgs(patience=-1), "early"))

    assert [(problem.where, problem.text) for problem in problems_in(experiment)] == [
        ("callbacks.1.patience", "EarlyStopping patience must be at least 0, got -1."),
        ("callbacks.2", "callbacks must hold settings of callbacks, got 'early'."),
    ]
    assert list(inert_in(Experiment(callbacks=(TerminateOnNaNArgs(), LearningRateSchedulerArgs())))).count(
        "callbacks.1.every"
    )


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, True, None, "7"])
def test_a_seed_is_what_every_generator_takes(seed):
    (problem,) = problems_in(Experiment(seed=seed))

    assert problem.where == "seed"


def test_13_7_logged_names_stand_in_their_order():
    experiment = Experiment(compile=CompileArgs(metrics=("acc", "ce")))

    assert experiment.logged(IRIS) == ("loss", "acc", "ce")
    assert replace(experiment, fit=FitArgs(validation_split=0.2)).logged(IRIS) == (
        *("loss", "acc", "ce", "val_loss", "val_acc", "val_ce"),
    )


def test_a_monitor_that_no_epoch_can_have_is_a_problem():
    experiment = Experiment(callbacks=(EarlyStoppingArgs(monitor="val_acuracy"), EarlyStoppingArgs(monitor="val_loss")))

    assert [(problem.where, problem.text) for problem in problems_in(experiment, IRIS)] == [
        (
            "callbacks.0.monitor",
            "Unknown EarlyStopping monitor 'val_acuracy'. Did you mean 'accuracy'? Known: loss, accuracy.",
        )
    ]


def test_16_15_a_field_of_a_checkpoint_is_a_logged_name():
    checkpoint = ModelCheckpointArgs(filepath="{epoch}-{val_loss:.2f}-{learning_rate}.pt")
    validated = FitArgs(validation_split=0.2)

    without = problems_in(Experiment(callbacks=(checkpoint,)), IRIS)
    with_both = problems_in(Experiment(fit=validated, callbacks=(ReduceLROnPlateauArgs(), checkpoint)), IRIS)

    assert sorted(problem.text for problem in without) == [
        "Unknown ModelCheckpoint field 'learning_rate'. Known: epoch, loss, accuracy.",
        "Unknown ModelCheckpoint field 'val_loss'. Did you mean 'loss'? Known: epoch, loss, accuracy.",
    ]
    assert with_both == []


def test_callbacks_that_would_write_the_same_file_are_a_problem():
    both = (CALLBACKS["ModelCheckpoint"](filepath="log.csv"), CALLBACKS["CSVLogger"](filename="log.csv"))

    problems = problems_in(Experiment(callbacks=both))

    assert [problem.where for problem in problems] == ["callbacks.1.filename"]
    assert "must be a name of its own, got 'log.csv', which ModelCheckpoint writes." in problems[0].text


def test_json_from_before_there_were_more_kinds_still_reads():
    plain = Experiment().to_dict()
    plain["network"]["kind"] = "mlp"
    plain["compile"] = {"optimizer": "adam", "learning_rate": None, "momentum": 0.0, "loss": "auto", "metrics": "auto"}
    plain["fit"]["validation_data"] = {"kind": "last", "share": 0.3}
    plain["callbacks"] = [{"kind": "ModelCheckpoint", "filepath": "{epoch}.pt", "monitor": "loss", "mode": "min"}]

    experiment = Experiment.from_dict(plain)

    assert experiment.network == NetworkArgs(kind="mlp")
    assert experiment.compile == CompileArgs()
    assert experiment.fit.validation_data == HoldOut(kind="last", share=0.3)
    assert problems_in(experiment, IRIS) == []
