"""Summary of a run for lists: last, lowest and highest value of every log, updated with each epoch."""

import struct
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from fitdash.runs.protocol.json_codec import decode, encode

Summary = dict[str, Any]

# Number of epochs, index of the last, seconds; then of each log the entries of `_ENTRY`.
_HEAD, _EACH = "<qqd", "ddqdq"
_ENTRY = {"last": float, "min": float, "min_epoch": int, "max": float, "max_epoch": int}
_ALL_NAN = (0.0, -1, 0.0, -1)


def add_epoch(summary: Summary, epoch: int, logs: Mapping[str, float], seconds: float | None = None) -> Summary:
    """The summary with another epoch added.

    Returns:
        {"epochs": their number, "epoch": index of the last, "seconds": their duration, "logs": {name: {"last", "min",
        "min_epoch", "max", "max_epoch"}}}; "min" and "max" are absent while every value was NaN, which is never lowest
        or highest.
    """
    known = summary.get("logs", {})
    added = {name: _extended(known.get(name, {}), epoch, value) for name, value in logs.items()}
    took = summary.get("seconds", 0.0) + (seconds or 0.0)
    return {"epochs": summary.get("epochs", 0) + 1, "epoch": epoch, "seconds": took, "logs": {**known, **added}}


def pack_summary(summary: Summary) -> str | bytes:
    """The summary as the store keeps it: the names, then the numbers, read in a third of the time that JSON takes.

    A summary that does not fit, such as one with a log that is not a float, is kept as JSON.
    """
    logs = summary.get("logs", {})
    names = "\0".join(logs).encode()
    numbers = [summary.get("epochs"), summary.get("epoch"), summary.get("seconds")]
    is_plain = [type(number) for number in numbers] == [int, int, float] and 0 < len(names) < 1 << 16
    if not is_plain or names.count(b"\0") != len(logs) - 1:
        return encode(summary)
    for entry in logs.values():
        if type(entry.get("last")) is float and len(entry) == 1:
            numbers += [entry["last"], *_ALL_NAN]
        elif {name: type(value) for name, value in entry.items()} == _ENTRY:
            numbers += [entry[name] for name in _ENTRY]
        else:
            return encode(summary)
    return len(names).to_bytes(2, "little") + names + struct.pack(_HEAD + _EACH * len(logs), *numbers)


def unpack_summary(kept: str | bytes) -> Summary:
    """The summary that `pack_summary` was given."""
    if isinstance(kept, str):
        return dict(decode(kept))
    end = 2 + int.from_bytes(kept[:2], "little")
    names, read = _layout(kept[2:end])
    epochs, epoch, seconds, *entries = read(kept, end)
    numbers = iter(entries)
    logs = {
        name: {"last": last, "min": low, "min_epoch": low_at, "max": high, "max_epoch": high_at}
        if low_at >= 0
        else {"last": last}
        for name, last, low, low_at, high, high_at in zip(
            names, numbers, numbers, numbers, numbers, numbers, strict=True
        )
    }
    return {"epochs": epochs, "epoch": epoch, "seconds": seconds, "logs": logs}


@lru_cache(256)
def _layout(names: bytes) -> tuple[list[str], Callable[[bytes, int], tuple[Any, ...]]]:
    """The names, and the function that reads the numbers behind them."""
    split = names.decode().split("\0")
    return split, struct.Struct(_HEAD + _EACH * len(split)).unpack_from


def _extended(entry: Mapping[str, Any], epoch: int, value: Any) -> dict[str, Any]:
    new = {**entry, "last": value}
    if not isinstance(value, (int, float)) or value != value:
        return new
    if "min" not in entry or value < entry["min"]:
        new |= {"min": value, "min_epoch": epoch}
    if "max" not in entry or value > entry["max"]:
        new |= {"max": value, "max_epoch": epoch}
    return new
