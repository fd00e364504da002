"""The x axis of a run: position of each epoch in epochs, updates, samples or seconds."""

from math import ceil
from statistics import fmean

from fitdash.charts.axis import Axis, axis_of
from fitdash.ui.session.live_changes import list_changes
from fitdash.ui.view_models.run_view import RunView


def run_axis(run: RunView, kind: str) -> Axis:
    """The axis of this run; epochs still to come are as wide as the next one will be."""
    start = run.planned[0] - 1
    if kind == "seconds":
        sizes = [row.seconds for row in run.rows]
        return axis_of(kind, run.epochs, sizes, start=start, ahead=fmean(sizes) if sizes else 1.0)
    *sizes, ahead = _counts(run, kind) if kind in ("update", "samples") else [1.0]
    return axis_of(kind, run.epochs, sizes, start=start, ahead=ahead)


def _counts(run: RunView, kind: str) -> list[float]:
    """Updates or samples of each finished epoch and of the next one; the batch size may have changed in between."""
    samples, steps = run.params.get("samples"), run.params.get("steps") or 1
    asked = run.experiment.fit.steps_per_epoch if run.experiment else None
    size = int(run.params.get("batch_size") or 1)
    changed = [facts for facts in list_changes(run) if facts["setting"] == "batch_size"]
    found = []
    for epoch in [*run.epochs, run.epochs[-1] + 1 if run.epochs else 0]:
        before = [facts for facts in changed if facts["epoch"] + (facts.get("step", 0) > 0) <= epoch]
        now = before[-1]["new"] if before else changed[0]["old"] if changed else size
        updates = asked or (ceil(samples / now) if samples and now else steps)
        found.append(float(updates) if kind == "update" else float(updates * now if asked else samples or steps * now))
    return found
