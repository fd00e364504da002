"""What a run goes on from: how another one ended, an epoch of it, or where it was interrupted itself."""

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
"""Runs whose weights are kept in this process, so that another run can go on from them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class WarmStart:
    """What a run goes on from.

    Attributes:
        content: As `training_state.taken` gives it, None for new weights.
        experiment: Of the run that it comes from, where that is another one.
        is_same_run: Everything goes on as it was.
        is_between: It was taken between two epochs, so that callbacks may go on too.
        told: What was told before and may happen again.
    """

    content: Mapping[str, Any] | None = None
    experiment: Experiment | None = None
    is_same_run: bool = False
    is_between: bool = False
    told: Sequence[Mapping[str, Any]] = ()


_kept: dict[str, WarmStart] = {}
_lock = threading.Lock()


def has_final_weights(uid: str) -> bool:
    """Whether the weights of this run are still here to go on from."""
    return uid in _kept or (run_checkpoint_folder(uid) / END_FILE).exists()


def checkpoint_epochs(uid: str) -> list[int]:
    """After how many epochs of this run another can go on: what `job` takes as `epoch`."""
    return [one.epoch for one in checkpoints_of(run_checkpoint_folder(uid)) if not one.is_end]


def apply_warm_start(model: "Model", experiment: Experiment, start: WarmStart) -> None:
    """Take over weights, and what else still fits: the optimizer's state, the random numbers."""
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
        if now != before.compile:  # the form's learning rate counts, not the one that a callback left
            state["param_groups"] = model.optimizer.state_dict()["param_groups"]
        model.optimizer.load_state_dict(state)
    if experiment.seed == before.seed:
        set_random_states(content["random"])


def remember_final_state(uid: str, start: WarmStart) -> None:
    """Remember how a run ended, so that another can go on from it although no file could be written."""
    with _lock:
        _kept[uid] = start
        while len(_kept) > MOST_KEPT:
            del _kept[next(iter(_kept))]


def load_warm_start(uid: str, epoch: int | None) -> WarmStart:
    """What another run goes on from: how this one ended, or an epoch of it."""
    if epoch is None and uid in _kept:
        return _kept[uid]
    found = [one for one in checkpoints_of(run_checkpoint_folder(uid)) if one.is_end is (epoch is None)]
    chosen = [one for one in found if epoch is None or one.epoch == epoch]
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
    kept = ", ".join(str(one.epoch) for one in found) or "none"
    raise SettingError(f"epoch must be one that is kept of the run, got {epoch}. Kept: {kept}.")
