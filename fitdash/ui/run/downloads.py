"""Downloads of a run: from the first epoch on, while it trains and after it failed too."""

from functools import partial
from typing import Any

import streamlit as st

from fitdash.export.archive import DownloadFile
from fitdash.runs.record.store import Store
from fitdash.ui.run.run_files import history_parts, other_parts, run_archive
from fitdash.ui.view_models.run_view import RunView

DOWNLOAD = ":material/download:"


def draw(store: Store, run: RunView) -> None:
    """Draws buttons for the history and a menu of all other files; a file is made when its button is clicked."""
    with st.container(horizontal=True, gap="small", key="downloads"):
        for part in history_parts(store, run.uid):
            _button(part, disabled=not run.rows)
        menu = st.popover("Download", key="download_menu", icon=DOWNLOAD, on_change="rerun")
        # The files are listed only while the menu is open, not at every rerun.
        if menu.open:
            with menu, st.container(gap="xsmall"):
                _menu(store, run)


def _menu(store: Store, run: RunView) -> None:
    whole = partial(run_archive, store, run.uid)
    what = "Everything in one file, with a manifest that tells what each is."
    name = f"{run.uid}.zip"
    part = DownloadFile(name=name, title="Everything (ZIP)", what=what, mime="application/zip", make=whole)
    _button(part, width="stretch", help=what, type="primary")
    for part in other_parts(store, run.uid):
        _button(part, width="stretch", help=part.what)


def _button(part: DownloadFile, **look: Any) -> None:
    st.download_button(
        part.title,
        data=part.make,
        file_name=part.name,
        mime=part.mime,
        key=f"download_{part.name.partition('-')[2] or part.name}",
        icon=DOWNLOAD,
        on_click="ignore",
        **look,
    )
