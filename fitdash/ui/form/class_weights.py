"""Widgets for the weight of each class, with the share of the training loss that each class then has."""

from typing import Any

import streamlit as st

from fitdash.settings.data_facts import DataFacts, balanced_class_weight, class_shares
from fitdash.ui.form.fill import set_widget_values
from fitdash.ui.form.widget_values import UNSET
from fitdash.ui.view_models.formatting import escape_markdown

MOST_CLASSES = 30
FEW_CLASSES = 12


def draw(key: str, facts: DataFacts | None) -> None:
    """Draws the weight of each class, as a number input if they are custom, and its share of the loss."""
    names = facts.classes if facts is not None and facts.classes else ()
    counts = facts.labels if facts is not None else ()
    what = "steps" if facts is not None and facts.steps else "rows"
    st.session_state[f"{key}.count"] = min(len(names), MOST_CLASSES)
    kind = st.session_state.get(key, UNSET)
    if kind == UNSET or not names:
        return
    given = {index: st.session_state.get(f"{key}.{index}", 1.0) for index in range(len(names))}
    weights = (
        balanced_class_weight(counts) if kind == "balanced" else {i: 1.0 if w is None else w for i, w in given.items()}
    )
    told = [
        f"{count:,} {what} · {share:.0%}" for count, share in zip(counts, class_shares(counts, weights), strict=True)
    ]
    if kind == "balanced":
        lines = (
            f"{escape_markdown(name)} × {weights.get(i, 1.0):.3g} · {told[i]}"
            for i, name in enumerate(names[:FEW_CLASSES])
        )
        st.caption("  \n".join(lines))
        return
    st.button(
        "Even out",
        key=f"{key}.even",
        help="Gives every class the same share of the loss.",
        on_click=_even,
        args=[key, counts],
    )
    for first in range(0, min(len(names), MOST_CLASSES), 2):
        for place, index in zip(st.columns(2, gap="small"), range(first, min(first + 2, len(names))), strict=False):
            with place, st.container(gap="xxsmall"):
                _class_number(index, names[index], key)
                st.caption(told[index] if told else "")


def _class_number(index: int, name: str, key: str) -> None:
    step: dict[str, Any] = {"step": 0.1, "format": "%.6g", "bind": "query-params"}
    st.number_input(f"{index}: {escape_markdown(name)}", value=1.0, key=f"{key}.{index}", **step)


def _even(key: str, counts: tuple[int, ...]) -> None:
    """Sets the weights that "balanced" would give, as numbers to edit."""
    set_widget_values({f"{key}.{index}": round(weight, 4) for index, weight in balanced_class_weight(counts).items()})
