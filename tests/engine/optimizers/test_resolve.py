"""Names, instances and factories; settings and learning rates. Arithmetic: test_optimizers_parity."""

import functools

import pytest
import torch
from torch import nn

from fitdash import optimizers as by_name
from fitdash.engine.optimizers.keras_optimizer import KerasOptimizer
from fitdash.engine.optimizers.learning_rate import change_learning_rates
from fitdash.engine.optimizers.resolve import (
    RULES,
    check_optimizer,
    make_optimizer,
)
from tests.engine.recording.safety.walks import two, walk

KNOWN = "Known: adadelta, adagrad, adam, adamax, adamw, nadam, rmsprop, sgd."


def rule_of(optimizer):
    assert isinstance(optimizer, KerasOptimizer)
    return optimizer.rule


# forms ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RULES)
def test_1_5_a_name_is_taken_in_any_case(name):
    assert check_optimizer(name.upper())
    assert rule_of(make_optimizer(name.upper(), two())) == getattr(by_name, name)()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("adm", f"Unknown optimizer 'adm'. Did you mean 'adam'? {KNOWN}"),
        ("xyz", f"Unknown optimizer 'xyz'. {KNOWN}"),
        *(
            (
                given,
                "optimizer must be a name, a torch optimizer or a callable that makes one from parameters, "
                f"got {given!r}. {KNOWN}",
            )
            for given in (None, 3, ["adam"])
        ),
    ],
)
def test_1_5_what_is_no_optimizer_is_refused_by_name(given, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        check_optimizer(given)
    assert str(error.value) == message
    with pytest.raises(ValueError) as error:  # noqa: PT011
        make_optimizer(given, two())
    assert str(error.value) == message


def test_1_5_a_torch_optimizer_is_used_as_it_is():
    parameters = two()
    given = torch.optim.Adam(parameters, lr=0.3, fused=True)

    assert check_optimizer(given)
    assert make_optimizer(given, []) is given
    assert given.param_groups[0]["fused"] is True


@pytest.mark.parametrize(
    "factory",
    [
        torch.optim.SGD,
        functools.partial(torch.optim.SGD, lr=0.001),
        lambda parameters: torch.optim.SGD(parameters, lr=0.001),
    ],
)
def test_1_5_a_callable_is_given_the_parameters(factory):
    parameters = two()

    made = make_optimizer(factory, iter(parameters))

    assert type(made) is torch.optim.SGD
    assert all(a is b for a, b in zip(made.param_groups[0]["params"], parameters, strict=True))


def test_1_5_a_factory_that_gives_something_else_is_refused():
    with pytest.raises(ValueError, match=r"must give a torch.optim.Optimizer, .* gave 'adam'\."):
        make_optimizer(lambda parameters: "adam", two())


def test_1_5_a_factory_that_was_not_called_means_its_defaults():
    assert rule_of(make_optimizer(by_name.adam, two())) == by_name.adam()


@pytest.mark.parametrize("given", ["adam", by_name.sgd(0.1), torch.optim.SGD])
def test_1_8_without_parameters_there_is_no_optimizer(given):
    assert make_optimizer(given, []) is None


def test_1_7_torch_optimizers_keep_torch_arithmetic():
    torchs, own = two(), two()
    given = make_optimizer(torch.optim.SGD(torchs, lr=0.1, momentum=0.9), torchs)
    ours = make_optimizer(by_name.sgd(0.1, momentum=0.9), own)
    walk(given, torchs, [1, 2])
    walk(ours, own, [1, 2])
    torch.testing.assert_close(torchs, own)

    for optimizer in (given, ours):
        change_learning_rates(optimizer, lambda _: 0.001)
    torch_step = walk(given, torchs, [3])
    own_step = walk(ours, own, [3])

    moves = [(a - b).abs().max() for a, b in zip(torch_step, own_step, strict=True)]
    assert min(moves) > 0.01


# settings -------------------------------------------------------------------------------------------------------------


def test_1_12_settings_come_by_place_or_name():
    assert by_name.sgd(0.1, 0.9) == by_name.sgd(learning_rate=0.1, momentum=0.9)
    assert by_name.adamw(0.1, 0.2) == by_name.adamw(learning_rate=0.1, weight_decay=0.2)
    assert by_name.rmsprop(0.25)(two()).param_groups[0]["lr"] == 0.25


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("adam", {"learning_rate": "fast"}, "learning_rate must be a number, got 'fast'."),
        ("adam", {"learning_rate": None}, "learning_rate must be a number, got None."),
        ("adam", {"clipnorm": "1"}, "clipnorm must be a number, got '1'."),
        ("adamw", {"weight_decay": None}, "weight_decay must be a number for adamw, got None. Use adam for none."),
        ("sgd", {"momentum": 1.5}, "momentum must be between 0 and 1, got 1.5."),
        (
            "sgd",
            {"clipnorm": 1.0, "clipvalue": 0.5},
            "Only one of clipnorm, clipvalue, global_clipnorm may be set, got clipnorm=1.0 and clipvalue=0.5.",
        ),
    ],
)
def test_1_12_settings_that_cannot_be_are_refused(name, settings, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011
        getattr(by_name, name)(**settings)
    assert str(error.value) == message


def test_1_12_an_unknown_setting_is_refused_by_name():
    with pytest.raises(TypeError, match="momentum"):
        by_name.adam(momentum=0.9)


# learning rate --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.5, torch.tensor(0.5)])
def test_a_learning_rate_is_set_in_every_group(rate):
    parameters = two()
    optimizer = torch.optim.Adam([{"params": parameters[:1]}, {"params": parameters[1:], "lr": rate}], lr=0.25)

    change_learning_rates(optimizer, lambda _: 0.125)

    assert [float(group["lr"]) for group in optimizer.param_groups] == [0.125, 0.125]
    assert isinstance(optimizer.param_groups[1]["lr"], type(rate))


def test_16_13_each_group_changes_from_its_own_rate():
    parameters = two()
    optimizer = torch.optim.SGD([{"params": parameters[:1]}, {"params": parameters[1:], "lr": 0.5}], lr=0.25)

    change_learning_rates(optimizer, lambda rate: max(rate * 0.5, 0.2))

    assert [group["lr"] for group in optimizer.param_groups] == [0.2, 0.25]


def test_a_learning_rate_of_a_group_or_set_later_is_the_one_used():
    first, second = parameters = [nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))]
    optimizer = by_name.sgd()([{"params": [first], "lr": 1.0}, {"params": [second]}])
    first.grad = second.grad = torch.ones(1)

    optimizer.step()
    change_learning_rates(optimizer, lambda _: 10.0)
    optimizer.step()

    assert [p.item() for p in parameters] == pytest.approx([-11.0, -10.01])
