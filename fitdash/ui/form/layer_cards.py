"""The layers of the network: as cards if the network is a list of layers, and as a table with their shapes."""

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import streamlit as st

from fitdash.errors import FitdashError
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.declaration import problems_in
from fitdash.settings.experiment import Experiment
from fitdash.settings.layer_list import as_layer_list
from fitdash.settings.layers import LAYERS, layer_kinds_for
from fitdash.settings.losses_and_metrics import output_of
from fitdash.settings.network import LAYER_LIST, NetworkArgs, layers_in, size_before_output
from fitdash.settings.network_shape import shape_of
from fitdash.ui.form import cards
from fitdash.ui.form.controls import FormContext
from fitdash.ui.form.fill import apply_pending_values, set_widget_values
from fitdash.ui.form.widget_values import to_widget_values
from fitdash.ui.session.state import page_state
from fitdash.ui.view_models.formatting import escape_markdown, format_number

PASSED = cards.CardList(key="layers", address="network.layers", adder="add_layer", kinds=LAYERS)
HELP = """What the data pass through, in this order. The output is added by itself: as many units as the target and \
the loss want."""


def restore() -> None:
    """Reads the layers from the URL. If the user has just switched to a list of layers, restores the earlier list, else
    that of the preset.
    """
    page = page_state()
    kind = st.session_state.get("network.kind", st.query_params.get("network.kind"))
    if kind != LAYER_LIST:
        st.session_state.setdefault(PASSED.key, [])
        cards.write_cards_to_url(PASSED.key, [])
        return
    if page.preset is not None:
        set_widget_values(_cards_of(page.listed or page.preset))
        page.preset = None
        apply_pending_values()
    cards.restore(PASSED)


def remember(network: NetworkArgs, facts: DataFacts | None) -> None:
    """Keeps the list of layers while a preset is chosen, and the layers that the preset consists of."""
    page = page_state()
    if network.kind == LAYER_LIST:
        page.listed, page.preset = network, None
    else:
        page.preset = as_layer_list(network, facts) or NetworkArgs(kind=LAYER_LIST)


def draw(experiment: Experiment, around: FormContext) -> None:
    """Draws the cards, or a button that turns the preset into cards; and a table with one row for each layer."""
    network, facts = experiment.network, around.facts
    if network.kind == LAYER_LIST:
        _draw_cards(experiment, around)
    with st.container(horizontal=True, gap="xsmall", key="layers-below"):
        _table(experiment, facts)
        listed = None if network.kind == LAYER_LIST or around.basic else as_layer_list(network, facts)
        if listed is not None and not problems_in(network, facts):
            st.button(
                "Edit layers",
                key="edit_layers",
                icon=":material/edit:",
                help="Makes a list of layers of this network, to add, set, order and remove them.",
                on_click=set_widget_values,
                args=[_cards_of(listed)],
            )


def _draw_cards(experiment: Experiment, around: FormContext) -> None:
    """Draws a card for each layer, with its output shape, and a line for the output layer."""
    network, facts = experiment.network, around.facts
    shape = shape_of(facts)
    places = layers_in(network, shape)

    def gives(place: int, slot: str) -> None:
        one = places[place]
        if facts is not None and facts.inputs is not None and one.wrong is None:
            st.caption(f"gives {_size(one.after)} · {format_number(one.args.parameters(one.before))} parameters")

    for place in range(len(places)):
        cards.draw_card(PASSED, place, around, gives)
    with st.container(gap="xxsmall", key="at-layers"):
        cards.draw_adder(PASSED, "layers", list(layer_kinds_for(facts)), "add a layer", HELP)
        if facts is not None and facts.inputs is not None:
            output = output_of(facts.task, facts.class_count, experiment.compile.loss)
            count = (size_before_output(network, shape)[-1] + 1) * output.units
            bend = "" if output.activation == "linear" else f" {output.activation}"
            st.caption(f"then the output: Dense {output.units}{bend} · {format_number(count)} parameters")


def _size(size: tuple[int, ...]) -> str:
    return escape_markdown(" × ".join(map(str, size)))


def _cards_of(network: NetworkArgs) -> dict[str, Any]:
    """Widget values for these layers, by key."""
    values = to_widget_values(replace(Experiment(), network=network))
    return {key: one for key, one in values.items() if key.partition(".")[0] == PASSED.key or key == "network.kind"}


def _table(experiment: Experiment, facts: DataFacts | None) -> None:
    """Draws a popover with one row for each layer; nothing while torch is being imported: no page waits for it."""
    layers_of: Callable[..., Any] | None = getattr(sys.modules.get("fitdash.nn.registry"), "layers_of", None)
    if layers_of is None or facts is None or facts.inputs is None or problems_in(experiment.network, facts):
        return
    with st.popover("Layers", icon=":material/layers:"):
        output = output_of(facts.task, facts.class_count, experiment.compile.loss)
        try:
            layers = layers_of(experiment.network, shape_of(facts, output.units), output.activation)
        except FitdashError:
            return
        rows = {
            "layer": [layer.name for layer in layers],
            "kind": [layer.kind for layer in layers],
            "gives": [" × ".join(map(str, layer.shape)) for layer in layers],
            "parameters": [layer.parameters for layer in layers],
        }
        st.dataframe(rows, hide_index=True, alt=f"{len(layers)} layers: {', '.join(layer.kind for layer in layers)}")
