from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import pytest

from fitdash.settings.declaration import (
    Arg,
    Condition,
    Settings,
    inert_in,
    non_default_settings,
    problems_in,
    replace_invalid_values,
    settings_of,
)


@dataclass(frozen=True, kw_only=True)
class Oven(Settings):
    section: ClassVar[str] = "oven"
    conditions: ClassVar[Mapping[str, Condition]] = {
        "hot": Condition(holds=lambda oven, facts: oven.heat > 100, otherwise="No effect: heat is not above 100.")
    }

    heat: Annotated[float, Arg(help="How hot.", minimum=0, less_than=300, vary=True)] = 20.0
    share: Annotated[float | None, Arg(help="Part.", more_than=0, maximum=1, unset="all")] = None
    trays: Annotated[int, Arg(help="Trays.", minimum=1, below="slots", live=True)] = 1
    slots: Annotated[int, Arg(help="Slots.")] = 5
    fan: Annotated[bool | Literal["slow"], Arg(help="Fan.", needs=("hot",))] = True
    wood: Annotated[str, Arg(help="Wood.", choices=("oak", "beech"), yields_to=("gas",))] = "oak"
    gas: Annotated[str | None, Arg(help="Gas.")] = None
    label: Annotated[str, Arg(help="Label.", needs=("gas",))] = ""
    herbs: Annotated[tuple[str, ...] | Literal["auto"], Arg(help="Herbs.", choices=("sage", "thyme"))] = "auto"
    times: Annotated[int | tuple[int, ...], Arg(help="Times.", minimum=1)] = 1
    weight: Annotated[Mapping[int, float] | Literal["even"] | None, Arg(help="Weight.", minimum=0)] = None


@dataclass(frozen=True, kw_only=True)
class Kitchen(Settings):
    section: ClassVar[str] = "kitchen"

    oven: Annotated[Oven | None, Arg(help="The oven.")] = None
    area: Annotated[int, Arg(help="Area.", minimum=1)] = 10


def texts(settings):
    return [problem.text for problem in problems_in(settings)]


def test_settings_stand_in_the_order_of_declaration():
    assert list(settings_of(Oven)) == [
        *("heat", "share", "trays", "slots", "fan", "wood", "gas", "label", "herbs", "times", "weight"),
    ]


@pytest.mark.parametrize(
    ("name", "base", "optional", "choices", "words"),
    [
        ("heat", "float", False, (), ()),
        ("share", "float", True, (), ()),
        ("trays", "int", False, (), ()),
        ("fan", "choice", False, (True, False, "slow"), ("slow",)),
        ("wood", "choice", False, ("oak", "beech"), ()),
        ("gas", "str", True, (), ()),
        ("herbs", "names", False, ("sage", "thyme"), ("auto",)),
        ("times", "int", False, (), ()),
        ("weight", "weights", True, (), ("even",)),
    ],
)
def test_a_setting_tells_which_widget_it_asks_for(name, base, optional, choices, words):
    setting = settings_of(Oven)[name]

    assert (setting.base, setting.optional, setting.choices, setting.words) == (base, optional, choices, words)


def test_nested_settings_ask_for_settings():
    assert settings_of(Kitchen)["oven"].base == "settings"


