"""The widget "start from": new weights, or those of the run that is shown, at its end or at a checkpoint."""

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
"""NEW, CONTINUE, or a number of epochs, after which a checkpoint was saved."""


def draw(server: ServerResources) -> None:
    """Draws the select box."""
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
    """Uid of the run whose weights the next run starts from, None for new ones; and the epoch, None for its end."""
    choice = st.session_state.get("start_from", NEW)
    if choice == NEW or choice not in _choices(server):
        return None, None
    return shown_run(server).uid, None if choice == CONTINUE else choice


def _choices(server: ServerResources) -> list[Choice]:
    """The choices: the checkpoints of the run that is shown, none while it is active."""
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
    """Sets `initial_epoch` to where the next run starts, 0 for new weights; it trains as many epochs as before."""
    values: Any = st.session_state
    planned = values["fit.epochs"] - values["fit.initial_epoch"]
    choice, run = values["start_from"], shown_run(server)
    start = choice if isinstance(choice, int) else run.rows[-1].epoch + 1 if choice == CONTINUE and run.rows else 0
    values["fit.initial_epoch"], values["fit.epochs"] = start, start + planned
