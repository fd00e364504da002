"""Callbacks as cards: add, set, put in order, remove. Their order is the order in which they are called."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import streamlit as st

from fitdash.spec.arg import settings_of
from fitdash.spec.callbacks import CALLBACKS, LearningRateSchedulerArgs
from fitdash.spec.experiment import Experiment
from fitdash.ui.controls import Around, controls, remarks
from fitdash.ui.derived import monitors
from fitdash.ui.preview import schedule_line
from fitdash.ui.reading import free_slot, kind_of, read_slots
from fitdash.ui.words import escaped

KEY = "callbacks"


def restore() -> None:
    """Take up the cards that the link names, and name them in the link again where a change of pages cleared it."""
    values: Any = st.session_state
    if KEY not in values:
        values[KEY] = [slot for slot in st.query_params.get_all(KEY) if kind_of(slot) in CALLBACKS]
    _tell_link()


def draw(experiment: Experiment, around: Around, text: str) -> None:
    """A list to add one from, and the cards.

    Args:
        experiment: The draft.
        around: What the controls need to know.
        text: Help for the argument.
    """
    with st.container(gap="xxsmall", key="at-callbacks"):
        st.selectbox(
            KEY,
            list(CALLBACKS),
            index=None,
            key="add_callback",
            placeholder="none, add one" if not experiment.callbacks else "add another one",
            format_func=_offer,
            help=text,
            on_change=_add,
        )
        st.caption("called in this order · then history and progress")
    slots = read_slots(st.session_state.get)
    names = monitors(experiment, around.facts)
    for place, slot in enumerate(slots):
        _card(place, slots, experiment, replace(around, columns={f"{KEY}.{slot}.monitor": names}))


def _card(place: int, slots: Sequence[str], experiment: Experiment, around: Around) -> None:
    slot = slots[place]
    cls = CALLBACKS[kind_of(slot)]
    with st.container(border=True, key=f"card-{slot}", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="xxsmall", key=f"head-{slot}"):
            st.markdown(f"**{escaped(_name(slot))}**", help=cls.summary, width="stretch")
            _button(slot, "up", ":material/arrow_upward:", disabled=place == 0, then=_move, args=[place, -1])
            last = place == len(slots) - 1
            _button(slot, "down", ":material/arrow_downward:", disabled=last, then=_move, args=[place, 1])
            _button(slot, "remove", ":material/close:", disabled=False, then=_remove, args=[place])
        remarks(f"{KEY}.{place}", around)
        controls(cls, f"{KEY}.{slot}", list(settings_of(cls)), around, told_as=f"{KEY}.{place}")
        args = experiment.callbacks[place]
        if isinstance(args, LearningRateSchedulerArgs):
            schedule_line(args, experiment, key=f"preview-{slot}")


def _button(slot: str, what: str, icon: str, *, disabled: bool, then: Any, args: list[int]) -> None:
    says = f"{what} {_name(slot)}" if what == "remove" else f"move {_name(slot)} {what}"
    st.button(
        says, key=f"{what}-{slot}", icon=icon, type="tertiary", disabled=disabled, help=says, on_click=then, args=args
    )


def _offer(kind: str) -> str:
    return f"{kind}: {CALLBACKS[kind].summary}"


def _name(slot: str) -> str:
    kind, _, count = slot.partition("~")
    return f"{kind} {count}" if count else kind


def _add() -> None:
    values: Any = st.session_state
    kind = values["add_callback"]
    values["add_callback"] = None
    if kind is not None:
        slots = read_slots(values.get)
        _set([*slots, free_slot(kind, slots)])


def _move(place: int, by: int) -> None:
    slots = read_slots(st.session_state.get)
    if 0 <= place + by < len(slots):
        slots.insert(place + by, slots.pop(place))
        _set(slots)


def _remove(place: int) -> None:
    slots = read_slots(st.session_state.get)
    _set(slots[:place] + slots[place + 1 :])


def _set(slots: Sequence[str]) -> None:
    st.session_state[KEY] = list(slots)
    _tell_link()


def _tell_link() -> None:
    slots = read_slots(st.session_state.get)
    if st.query_params.get_all(KEY) != slots:
        if slots:
            st.query_params[KEY] = slots
        else:
            st.query_params.pop(KEY, None)
