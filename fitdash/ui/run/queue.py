"""The queue of waiting runs beneath the action bar: the place of each, with Show, First and Cancel."""

import streamlit as st

from fitdash.errors import SettingError
from fitdash.runs.scheduling.runner import Run
from fitdash.settings.experiment import Experiment
from fitdash.ui.run import settings_used
from fitdash.ui.run.run_controls import button_state_of, list_waiting_runs, waiting_uids
from fitdash.ui.session.server_resources import ServerResources
from fitdash.ui.session.state import page_state, rerun_page, show_run, shown_run
from fitdash.ui.view_models.formatting import escape_markdown

KEY = "queue"
SHOWN = 4


def queue_view(server: ServerResources) -> None:
    """Draws this visitor's waiting runs in a fragment, which reruns alone when one moves up; nothing if none wait."""
    st.fragment(_view, key=KEY)(server)


def _view(server: ServerResources) -> None:
    waiting = list_waiting_runs(server)
    page_state().queue = waiting_uids(waiting)
    if waiting:
        _draw(server, waiting)
    # A click in the queue has changed more than the queue.
    if button_state_of(server, shown_run(server)) != page_state().drawn:
        rerun_page()


def _draw(server: ServerResources, waiting: list[tuple[int, Run]]) -> None:
    with st.container(key="queue", border=True, gap="xxsmall"):
        for place, run in waiting[:SHOWN]:
            _line(server, place, run, is_first=run is waiting[0][1])
        _rest(server, waiting)


def _line(server: ServerResources, place: int, run: Run, *, is_first: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{place}.** {_told(server, run)}", width="stretch")
        st.button("Show", key=f"show-{run.uid}", type="tertiary", on_click=show_run, args=[run.uid])
        st.button(
            "First",
            key=f"first-{run.uid}",
            type="tertiary",
            disabled=is_first,
            help="Let it train before the others here.",
            on_click=server.runner.put_first,
            args=[run],
        )
        st.button("Cancel", key=f"cancel-{run.uid}", type="tertiary", on_click=run.stop)


def _rest(server: ServerResources, waiting: list[tuple[int, Run]]) -> None:
    """Draws how many more runs wait, and a button that cancels all."""
    if len(waiting) < 2:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        more = len(waiting) - SHOWN
        st.caption(f"and {more} more" if more > 0 else "&nbsp;", width="stretch")
        st.button(f"Cancel all {len(waiting)}", key="cancel_all", type="tertiary", on_click=_cancel, args=[waiting])


def _cancel(waiting: list[tuple[int, Run]]) -> None:
    for _, run in reversed(waiting):
        run.stop()


def _told(server: ServerResources, run: Run) -> str:
    """Name of the run and its settings that differ from the defaults, as markdown."""
    record = server.store.run(run.uid)
    if record is None:
        return "waits"
    try:
        line = settings_used.settings_line(Experiment.from_dict(record.experiment))
    except SettingError:
        line = ""
    return escape_markdown(" · ".join(filter(None, (f"waits: {record.name}", line))))
