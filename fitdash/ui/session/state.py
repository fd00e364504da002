"""State of one session beside its widgets: one dataclass under one key, and the run that the page shows."""

import secrets
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from fitdash.runs.protocol.events import ACTIVE
from fitdash.settings.network import NetworkArgs
from fitdash.ui.session.identity import may_see, visitor_id
from fitdash.ui.session.server_resources import ServerResources
from fitdash.ui.view_models.run_view import RunReader, RunView, example_run


@dataclass
class PageState:
    """What one session remembers from one rerun to the next.

    Attributes:
        watch: Reads the run that is shown.
        anyway: Uids of the runs whose charts the user asked for although `view_metrics` hides them.
        drawn: State of the run for which the buttons were last drawn.
        other: Uid of another active run that the page has mentioned.
        queue: Place and uid of each waiting run of this visitor, as last drawn.
        revision: Of the store, at the last check for a run that another session or process started.
        refused: Why a live change was refused, by run and address.
        wrong: Addresses at which the form had a problem.
        unknown: Uid in the link of a run that is not in the store, or that this visitor may not see.
        complaints: Error of the last action, by place; see `action_errors`.
        fit_is_wanted: True from a click on Fit until the form is drawn.
        filling: Values to set before the form's widgets are drawn, by widget key.
        ghost: Reads the previous run: the one shown before this one, or else the one that trained before it.
        ghost_of: Uid of the run for which `ghost` was looked up.
        fair_of: Uid of the run that has received the choice whether to measure the training rows.
        epoch_at: Run uid and epoch index where the user put the cursor; None follows the newest epoch.
        listed: The network whose list of layers the form showed last.
        preset: The layers of the preset that the form shows; None while it shows a list of layers.
        said: Messages beside the curves, as last drawn.
        said_at: When the messages were last collected, in monotonic seconds.
        lacks: Digest of the messages' kinds if the page was drawn without a line for one of them; else None.
        learned_at: When the learned panel last got a live update, in monotonic seconds.
        secret: Part of the URL that this session's page polls for live updates.
    """

    watch: RunReader | None = None
    anyway: set[str] = field(default_factory=set)
    drawn: Any = None
    other: str | None = None
    queue: tuple[tuple[int, str], ...] = ()
    revision: int = 0
    refused: dict[tuple[str, str], str] = field(default_factory=dict)
    wrong: set[str] = field(default_factory=set)
    unknown: str | None = None
    complaints: dict[str, str] = field(default_factory=dict)
    fit_is_wanted: bool = False
    filling: dict[str, Any] = field(default_factory=dict)
    ghost: RunReader | None = None
    ghost_of: str | None = None
    fair_of: str | None = None
    epoch_at: tuple[str, int] | None = None
    listed: NetworkArgs | None = None
    preset: NetworkArgs | None = None
    said: Any = None
    said_at: float = 0.0
    lacks: str | None = None
    learned_at: float = 0.0
    secret: str = field(default_factory=secrets.token_urlsafe, repr=False)


def page_state() -> PageState:
    """The state of this session."""
    page: PageState = st.session_state.setdefault("page", PageState())
    return page


def rerun_page() -> None:
    """Reruns the whole page: for another run, or when the one that is shown began or ended."""
    page_state().drawn = None
    st.rerun()


def show_run(uid: str) -> None:
    """Shows this run from now on: kept in the session too, because a change of pages clears the link."""
    _look_at(uid)
    st.query_params["run"] = uid


def _look_at(uid: str) -> None:
    """Shows this run; the run shown so far becomes the previous run of the charts."""
    page = page_state()
    if page.watch is not None and page.watch.uid != uid:
        page.ghost = page.watch
    page.watch = RunReader(uid)


def shown_run(server: ServerResources) -> RunView:
    """The run that the page shows: of the link, else of the session, else active, else the newest, else the example."""
    page = page_state()
    asked = st.query_params.get("run")
    if asked and (page.watch is None or page.watch.uid != asked):
        record = server.store.run(asked)
        page.unknown = None if record and may_see(server, record) else asked
        if not page.unknown:
            _look_at(asked)
    if page.watch is None:
        whose = visitor_id(server)
        newest = server.store.lines(owner=whose, states=ACTIVE, limit=1) or server.store.lines(owner=whose, limit=1)
        page.watch = RunReader(newest[0].uid) if newest else None
    found = page.watch.read(server.store) if page.watch else None
    return found if found and may_see(server, found) else example_run()


def cursor_epoch(run: RunView) -> int | None:
    """Index of the epoch at the cursor: the newest unless the user moved it; None before the first epoch ends.

    Every chart of a single epoch shows this one.
    """
    newest = run.rows[-1].epoch if run.rows else None
    at = page_state().epoch_at
    if newest is None or at is None or at[0] != run.uid:
        return newest
    return max(run.rows[0].epoch, min(at[1], newest))


def pinned_epoch(run: RunView) -> int | None:
    """Index of the epoch where the user put the cursor; None if the cursor follows the newest."""
    return None if page_state().epoch_at is None else cursor_epoch(run)


def find_other_active_run(server: ServerResources, shown: RunView) -> str | None:
    """Uid of the newest other active run while the run that is shown has ended; None if there is none."""
    others = [] if shown.is_active else server.store.lines(owner=visitor_id(server), states=ACTIVE)
    # A run that trains before one that waits.
    others.sort(key=lambda line: line.state == "queued")
    return next((line.uid for line in others if line.uid != shown.uid), None)
