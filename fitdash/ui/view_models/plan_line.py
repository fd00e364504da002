"""The plan line: what Fit would do, in one sentence; and what differs between two experiments."""

from typing import Any

from fitdash.settings.data_facts import DataFacts
from fitdash.settings.declaration import inert_in
from fitdash.settings.differences import MOST_NAMED, differences
from fitdash.settings.experiment import Experiment
from fitdash.settings.plan import Plan
from fitdash.ui.view_models.formatting import escape_markdown, format_value, label_of


def plan_line(plan: Plan) -> str:
    """Rows, batches, epochs and updates of a plan, as markdown."""
    if plan.epochs == 0:
        return "**0 epochs would run**: epochs is the index to stop at."
    parts = [_training(plan), _validation(plan), _running(plan)]
    return " · ".join(parts)


def weights_line(experiment: Experiment, facts: DataFacts) -> str:
    """Says that class and sample weights are multiplied, if both are set and have an effect; else empty."""
    set_ones = experiment.fit.class_weight is not None and experiment.fit.sample_weight is not None
    both = {"fit.class_weight", "fit.sample_weight"}
    return "class_weight times sample_weight" if set_ones and not both & inert_in(experiment, facts).keys() else ""


def _training(plan: Plan) -> str:
    last = "" if plan.last_batch == plan.batch_size or plan.batches < 2 else f", the last of {plan.last_batch}"
    if plan.batches == 1:
        return f"trains on **{plan.train_rows:,}** {_rows(plan.train_rows)} in 1 batch"
    return f"trains on **{plan.train_rows:,}** rows in {plan.batches:,} batches of {plan.batch_size:,}{last}"


def _validation(plan: Plan) -> str:
    if not plan.val_rows:
        return "**nothing is held out**"
    if not plan.validations:
        return f"holds out **{plan.val_rows:,}** {_rows(plan.val_rows)}, but never validates"
    share = "" if plan.val_share >= 1 else f", looking at {plan.val_share:.0%} of them"
    return f"validates on **{plan.val_rows:,}** {_rows(plan.val_rows)}{share}"


def _rows(count: int) -> str:
    return "row" if count == 1 else "rows"


def _running(plan: Plan) -> str:
    first, last = plan.first_epoch + 1, plan.first_epoch + plan.epochs
    span = f"epochs {first} to {last}" if plan.first_epoch else f"{plan.epochs:,} epoch{'s' * (plan.epochs != 1)}"
    passes = "" if 0.999 < plan.passes < 1.001 else f" of {plan.steps:,} steps ({plan.passes:.0%} of the rows each)"
    return f"**{span}**{passes}, {plan.updates:,} update{'s' * (plan.updates != 1)}"


def difference_line(run: Experiment, draft: Experiment) -> str:
    """What the draft has changed since a run, as markdown; empty if they are equal."""
    found = differences(run.to_dict(), draft.to_dict())
    told = [f"{_name(one.address)} {_word(one.before)} → {_word(one.now)}" for one in found]
    more = [f"{len(told) - MOST_NAMED} more"] if len(told) > MOST_NAMED else []
    return " · ".join([*told[:MOST_NAMED], *more])


def _name(address: str) -> str:
    return escape_markdown(label_of(address))


def _word(value: Any) -> str:
    return escape_markdown(format_value(tuple(value) if isinstance(value, list) else value))
