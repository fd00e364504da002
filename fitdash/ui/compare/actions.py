"""Actions on the chosen runs: load, show, repeat, rename, tag, annotate, download, delete and undo."""

from collections.abc import Sequence

import streamlit as st

from fitdash.errors import SettingError
from fitdash.runs.record.records import RunRecord
from fitdash.settings.experiment import Experiment
from fitdash.ui.compare import downloads, repeats
from fitdash.ui.form.fill import fill_form
from fitdash.ui.session.action_errors import run_action, show_action_errors, try_action
from fitdash.ui.session.identity import check_own
from fitdash.ui.session.server_resources import ServerResources
from fitdash.ui.session.state import show_run
from fitdash.ui.view_models.plan_line import difference_line

TRAIN = "pages/train.py"
PLACE = "compare"
"""Where the page shows errors of these actions."""


def draw_differences(records: Sequence[RunRecord]) -> None:
    """Draws the settings in which two runs differ; nothing unless two are chosen."""
    if len(records) != 2:
        return
    # What the later run changed since the earlier one.
    after, before = sorted(records, key=lambda record: record.created, reverse=True)
    try:
        line = difference_line(Experiment.from_dict(before.experiment), Experiment.from_dict(after.experiment))
    except SettingError:
        return
    st.markdown(f"Only {line} changed." if line else "The two have the same settings.")


def draw(server: ServerResources, records: Sequence[RunRecord], metric: str | None) -> None:
    """Draws a row of buttons for the chosen runs."""
    one = records[0] if len(records) == 1 else None
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="compare-actions"):
        why = "Choose one run." if one is None else None
        if st.button("Load into Train", icon=":material/tune:", disabled=one is None, help=why or LOAD_HELP) and one:
            _load(one)
        if st.button("Show run", icon=":material/monitoring:", disabled=one is None, help=why) and one:
            show_run(one.uid)
            st.switch_page(TRAIN)
        repeats.draw_repeat_button(server, one)
        with st.popover("Name, tags, notes", icon=":material/edit:", disabled=one is None):
            if one is not None:
                _words(server, one)
        with st.popover("Download", icon=":material/download:", disabled=not records):
            downloads.draw(server.store, records, metric)
        st.button(
            f"Delete {len(records)}" if records else "Delete",
            icon=":material/delete:",
            disabled=not records or any(record.is_active for record in records),
            help="Runs that are on are stopped on the Train page first."
            + ("" if server.is_shared else " Undo brings back what was deleted."),
            on_click=run_action,
            args=[PLACE, "The runs could not be deleted", _delete, server, [record.uid for record in records]],
        )
        offer_undo(server)
    show_action_errors(PLACE)


LOAD_HELP = "Its settings become the draft."


def offer_undo(server: ServerResources) -> None:
    """Draws a button that restores the runs deleted last, if there are any; never on a shared server."""
    if not server.is_shared and server.store.lines(deleted=True, limit=1):
        st.button(
            "Undo delete",
            icon=":material/undo:",
            on_click=run_action,
            args=[PLACE, "The runs could not be brought back", _undo, server],
        )


def _load(record: RunRecord) -> None:
    """Fills the form with the settings of this run and opens Train."""
    if not try_action(PLACE, "The run could not be loaded", _fill, record):
        st.rerun()
    st.switch_page(TRAIN)


def _fill(record: RunRecord) -> None:
    try:
        fill_form(Experiment.from_dict(record.experiment))
    except SettingError as error:
        raise SettingError(f"This run cannot be loaded: {error}") from error


def _words(server: ServerResources, record: RunRecord) -> None:
    """Draws the fields for the run's name, tags and notes."""
    place = f"words-{record.uid}"
    with st.form(place, border=False):
        name = st.text_input("name", record.name)
        tags = st.text_input("tags", ", ".join(record.tags), help="Words between commas.")
        notes = st.text_area("notes", record.notes)
        if st.form_submit_button("Keep", type="primary"):
            run_action(place, "What you wrote could not be kept", _keep, server, record.uid, name, tags, notes)
            st.rerun()
    show_action_errors(place)  # here: the open popover would hide it on the page


def _keep(server: ServerResources, uid: str, name: str, tags: str, notes: str) -> None:
    check_own(server, uid)
    server.store.annotate(uid, name=name, tags=tags.split(","), notes=notes)


def _delete(server: ServerResources, uids: Sequence[str]) -> None:
    for uid in uids:
        check_own(server, uid)
    server.store.delete(uids)
    st.session_state["compare.chosen"] = []


def _undo(server: ServerResources) -> None:
    st.session_state["compare.chosen"] = server.store.undelete().runs
