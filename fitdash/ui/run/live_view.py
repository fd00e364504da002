"""Live view of one run: state, progress, charts, log and downloads, updated while the run is active."""

import re
import time
from functools import partial

import streamlit as st

from fitdash import options
from fitdash.settings.losses_and_metrics import resolved_metrics
from fitdash.settings.view_metrics import explain_hidden_chart
from fitdash.ui.components.live_components import draw_live_progress, draw_live_text
from fitdash.ui.learned import panel
from fitdash.ui.run import charts, diagnosis_chips, downloads, ensemble_notice, live_updates, settings_used, sharing
from fitdash.ui.run.run_messages import RunMessages, collect_messages, events_text, log_text
from fitdash.ui.session.action_errors import warn_of_writer_trouble
from fitdash.ui.session.server_resources import ServerResources
from fitdash.ui.session.state import page_state, rerun_page, shown_run
from fitdash.ui.view_models.formatting import STATE_COLOURS, escape_markdown
from fitdash.ui.view_models.run_progress import progress_to_browser
from fitdash.ui.view_models.run_view import RunView

DRAWN_SECONDS = 12.0
"""Between two reruns of a page that polls for live updates: a rerun costs as much as many updates."""


def live_view(server: ServerResources) -> None:
    """Draws the run and follows it while it is active; else checks now and then whether another run began."""
    run = shown_run(server)
    follow, every = run.is_active, live_updates.update_seconds(server, run)
    looks = not follow and not server.feeds.is_served  # else the page polls, which costs next to nothing
    st.fragment(_view, run_every=_drawn_every(server, run, every) if follow else None, key="live")(server)
    st.fragment(_look_out, run_every=every if looks else None, key="lookout")(server)


def _drawn_every(server: ServerResources, run: RunView, every: float) -> float:
    """Seconds between two reruns of an active run's view: many if the page polls for live updates in between."""
    is_told = server.feeds.is_served and not _hidden_because(run)
    return DRAWN_SECONDS if is_told else max(live_updates.LEAST_SECONDS, every)


def _view(server: ServerResources) -> None:
    server.viewers.here(time.monotonic())
    run = shown_run(server)
    if live_updates.reap_dead_runs(server, run):
        run = shown_run(server)
    draw_run(server, run)
    live_updates.rerun_if_stale(server, run)


def _look_out(server: ServerResources) -> None:
    """Reruns the page if a run began in another tab or process; the store answers that in microseconds."""
    server.viewers.here(time.monotonic())
    if live_updates.check_other_runs(server).get("due"):
        rerun_page()


def draw_run(server: ServerResources, run: RunView) -> None:
    """Draws one run from top to bottom; parts that come and go have a container each, so that they remount no other."""
    with st.container(key="trouble"):
        warn_of_writer_trouble(server)
        if page_state().unknown:
            st.warning(f"There is no run {escape_markdown(page_state().unknown or '')} here.")
    _heading(run)
    with st.container(key="about"):
        sharing.draw(server, run)
        ensemble_notice.draw(server, run)
        if run.error:
            _failure(run)
    if hidden := _hidden_because(run):
        _hidden(run, hidden)
    else:
        now, has_panel = collect_messages(server, run), panel.is_available(server, run)
        live_updates.remember_messages(now)
        charts.draw(server, run, partial(_beside, server, run, now) if has_panel else None)
        if not has_panel:
            diagnosis_chips.draw(server, run, now.found)
    if not run.is_example:
        downloads.draw(server.store, run)
    if run.lines:
        _log(run)


def _beside(server: ServerResources, run: RunView, now: RunMessages) -> None:
    """Draws the learned panel and the diagnosis beside the charts, where they come and go without moving them."""
    panel.draw(server, run)
    diagnosis_chips.draw(server, run, now.found)


def _heading(run: RunView) -> None:
    with st.container(gap="xxsmall", key="heading"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="state"):
            st.badge(run.state, color=STATE_COLOURS.get(run.state, "gray"))
            title = (
                f"Example: a finished run on {run.name}. Press Fit to train your own." if run.is_example else run.name
            )
            st.markdown(f"**{escape_markdown(title)}**", width="content")
        if run.recipe or run.experiment is not None:
            settings_used.draw(run)
        with st.container(key="progress"):
            draw_live_progress(progress_to_browser(run), key="share")
            draw_live_text(events_text(run), key="happened")


def _failure(run: RunView) -> None:
    """Draws the first line of the error, and the traceback folded."""
    st.error(escape_markdown(first_line(run.error or "")), icon=":material/error:")
    if run.traceback:
        with st.expander("Traceback", key="traceback"):
            st.code(run.traceback, language=None)


def first_line(error: str) -> str:
    """The error without the module path of its class; without the class too for errors of fitdash."""
    return re.sub(r"^(?:fitdash\.errors\.\w+: |(?:\w+\.)+(?=\w+(?::|$)))", "", error)


def reasons_to_hide(run: RunView) -> list[str]:
    """Why the charts of this run are hidden, by the engine's rule for `view_metrics`; empty once it has ended."""
    if run.experiment is None or not run.is_active:
        return []
    fit, compiled = run.experiment.fit, run.experiment.compile
    return explain_hidden_chart(
        options.view_metrics if fit.view_metrics is None else fit.view_metrics,
        viewer=True,
        metrics=bool(resolved_metrics("classification", compiled.metrics)),
        epochs=fit.epochs,
        verbose=options.fit_verbose if fit.verbose is None else fit.verbose,
    )


def _hidden_because(run: RunView) -> list[str]:
    """The same for this session; empty if its user has asked for the charts."""
    return [] if run.uid in page_state().anyway else reasons_to_hide(run)


def _hidden(run: RunView, reasons: list[str]) -> None:
    """Draws in place of the charts why they are hidden, and a button that shows them."""
    with st.container(
        border=True, height=200, vertical_alignment="center", horizontal_alignment="center", key="hidden"
    ):
        st.markdown(f"No chart while training: {escape_markdown('; '.join(reasons))}.", text_alignment="center")
        st.button("Show anyway", key="show_anyway", on_click=page_state().anyway.add, args=[run.uid])


def _log(run: RunView) -> None:
    """Draws the printed lines, scrolled to the newest; all of them once the run has ended.

    CSS keeps the scroll position: Streamlit's own scrolling measures the page every 17 ms.
    """
    with st.container(border=True, height=220, key="log"):
        if run.is_active:
            draw_live_text(log_text(run), key="log-lines")
        else:
            st.code("\n".join(run.lines), language=None)
