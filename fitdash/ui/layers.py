"""The layers of the network that the form describes, with their shapes."""

import sys
from collections.abc import Callable
from typing import Any

import streamlit as st

from fitdash.errors import FitdashError
from fitdash.spec.arg import problems_in
from fitdash.spec.compile import output_of
from fitdash.spec.experiment import Experiment
from fitdash.spec.facts import Facts
from fitdash.spec.shape import shape_of


def draw(experiment: Experiment, facts: Facts | None) -> None:
    """A popover with a row per layer; nothing while torch is still being imported, for which a page does not wait."""
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
