"""Progress of a sweep, while it is active and afterwards: state, best so far, charts, trials."""

import time
from collections import Counter
from collections.abc import Sequence

import streamlit as st

from fitdash.errors import FitdashError
from fitdash.runs.record import sweeps
from fitdash.runs.record.sweeps import SweepRecord
from fitdash.sweeps.config import most_trials
from fitdash.sweeps.results import Sweep, best_trial
from fitdash.sweeps.trial import Trial
from fitdash.ui.form.fill import fill_form
from fitdash.ui.session.action_errors import run_action, show_action_errors, warn_of_writer_trouble
from fitdash.ui.session.identity import visitor_id
from fitdash.ui.session.server_resources import ServerResources
from fitdash.ui.session.sweeper import sweeper
from fitdash.ui.sweep import charts, deletion, resume, trials
from fitdash.ui.sweep.deletion import PLACE
from fitdash.ui.sweep.resume import NOT_ON
from fitdash.ui.view_models.formatting import (
    STATE_COLOURS,
    escape_markdown,
    format_number,
    format_seconds,
    format_value,
    labels_of,
)

EVERY_SECONDS = 1.0
TRAIN = "pages/train.py"
SHOWN = "sweep.shown"
NOT_OVER = ("running", "queued", "interrupted")
"""States of trials that train, or will train again."""


def sweep_view(server: ServerResources) -> None:
    """Draws the sweep that is shown, again while it is active."""
    resume.resume_cut_off_sweeps(server)
    record = _chosen(server)
    follows = record is not None and record.is_active
    every = server.viewers.every(EVERY_SECONDS)
    st.fragment(_watch, run_every=every if follows else None, key="watch")(server)


def _chosen(server: ServerResources) -> SweepRecord | None:
    """The sweep that the user chose, else the newest."""
    known = sweeps.all_sweeps(server.store, owner=visitor_id(server))
    return next((one for one in known if one.uid == st.session_state.get(SHOWN)), known[0] if known else None)


def _watch(server: ServerResources) -> None:
    server.viewers.here(time.monotonic())
    warn_of_writer_trouble(server)
    known = sweeps.all_sweeps(server.store, owner=visitor_id(server))
    if not known:
        st.info("No sweep yet. Let a setting vary on the left, and start one: all its trials are kept as runs.")
        deletion.offer_undo(server)
        show_action_errors(PLACE)
        return
    names = _names(known)
    if st.session_state.get(SHOWN) not in names:
        st.session_state[SHOWN] = known[0].uid
    was_active = st.session_state.get("sweep.was_active")
    uid = st.selectbox("sweep", list(names), format_func=names.__getitem__, key=SHOWN)
    record = next(one for one in known if one.uid == uid)
    st.session_state["sweep.was_active"] = record.is_active
    if was_active is not None and was_active != record.is_active:
        st.rerun()  # the interval of a fragment is set where the whole page runs
    _show(server, record)


def _names(known: Sequence[SweepRecord]) -> dict[str, str]:
    """Name of each sweep in the select box, by uid; unique, because the browser sends a choice by its name."""
    names = {one.uid: f"{one.name} · {time.strftime('%d %b %H:%M', time.localtime(one.created))}" for one in known}
    count = Counter(names.values())
    return {uid: name if count[name] == 1 else f"{name} · {uid[:6]}" for uid, name in names.items()}


def _show(server: ServerResources, record: SweepRecord) -> None:
    try:
        sweep = Sweep(server.store, record.uid)
    except FitdashError as error:
        st.error(f"This sweep cannot be read: {escape_markdown(str(error))}")
        deletion.draw_delete_button(server, record)
        show_action_errors(PLACE)
        return
    found = sweep.trials()
    _heading(server, sweep, record, found)
    if record.error:
        (st.warning if record.is_active else st.error)(escape_markdown(record.error))
    best = best_trial(found, sweep.recipe)
    if best is not None:
        _best(sweep, best)
    if found:
        charts.draw(server.store, sweep, found)
        trials.draw(server, sweep, found)


