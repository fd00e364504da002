"""Pause, Resume, Step, Stop run and Reset: what people want of the run that is shown."""

import time
from dataclasses import dataclass
from typing import Any, NoReturn

import streamlit as st

from fitdash.jobs.launch import resume_run, start_over
from fitdash.runs.callbacks.control_callback import SETTING_CHANGED, SETTING_REFUSED
from fitdash.runs.record.claim import RESUMABLE
from fitdash.runs.scheduling.runner import Run
from fitdash.ui.session.action_errors import run_action
from fitdash.ui.session.identity import check_own, is_own, own_run, visitor_id
from fitdash.ui.session.server_resources import ServerResources
from fitdash.ui.session.state import show_run
from fitdash.ui.view_models.run_view import RunView

WIDTH = 100
STEPS = {"one batch": {"batches": 1}, "one epoch": {"epochs": 1}, "ten epochs": {"epochs": 10}}
SOON_SECONDS = 0.3
"""Until the record says what a press has done: longer where a batch takes longer, and then the next look tells it."""
NOT_AGAIN = "The run could not be trained again"


@dataclass(frozen=True, kw_only=True)
class ButtonState:
    """What the buttons depend on: where it changes, they are drawn again.

    Attributes:
        uid: The run that is shown.
        state: As the store has it.
        is_on: It goes on.
        is_here: This process trains it, or has it in its queue, and this visitor may steer it.
        is_own: It belongs to this visitor.
        is_busy: Something of this visitor's trains or waits.
        is_paused: It stands still, or will after a step.
        is_stopping: It was asked to end.
        can_again: It can be trained again from the beginning.
        changes: How many settings were changed, or refused to, while it was on.
    """

    uid: str
    state: str
    is_on: bool
    is_here: bool
    is_own: bool
    is_busy: bool
    is_paused: bool
    is_stopping: bool
    can_again: bool
    changes: int

    @property
    def can_go_on(self) -> bool:
        """It ended before its time and can go on from its last checkpoint."""
        return self.state in RESUMABLE and self.can_again

    @property
    def why_not(self) -> str | None:
        """Why it cannot be steered, None where it can."""
        if not self.is_own:
            return "Another visitor's run: it can be looked at."
        if self.is_here:
            return "It ends after the batch at hand." if self.is_stopping else None
        if self.is_on:
            return "Another process trains this run, such as a script: it can be ended there."
        return "Another run is on: show it first." if self.is_busy else "Nothing trains."


def button_state_of(server: ServerResources, run: RunView) -> ButtonState:
    """How the run that is shown stands now."""
    own = run.is_example or is_own(server, run.owner)
    mine = server.runner.find(run.uid) if own else None
    return ButtonState(
        uid=run.uid,
        state=run.state,
        is_on=run.is_active,
        is_here=mine is not None,
        is_own=own,
        is_busy=any(is_own(server, other.owner) for other in server.runner.active()),
        is_paused=mine is not None and mine.control.is_paused,
        is_stopping=mine is not None and mine.control.stop_is_wanted,
        can_again=own and not run.is_example and run.experiment is not None,
        changes=sum(facts.get("kind") in (SETTING_CHANGED, SETTING_REFUSED) for facts in run.told),
    )


def list_waiting_runs(server: ServerResources) -> list[tuple[int, Run]]:
    """The runs of this visitor's that wait, each with its place among all that wait, from 1."""
    return [(n, run) for n, run in enumerate(server.runner.waiting(), 1) if is_own(server, run.owner)]


def waiting_uids(waiting: list[tuple[int, Run]]) -> tuple[tuple[int, str], ...]:
    """The same, to be compared with what it was."""
    return tuple((place, run.uid) for place, run in waiting)


def draw_buttons(server: ServerResources, now: ButtonState) -> None:
    """The buttons, always the same ones at the same places."""
    off = now.why_not
    _first_button(server, now)
    st.menu_button(
        "Step",
        list(STEPS),
        key="step",
        icon=":material/step_over:",
        disabled=off is not None,
        help=off or "Goes on for so long, then pauses. Key: E, then arrows.",
        on_click=_step,
        args=[server, now.uid],
        width=WIDTH,
    )
    st.button(
        "Stop run",
        key="stop",
        icon=":material/stop:",
        disabled=off is not None,
        help=off or "Ends after the batch at hand; history and weights stay. Key: S.",
        on_click=_stop,
        args=[server, now.uid],
        width=WIDTH,
    )
    st.button(
        "Reset weights",
        key="reset",
        icon=":material/restart_alt:",
        disabled=not now.can_again,
        help="Trains with the settings of this run again, from the same initial weights, as a new run; what is left of "
        "this one is stopped. Key: W.",
        on_click=run_action,
        args=["run", NOT_AGAIN, train_again, server, now.uid],
        width=WIDTH,
    )


def _first_button(server: ServerResources, now: ButtonState) -> None:
    """Pause; Resume where the run stands still, or ended before its time."""
    goes_on = now.is_paused or now.can_go_on
    off = None if now.can_go_on else now.why_not
    do = _go_on if now.can_go_on else _resume if now.is_paused else _pause
    help = "Stands still after the batch at hand."
    if goes_on:
        help = "Goes on with this run from its last checkpoint." if now.can_go_on else "Goes on."
    st.button(
        "Resume" if goes_on else "Pause",
        key="pause",
        icon=":material/resume:" if goes_on else ":material/pause:",
        disabled=off is not None,
        help=off or f"{help} Key: P.",
        on_click=run_action,
        args=["run", "The run could not go on", do, server, now.uid],
        width=WIDTH,
    )


def _go_on(server: ServerResources, uid: str) -> None:
    check_own(server, uid)
    resume_run(server.runner, uid, pace=_pace(), settings=server.settings)
    server.writer.flush(2.0)


def train_again(server: ServerResources, uid: str) -> None:
    """Train a run's settings from the same initial weights as a new run, and show that one."""
    check_own(server, uid)
    again = start_over(server.runner, uid, pace=_pace(), owner=visitor_id(server), settings=server.settings)
    server.writer.flush(2.0)
    show_run(again.uid)


def _pace() -> Any:
    return st.session_state.get("pace", "full")


def _pause(server: ServerResources, uid: str) -> None:
    if run := own_run(server, uid):
        run.pause()
        _draw(server, uid, "paused")


def _resume(server: ServerResources, uid: str) -> None:
    if run := own_run(server, uid):
        run.resume()
        _draw(server, uid, "running")


def _step(server: ServerResources, uid: str) -> None:
    if (run := own_run(server, uid)) and (length := st.session_state["step"]):
        run.step(**STEPS[length])
        _draw(server, uid, "paused")


def _stop(server: ServerResources, uid: str) -> None:
    if run := own_run(server, uid):
        run.stop()
        _await(server, uid, "stopped")


def _draw(server: ServerResources, uid: str, wanted: str) -> NoReturn:
    """Draw the parts of the page that tell how a run stands, and no others."""
    _await(server, uid, wanted)
    st.rerun(["draft", "live"])


def _await(server: ServerResources, uid: str, wanted: str) -> None:
    """Wait a moment for the record to say so."""
    end = time.monotonic() + SOON_SECONDS
    while (run := server.store.run(uid)) is not None and run.state != wanted and time.monotonic() < end:
        time.sleep(0.01)
