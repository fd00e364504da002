"""One widget for each declared setting, chosen by its type, with a line of problems or remarks beneath."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from fitdash.settings.data_facts import DataFacts
from fitdash.settings.declaration import Setting, Settings, settings_of
from fitdash.settings.validation_data import HoldOut
from fitdash.settings.weight_expressions import EXPRESSIONS, WeightExpression
from fitdash.ui.form import class_weights, row_weights, value_lists
from fitdash.ui.form.row_weights import WeightHistogram
from fitdash.ui.form.widget_values import EXPRESSION, FILES, OPTIONS, UNSET, initial_value
from fitdash.ui.session.live_changes import LiveChanges
from fitdash.ui.view_models.formatting import (
    describe_unset,
    escape_markdown,
    format_choice,
    format_number,
    help_of,
    label_of,
)

FEW = 4
SHORT = len("not set → 123")
LATE_SECONDS = 3.0
"""Longest time that a busy browser takes to learn the new position of a slider."""


@dataclass(frozen=True, kw_only=True)
class FormContext:
    """What the widgets of the form show beside their values.

    Attributes:
        problems: Sentences that stop a run, by address.
        inert: Why a setting has no effect, by address.
        open: Addresses that stay editable even without effect.
        remarks: Sentences that stop nothing, by address.
        columns: Names to choose from, by address.
        unset: What None means with these data, by address, if the declaration can only name a rule.
        facts: Of the data; None while there is none.
        live: The active run, whose settings some widgets change.
        uploader: Draws the file uploader of the setting with this key.
        basic: True if the form leaves out rare settings.
        several: Addresses of the settings that can have a list of values.
        searches: True if those lists are the search space of a sweep.
        weights: Histogram of the weights that sample_weight gives.
    """

    problems: Mapping[str, Sequence[str]] = field(default_factory=dict)
    inert: Mapping[str, str] = field(default_factory=dict)
    open: Collection[str] = ()
    remarks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    unset: Mapping[str, str] = field(default_factory=dict)
    facts: DataFacts | None = None
    live: LiveChanges = field(default_factory=LiveChanges)
    uploader: Callable[[str], None] = lambda key: None
    basic: bool = False
    several: Collection[str] = ()
    searches: bool = False
    weights: WeightHistogram | None = None

    def leaves_out(self, setting: Setting, where: str, told_as: str) -> bool:
        """True if the basic form omits this setting: it is rare, at its default, and has no problem."""
        key = f"{where}.{setting.name}"
        if not (self.basic and setting.arg.rare) or f"{told_as}.{setting.name}" in self.problems:
            return False
        value = st.session_state.get(key, setting.default)
        in_link = key not in st.session_state and key in st.query_params
        return not in_link and value in (setting.default, str(setting.default), None, UNSET)

    def is_off(self, address: str) -> bool:
        """True if the widget is greyed because the setting has no effect."""
        return address in self.inert and address not in self.open

    def unset_word(self, setting: Setting, key: str) -> str:
        """What None means, as a placeholder."""
        return f"not set → {self.unset[key]}" if key in self.unset else describe_unset(setting)


def draw_controls(
    cls: type[Settings], where: str, names: Sequence[str], around: FormContext, *, told_as: str = ""
) -> None:
    """Draws the named settings, two in a row if both are short; a basic form omits rare ones.

    Args:
        where: First part of the widgets' keys.
        told_as: First part of the addresses of problems, if not `where`.
    """
    declared = settings_of(cls)
    drawn = [declared[name] for name in names if not around.leaves_out(declared[name], where, told_as or where)]
    for row in rows_of(drawn, where, around):
        places = st.columns(2, gap="small") if _is_short(row[0], where, around) else [st.container()]
        for place, setting in zip(places, row, strict=False):
            with place:
                draw_control(setting, f"{where}.{setting.name}", around, address=f"{told_as or where}.{setting.name}")


def rows_of(settings: Sequence[Setting], where: str, around: FormContext) -> list[list[Setting]]:
    """The settings in order, by row: two short neighbours share one."""
    rows: list[list[Setting]] = []
    for setting in settings:
        beside = rows and len(rows[-1]) == 1 and _is_short(rows[-1][0], where, around)
        if beside and _is_short(setting, where, around):
            rows[-1].append(setting)
        else:
            rows.append([setting])
    return rows


def _is_short(setting: Setting, where: str, around: FormContext) -> bool:
    """True if half a row is wide enough for the widget."""
    unset = around.unset_word(setting, f"{where}.{setting.name}") if setting.optional else ""
    return setting.base in ("int", "float") and len(unset) <= SHORT and not setting.arg.slides


def draw_control(setting: Setting, key: str, around: FormContext, *, address: str = "") -> None:
    """Draws one widget, labelled with the argument's name, and the line beneath it."""
    address = address or key
    draw = DRAWERS[setting.base]
    with st.container(gap="xxsmall", key=f"at-{key}"):
        common: dict[str, Any] = {"key": key, "help": help_of(setting), "disabled": around.is_off(address)}
        if key in around.live.now:
            common |= {"on_change": around.live.change, "args": [key]}
        draw(setting, key, around, common)
        if address in around.several:
            (value_lists.draw_vary_field if around.searches else value_lists.draw_values_field)(setting, key)
        note(setting, address, around)
    if details := DETAILS.get(key) or DETAILS.get(setting.base):
        details(key, around)