def _heading(server: ServerResources, sweep: Sweep, record: SweepRecord, found: list[Trial]) -> None:
    """Draws state and progress of the sweep, and buttons for the whole of it."""
    over = sum(trial.state not in NOT_OVER for trial in found if trial.number is not None)
    trials, seconds = most_trials(sweep.recipe, record.budget.get("trials")), record.budget.get("seconds")
    pruned = sum(trial.state == "pruned" for trial in found)
    told = [f"{over:,}{f' of {trials:,}' if trials else ''} trials", *([f"{pruned} pruned"] if pruned else [])]
    told.append(format_seconds(record.seconds or 0.001) + (f" of {format_seconds(seconds)}" if seconds else ""))
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="sweep-state"):
        st.badge(record.state, color=STATE_COLOURS.get(record.state, "gray"))
        st.markdown(" · ".join(told), width="content")
        if record.is_active:
            st.button(
                "Stop sweep",
                key="stop_sweep",
                icon=":material/stop:",
                on_click=run_action,
                args=[PLACE, "The sweep could not be stopped", sweeper().stop, record.uid],
            )
        else:
            _offer_more(sweep, record, over)
        deletion.draw_delete_button(server, record)
        deletion.offer_undo(server)
    show_action_errors(PLACE)
    resume.show_resume_note(server, record)
    shares = [done / most for done, most in ((over, trials), (record.seconds, seconds)) if most]
    if shares:
        st.progress(min(1.0, max(shares)))


def _offer_more(sweep: Sweep, record: SweepRecord, over: int) -> None:
    """Draws buttons that continue the sweep: within its budget, by more trials, or by as many seconds again."""
    trials, seconds = most_trials(sweep.recipe, record.budget.get("trials")), record.budget.get("seconds")
    is_left = (trials is None or over < trials) and (seconds is None or record.seconds < seconds)
    if record.state in ("stopped", "interrupted", "failed") and is_left:
        left = "" if trials is None else f": {trials - over:,} left"
        _offer(f"Go on{left}", "go_on_sweep", ":material/resume:", record.uid, None, None)
    every = most_trials(sweep.recipe, None)
    if every is not None and over >= every:
        return  # a grid that is done
    more = int(st.number_input("more", 1, 100_000, 20, key="sweep.more", width=130, label_visibility="collapsed"))
    _offer(f"{more:,} more trials", "extend_sweep", ":material/add:", record.uid, max(trials or 0, over) + more, None)
    if seconds is not None:
        asked_for = record.budget.get("trials")
        bound = None if asked_for is None or over >= asked_for else asked_for
        label = f"{format_seconds(seconds)} more"
        _offer(label, "extend_seconds", ":material/more_time:", record.uid, bound, record.seconds + seconds)


def _offer(label: str, key: str, icon: str, uid: str, trials: int | None, seconds: float | None) -> None:
    st.button(label, key=key, icon=icon, on_click=run_action, args=[PLACE, NOT_ON, _go_on, uid, trials, seconds])


def _go_on(uid: str, trials: int | None, seconds: float | None) -> None:
    sweeper().go_on(uid, trials=trials, seconds=seconds)


def _best(sweep: Sweep, best: Trial) -> None:
    """Draws the best trial in one line, and a button that fills the form with it."""
    labels = labels_of(best.values)
    values = " · ".join(
        f"{escape_markdown(labels[a])} {escape_markdown(format_value(value))}" for a, value in best.values.items()
    )
    which = "a run made by hand" if best.number is None else f"trial {best.number + 1}"
    with st.container(horizontal=True, vertical_alignment="center", gap="small", border=True, key="sweep-best"):
        what = escape_markdown(sweep.recipe.objective.name)
        st.markdown(
            f"**Best {what} {format_number(float(f'{best.value or 0.0:.4g}'))}** in {which}: {values}", width="stretch"
        )
        if st.button("Use in Train", key="use_best", icon=":material/tune:"):
            use(sweep, best)


def use(sweep: Sweep, trial: Trial) -> None:
    """Fills the form with the settings of a trial, and opens Train."""
    fill_form(sweep.recipe.space.apply(sweep.recipe.experiment, trial.values))
    st.switch_page(TRAIN)
