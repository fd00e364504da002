"""Settings that change while a run is on: which ones, what they are now, and how a control hands one over."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import streamlit as st

from fitdash.errors import SettingError
from fitdash.runs.callbacks.control_callback import REFUSED, SETTING
from fitdash.settings.experiment import Experiment
from fitdash.settings.live_settings import live_settings
from fitdash.settings.losses_and_metrics import resolved_learning_rate
from fitdash.settings.network import LISTED
from fitdash.ui.session.identity import own_run
from fitdash.ui.session.server_resources import Desk
from fitdash.ui.session.state import state
from fitdash.ui.view_models.formatting import escaped, short
from fitdash.ui.view_models.run_view import Snapshot

Facts = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Live:
    """What the controls need to know of the run that is on.

    Attributes:
        is_on: The run that is shown goes on.
        now: What each setting that can change now is in this run, by address; nothing where none can.
        refused: By address, why the last change was not made.
        change: Takes the address of a control that was moved.
    """

    is_on: bool = False
    now: Mapping[str, Any] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    change: Callable[[str], None] | None = None

    def note(self, address: str, drawn: Any) -> str:
        """When a control takes effect, as markdown; nothing while no run is on."""
        if not self.is_on:
            return ""
        if address not in self.now:
            return "next fit"
        same = drawn is None or drawn == self.now[address]
        return f":green[applies now{'' if same else f', is {escaped(short(self.now[address]))}'}]"


def live_of(desk: Desk, run: Snapshot) -> Live:
    """What can change of this run now: something where it trains in this process."""
    experiment = experiment_now(run)
    if not run.is_active or experiment is None or own_run(desk, run.uid) is None:
        return Live(is_on=run.is_active)
    refused = _told_refusals(run)
    refused |= {address: text for (uid, address), text in state().refused.items() if uid == run.uid}
    return Live(is_on=True, now=_now(run, experiment), refused=refused, change=lambda key: _change(desk, run.uid, key))


def _now(run: Snapshot, experiment: Experiment) -> dict[str, Any]:
    """What can change, and its value in force."""
    parts = dict(experiment.parts())
    found = {f"{cls.section}.{name}": getattr(parts[cls.section], name) for name, cls in live_settings().items()}
    rates = [facts["value"] for facts in run.told if facts.get("kind") == "learning_rate"]
    if found["compile.learning_rate"] is None:
        found["compile.learning_rate"] = rates[-1] if rates else resolved_learning_rate(experiment.compile.optimizer)
    # A network that was built without dropout has no layer that could take another share; listed ones have their own.
    network = None if run.experiment is None else run.experiment.network
    if network is not None and (network.kind == LISTED or not network.dropout):
        del found["network.dropout"]
    return found


def _told_refusals(run: Snapshot) -> dict[str, str]:
    """By address, why training could not make the last change of a setting."""
    last = {facts["setting"]: facts for facts in run.told if facts.get("kind") in (SETTING, REFUSED)}
    known = live_settings()
    return {
        f"{known[name].section}.{name}": facts["reason"]
        for name, facts in last.items()
        if facts["kind"] == REFUSED and name in known
    }


def _change(desk: Desk, uid: str, address: str) -> None:
    """Hand the value of a control that was moved to the run that is on."""
    run = own_run(desk, uid)
    state().refused.pop((uid, address), None)
    if run is None:
        return
    try:
        run.change(**{address.rpartition(".")[2]: st.session_state[address]})
    except SettingError as error:
        state().refused[uid, address] = str(error)


def experiment_now(run: Snapshot) -> Experiment | None:
    """The run's settings with everything that was changed while it trained."""
    experiment, known = run.experiment, live_settings()
    for facts in changes(run):
        if experiment is not None and facts["setting"] in known:
            section = known[facts["setting"]].section
            part = replace(getattr(experiment, section), **{facts["setting"]: facts["new"]})
            experiment = replace(experiment, **{section: part})
    return experiment


def changed(facts: Facts) -> str:
    """One change in words."""
    return f"{facts['setting']} {short(facts['old'])} → {short(facts['new'])} in epoch {facts['epoch'] + 1}"


def changes(run: Snapshot) -> list[Facts]:
    """What was changed while it trained, in order."""
    return [facts for facts in run.told if facts.get("kind") == SETTING]
