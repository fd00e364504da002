"""Sets the form's widgets from elsewhere: a pasted call, an earlier run, a suggested change."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitAPIException

from fitdash.settings.callbacks import CALLBACKS
from fitdash.settings.experiment import Experiment
from fitdash.settings.layers import LAYERS
from fitdash.settings.network import NetworkArgs
from fitdash.ui.form.widget_values import kind_of, read_slots, to_widget_values
from fitdash.ui.session.state import page_state
from fitdash.ui.view_models.formatting import format_choice


def fill_form(experiment: Experiment) -> None:
    """Sets the form to this experiment at the next rerun; call `st.rerun` after it, except in a callback."""
    page_state().filling = to_widget_values(experiment)


def set_widget_values(values: Mapping[str, Any]) -> None:
    """Sets single widgets to these values, by key, at the next rerun."""
    page_state().filling = {**page_state().filling, **values}


def apply_pending_values() -> None:
    """Sets the widgets and the URL to the values that wait, before the form is drawn."""
    page = page_state()
    values, page.filling = page.filling, {}
    if "layers" in values:
        page.preset = None  # these layers replace the preset's
    for key, value in values.items():
        st.session_state[key] = value
    # A widget that has been drawn before writes the URL itself, and Streamlit refuses a second writer.
    for key, words in to_query_params(values).items():
        with suppress(StreamlitAPIException):
            st.query_params[key] = words


def to_query_params(values: Mapping[str, Any]) -> dict[str, str | list[str]]:
    """Query parameters that give the widgets these values: those that differ from the defaults, by key."""
    called = tuple(CALLBACKS[kind_of(slot)]() for slot in read_slots(values.get))
    passed = tuple(LAYERS[kind_of(slot)]() for slot in read_slots(values.get, "layers"))
    bare = to_widget_values(Experiment(callbacks=called, network=NetworkArgs(kind="layers", layers=passed)))
    defaults = bare | {"callbacks": [], "layers": [], "network.kind": NetworkArgs().kind}
    return {
        key: _words(key, value)
        for key, value in values.items()
        if value is not None and not key.endswith((".count", ".names")) and value != defaults.get(key)
    }


def _words(key: str, value: Any) -> str | list[str]:
    if isinstance(value, list | tuple):
        return [str(one) for one in value]
    return repr(value) if isinstance(value, float) else format_choice(key, value)
