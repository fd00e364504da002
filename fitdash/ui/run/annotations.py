"""Annotations on the curves: changes that the user made while the run trained, and actions of callbacks."""

from collections.abc import Callable
from typing import Any

from fitdash.charts.annotations import Annotation
from fitdash.ui.session.live_changes import EventFacts, describe_change, list_changes
from fitdash.ui.view_models.formatting import format_number
from fitdash.ui.view_models.run_view import RunView

MOST_RATES = 8
"""More changes of the learning rate than this are a schedule: one annotation for all, beside the rate's own chart."""


def list_annotations(run: RunView) -> list[Annotation]:
    """Everything that happened during training, in order; several changes of one setting at one step count as one."""
    return sorted([*_changes(run), *_rates(run), *_others(run)], key=lambda mark: mark.at)


def _changes(run: RunView) -> list[Annotation]:
    found: dict[tuple[Any, ...], EventFacts] = {}
    for facts in list_changes(run):
        place = (facts["setting"], facts["epoch"], facts.get("step", 0))
        found[place] = {**facts, "old": found[place]["old"]} if place in found else facts
    by_place: dict[float, list[str]] = {}
    for facts in found.values():
        by_place.setdefault(facts["epoch"] + _part(run, facts.get("step", 0)), []).append(describe_change(facts))
    return [Annotation(at=at, text="; ".join(texts)) for at, texts in by_place.items()]


def _part(run: RunView, steps_done: int) -> float:
    """Share of an epoch (0 to 1) that these steps are."""
    steps = run.params.get("steps") or 0
    return min(1.0, steps_done / steps) if steps else 0.0


def _rates(run: RunView) -> list[Annotation]:
    """Changes of the learning rate by callbacks."""
    told = [facts for facts in run.told if facts.get("kind") == "learning_rate"]
    if len(told) > MOST_RATES:
        first, last = told[0], told[-1]
        change = f"{format_number(first['was'])} → {format_number(last['value'])}"
        text = f"learning_rate changed {len(told)} times, {change} so far"
        return [Annotation(at=_since(run, first), text=text, kind="learning_rate")]
    found = []
    for facts in told:
        since = _since(run, facts)
        text = f"learning_rate {format_number(facts['was'])} → {format_number(facts['value'])} from epoch {since + 1}"
        found.append(Annotation(at=since, text=text, kind="learning_rate"))
    return found


def _since(run: RunView, facts: EventFacts) -> int:
    """Epochs that had ended when a new rate took effect: the epoch that logged the old rate still trained with it."""
    if "since" in facts:
        return int(facts["since"])
    epoch = int(facts["epoch"])
    logged = next((row.logs.get("learning_rate") for row in run.rows if row.epoch == epoch), None)
    return epoch + (logged is not None and logged == facts.get("was"))


def _others(run: RunView) -> list[Annotation]:
    return [
        Annotation(at=PLACES[facts["kind"]](run, facts), text=TEXTS[facts["kind"]](facts), kind=facts["kind"])
        for facts in run.told
        if facts.get("kind") in PLACES
    ]


def _end(run: RunView, facts: EventFacts) -> float:
    """Where on the axis the event stands: at the batch that it names, else at the end of its epoch."""
    step = facts.get("step", facts.get("batch"))
    return int(facts["epoch"]) + (1.0 if step is None else _part(run, int(step) + 1) or 1.0)


PLACES: dict[str, Callable[[RunView, EventFacts], float]] = {
    "early_stop": _end,
    "restored_weights": lambda run, facts: int(facts["best_epoch"]) + 1.0,
    "nan": _end,
    "stop_run": _end,
    "resumed": lambda run, facts: float(facts.get("start_epoch", facts.get("epoch", 0))),
}
TEXTS: dict[str, Callable[[EventFacts], str]] = {
    "early_stop": lambda facts: f"EarlyStopping ended it here: {facts.get('monitor')} no longer got better",
    "restored_weights": lambda facts: "the best epoch: its weights came back at the end",
    "nan": lambda facts: "TerminateOnNaN ended it here: the loss was no longer a number",
    "stop_run": lambda facts: "stopped by hand",
    "resumed": lambda facts: "it went on from here",
}
