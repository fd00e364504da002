"""Several values of a setting, such as 0.1, 0.01, 3e-4: one run for each, and for each combination of two settings."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from fitdash.errors import SettingError
from fitdash.spec.arg import Setting
from fitdash.spec.experiment import Experiment
from fitdash.spec.facts import Facts
from fitdash.spec.space import space_of, varying
from fitdash.ui.reading import read_slots
from fitdash.ui.words import label_of

SWITCH = "several"
MOST_RUNS = 50
EXAMPLES = {"float": "0.1, 0.01, 3e-4", "int": "8, 32, 128", "bool": "True, False"}


def switch() -> None:
    """Whether the form asks for several values."""
    st.toggle(
        "Several values",
        key=SWITCH,
        bind="query-params",
        help="Gives every setting that may vary a second field: one run for each value that is listed there.",
    )


def field(setting: Setting, key: str) -> None:
    """Beneath a control: the values in place of its own."""
    st.text_input(
        f"{label_of(key)} values",
        key=f"{SWITCH}.{key}",
        placeholder=f"or {EXAMPLES.get(setting.base, ', '.join(map(str, setting.choices[:2])))}",
        label_visibility="collapsed",
        bind="query-params",
    )


def variants(experiment: Experiment, facts: Facts | None) -> tuple[tuple[Experiment, ...], list[tuple[str, str]]]:
    """The experiments that Fit starts, and what is wrong with the listed values, by address; one where none are."""
    given = _given(experiment) if st.session_state.get(SWITCH) else {}
    if not given:
        return (experiment,), []
    wrong = []
    for address, text in given.items():
        try:
            space_of({address: text}, experiment, facts).grid(experiment)
        except SettingError as error:
            wrong += [(address, line) for line in str(error).splitlines()]
    if wrong:
        return (experiment,), wrong
    try:
        space = space_of(given, experiment, facts)
        cells = space.grid(experiment)
    except SettingError as error:
        return (experiment,), [(next(iter(given)), line) for line in str(error).splitlines()]
    if len(cells) > MOST_RUNS:
        text = f"Listed values must make at most {MOST_RUNS} runs, got {len(cells)} combinations. List fewer."
        return (experiment,), [(next(iter(given)), text)]
    return tuple(space.apply(experiment, values) for values in cells), []


def told(given: tuple[Experiment, ...]) -> str:
    """The runs in words; nothing where it is one."""
    return f"**{len(given)} runs**, one after the other" if len(given) > 1 else ""


def _given(experiment: Experiment) -> Mapping[str, str]:
    """What the fields say, or the link before they were ever drawn, by the address of the setting."""
    values: Any = st.session_state
    slots = read_slots(values.get)
    found = {}
    for address in varying(experiment):
        part, _, rest = address.partition(".")
        place, _, name = rest.partition(".")
        known = part == "callbacks" and place.isdigit() and int(place) < len(slots)
        key = f"callbacks.{slots[int(place)]}.{name}" if known else address
        field_key = f"{SWITCH}.{key}"
        text = values[field_key] if field_key in values else st.query_params.get(field_key, "")
        if text.strip():
            found[address] = text
    return found
