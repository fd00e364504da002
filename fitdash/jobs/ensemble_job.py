"""Runs that train together in one program: what an order for several comes to."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from fitdash.data.tables.prepared import PreparedData
from fitdash.engine.ensemble.batches import MemberRandomState
from fitdash.engine.ensemble.train import EnsembleMember, ensemble_key, train_ensemble, why_not_in_ensemble
from fitdash.engine.step.devices import limit_threads
from fitdash.jobs.build import PreparedRun, make_job, prepare_run
from fitdash.jobs.warm_start import WarmStart, remember_final_state
from fitdash.runs.callbacks.recorder import Recorder
from fitdash.runs.protocol.control import Control
from fitdash.runs.protocol.events import Changed, Told
from fitdash.runs.protocol.member_control import MemberControl
from fitdash.runs.scheduling.failures import failure_event
from fitdash.settings.ensemble_rules import shared_settings_key
from fitdash.settings.experiment import Experiment


@dataclass(eq=False, kw_only=True)
class _One:
    """One of the runs."""

    uid: str
    experiment: Experiment
    recorder: Recorder
    control: MemberControl
    made: PreparedRun | None = None
    member: EnsembleMember | None = None
    is_over: bool = False


def train_runs_together(
    runs: Sequence[Mapping[str, Any]], uploads: Path | None, recorder: Recorder, control: Control
) -> None:
    """Train runs that differ in numbers alone; each is told under its own uid, its end too.

    Where they cannot be one program, they train one after the other.

    Args:
        runs: uid and experiment of each, as plain values.
        uploads: As `build.job`.
        recorder: Whose `put` takes what happens.
        control: The wishes for all; those for one are asked of it by `stop_one`.
    """
    ones = [_one(run, recorder, control) for run in runs]
    parts: dict[Any, list[_One]] = {}
    loaded: dict[Any, PreparedData] = {}
    for one in ones:
        parts.setdefault(_prepared(one, uploads, loaded), []).append(one)
    alone = parts.pop("", [])
    for part in parts.values():
        alone += part if len(part) < 2 else _trained(part)
    for one in alone:
        if not one.is_over:
            _train_alone(one, uploads)


def _one(run: Mapping[str, Any], recorder: Recorder, control: Control) -> _One:
    uid = str(run["uid"])
    return _One(
        uid=uid,
        experiment=Experiment.from_dict(run["experiment"]),
        recorder=Recorder(uid, recorder.put),
        control=MemberControl(control, uid),
    )


def _prepared(one: _One, uploads: Path | None, loaded: dict[Any, PreparedData]) -> Any:
    """Make the run ready; gives what it has to share with others to be trained with them, empty to be alone.

    Args:
        loaded: Data by what it depends on, which grows.
    """
    key = shared_settings_key(one.experiment), one.experiment.seed
    try:
        one.made = prepare_run(
            one.experiment, None, uploads, one.recorder, one.control, looks_often=False, data=loaded.get(key)
        )
        if key[0] is not None:
            loaded[key] = one.made.data
        fit = one.made.model.prepare_fit(**one.made.arguments)
    except Exception as error:
        _end(one, error)
        return ""
    if why_not_in_ensemble(fit):
        return ""
    one.member = EnsembleMember(fit=fit, dice=MemberRandomState(torch.get_rng_state()), ended=partial(_end, one))
    return shared_settings_key(one.experiment), ensemble_key(fit)


def _trained(part: list[_One]) -> list[_One]:
    """Train these together; gives those that have to be trained alone after all."""
    members = [one.member for one in part if one.member is not None]
    try:
        with limit_threads(), torch.enable_grad(), warnings.catch_warnings():
            train_ensemble(members)
    except Exception as error:  # what one by one trains well shall not fail for being trained together
        for one in part:
            if not one.is_over:
                reason = f"{type(error).__name__}: {error}"
                one.recorder.put(Told(uid=one.uid, facts={"kind": "alone", "epoch": 0, "reason": reason}))
    return [one for one in part if not one.is_over]


def _train_alone(one: _One, uploads: Path | None) -> None:
    """Train a run by itself, as every other run is."""
    try:
        make_job(one.experiment, uploads=uploads, looks_often=False)(one.recorder, one.control)
    except BaseException as error:
        _end(one, error)
        if not isinstance(error, Exception):
            raise
        return
    _end(one, None, kept=True)


def _end(one: _One, error: BaseException | None, *, kept: bool = False) -> None:
    """Tell how a run ended, and keep where it did."""
    one.is_over = True
    one.recorder.console.end()
    if one.made is not None and error is None and not kept:
        remember_final_state(one.uid, WarmStart(content=one.made.saving.end, experiment=one.experiment))
    why = one.control.stopped_by
    if error is not None and isinstance(error, Exception):
        end = failure_event(one.uid, error)
    elif error is not None or why == "interrupted":
        end = Changed(uid=one.uid, state="interrupted")
    else:
        end = Changed(uid=one.uid, state="stopped" if why else "finished")
    one.recorder.put(end)
    if one.made is not None:
        one.made.model.training = None
