"""Progress of a run: epochs, speed and remaining time, as numbers and as a line of text."""

from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

from fitdash.ui.view_models.formatting import format_seconds
from fitdash.ui.view_models.run_view import RunView

RECENT = 20


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Progress of a run.

    Attributes:
        done: Finished epochs, of `planned`.
        step: Finished steps of the current epoch, of `steps`; None if the epoch is too short to report them.
        share: Of the whole run, 0 to 1; steps of the current epoch included.
        left_seconds: Until the last planned epoch ends; None before the first epoch ends.
        samples_per_second: Of training, without waits for the pace; None before the first epoch ends.
    """

    done: int
    planned: int
    step: int | None
    steps: int | None
    share: float
    left_seconds: float | None
    samples_per_second: float | None


def progress_of(run: RunView) -> Progress:
    """Progress of this run."""
    first, last = run.planned
    planned = last - first + 1
    done = len(run.rows)
    step, steps = _within(run)
    part = step / steps if step and steps else 0.0
    per_epoch = seconds_per_epoch(run)
    return Progress(
        done=done,
        planned=planned,
        step=step,
        steps=steps,
        share=min(1.0, (done + part) / planned),
        left_seconds=None if per_epoch is None else max(0.0, planned - done - part) * per_epoch,
        samples_per_second=_samples_per_second(run),
    )


def progress_words(run: RunView) -> str:
    """Progress of this run in one line."""
    now = progress_of(run)
    first = run.planned[0]
    current = first - 1 + now.done + (1 if run.is_active and now.done < now.planned else 0)
    parts = [f"epoch {current} of {first - 1 + now.planned}"]
    if run.is_active and now.step and now.steps:
        parts.append(f"batch {now.step:,} of {now.steps:,}")
    if run.state == "running" and now.left_seconds is not None:
        parts.append(f"{format_seconds(now.left_seconds)} left" if now.left_seconds >= 1 else "less than 1 s left")
    if not run.is_active and run.rows:
        parts.append(f"{format_seconds(sum(row.seconds for row in run.rows))} of training")
    if now.samples_per_second:
        parts.append(f"{_rounded(now.samples_per_second):,} samples per second")
    return " · ".join(parts)


def progress_to_browser(run: RunView) -> dict[str, Any]:
    """Data of the progress bar for the browser."""
    return {"share": round(progress_of(run).share, 5), "text": progress_words(run), "of": run.uid, "seq": run.seq}


def planned_seconds(run: RunView) -> float:
    """Seconds that all planned epochs take at the speed of the last ones; 0 before the first ends."""
    first, last = run.planned
    return (last - first + 1) * (seconds_per_epoch(run) or 0.0)


def _within(run: RunView) -> tuple[int | None, int | None]:
    """Finished steps of the current epoch, and all its steps; None if the epoch is too short to report them."""
    last = run.rows[-1].epoch if run.rows else -1
    if run.batch is None or run.batch.data["epoch"] <= last:
        return None, None
    return run.batch.data["step"] + 1, run.batch.data["steps"]


def seconds_per_epoch(run: RunView) -> float | None:
    """Median over the last epochs, from end to end, so that waits for the pace count."""
    ends = [row.at for row in run.rows[-RECENT:]]
    if len(ends) >= 2:
        return median(later - earlier for earlier, later in pairwise(ends))  # not the mean: there may be a pause
    return run.rows[-1].seconds if run.rows else None


def _samples_per_second(run: RunView) -> float | None:
    samples, recent = run.params.get("samples"), [row.seconds for row in run.rows[-RECENT:]]
    typical = median(recent) if recent else 0.0
    return samples / typical if samples and typical > 0 else None


def _rounded(value: float) -> int:
    """Rounded to two digits, which change less often than six."""
    return int(float(f"{value:.2g}"))