def test_defaults_have_no_problem():
    assert problems_in(Oven()) == []


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"heat": "warm"}, "heat must be a number, got 'warm'."),
        ({"heat": True}, "heat must be a number, got True."),
        ({"heat": -1}, "heat must be at least 0, got -1."),
        ({"heat": 300.0}, "heat must be below 300, got 300.0."),
        ({"heat": float("nan")}, "heat must be finite, got nan."),
        ({"heat": float("inf")}, "heat must be finite, got inf."),
        ({"heat": None}, "heat must be a number, got None."),
        ({"share": 0.0}, "share must be above 0, got 0.0."),
        ({"share": 2}, "share must be at most 1, got 2."),
        ({"share": "x" * 100}, "share must be a number or None, got 'xxxxxxxx"),
        ({"slots": 10**5000}, "slots must be at most 9007199254740991, got an integer of about 5001 digits."),
        ({"slots": -(10**5000)}, "slots must be at least -9007199254740991, got an integer of about 5001 digits."),
        ({"slots": 5.0}, "slots must be an integer, got 5.0."),
        ({"slots": True}, "slots must be an integer, got True."),
        ({"trays": 5}, "trays must be below slots (5), got 5. Raise slots or lower trays."),
        ({"fan": 1}, "fan must be True, False or 'slow', got 1."),
        ({"fan": "fast"}, "fan must be True, False or 'slow', got 'fast'."),
        ({"wood": "beach"}, "Unknown wood 'beach'. Did you mean 'beech'? Known: oak, beech."),
        ({"wood": ["oak"]}, "wood must be text, got ('oak',)."),
        ({"herbs": ("sage", "x")}, "Unknown herbs 'x'. Known: sage, thyme."),
        ({"herbs": "sage"}, "herbs must be a list of names or 'auto', got 'sage'."),
        ({"herbs": (3,)}, "herbs must be a list of names or 'auto', got (3,)."),
        ({"times": (1, 0)}, "times must be at least 1, got 0."),
        ({"times": (1, "2")}, "times must be an integer or a list of integers, got (1, '2')."),
        ({"weight": {0: -1.0}}, "weight must be at least 0, got -1.0."),
        ({"weight": {0: 10**400}}, "weight must be at most 9007199254740991, got an integer of about 401 digits."),
        (
            {"weight": {"cat": 1}},
            "weight must map class indices to weights, got the key 'cat'. Use the index: {0: 1.0, 1: 4.0}.",
        ),
        ({"weight": {0: "1"}}, "weight must map class indices to weights, got '1' for class 0."),
        ({"weight": [1, 2]}, "weight must be a table of class indices and weights, 'even' or None, got (1, 2)."),
    ],
)
def test_a_value_that_cannot_be_is_one_problem(given, text):
    problems = problems_in(Oven(**given))

    assert [problem.where for problem in problems] == [f"oven.{next(iter(given))}"]
    assert problems[0].text.startswith(text)


def test_all_problems_are_told_at_once():
    assert texts(Oven(heat=-1, trays=9, wood="x")) == [
        "heat must be at least 0, got -1.",
        "Unknown wood 'x'. Known: oak, beech.",
        "trays must be below slots (5), got 9. Raise slots or lower trays.",
    ]


def test_a_relation_waits_until_both_values_can_be():
    assert texts(Oven(trays=9, slots="many")) == ["slots must be an integer, got 'many'."]


def test_problems_of_nested_settings_have_their_address():
    problems = problems_in(Kitchen(oven=Oven(heat=-1), area=0))

    assert [problem.where for problem in problems] == ["kitchen.area", "kitchen.oven.heat"]


class Unprintable:
    def __repr__(self):
        raise RuntimeError("no")


def test_an_object_that_cannot_be_printed_is_named_by_its_type():
    assert texts(Oven(heat=Unprintable())) == ["heat must be a number, got a value of type Unprintable."]


@pytest.mark.parametrize("given", [None, 3, {"heat": 1}, Oven])
def test_what_are_no_settings_is_a_problem_too(given):
    assert len(problems_in(given)) == 1


def test_a_setting_that_yields_names_the_one_that_is_set():
    assert inert_in(Oven(gas="methane", heat=200)) == {"oven.wood": "No effect while gas is set."}


def test_a_setting_that_needs_names_what_is_missing():
    assert inert_in(Oven()) == {
        "oven.fan": "No effect: heat is not above 100.",
        "oven.label": "No effect while gas is not set.",
    }


def test_values_that_cannot_be_count_as_default_for_what_is_inert():
    assert "oven.fan" in inert_in(Oven(heat="hot"))


def test_changed_is_what_differs_from_the_default_also_in_kind():
    assert non_default_settings(Oven()) == {}
    assert non_default_settings(Oven(heat=20, fan=1, times=True, slots=6)) == {"fan": 1, "times": True, "slots": 6}


def test_sound_repairs_only_what_cannot_be():
    assert replace_invalid_values(Oven(heat="hot", slots=7)) == Oven(slots=7)
    assert replace_invalid_values(Kitchen(oven=Oven(heat=-1, slots=7))) == Kitchen(oven=Oven(slots=7))


def test_settings_keep_their_own_copy_of_what_they_were_given():
    weight = {0: 1.0}
    oven = Oven(weight=weight, herbs=["sage"])

    weight[1] = 2.0

    assert oven == Oven(weight={0: 1.0}, herbs=("sage",))
