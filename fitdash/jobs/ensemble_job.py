"""Trains several runs of a sweep together in one program."""

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
    """One of the runs: its experiment, where its events go, and its fit once that is prepared."""

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
    """Train runs that differ in numbers alone; the events of each are recorded under its own uid, its end too.

    Runs that cannot be one program train one after the other.

    Args:
        runs: uid and experiment of each, as plain values.
        uploads: As in `build.make_job`.
        recorder: Its `put` takes the events of all runs.
        control: The control of all of them; its `stop_one` stops one.
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
    """Prepare the run and its fit; gives the key that runs trained together share, empty if it must train alone.

    Args:
        loaded: Data by the settings that it depends on; data that is loaded here is added.
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
    """Train these together; gives those that still have to be trained, each alone, after an error."""
    members = [one.member for one in part if one.member is not None]
    try:
        with limit_threads(), torch.enable_grad(), warnings.catch_warnings():
            train_ensemble(members)
    except Exception as error:  # runs that can train one by one must not fail because they train together
        for one in part:
            if not one.is_over:
                reason = f"{type(error).__name__}: {error}"
                one.recorder.put(Told(uid=one.uid, facts={"kind": "alone", "epoch": 0, "reason": reason}))
    return [one for one in part if not one.is_over]


def _train_alone(one: _One, uploads: Path | None) -> None:
    """Train a run by itself, as a run outside of a sweep."""
    try:
        make_job(one.experiment, uploads=uploads, looks_often=False)(one.recorder, one.control)
    except BaseException as error:
        _end(one, error)
        if not isinstance(error, Exception):
            raise
        return
    _end(one, None, kept=True)


def _end(one: _One, error: BaseException | None, *, kept: bool = False) -> None:
    """Record how a run ended, and keep its final state."""
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
