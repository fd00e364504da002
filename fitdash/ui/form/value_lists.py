"""Lists of values for a setting, such as 0.1, 0.01, 3e-4: one run for each combination, or a sweep's search space."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from fitdash.errors import SettingError
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.declaration import Setting
from fitdash.settings.experiment import Experiment
from fitdash.settings.search_space import parse_search_space, sweepable_settings
from fitdash.ui.form.fill import set_widget_values
from fitdash.ui.form.widget_values import read_slots
from fitdash.ui.view_models.formatting import label_of

SWITCH = "several"
MOST_RUNS = 50
EXAMPLES = {"float": "0.1, 0.01, 3e-4", "int": "8, 32, 128", "bool": "True, False", "str": "not set, recency()"}


def draw_switch() -> None:
    """Draws the switch that gives settings a second field, for several values."""
    st.toggle(
        "Several values",
        key=SWITCH,
        bind="query-params",
        help="Gives every setting that may vary a second field: one run for each value that is listed there.",
    )


def draw_values_field(setting: Setting, key: str) -> None:
    """Draws beneath a widget the field for a list of values, which replaces the widget's own."""
    st.text_input(
        f"{label_of(key)} values",
        key=f"{SWITCH}.{key}",
        placeholder=f"or {EXAMPLES.get(setting.base, ', '.join(map(str, setting.choices[:2])))}",
        label_visibility="collapsed",
        bind="query-params",
    )


def draw_vary_field(setting: Setting, key: str) -> None:
    """Draws beneath a widget that a sweep may vary a switch and, while it is on, the field of its range."""
    listed = f"{SWITCH}.{key}"
    text = _text(listed)
    st.session_state[f"vary.{key}"] = bool(text)
    st.toggle(f"vary {label_of(key)}", key=f"vary.{key}", on_change=_switch, args=[key, suggestion(setting)])
    if text:
        st.text_input(
            f"{label_of(key)} values",
            key=listed,
            help="A range such as 1e-4..1e-1 log, 16..128 step 16 or 0..1 5 points; or values: 8, 32, 128.",
            label_visibility="collapsed",
            bind="query-params",
        )


def _switch(key: str, text: str) -> None:
    set_widget_values({f"{SWITCH}.{key}": text if st.session_state[f"vary.{key}"] else ""})


def suggestion(setting: Setting) -> str:
    """Range or values to start with when the user lets a setting vary."""
    if setting.base == "weights":
        return ", ".join(["not set", *setting.words])
    if setting.choices:
        return ", ".join(map(str, setting.choices))
    if setting.base == "str":
        return EXAMPLES["str"]
    handy, (low, high) = setting.arg.handy, setting.arg.soft or (0, 1)
    if setting.base == "int":
        return ", ".join(map(str, handy)) if handy else f"{max(1, int(low))}..{int(min(high, max(1, low) + 9))}"
    if handy:
        return f"{min(handy):g}..{max(handy):g} log"
    return f"{low:g}..{high:g}"


def expand_variants(
    experiment: Experiment, facts: DataFacts | None
) -> tuple[tuple[Experiment, ...], list[tuple[str, str]]]:
    """The experiments that Fit starts, just the draft if no values are listed; and problems of the lists by address."""
    given = read_value_lists(experiment) if st.session_state.get(SWITCH) else {}
    if not given:
        return (experiment,), []
    wrong = []
    for address, text in given.items():
        try:
            parse_search_space({address: text}, experiment, facts).grid(experiment)
        except SettingError as error:
            wrong += [(address, line) for line in str(error).splitlines()]
    if wrong:
        return (experiment,), wrong
    try:
        space = parse_search_space(given, experiment, facts)
        cells = space.grid(experiment)
    except SettingError as error:
        return (experiment,), [(next(iter(given)), line) for line in str(error).splitlines()]
    if len(cells) > MOST_RUNS:
        text = f"Listed values must make at most {MOST_RUNS} runs, got {len(cells)} combinations. List fewer."
        return (experiment,), [(next(iter(given)), text)]
    return tuple(space.apply(experiment, values) for values in cells), []


def describe_variants(given: tuple[Experiment, ...]) -> str:
    """How many runs Fit starts, as markdown; empty for one."""
    return f"**{len(given)} runs**, one after the other" if len(given) > 1 else ""


def read_value_lists(experiment: Experiment) -> Mapping[str, str]:
    """The text of each list of values, by the address of its setting."""
    values: Any = st.session_state
    slots = {key: read_slots(values.get, key) for key in ("callbacks", "layers")}
    found = {}
    for address in sweepable_settings(experiment):
        part, _, rest = address.removeprefix("network.").partition(".")
        place, _, name = rest.partition(".")
        known = part in slots and place.isdigit() and int(place) < len(slots[part])
        key = f"{part}.{slots[part][int(place)]}.{name}" if known else address
        if (text := _text(f"{SWITCH}.{key}")).strip():
            found[address] = text
    return found


def _text(key: str) -> str:
    """The text of a field; from the URL before the field is first drawn."""
    state: Any = st.session_state
    return str(state[key] if key in state else st.query_params.get(key, ""))
