"""Cards of callbacks and layers: add, set, reorder, remove. The order is that of calls, or of the network."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from fitdash.settings.callbacks import CALLBACKS, LearningRateSchedulerArgs
from fitdash.settings.declaration import settings_of
from fitdash.settings.experiment import Experiment
from fitdash.ui.form.controls import FormContext, draw_controls, draw_remarks
from fitdash.ui.form.schedule_preview import schedule_line
from fitdash.ui.form.widget_values import free_slot, kind_of, read_slots
from fitdash.ui.view_models.effective_defaults import monitor_names
from fitdash.ui.view_models.formatting import escape_markdown


@dataclass(frozen=True, kw_only=True)
class CardList:
    """Callbacks or layers as an ordered list of cards.

    Attributes:
        key: Of the order, in the session state and the URL; first part of the keys of the cards' widgets.
        address: First part of the settings' addresses in the experiment.
        adder: First part of the key of the select box that adds a card.
        kinds: Settings class by the name of each kind.
    """

    key: str
    address: str
    adder: str
    kinds: Mapping[str, Any]

    @property
    def slots(self) -> list[str]:
        """Name of each card, in order."""
        return read_slots(st.session_state.get, self.key)

    @property
    def adding(self) -> str:
        """Key of the select box: a new one after each card, so that no card is added twice.

        If the same select box were emptied instead, a browser that has not redrawn it would still send the old choice
        with the next change of any widget.
        """
        return f"{self.adder}.{st.session_state.get(self.adder, 0)}"


CALLED = CardList(key="callbacks", address="callbacks", adder="add_callback", kinds=CALLBACKS)


def restore(deck: CardList = CALLED) -> None:
    """Reads the cards from the URL, and writes them to it again if a change of pages cleared it."""
    values: Any = st.session_state
    if deck.key not in values:
        values[deck.key] = [slot for slot in st.query_params.get_all(deck.key) if kind_of(slot) in deck.kinds]
    write_cards_to_url(deck.key, deck.slots)


def draw(experiment: Experiment, around: FormContext, text: str) -> None:
    """Draws the select box that adds a callback, and the cards.

    Args:
        experiment: The draft.
        around: Context of the widgets.
        text: Help of the argument `callbacks`.
    """
    with st.container(gap="xxsmall", key="at-callbacks"):
        placeholder = "none, add one" if not experiment.callbacks else "add another one"
        draw_adder(CALLED, "callbacks", list(CALLBACKS), placeholder, text)
        st.caption("called in this order · then history and progress")
    names = monitor_names(experiment, around.facts)

    def preview(place: int, slot: str) -> None:
        args = experiment.callbacks[place]
        if isinstance(args, LearningRateSchedulerArgs):
            schedule_line(args, experiment, key=f"preview-{slot}")

    for place, slot in enumerate(CALLED.slots):
        draw_card(CALLED, place, replace(around, columns={f"{CALLED.key}.{slot}.monitor": names}), preview)


def draw_adder(deck: CardList, label: str, kinds: Sequence[str], placeholder: str, text: str) -> None:
    """Draws the select box that adds a card."""
    st.selectbox(
        label,
        kinds,
        index=None,
        key=deck.adding,
        placeholder=placeholder,
        format_func=lambda kind: f"{kind}: {deck.kinds[kind].summary}",
        help=text,
        on_change=_add,
        args=[deck, deck.adding],
    )


def draw_card(deck: CardList, place: int, around: FormContext, beneath: Callable[[int, str], None]) -> None:
    """Draws one card: name, buttons, problems of the card as a whole, settings, and what `beneath` draws."""
    slots = deck.slots
    slot, address = slots[place], f"{deck.address}.{place}"
    cls = deck.kinds[kind_of(slot)]
    with st.container(border=True, key=f"card-{slot}", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center", gap="xxsmall", key=f"head-{slot}"):
            st.markdown(f"**{escape_markdown(_name(slot))}**", help=cls.summary, width="stretch")
            _button(deck, slot, "up", ":material/arrow_upward:", disabled=place == 0, then=_move, args=[place, -1])
            last = place == len(slots) - 1
            _button(deck, slot, "down", ":material/arrow_downward:", disabled=last, then=_move, args=[place, 1])
            _button(deck, slot, "remove", ":material/close:", disabled=False, then=_remove, args=[place])
        for text in around.problems.get(address, ()):
            st.caption(f":red[**{escape_markdown(text)}**]")
        draw_remarks(address, around)
        draw_controls(cls, f"{deck.key}.{slot}", list(settings_of(cls)), around, told_as=address)
        beneath(place, slot)


def _button(deck: CardList, slot: str, what: str, icon: str, *, disabled: bool, then: Any, args: list[int]) -> None:
    says = f"{what} {_name(slot)}" if what == "remove" else f"move {_name(slot)} {what}"
    given: dict[str, Any] = {"disabled": disabled, "help": says, "on_click": then, "args": [deck, *args]}
    st.button(says, key=f"{what}-{slot}", icon=icon, type="tertiary", **given)


def _name(slot: str) -> str:
    kind, _, count = slot.partition("~")
    return f"{kind} {count}" if count else kind


def _add(deck: CardList, adding: str) -> None:
    values: Any = st.session_state
    kind = values.get(adding)
    if kind is not None and adding == deck.adding:
        values[deck.adder] = values.get(deck.adder, 0) + 1
        _set(deck, [*deck.slots, free_slot(kind, deck.slots)])


def _move(deck: CardList, place: int, by: int) -> None:
    slots = deck.slots
    if 0 <= place + by < len(slots):
        slots.insert(place + by, slots.pop(place))
        _set(deck, slots)


def _remove(deck: CardList, place: int) -> None:
    slots = deck.slots
    _set(deck, slots[:place] + slots[place + 1 :])


def _set(deck: CardList, slots: Sequence[str]) -> None:
    st.session_state[deck.key] = list(slots)
    write_cards_to_url(deck.key, slots)


def write_cards_to_url(key: str, slots: Sequence[str]) -> None:
    """Writes the names of these cards to the URL; removes the parameter if there are none."""
    if st.query_params.get_all(key) != list(slots):
        if slots:
            st.query_params[key] = list(slots)
        else:
            st.query_params.pop(key, None)
