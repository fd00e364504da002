"""What one session remembers beside its widgets, under one key."""

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
    """One session.

    Attributes:
        watch: The run that is shown.
        anyway: Runs whose charts were asked for although `view_metrics` hides them.
        drawn: How the run stood when the buttons were drawn.
        other: The run that began elsewhere and was told of.
        queue: The places of this visitor's runs that wait, when they were drawn.
        revision: Of the store, when somebody looked last whether a run began elsewhere.
        refused: By run and control, why a change of a run that is on was not made.
        wrong: Addresses at which the form had a problem.
        unknown: A run that a link asked for and the store does not have, or not for this visitor.
        complaints: By place, why what was last asked there was not done.
        fit_is_wanted: Fit was pressed, and the form has not been drawn since.
        filling: Values that wait for the form's widgets, by key.
        ghost: The run that was shown before this one, or else came before it.
        ghost_of: Uid of the run that it was looked for.
        fair_of: Uid of the run that was told whether to measure the training rows.
        epoch_at: Uid of a run and the index of its epoch at which the cursor was put; None follows the newest epoch.
        listed: The layers that the form listed last.
        preset: Those of the preset that it shows, None while it lists layers.
        said: What the page says of its run beside the curves, as it was drawn.
        said_at: When that was looked at last, by a clock that only grows.
        lacks: A mark of what it has no place for, None where it has one for all.
        learned_at: When the page was told last what its network has learned, by a clock that only grows.
        secret: Names this session where its page asks for news.
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
    """This session's state."""
    page: PageState = st.session_state.setdefault("page", PageState())
    return page


def rerun_page() -> None:
    """Run the whole page: another run is shown, or the one that is shown began or ended."""
    page_state().drawn = None
    st.rerun()


def show_run(uid: str) -> None:
    """Show this run from now on: kept in the session, because a page change clears the link."""
    _look_at(uid)
    st.query_params["run"] = uid


def _look_at(uid: str) -> None:
    """Show this run; the one that was shown becomes the one it is compared with."""
    page = page_state()
    if page.watch is not None and page.watch.uid != uid:
        page.ghost = page.watch
    page.watch = RunReader(uid)


def shown_run(server: ServerResources) -> RunView:
    """The run of the link, of the session, the one that trains, the last one, or the example."""
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
    """Index of the epoch that the cursor shows, the newest unless the reader put it elsewhere; None before the first.

    What draws a moment of the run draws this one.
    """
    newest = run.rows[-1].epoch if run.rows else None
    at = page_state().epoch_at
    if newest is None or at is None or at[0] != run.uid:
        return newest
    return max(run.rows[0].epoch, min(at[1], newest))


def pinned_epoch(run: RunView) -> int | None:
    """Index of the epoch at which the reader put the cursor; None where it follows the newest."""
    return None if page_state().epoch_at is None else cursor_epoch(run)


def find_other_active_run(server: ServerResources, shown: RunView) -> str | None:
    """Uid of the newest run that is on while another one is shown, which is over."""
    others = [] if shown.is_active else server.store.lines(owner=visitor_id(server), states=ACTIVE)
    # What trains, rather than what waits.
    others.sort(key=lambda line: line.state == "queued")
    return next((line.uid for line in others if line.uid != shown.uid), None)
