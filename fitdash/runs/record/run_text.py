"""Runs as text for the command line, and as plain values for its JSON."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from fitdash.runs.protocol.events import ACTIVE
from fitdash.runs.protocol.json_codec import to_plain
from fitdash.runs.record.records import RunLine, RunRecord

SHORTEST_UID = 8


def to_strict_json(value: Any) -> str:
    """JSON by the standard: null where a number is not finite."""
    return json.dumps(_finite(to_plain(value)), indent=2, ensure_ascii=False, allow_nan=False)


def run_to_dict(run: RunLine | RunRecord) -> dict[str, Any]:
    """The run as a list shows it, as plain values; times as ISO 8601 in UTC."""
    return {
        "uid": run.uid,
        "name": run.name,
        "state": run.state,
        "created": to_iso_time(run.created),
        "started": to_iso_time(run.started),
        "ended": to_iso_time(run.ended),
        "parent": run.parent,
        "error": run.error,
        "summary": run.summary,
    }


def run_table(runs: Sequence[RunLine], uids: Sequence[str], *, now: float) -> list[str]:
    """The runs as aligned lines under a head.

    Args:
        uids: uids of all runs; each uid is shown as far as it takes to tell it from the others.
        now: Seconds since 1970; the end of a run that still trains.
    """
    width = uid_prefix_length(uids)
    rows = [("run", "state", "epochs", "loss", "val_loss", "created", "took", "name")]
    for run in runs:
        last = {name: _short(entry.get("last")) for name, entry in run.summary.get("logs", {}).items()}
        rows.append(
            (
                run.uid[:width],
                run.state,
                str(run.summary.get("epochs", 0)),
                last.get("loss", ""),
                last.get("val_loss", ""),
                format_time(run.created),
                format_run_duration(run, now),
                one_line(run.name),
            )
        )
    return align_columns(rows, right=(2, 3, 4, 6))


def describe_run(run: RunRecord, *, now: float) -> list[str]:
    """The run as lines: state and times, epochs, values of its logs, its experiment, its error."""
    summary = run.summary
    facts = {
        "run": run.uid,
        "name": one_line(run.name),
        "state": run.state,
        "created": format_time(run.created),
        "started": format_time(run.started),
        "ended": format_time(run.ended),
        "took": format_run_duration(run, now),
        "goes on from": run.parent or "",
        "epochs": f"{summary.get('epochs', 0)} of {run.params.get('epochs', '?')}",
    }
    lines = align_columns([(name, value) for name, value in facts.items() if value])
    values = [("", "last", "lowest", "in epoch", "highest", "in epoch")]
    for name, entry in summary.get("logs", {}).items():
        lowest, highest = (_shown(entry, which) for which in ("min", "max"))
        values.append((name, _short(entry.get("last")), *lowest, *highest))
    if len(values) > 1:
        lines += ["", *align_columns(values, right=(1, 2, 3, 4, 5))]
    if run.experiment:
        lines += ["", "experiment", *json.dumps(_finite(run.experiment), indent=2, ensure_ascii=False).splitlines()]
    if run.error:
        lines += ["", *(run.traceback or run.error).rstrip().splitlines()]
    return lines


def align_columns(rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> list[str]:
    """The rows as lines with aligned columns; the columns with an index in `right` are aligned right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = [
        [cell.rjust(width) if place in right else cell.ljust(width) for place, (cell, width) in enumerate(pairs)]
        for pairs in (zip(row, widths, strict=True) for row in rows)
    ]
    return ["  ".join(row).rstrip() for row in cells]


def uid_prefix_length(uids: Sequence[str]) -> int:
    """Length of a prefix that is different for each of these uids, at least 8."""
    ordered = sorted(uids)
    shared = (_shared_prefix_length(uid, other) for uid, other in zip(ordered, ordered[1:], strict=False))
    return max(SHORTEST_UID, 1 + max(shared, default=0))


def format_time(seconds: float | None) -> str:
    """Date and time in this computer's time zone; empty for None."""
    return "" if seconds is None else f"{datetime.fromtimestamp(seconds):%Y-%m-%d %H:%M:%S}"


def format_run_duration(run: RunLine | RunRecord, now: float) -> str:
    """How long the run trained, or has been training until `now`: "0.4 s", "3:20", "12:03:20"."""
    end = run.ended if run.ended is not None else now if run.state in ACTIVE else None
    if run.started is None or end is None:
        return ""
    return format_duration(max(0.0, end - run.started))


def format_duration(seconds: float) -> str:
    """A duration: "0.4 s", "3:20", "12:03:20"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


def _shown(entry: Mapping[str, Any], which: str) -> tuple[str, str]:
    """The lowest or highest value and its epoch, counted from 1."""
    return (_short(entry[which]), str(entry[f"{which}_epoch"] + 1)) if which in entry else ("", "")


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, (int, float)) else "" if value is None else str(value)


def one_line(text: str) -> str:
    """The text with spaces for line ends and control characters, which a terminal would act on."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def _shared_prefix_length(uid: str, other: str) -> int:
    """Length of the prefix that both have."""
    same = (a == b for a, b in zip(uid, other, strict=False))
    return next((place for place, is_same in enumerate(same) if not is_same), min(len(uid), len(other)))


def to_iso_time(seconds: float | None) -> str | None:
    """Date and time as ISO 8601 in UTC; None for None."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()


def _finite(value: Any) -> Any:
    """The value with None where a number is not finite."""
    if isinstance(value, Mapping):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
