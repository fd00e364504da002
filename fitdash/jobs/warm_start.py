"""Warm starts: a run goes on from the end or an epoch of another run, or from its own last checkpoint."""

import copy
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fitdash.errors import SettingError, StoreError
from fitdash.random_state import set_random_states
from fitdash.runs.checkpoints.checkpoint_files import END_FILE, checkpoints_of, run_checkpoint_folder
from fitdash.runs.protocol.paths import run_folder
from fitdash.settings.experiment import Experiment

if TYPE_CHECKING:
    from fitdash.model.model import Model

MOST_KEPT = 4
"""Runs whose final weights are kept in memory, so that another run can start from them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class WarmStart:
    """The state that a run starts from.

    Attributes:
        content: From `training_state.copy_training_state`; None for new weights.
        experiment: The experiment of the run that the state comes from, if that is another run.
        is_same_run: The run is resumed: everything goes on as it was.
        is_between: The state was copied between two epochs, so that the state of callbacks can be restored too.
        told: Entries of `history.events` already in the record, which may happen again.
    """

    content: Mapping[str, Any] | None = None
    experiment: Experiment | None = None
    is_same_run: bool = False
    is_between: bool = False
    told: Sequence[Mapping[str, Any]] = ()


_final_states: dict[str, WarmStart] = {}
_lock = threading.Lock()


def has_final_weights(uid: str) -> bool:
    """True if the final weights of this run are kept, in memory or in a file."""
    return uid in _final_states or (run_checkpoint_folder(uid) / END_FILE).exists()


def checkpoint_epochs(uid: str) -> list[int]:
    """Numbers of finished epochs from which another run can start: what `make_job` takes as `epoch`."""
    return [kept.epoch for kept in checkpoints_of(run_checkpoint_folder(uid)) if not kept.is_end]


def apply_warm_start(model: "Model", experiment: Experiment, start: WarmStart) -> None:
    """Take over the weights, for the same optimizer its state, and for the same seed the random states."""
    assert start.content is not None
    assert start.experiment is not None
    content, before, now = start.content, start.experiment, experiment.compile
    try:
        model.module.load_state_dict(content["weights"])
    except RuntimeError as error:
        raise SettingError(
            "Going on must keep the network of the earlier run and the columns of its data, got others. "
            "Start from new weights, or set them back."
        ) from error
    same_rule = (now.optimizer, now.momentum) == (before.compile.optimizer, before.compile.momentum)
    if model.optimizer is not None and content["optimizer"] is not None and same_rule:
        state = copy.deepcopy(content["optimizer"])
        if now != before.compile:  # the form's learning rate counts, not the rate that a callback left
            state["param_groups"] = model.optimizer.state_dict()["param_groups"]
        model.optimizer.load_state_dict(state)
    if experiment.seed == before.seed:
        set_random_states(content["random"])


def remember_final_state(uid: str, start: WarmStart) -> None:
    """Keep the final state of a run in memory, so that another run can start from it even if no file was written."""
    with _lock:
        _final_states[uid] = start
        while len(_final_states) > MOST_KEPT:
            del _final_states[next(iter(_final_states))]


def load_warm_start(uid: str, epoch: int | None) -> WarmStart:
    """The end of this run, or one of its epochs, as the start of another run.

    Raises:
        SettingError: the state is not kept, or cannot be read.
    """
    if epoch is None and uid in _final_states:
        return _final_states[uid]
    found = [kept for kept in checkpoints_of(run_checkpoint_folder(uid)) if kept.is_end is (epoch is None)]
    chosen = [kept for kept in found if epoch is None or kept.epoch == epoch]
    try:
        if chosen:
            experiment = Experiment.from_json((run_folder(uid) / "experiment.json").read_bytes())
            return WarmStart(content=chosen[0].content(), experiment=experiment, is_between=epoch is not None)
    except (StoreError, OSError) as error:
        raise SettingError(f"The run to go on from must be whole, got {error}") from error
    if epoch is None:
        raise SettingError(
            f"The run to go on from must be one whose weights are kept, got {uid!r}. Start from new weights."
        )
    epochs = ", ".join(str(kept.epoch) for kept in found) or "none"
    raise SettingError(f"epoch must be one that is kept of the run, got {epoch}. Kept: {epochs}.")
