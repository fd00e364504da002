"""The action bar: Fit, the run's buttons, seed, initial weights and pace; beneath it the plan line."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from fitdash.errors import FitdashError
from fitdash.jobs.launch import launch_run
from fitdash.runs.protocol.control import PACE_RATES
from fitdash.runs.scheduling.runner import Run
from fitdash.settings.experiment import LARGEST_SEED, Experiment
from fitdash.settings.plan import plan_of
from fitdash.ui.form import value_lists
from fitdash.ui.form.fill import apply_pending_values
from fitdash.ui.form.form import Draft, draw_form, has_been_drawn, read_form
from fitdash.ui.run.run_controls import WIDTH, ButtonState, button_state_of, draw_buttons
from fitdash.ui.session.action_errors import show_action_errors
from fitdash.ui.session.identity import is_own, visitor_id
from fitdash.ui.session.live_changes import current_experiment, live_changes_of
from fitdash.ui.session.server_resources import ServerResources
from fitdash.ui.session.state import find_other_active_run, page_state, rerun_page, show_run, shown_run
from fitdash.ui.train import code, start_from
from fitdash.ui.train.variants import tag_variants
from fitdash.ui.view_models.eta import eta_seconds
from fitdash.ui.view_models.formatting import escape_markdown, format_seconds
from fitdash.ui.view_models.plan_line import difference_line, plan_line, weights_line
from fitdash.ui.view_models.run_view import RunView

PACES: dict[Any, str] = {"watchable": "watchable", "full": "full speed"}
PACES |= {rate: f"{rate} epoch{'s' * (rate > 1)} per second" for rate in PACE_RATES}


@st.fragment(key="draft")
def draw_action_bar(server: ServerResources, code_place: Any) -> None:
    """Draws the action bar, the form in the sidebar, and the form as code in `code_place`; starts runs."""
    apply_pending_values()
    with st.container(key="bar"):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="xsmall"):
            buttons_place = st.container(horizontal=True, gap="xsmall", width="content", key="steer")
            # Before the form is read: the seed is part of the draft.
            _choices(server)
        run = shown_run(server)
        continues = start_from.origin(server)[0] is not None
        with st.sidebar:
            form, around = read_form(live_changes_of(server, run), continues=continues)
            # At first here, because widgets may take more from the URL than was read; later last, as it takes longest.
            if not (is_known := has_been_drawn()):
                draw_form(form, around)
        before, now = page_state().drawn, button_state_of(server, run)
        page_state().drawn = now
        with buttons_place:
            _fit(form, now)
            draw_buttons(server, now)
        with st.container(key="plan", gap="xxsmall"):
            _plan(form, run)
            _beside(server, form, run)
    if is_known:
        with st.sidebar:
            draw_form(form, around)
    _start_if_wanted(server, form)
    show_action_errors("run")
    code.draw(form, code_place, continues=continues)
    # Resume and Reset rerun only this fragment: the live view below must follow the run that they started.
    if before is not None and (before.uid, before.is_on) != (now.uid, now.is_on):
        rerun_page()


def _fit(form: Draft, now: ButtonState) -> None:
    st.button(
        "Fit",
        key="fit",
        type="primary",
        icon=":material/play_arrow:",
        disabled=bool(form.problems),
        help=_what_it_does(form, now),
        on_click=_ask,
        width=WIDTH,
    )


def _ask() -> None:
    """Notes the click; the run starts once the form is read, so that an interrupted rerun loses no click."""
    page_state().fit_is_wanted = True


def _start_if_wanted(server: ServerResources, form: Draft) -> None:
    if page_state().fit_is_wanted:
        page_state().fit_is_wanted = False
        if not form.problems:
            _start(server, form.variants)


def _choices(server: ServerResources) -> None:
    """Draws the settings beside the form: seed, start from, pace."""
    st.number_input(
        "seed",
        min_value=0,
        max_value=LARGEST_SEED,
        value=0,
        step=1,
        format="%d",
        key="seed",
        bind="query-params",
        width=84,
        help="Where all random numbers start: the same seed gives the same run.",
    )
    st.button(
        "",
        key="other_weights",
        icon=":material/casino:",
        help="Another seed: other weights, and everything else that is random, with the next fit.",
        on_click=_another_seed,
    )
    start_from.draw(server)
    st.selectbox(
        "pace",
        list(PACES),
        format_func=PACES.__getitem__,
        key="pace",
        bind="query-params",
        width=138,
        help="How fast it may run, so that it can be watched; it changes no number. Applies at once. Watchable: at "
        "most 5 epochs a second, about 15 s more than the run needs.",
        on_change=_set_pace,
        args=[server],
    )


def _plan(form: Draft, run: RunView) -> None:
    """Draws what Fit would do, or why it waits; a button that sets a hold-out if there is none."""
    if form.problems:
        first, *others = form.problems
        more = f" And {len(others)} more, marked in the form." if others else ""
        st.markdown(f":red[:material/error: **Fit waits:** {escape_markdown(first)}{more}]")
        return
    if form.facts is None:
        return
    plan = plan_of(form.experiment.fit, form.facts)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        seconds = eta_seconds(plan, form.experiment, run, st.session_state["pace"])
        time = "" if seconds is None else f"about {format_seconds(seconds * len(form.variants))}"
        said = filter(
            None,
            (
                value_lists.describe_variants(form.variants),
                plan_line(plan),
                weights_line(form.experiment, form.facts),
                time,
            ),
        )
        st.markdown(f"Plan: {' · '.join(said)}.", width="content")
        if form.remarks:
            many = f"{len(form.remarks)} remark{'s' * (len(form.remarks) > 1)}"
            st.markdown(f":orange[{many}]", width="content", help=escape_markdown(" ".join(form.remarks)))
        if not plan.val_rows:
            st.button("Hold out 20 %", key="hold_out", on_click=_hold_out, help=HOLD_OUT_HELP)


def _beside(server: ServerResources, form: Draft, run: RunView) -> None:
    """Draws a link to another active run; else what the draft has changed since the run below."""
    other = page_state().other = find_other_active_run(server, run)
    if other is not None:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.markdown("Another run is on.", width="content")
            st.button("Show it", key="show_other", on_click=show_run, args=[other])
        return
    experiment = None if run.is_example else current_experiment(run)
    line = difference_line(experiment, form.experiment) if experiment is not None else ""
    said = "For the next fit, changed" if run.is_active else "Changed"
    st.caption(f"{said} since the run below: {line}" if line else "&nbsp;")


HOLD_OUT_HELP = "Sets validation_data to a stratified 20 %: the same share of every class, never trained on."


def _what_it_does(form: Draft, now: ButtonState) -> str:
    if form.problems:
        return "There is something to fix first: it is marked in the form."
    return "Queue this: it trains when its turn comes." if now.is_busy else "Train this."


def _start(server: ServerResources, experiments: Sequence[Experiment]) -> None:
    """Submits the experiments to the runner; shows the first run, unless this visitor watches an active one."""
    shown = shown_run(server)
    try:
        runs = [_submit(server, experiment) for experiment in experiments]
    except FitdashError as error:
        st.error(escape_markdown(str(error)))
        return
    tag_variants(server, runs)
    server.writer.flush(2.0)
    if not (shown.is_active and is_own(server, shown.owner)):
        show_run(runs[0].uid)
    rerun_page()


def _submit(server: ServerResources, experiment: Experiment) -> Run:
    uid, epoch = start_from.origin(server)
    return launch_run(
        server.runner,
        experiment,
        pace=st.session_state["pace"],
        owner=visitor_id(server),
        origin=uid,
        epoch=epoch,
        settings=server.settings,
        late=True,
    )


def _set_pace(server: ServerResources) -> None:
    """Sets the pace of this visitor's active runs, which takes effect at once."""
    for run in server.runner.active():
        if is_own(server, run.owner):
            run.control.pace = st.session_state["pace"]


def _another_seed() -> None:
    st.session_state["seed"] = (st.session_state["seed"] + 1) % (LARGEST_SEED + 1)


def _hold_out() -> None:
    st.session_state["fit.validation_data"] = "stratified"
