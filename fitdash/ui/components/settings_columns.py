"""Column formats for settings in a table of runs or trials."""

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING, Any

import streamlit as st

from fitdash.ui.view_models.formatting import labels_of

if TYPE_CHECKING:
    import pandas as pd


def settings_column_config(frame: "pd.DataFrame", addresses: Iterable[str]) -> dict[str, Any]:
    """Column format for each setting; numbers get six digits, so that a small one is not shown as 0."""
    config: dict[str, Any] = {}
    labels = labels_of(addresses)
    for name in labels:
        is_number = frame[name].dtype.kind in "iuf"
        made = partial(st.column_config.NumberColumn, format="%.6g") if is_number else st.column_config.Column
        config[name] = made(labels[name], help=name)
    return config
