"""The text of progress lines, made of plain numbers."""

from typing import Any

from fitdash.engine.callbacks.base import Logs

_WIDTH = 20
_BOLD, _GREEN, _GREY, _PLAIN = "\x1b[1m", "\x1b[32m", "\x1b[37m", "\x1b[0m"


def bar_line(
    done: int, total: int | None, seconds: float, per_step: float, logs: Logs, *, final: bool, colour: bool
) -> str:
    """The line of verbose=1: count, bar, time left (when final: time taken), time per step, values.

    Args:
        done: Steps done.
        total: Steps there will be, None while unknown.
        seconds: Since the line began.
        per_step: Seconds that one step takes.
        logs: The values printed behind it.
        final: Whether the line is complete and stays; it then shows the time taken.
        colour: Whether the terminal understands ANSI colours.
    """
    left = clock(per_step * (total - done)) if total and not final else f"{seconds:.0f}s"
    paint = _painted if colour else _unpainted
    count = f"{done:{len(str(total))}d}/{total}" if total else f"{done:7d}/Unknown"
    head = f"{paint(_BOLD, count)} {_bar(done, total, paint)}" if total else count
    return f"{head} {paint(_BOLD, left)} {step_time(per_step)}{values(logs)}"


def epoch_line(done: int, seconds: float, per_step: float, logs: Logs, total: int | None = None) -> str:
    """The line of verbose=2; without a total, the steps done are all."""
    return f"{done}/{done if total is None else total} - {seconds:.0f}s - {step_time(per_step)}{values(logs)}"


def values(logs: Logs) -> str:
    return "".join(f" - {name}: {number(value)}" for name, value in logs.items())


def number(value: Any) -> str:
    """4 decimals, in exponent form up to 0.001."""
    try:
        value = float(value)
    except (TypeError, ValueError):
        return str(value)
    return f"{value:.4f}" if abs(value) > 1e-3 else f"{value:.4e}"


def step_time(seconds: float) -> str:
    if seconds >= 1 or seconds == 0:
        return f"{seconds:.0f}s/step"
    return f"{seconds * 1e3:.0f}ms/step" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us/step"


def clock(seconds: float) -> str:
    """Seconds as 42s, 3:05 or 1:02:03."""
    whole = int(seconds)
    if whole > 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    return f"{whole // 60}:{whole % 60:02d}" if whole > 60 else f"{whole}s"


def _bar(done: int, total: int, paint: Any) -> str:
    full = min(_WIDTH * done // total, _WIDTH)
    return str(paint(_GREEN, "━" * full) + paint(_GREY, "━" * (_WIDTH - full)))


def _painted(colour: str, text: str) -> str:
    return f"{colour}{text}{_PLAIN}" if text else ""


def _unpainted(colour: str, text: str) -> str:
    return text
