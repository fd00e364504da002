"""Estimated time of the next fit, from the time that the steps of the shown run took."""

from statistics import median
from typing import Any

from fitdash.runs.protocol.control import WATCHABLE_EPOCHS_PER_SECOND, WATCHABLE_EXTRA_SECONDS
from fitdash.settings.experiment import Experiment
from fitdash.settings.plan import Plan
from fitdash.ui.view_models.run_view import RunView

RECENT = 20


def eta_seconds(plan: Plan, draft: Experiment, run: RunView, pace: Any) -> float | None:
    """Seconds that a run of the draft would take.

    Args:
        plan: Of the draft.
        run: Must have the same data, network and batch size: only then do its steps take as long.
        pace: "full", "watchable", or epochs per second.

    Returns:
        None if the run differs in one of these, or has no finished epoch.
    """
    per_epoch = _seconds_per_epoch(plan, draft, run)
    if per_epoch is None:
        return None
    needed = per_epoch * plan.epochs
    if pace == "full":
        return needed
    if pace == "watchable":
        return max(needed, min(plan.epochs / WATCHABLE_EPOCHS_PER_SECOND, needed + WATCHABLE_EXTRA_SECONDS))
    return max(needed, plan.epochs / float(pace))


def _seconds_per_epoch(plan: Plan, draft: Experiment, run: RunView) -> float | None:
    """Median time of the run's last epochs, scaled by the number of steps."""
    before = run.experiment
    if before is None or not run.rows or not _is_alike(before, draft):
        return None
    steps = run.params.get("steps")
    return float(median(row.seconds for row in run.rows[-RECENT:]) * plan.steps / steps) if steps else None


def _is_alike(before: Experiment, draft: Experiment) -> bool:
    """True if a step of the one computes what a step of the other does."""
    same_batches = (before.fit.batch_size or 0) == (draft.fit.batch_size or 0)
    return before.data == draft.data and before.network == draft.network and same_batches
