"""The control "start from": new weights, how the run that is shown ended, or an epoch of it that is kept."""

from typing import Any

import streamlit as st

from fitdash.runs.checkpoints.checkpoint_files import Checkpoint, checkpoint_folder, checkpoints_of
from fitdash.runs.protocol.paths import home
from fitdash.ui.session.identity import is_own
from fitdash.ui.session.server_resources import ServerResources
from fitdash.ui.session.state import shown_run

NEW, CONTINUE = "new weights", "continue"
HELP = """New weights drawn from the seed, so that two runs differ only in what was changed; or the weights of the run \
that is shown: as it ended, or as they were after an epoch that is kept, which makes a branch of it."""

Choice = str | int
"""NEW, CONTINUE, or after so many epochs."""


def draw(server: ServerResources) -> None:
    """The control."""
    choices = _choices(server)
    if st.session_state.get("start_from", NEW) not in choices:
        st.session_state["start_from"] = NEW
    st.selectbox(
        "start from",
        choices,
        format_func=_label,
        key="start_from",
        width=130,
        help=HELP,
        on_change=_number_epochs,
        args=[server],
        disabled=len(choices) == 1,
    )


def origin(server: ServerResources) -> tuple[str | None, int | None]:
    """The run that the next fit goes on from, and the epoch: None, how it ended."""
    choice = st.session_state.get("start_from", NEW)
    if choice == NEW or choice not in _choices(server):
        return None, None
    return shown_run(server).uid, None if choice == CONTINUE else choice


def _choices(server: ServerResources) -> list[Choice]:
    """What there is to start from: weights that are kept; while the run goes on they are not offered."""
    run = shown_run(server)
    if run.is_example or run.is_active or run.experiment is None or not is_own(server, run.owner):
        return [NEW]
    kept = _kept(run.uid)
    ended = [CONTINUE] if run.rows and any(one.is_end for one in kept) else []
    return [NEW, *ended, *sorted((one.epoch for one in kept if not one.is_end and one.epoch), reverse=True)]


def _kept(uid: str) -> list[Checkpoint]:
    return checkpoints_of(checkpoint_folder(home(), uid))


def _label(choice: Choice) -> str:
    return f"after epoch {choice}" if isinstance(choice, int) else choice


def _number_epochs(server: ServerResources) -> None:
    """Going on counts its epochs from where it starts and trains as many; new weights start at 0."""
    values: Any = st.session_state
    planned = values["fit.epochs"] - values["fit.initial_epoch"]
    choice, run = values["start_from"], shown_run(server)
    start = choice if isinstance(choice, int) else run.rows[-1].epoch + 1 if choice == CONTINUE and run.rows else 0
    values["fit.initial_epoch"], values["fit.epochs"] = start, start + planned
