"""What happens: state, progress, charts, log and downloads of one run; drawn again while it goes on."""

import re
import time
from contextlib import suppress
from functools import partial
from typing import Any

import streamlit as st

from fitdash import options
from fitdash.errors import StoreError
from fitdash.spec.compile import resolved_metrics
from fitdash.spec.watching import hidden_because
from fitdash.ui import alone, arguments, between, charts, chips, downloads, sharing, understanding
from fitdash.ui.asked import tell_trouble
from fitdash.ui.happened import happened
from fitdash.ui.live_chart import live_progress
from fitdash.ui.progress import told_progress
from fitdash.ui.resources import Desk
from fitdash.ui.snapshot import Snapshot
from fitdash.ui.state import draw_again, shown_run, state
from fitdash.ui.words import escaped

COLOURS: dict[str, Any] = {
    "running": "blue",
    "paused": "yellow",
    "finished": "green",
    "failed": "red",
    "interrupted": "violet",
    "stopped": "orange",
}
DRAWN_SECONDS = 5.0
"""Between two drawings of a page that is told the curves of a run at full speed: each costs training some epochs."""
LINES_WHILE_ON = 100
"""Lines of the log that are sent and laid out with every drawing of a run that is on."""
QUEUED_SECONDS = 10.0
"""The same of a run in the queue, of which only its place changes, and that is told."""
MANY_VIEWERS = 4
"""From so many on, pages are told what is new at any pace: drawing all of them takes more than their server has."""
REAP_SECONDS = 5.0


def live_view(desk: Desk) -> None:
    """The run, followed as long as something may happen to it; else a look now and then whether another began."""
    run = shown_run(desk)
    follow, every = run.is_active, between.seconds(desk, run)
    looks = not follow and not desk.feeds.is_served  # else the page asks, which costs it next to nothing
    st.fragment(_view, run_every=_drawn_every(desk, run, every) if follow else None, key="live")(desk)
    st.fragment(_look_out, run_every=every if looks else None, key="lookout")(desk)


def _drawn_every(desk: Desk, run: Snapshot, every: float) -> float:
    """Seconds between two drawings of a run that is on: few where the page is told its curves between them."""
    if not desk.feeds.is_served or _hidden_because(run):
        return every
    if run.state == "queued":
        return QUEUED_SECONDS
    is_told = run.state == "paused" or between.is_fast(desk, run) or desk.viewers.count() >= MANY_VIEWERS
    return max(DRAWN_SECONDS, 6 * every) if is_told else every


def _view(desk: Desk) -> None:
    desk.viewers.here(time.monotonic())
    run = shown_run(desk)
    if run.is_active and desk.runner.find(run.uid) is None and desk.due("reap", REAP_SECONDS):
        # Later is soon enough where the store is locked.
        with suppress(StoreError):
            desk.store.reap()
        run = shown_run(desk)
    draw_run(desk, run)
    between.check(desk, run)


def _look_out(desk: Desk) -> None:
    """Draw the page again where a run began in another tab or process: the store tells in microseconds."""
    desk.viewers.here(time.monotonic())
    if between.elsewhere(desk).get("due"):
        draw_again()


def draw_run(desk: Desk, run: Snapshot) -> None:
    """One run from top to bottom; what comes and goes has a place of its own, so that nothing else is made anew."""
    with st.container(key="trouble"):
        tell_trouble(desk)
        if state().unknown:
            st.warning(f"There is no run {escaped(state().unknown or '')} here.")
    _heading(run)
    with st.container(key="about"):
        sharing.draw(desk, run)
        alone.draw(desk, run)
        if run.error:
            _failure(run)
    if hidden := _hidden_because(run):
        _hidden(run, hidden)
    else:
        has_panel = understanding.is_there(desk, run)
        charts.draw(desk, run, partial(_beside, desk, run) if has_panel else None)
        if not has_panel:
            chips.draw(desk, run)
    if not run.is_example:
        downloads.draw(desk.store, run)
    if run.lines:
        _log(run)


def _beside(desk: Desk, run: Snapshot) -> None:
    """What the network has learned, and what the curves say: where they can come and go without moving the charts."""
    understanding.draw(desk, run)
    chips.draw(desk, run)


def _heading(run: Snapshot) -> None:
    with st.container(gap="xxsmall", key="heading"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="state"):
            st.badge(run.state, color=COLOURS.get(run.state, "gray"))
            title = (
                f"Example: a finished run on {run.name}. Press Fit to train your own." if run.is_example else run.name
            )
            st.markdown(f"**{escaped(title)}**", width="content")
        if run.recipe or run.experiment is not None:
            arguments.draw(run)
        with st.container(key="progress"):
            live_progress(told_progress(run), key="share")
            st.caption(escaped(" ".join(happened(run.told)) or " "))


def _failure(run: Snapshot) -> None:
    """The first line, and the rest for those who want it."""
    st.error(escaped(first_line(run.error or "")), icon=":material/error:")
    if run.traceback:
        with st.expander("Traceback", key="traceback"):
            st.code(run.traceback, language=None)


def first_line(error: str) -> str:
    """Without the path of the error's class; the sentences of our own errors stand for themselves."""
    return re.sub(r"^(?:fitdash\.errors\.\w+: |(?:\w+\.)+(?=\w+(?::|$)))", "", error)


def reasons_to_hide(run: Snapshot) -> list[str]:
    """Why the charts of this run are not drawn, by the rule that the engine uses; over runs are always drawn."""
    if run.experiment is None or not run.is_active:
        return []
    fit, compiled = run.experiment.fit, run.experiment.compile
    return hidden_because(
        options.view_metrics if fit.view_metrics is None else fit.view_metrics,
        viewer=True,
        metrics=bool(resolved_metrics("classification", compiled.metrics)),
        epochs=fit.epochs,
        verbose=options.fit_verbose if fit.verbose is None else fit.verbose,
    )


def _hidden_because(run: Snapshot) -> list[str]:
    """The same for this session, whose reader may have asked for them."""
    return [] if run.uid in state().anyway else reasons_to_hide(run)


def _hidden(run: Snapshot, reasons: list[str]) -> None:
    """In the charts' place: why there are none, and a way to see them."""
    with st.container(
        border=True, height=200, vertical_alignment="center", horizontal_alignment="center", key="hidden"
    ):
        st.markdown(f"No chart while training: {escaped('; '.join(reasons))}.", text_alignment="center")
        st.button("Show anyway", key="show_anyway", on_click=state().anyway.add, args=[run.uid])


def _log(run: Snapshot) -> None:
    """What a console would show, the newest line in sight; the earlier ones once it is over.

    The page's style keeps it there: Streamlit's own scrolling measures the page every 17 ms.
    """
    lines = run.lines[-LINES_WHILE_ON:] if run.is_active else run.lines
    with st.container(border=True, height=220, key="log"):
        st.code("\n".join(lines), language=None)
