"""The events of a run in sentences: actions of callbacks and of the user."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fitdash.ui.view_models.formatting import format_number, format_value

Facts = Mapping[str, Any]


def describe_events(told: Sequence[Facts]) -> list[str]:
    """One sentence for each event; of several of the same kind, or of the same setting, only the last."""
    last = {(facts.get("kind"), facts.get("setting")): facts for facts in told}
    return [WORDS[kind](facts) for (kind, _), facts in last.items() if kind in WORDS]


def _at(facts: Facts) -> str:
    return f"epoch {int(facts.get('epoch') or 0) + 1}"


def _since(facts: Facts) -> str:
    """The first epoch with a new learning rate: one set at the end of an epoch applies from the next one."""
    return _at({"epoch": facts.get("since", facts.get("epoch"))})


def _cast(facts: Facts) -> str:
    """Which inputs were cast, such as "x was cast from int64 to float32, since the network works with float32."."""
    names = [f"{name} from {was}" for name, was in zip(facts["inputs"], facts["was"], strict=True)]
    first, _, was = names[0].partition(" from ")
    what = f"{first} was cast from {was}" if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]} were cast"
    return f"{what} to {facts['now']}, which the network works with."


WORDS: dict[Any, Callable[[Facts], str]] = {
    "data": lambda facts: str(facts.get("text", "")),
    "cast": lambda facts: _cast(facts),
    "learning_rate": lambda facts: f"The learning rate is {format_number(facts['value'])} since {_since(facts)}.",
    "early_stop": lambda facts: f"EarlyStopping ended it at {_at(facts)}: {facts.get('monitor')} no longer got better.",
    "restored_weights": lambda facts: f"The weights of epoch {int(facts['best_epoch']) + 1}, the best, came back.",
    "resumed": lambda facts: f"It went on from epoch {int(facts['start_epoch']) + 1}.",
    "nan": lambda facts: f"TerminateOnNaN ended it at {_at(facts)}: the loss was no longer a number.",
    "setting": lambda facts: f"{facts['setting']} is {format_value(facts['new'])} since {_at(facts)}.",
    "refused": lambda facts: f"{facts['setting']} stayed as it is: {facts['reason']}",
    "stepper": lambda facts: f"From {_at(facts)} on every step was run by itself: {facts['reason']}.",
    "alone": lambda facts: f"It was trained by itself, not together with others: {facts['reason']}",
    "stop_run": lambda facts: f"It was stopped by hand at {_at(facts)}.",
}
