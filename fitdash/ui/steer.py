"""Pause, Resume, Step and Stop run: what people want of the run that is shown."""

from dataclasses import dataclass

import streamlit as st

from fitdash.runs.steering import SETTING
from fitdash.ui.resources import Desk
from fitdash.ui.snapshot import Snapshot

WIDTH = 116
STEPS = {"one batch": {"batches": 1}, "one epoch": {"epochs": 1}, "ten epochs": {"epochs": 10}}


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What the buttons depend on: where it changes, they are drawn again.

    Attributes:
        uid: The run that is shown.
        is_on: It goes on.
        is_here: In this process, so that it can be steered.
        is_busy: Something trains or waits in this process.
        is_paused: It stands still, or will after a step.
        is_stopping: It was asked to end.
        changes: How many settings were changed, or refused to, while it was on.
    """

    uid: str
    is_on: bool
    is_here: bool
    is_busy: bool
    is_paused: bool
    is_stopping: bool
    changes: int

    @property
    def why_not(self) -> str | None:
        """Why it cannot be steered, None where it can."""
        if self.is_here:
            return "It ends after the batch at hand." if self.is_stopping else None
        if self.is_on:
            return "Another process trains this run, such as a script: it can be ended there."
        return "Another run is on: show it first." if self.is_busy else "Nothing trains."


def standing(desk: Desk, run: Snapshot) -> Standing:
    """How the run that is shown stands now."""
    mine = desk.runner.find(run.uid)
    return Standing(
        uid=run.uid,
        is_on=run.is_active,
        is_here=mine is not None,
        is_busy=bool(desk.runner.active()),
        is_paused=mine is not None and mine.control.is_paused,
        is_stopping=mine is not None and mine.control.stop_is_wanted,
        changes=sum(facts.get("kind") in (SETTING, "refused") for facts in run.told),
    )


def buttons(desk: Desk, now: Standing) -> None:
    """The buttons, always the same ones at the same places."""
    off, paused = now.why_not, now.is_paused
    st.button(
        "Resume" if paused else "Pause",
        key="pause",
        icon=":material/resume:" if paused else ":material/pause:",
        disabled=off is not None,
        help=off or ("Goes on." if paused else "Stands still after the batch at hand."),
        on_click=_resume if paused else _pause,
        args=[desk, now.uid],
        width=WIDTH,
    )
    st.menu_button(
        "Step",
        list(STEPS),
        key="step",
        icon=":material/step_over:",
        disabled=off is not None,
        help=off or "Goes on for so long, then pauses.",
        on_click=_step,
        args=[desk, now.uid],
        width=WIDTH,
    )
    st.button(
        "Stop run",
        key="stop",
        icon=":material/stop:",
        disabled=off is not None,
        help=off or "Ends after the batch at hand; history and weights stay.",
        on_click=_stop,
        args=[desk, now.uid],
        width=WIDTH,
    )


def _pause(desk: Desk, uid: str) -> None:
    if run := desk.runner.find(uid):
        run.pause()


def _resume(desk: Desk, uid: str) -> None:
    if run := desk.runner.find(uid):
        run.resume()


def _step(desk: Desk, uid: str) -> None:
    if (run := desk.runner.find(uid)) and (length := st.session_state["step"]):
        run.step(**STEPS[length])


def _stop(desk: Desk, uid: str) -> None:
    if run := desk.runner.find(uid):
        run.stop()
