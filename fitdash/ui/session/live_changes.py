"""Settings that can change while a run trains: which they are, their values in force, and how a widget changes one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import streamlit as st

from fitdash.errors import SettingError
from fitdash.runs.callbacks.control_callback import SETTING_CHANGED, SETTING_REFUSED
from fitdash.settings.experiment import Experiment
from fitdash.settings.live_settings import live_settings
from fitdash.settings.losses_and_metrics import resolved_learning_rate
from fitdash.settings.network import LAYER_LIST
from fitdash.ui.session.identity import own_run
from fitdash.ui.session.server_resources import ServerResources
from fitdash.ui.session.state import page_state
from fitdash.ui.view_models.formatting import escape_markdown, format_value
from fitdash.ui.view_models.run_view import RunView

EventFacts = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class LiveChanges:
    """What the widgets of the form need to know of the active run.

    Attributes:
        is_on: True if the run that is shown is active.
        now: Value in force of each setting that can change now, by address; empty if none can.
        refused: Why the last change was refused, by address.
        change: Called with the address of a widget that the user moved.
    """

    is_on: bool = False
    now: Mapping[str, Any] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    change: Callable[[str], None] | None = None

    def note(self, address: str, drawn: Any) -> str:
        """When a change of the setting takes effect, as markdown; empty while no run is active.

        Args:
            address: Of the setting.
            drawn: Value that the widget shows.
        """
        if not self.is_on:
            return ""
        if address not in self.now:
            return "next fit"
        same = drawn is None or drawn == self.now[address]
        return f":green[applies now{'' if same else f', is {escape_markdown(format_value(self.now[address]))}'}]"


def live_changes_of(server: ServerResources, run: RunView) -> LiveChanges:
    """The settings of this run that can change now; none unless it trains in this process and is this visitor's."""
    experiment = current_experiment(run)
    if not run.is_active or experiment is None or own_run(server, run.uid) is None:
        return LiveChanges(is_on=run.is_active)
    refused = _told_refusals(run)
    refused |= {address: text for (uid, address), text in page_state().refused.items() if uid == run.uid}
    return LiveChanges(
        is_on=True, now=_now(run, experiment), refused=refused, change=lambda key: _change(server, run.uid, key)
    )


def _now(run: RunView, experiment: Experiment) -> dict[str, Any]:
    """Value in force of each setting that can change, by address."""
    parts = dict(experiment.parts())
    found = {f"{cls.section}.{name}": getattr(parts[cls.section], name) for name, cls in live_settings().items()}
    rates = [facts["value"] for facts in run.told if facts.get("kind") == "learning_rate"]
    if found["compile.learning_rate"] is None:
        found["compile.learning_rate"] = rates[-1] if rates else resolved_learning_rate(experiment.compile.optimizer)
    # A network built without dropout has no layer that could take another share; in a list, each layer has its own.
    network = None if run.experiment is None else run.experiment.network
    if network is not None and (network.kind == LAYER_LIST or not network.dropout):
        del found["network.dropout"]
    return found


def _told_refusals(run: RunView) -> dict[str, str]:
    """Why the training thread refused the last change of a setting, by address."""
    last = {facts["setting"]: facts for facts in run.told if facts.get("kind") in (SETTING_CHANGED, SETTING_REFUSED)}
    known = live_settings()
    return {
        f"{known[name].section}.{name}": facts["reason"]
        for name, facts in last.items()
        if facts["kind"] == SETTING_REFUSED and name in known
    }


def _change(server: ServerResources, uid: str, address: str) -> None:
    """Passes the value of a widget that the user moved to the active run."""
    run = own_run(server, uid)
    page_state().refused.pop((uid, address), None)
    if run is None:
        return
    try:
        run.change(**{address.rpartition(".")[2]: st.session_state[address]})
    except SettingError as error:
        page_state().refused[uid, address] = str(error)


def current_experiment(run: RunView) -> Experiment | None:
    """The run's experiment with every change that was made while it trained."""
    experiment, known = run.experiment, live_settings()
    for facts in list_changes(run):
        if experiment is not None and facts["setting"] in known:
            section = known[facts["setting"]].section
            part = replace(getattr(experiment, section), **{facts["setting"]: facts["new"]})
            experiment = replace(experiment, **{section: part})
    return experiment


def describe_change(facts: EventFacts) -> str:
    """One change in words."""
    return (
        f"{facts['setting']} {format_value(facts['old'])} → {format_value(facts['new'])} in epoch {facts['epoch'] + 1}"
    )


def list_changes(run: RunView) -> list[EventFacts]:
    """The changes of settings made while the run trained, oldest first."""
    return [facts for facts in run.told if facts.get("kind") == SETTING_CHANGED]
