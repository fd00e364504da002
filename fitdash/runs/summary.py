"""What a list of runs shows of each: the last, lowest and highest value of every log, kept while the run goes on."""

from collections.abc import Mapping
from typing import Any

Summary = dict[str, Any]


def add_epoch(summary: Summary, epoch: int, logs: Mapping[str, float], seconds: float | None = None) -> Summary:
    """The summary with one more epoch.

    Returns:
        {"epochs": how many, "epoch": the last one's index, "seconds": that they took, "logs": {name: {"last", "min",
        "min_epoch", "max", "max_epoch"}}}; "min" and "max" are absent while every value was NaN, which is never lowest
        or highest.
    """
    known = summary.get("logs", {})
    added = {name: _extended(known.get(name, {}), epoch, value) for name, value in logs.items()}
    took = summary.get("seconds", 0.0) + (seconds or 0.0)
    return {"epochs": summary.get("epochs", 0) + 1, "epoch": epoch, "seconds": took, "logs": {**known, **added}}


def _extended(entry: Mapping[str, Any], epoch: int, value: Any) -> dict[str, Any]:
    new = {**entry, "last": value}
    if not isinstance(value, (int, float)) or value != value:
        return new
    if "min" not in entry or value < entry["min"]:
        new |= {"min": value, "min_epoch": epoch}
    if "max" not in entry or value > entry["max"]:
        new |= {"max": value, "max_epoch": epoch}
    return new