def note(setting: Setting, address: str, around: FormContext) -> None:
    """Draws beneath a widget: its problems, else why it has no effect, else remarks, plain name and when it applies."""
    problems = around.problems.get(address, ())
    for text in problems:
        st.caption(f":red[**{escape_markdown(text)}**]")
    if problems:
        return
    reason = around.inert.get(address)
    if reason:
        st.caption(f":material/block: {escape_markdown(reason)}")
        return
    if address in around.live.refused:
        st.caption(f":orange[{escape_markdown(around.live.refused[address])}]")
    draw_remarks(address, around)
    plain = setting.arg.plain if setting.arg.plain != label_of(address) else ""
    words = [escape_markdown(plain), around.live.note(address, st.session_state.get(address))]
    if any(words):
        st.caption(" · ".join(filter(None, words)))


def draw_remarks(address: str, around: FormContext) -> None:
    """Draws the remarks on a setting, which stop nothing."""
    for text in around.remarks.get(address, ()):
        st.caption(f":orange[{escape_markdown(text)}]")


def _number(setting: Setting, key: str, around: FormContext, common: dict[str, Any]) -> None:
    """A number input without limits: the line beneath it says what is wrong with a value."""
    if setting.listed:
        st.text_input(label_of(key), value=str(setting.default), bind="query-params", **common)
    elif setting.arg.slides:
        field, slider = st.columns([2, 3], gap="small", vertical_alignment="bottom")
        with field:
            _field(setting, key, around, common)
        with slider:
            _slider(setting, key, common)
    else:
        _field(setting, key, around, common)
        _handy(setting, key, common)


def _field(setting: Setting, key: str, around: FormContext, common: dict[str, Any]) -> None:
    whole = setting.base == "int"
    step = setting.arg.step or (1 if whole else 0.001)
    st.number_input(
        label_of(key),
        value=setting.default,
        step=int(step) if whole else float(step),
        format="%d" if whole else "%.6g",
        placeholder=around.unset_word(setting, key) if setting.optional else None,
        bind="query-params",
        **common,
    )


def _slider(setting: Setting, key: str, common: dict[str, Any]) -> None:
    """A slider for the same value; a value out of its range is shown at the nearer end."""
    low, high = setting.arg.soft or (0.0, 1.0)
    beside = f"{key}.slider"
    value = st.session_state.get(key, setting.default)
    shown = float(min(max(value if value is not None else low, low), high))
    stood, now = st.session_state.setdefault(f"{beside}.stood", {}), time.monotonic()
    if (known := st.session_state.get(beside, shown)) != shown:
        stood[known] = now
    st.session_state[f"{beside}.stood"] = {place: at for place, at in stood.items() if now - at < LATE_SECONDS}
    st.session_state[beside] = st.session_state[f"{beside}.put"] = shown
    st.slider(
        f"{label_of(key)} slider",
        float(low),
        float(high),
        step=setting.arg.step,
        key=beside,
        label_visibility="collapsed",
        disabled=common["disabled"],
        on_change=_drag,
        args=[key, beside, common],
    )


def _drag(key: str, beside: str, common: dict[str, Any]) -> None:
    """Sets the number input to the position of the slider.

    Positions that the page itself gave to the slider, or where it stood in the last seconds, are ignored: with any
    change of another widget the browser sends the old position until it has received the new one, and then that one.
    Neither is a change by the user.
    """
    place = st.session_state[beside]
    stood = st.session_state.get(f"{beside}.stood", {}).get(place, -LATE_SECONDS)
    if place == st.session_state.get(f"{beside}.put") or time.monotonic() - stood < LATE_SECONDS:
        return
    st.session_state[f"{beside}.put"] = place
    _take(key, place, common)


def _handy(setting: Setting, key: str, common: dict[str, Any]) -> None:
    """Buttons that set common values with one click; a button has no state that could arrive too late."""
    if not setting.arg.handy:
        return
    with st.container(horizontal=True, gap="xxsmall", key=f"{key}.handy"):
        for value in setting.arg.handy:
            st.button(
                format_number(value),
                key=f"{key}.handy.{value}",
                type="secondary" if st.session_state.get(key, setting.default) == value else "tertiary",
                disabled=common["disabled"],
                help=f"{label_of(key)} {format_number(value)}",
                on_click=_take,
                args=[key, value, common],
            )


