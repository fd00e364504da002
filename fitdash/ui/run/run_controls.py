"""The buttons that control the run that is shown: Pause, Resume, Step, Stop run, Reset weights."""

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
"""Longest wait after a click for the store to show its effect; if a batch takes longer, a live update shows it."""
NOT_AGAIN = "The run could not be trained again"


@dataclass(frozen=True, kw_only=True)
class ButtonState:
    """What the buttons depend on: if it changes, they are drawn again.

    Attributes:
        uid: Of the run that is shown.
        state: Of the run in the store.
        is_on: True if the run is active.
        is_here: True if this process trains the run or has it in its queue, and this visitor may steer it.
        is_own: True if the run belongs to this visitor.
        is_busy: True if a run of this visitor's trains or waits on this server.
        is_paused: True if the run is paused, or will be after a step.
        is_stopping: True if the run ends after the batch at hand.
        can_again: True if the run can be trained again from the beginning.
        changes: Number of live changes of settings, refused ones included.
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
        """True if the run ended early and can be resumed from its last checkpoint."""
        return self.state in RESUMABLE and self.can_again

    @property
    def why_not(self) -> str | None:
        """Why the run cannot be steered, as the help of greyed buttons; None if it can."""
        if not self.is_own:
            return "Another visitor's run: it can be looked at."
        if self.is_here:
            return "It ends after the batch at hand." if self.is_stopping else None
        if self.is_on:
            return "Another process trains this run, such as a script: it can be ended there."
        return "Another run is on: show it first." if self.is_busy else "Nothing trains."


def button_state_of(server: ServerResources, run: RunView) -> ButtonState:
    """State of the buttons for this run now."""
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
    """This visitor's waiting runs, each with its place in the whole queue, from 1."""
    return [(n, run) for n, run in enumerate(server.runner.waiting(), 1) if is_own(server, run.owner)]


def waiting_uids(waiting: list[tuple[int, Run]]) -> tuple[tuple[int, str], ...]:
    """Place and uid of each waiting run, to compare with an earlier queue."""
    return tuple((place, run.uid) for place, run in waiting)


def draw_buttons(server: ServerResources, now: ButtonState) -> None:
    """Draws the buttons, always the same ones at the same places."""
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
    """Draws Pause, or Resume if the run is paused or ended early."""
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
    """Trains a run's settings from the same initial weights as a new run, and shows that run."""
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
    """Reruns only the fragments that show the state of the run."""
    _await(server, uid, wanted)
    st.rerun(["draft", "live"])


def _await(server: ServerResources, uid: str, wanted: str) -> None:
    """Waits up to `SOON_SECONDS` for the store to have this state."""
    end = time.monotonic() + SOON_SECONDS
    while (run := server.store.run(uid)) is not None and run.state != wanted and time.monotonic() < end:
        time.sleep(0.01)
