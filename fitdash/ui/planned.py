"""The plan line: what pressing Fit would do, in one sentence."""

from collections.abc import Iterator, Mapping
from typing import Any

from fitdash.spec.experiment import Experiment
from fitdash.spec.plan import Plan
from fitdash.ui.words import escaped, label_of, short

MOST_NAMED = 4
UNSAID = ("data.content",)


def plan_line(plan: Plan) -> str:
    """Rows, batches, epochs and updates of a plan, as markdown."""
    if plan.epochs == 0:
        return "**0 epochs would run**: epochs is the index to stop at."
    parts = [_training(plan), _validation(plan), _running(plan)]
    return " · ".join(parts)


def _training(plan: Plan) -> str:
    last = "" if plan.last_batch == plan.batch_size or plan.batches < 2 else f", the last of {plan.last_batch}"
    if plan.batches == 1:
        return f"trains on **{plan.train_rows:,}** rows in 1 batch"
    return f"trains on **{plan.train_rows:,}** rows in {plan.batches:,} batches of {plan.batch_size:,}{last}"


def _validation(plan: Plan) -> str:
    if not plan.val_rows:
        return "**nothing is held out**"
    if not plan.validations:
        return f"holds out **{plan.val_rows:,}** rows, but never validates"
    share = "" if plan.val_share >= 1 else f", looking at {plan.val_share:.0%} of them"
    return f"validates on **{plan.val_rows:,}** rows{share}"


def _running(plan: Plan) -> str:
    first, last = plan.first_epoch + 1, plan.first_epoch + plan.epochs
    span = f"epochs {first} to {last}" if plan.first_epoch else f"{plan.epochs:,} epoch{'s' * (plan.epochs != 1)}"
    passes = "" if 0.999 < plan.passes < 1.001 else f" of {plan.steps:,} steps ({plan.passes:.0%} of the rows each)"
    return f"**{span}**{passes}, {plan.updates:,} update{'s' * (plan.updates != 1)}"


def difference_line(run: Experiment, draft: Experiment) -> str:
    """What the draft has changed since a run, as markdown; nothing where they are the same."""
    before, now = dict(_flat(run.to_dict())), dict(_flat(draft.to_dict()))
    names = [name for name in dict.fromkeys([*before, *now]) if before.get(name) != now.get(name)]
    told = [f"{_name(n)} {_word(before.get(n))} → {_word(now.get(n))}" for n in names if n not in UNSAID]
    more = [f"{len(told) - MOST_NAMED} more"] if len(told) > MOST_NAMED else []
    return " · ".join([*told[:MOST_NAMED], *more])


def _flat(plain: Mapping[str, Any], where: str = "") -> Iterator[tuple[str, Any]]:
    """Every value by its address."""
    for name, value in plain.items():
        if isinstance(value, Mapping) and name != "class_weight":
            yield from _flat(value, f"{where}{name}.")
        else:
            yield f"{where}{name}", value


def _name(address: str) -> str:
    return escaped(label_of(address))


def _word(value: Any) -> str:
    if isinstance(value, list):
        value = tuple(one.get("kind", "") if isinstance(one, Mapping) else one for one in value)
    return escaped(short(value))
