"""What can be taken away from a run: the history, while it trains too."""

from functools import partial

import streamlit as st

from fitdash.runs.history import history_of
from fitdash.runs.store import Store
from fitdash.ui.snapshot import Snapshot


def draw(store: Store, run: Snapshot) -> None:
    """One button per form of the history; what it gives is read when it is pressed."""
    forms = {"CSV": (history_csv, "text/csv"), "JSON": (history_json, "application/json")}
    with st.container(horizontal=True, gap="small", key="downloads"):
        for name, (form, mime) in forms.items():
            st.download_button(
                f"Download history ({name})",
                data=partial(form, store, run.uid),
                file_name=f"{run.uid}-history.{name.lower()}",
                mime=mime,
                key=f"download_{name.lower()}",
                icon=":material/download:",
                on_click="ignore",
                disabled=not run.rows,
            )


def history_csv(store: Store, uid: str) -> str:
    """The same bytes as `History.to_csv`: wide, epochs from 1."""
    return str(history_of(store, uid).to_csv())


def history_json(store: Store, uid: str) -> str:
    """The same text as `History.to_json`."""
    return str(history_of(store, uid).to_json())