def _take(key: str, value: Any, common: dict[str, Any]) -> None:
    """Sets the number input to this value, and calls its `on_change`."""
    st.session_state[key] = value
    if "on_change" in common:
        common["on_change"](*common["args"])


def _choice(setting: Setting, key: str, around: FormContext, common: dict[str, Any]) -> None:
    """A segmented control for few choices, a select box for many."""
    start = initial_value(setting, key)
    choices = list(setting.choices)
    if key in OPTIONS:
        choices = [one for one in choices if one != "auto" or start == "auto" or key != "fit.verbose"]
    elif setting.optional:
        choices = [None, *choices]
    bound = {"format_func": lambda value: format_choice(key, value), "bind": "query-params", **common}
    if len(choices) <= FEW:
        st.segmented_control(label_of(key), choices, default=start, required=True, width="stretch", **bound)
    else:
        st.selectbox(label_of(key), choices, index=choices.index(start), **bound)


def _names(setting: Setting, key: str, around: FormContext, common: dict[str, Any]) -> None:
    """A multiselect of names, in any order."""
    words = [setting.default] if isinstance(setting.default, str) else []
    known = around.columns.get(key, setting.arg.choices)
    unset = around.unset_word(setting, key) if setting.optional else "none"
    options = [*words, *known]
    st.multiselect(label_of(key), options, default=words, placeholder=unset, bind="query-params", **common)


def _column(setting: Setting, key: str, around: FormContext, common: dict[str, Any]) -> None:
    """A select box of the columns; a text input if there are none to choose from."""
    known = around.columns.get(key)
    if known is None:
        st.text_input(label_of(key), value=setting.default or "", bind="query-params", **common)
    elif setting.optional:
        unset = around.unset_word(setting, key)
        st.selectbox(label_of(key), known, index=None, placeholder=unset, bind="query-params", **common)
    else:
        st.selectbox(label_of(key), list(dict.fromkeys([setting.default, *known])), bind="query-params", **common)


def _weights(setting: Setting, key: str, around: FormContext, common: dict[str, Any]) -> None:
    """A choice between no weights, balanced weights, and one number for each class."""
    choices = [UNSET, *setting.words, "custom"]
    bound: dict[str, Any] = {"bind": "query-params", **common}
    st.segmented_control(label_of(key), choices, default=UNSET, required=True, width="stretch", **bound)


def _output_numbers(key: str, around: FormContext) -> None:
    """A number input for the weight of each output, if they are custom."""
    names = around.facts.outputs if around.facts is not None else ()
    st.session_state[f"{key}.names"] = list(names)
    if st.session_state.get(key) != "custom":
        return
    step: dict[str, Any] = {"step": 0.1, "format": "%.6g", "bind": "query-params"}
    for name in names:
        st.number_input(escape_markdown(name), value=1.0, key=f"{key}.{name}", **step)


def _hold_out(setting: Setting, key: str, around: FormContext, common: dict[str, Any]) -> None:
    """A select box of the ways to hold out rows."""
    choices = [UNSET, *settings_of(HoldOut)["kind"].choices]
    st.selectbox(label_of(key), choices, bind="query-params", **common)


def _rows_held(key: str, around: FormContext) -> None:
    """The settings of the hold-out that is chosen."""
    kind = st.session_state.get(key, UNSET)
    declared = settings_of(HoldOut)
    if kind == "upload":
        around.uploader(key)
        draw_control(declared["sample_weight"], f"{key}.sample_weight", around)
    elif kind != UNSET:
        for name in ("share", "rows") if kind == "last" else ("share",):
            draw_control(declared[name], f"{key}.{name}", around)


def _weighing(key: str, around: FormContext) -> None:
    """The settings of the sample_weight that is chosen, and the histogram of its weights."""
    chosen, declared = st.session_state.get(key), settings_of(WeightExpression)
    if chosen in FILES.values():
        around.uploader(key)
    elif chosen == EXPRESSION:
        form = row_weights.draw_expression(key, has_steps=bool(around.facts and around.facts.steps))
        for name in EXPRESSIONS[form]:
            draw_control(declared[name], f"{key}.{name}", around)
    if around.weights is not None and not around.problems.get(key) and not around.is_off(key):
        row_weights.draw_weights(around.weights)


DETAILS: dict[str, Callable[[str, FormContext], None]] = {
    "fit.sample_weight": _weighing,
    "weights": lambda key, around: class_weights.draw(key, around.facts),
    "shares": _output_numbers,
    "settings": _rows_held,
}
DRAWERS: dict[str, Callable[[Setting, str, FormContext, dict[str, Any]], None]] = {
    "bool": _choice,
    "choice": _choice,
    "int": _number,
    "float": _number,
    "names": _names,
    "str": _column,
    "weights": _weights,
    "shares": _weights,
    "settings": _hold_out,
}
