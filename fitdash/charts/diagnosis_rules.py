"""Rules that diagnose the curves of a run, such as overfitting. Each is a plain function of the numbers.

The thresholds were set on 156 real small runs with healthy settings and 132 with faulty ones, and tested on as many
with other seeds: 1.3 % of the healthy runs get a finding; of the faulty ones 83 % are found where the curve is flat,
92 % or more of each other kind. One rule, for overfitting, was added after the results of that test were known: before
it 83 % of those were found. The rule for a flat validation loss beside a slowly falling training loss was added later,
too: of 64 runs on classes that overlap 70 % are found instead of 63 %, and none of the 118 healthy runs that are kept.
`tests/charts/recorded_curves.json` holds a part of the runs with other seeds.
"""

from collections.abc import Callable, Iterator

import numpy as np

from fitdash.charts import curve_statistics
from fitdash.charts.diagnosis import Finding, LossCurves, SuggestedChange
from fitdash.charts.theme import format_metric
from fitdash.charts.thin import Floats

Found = Iterator[Finding]
FEWEST = 6
"""With fewer epochs a curve has no shape yet."""


def diagnose_curves(curves: LossCurves) -> list[Finding]:
    """What the curves show, the most serious first, without findings that a stronger one explains.

    While a run trains only sure findings are given: the next epochs may show otherwise.
    """
    found = [one for rule in RULES for one in rule(curves) if one.is_sure or curves.is_over]
    kinds = {one.kind for one in found}
    kept = [one for one in found if not kinds & EXCLUDED_BY.get(one.kind, set())]
    return sorted(kept, key=lambda one: ("wrong", "hint", "note").index(one.weight))


def _diverged(curves: LossCurves) -> Found:
    """A loss that is not finite, or far above both its first value and the trivial answer."""
    bad = np.flatnonzero(~np.isfinite(curves.loss))
    if len(bad):
        first = int(bad[0])
        before = f", {format_metric(float(curves.loss[first - 1]))} the epoch before" if first else ""
        text = f"The loss is {format_metric(float(curves.loss[first]))} in epoch {_at(curves, first)}{before}: "
        text += "nothing can be learned from there on."
        yield Finding(
            kind="diverged",
            epoch=_at(curves, first),
            is_sure=True,
            weight="wrong",
            name=f"Diverged at epoch {_at(curves, first)}",
            text=text,
            change=_slower(curves),
        )
        return
    usual = max(float(curves.loss[0]), curves.trivial or 0.0) if len(curves.loss) else 0.0
    if len(curves.loss) >= 3 and curve_statistics.level(curves.loss) > 3 * usual > 0:
        first = int(np.flatnonzero(curves.loss > 3 * usual)[0])
        yield Finding(
            kind="diverged",
            epoch=_at(curves, first),
            is_sure=True,
            weight="wrong",
            name=f"Diverges since epoch {_at(curves, first)}",
            text=f"The loss grew from {format_metric(float(curves.loss[0]))} to "
            f"{format_metric(float(curves.loss[-1]))}.",
            change=_slower(curves),
        )


def _too_fast(curves: LossCurves) -> Found:
    """Steps that overshoot: the loss peaks early, stays above the trivial answer, or jumps from epoch to epoch."""
    loss = curves.loss
    if len(loss) < FEWEST or not np.isfinite(loss).all():
        return
    usual = curves.trivial or float(loss[0])
    if usual <= curve_statistics.SMALL:  # a loss that may be negative gives no scale for what is far
        return
    settled, late = loss[2:], loss[len(loss) // 2 :]
    leaps, height, peak = (
        curve_statistics.roughness(settled) / usual,
        float(np.median(late)) / usual,
        float(loss.max()) / usual,
    )
    whose = "the trivial answer" if curves.trivial else "the first epoch"
    symptoms = (
        (peak / 1.6, f"The loss went up to {format_metric(float(loss.max()))}; {whose} has {format_metric(usual)}."),
        (
            height / 1.1,
            f"The loss stays at {format_metric(float(np.median(late)))}; {whose} has {format_metric(usual)}.",
        ),
        (leaps / 0.04, f"The loss leaps by {format_metric(leaps * usual)} from epoch to epoch instead of falling."),
    )
    strength, text = max(symptoms)
    rises = height > 1.02 and leaps > 0.015
    if strength > 1 or rises:
        yield Finding(
            kind="too_fast",
            epoch=_at(curves, int(np.argmax(loss)) if text == symptoms[0][1] else len(loss) // 2),
            is_sure=strength > 1.4,
            weight="wrong",
            name="Learning rate too high",
            text=text,
            change=_slower(curves),
        )


def _overfits(curves: LossCurves) -> Found:
    """Validation loss rises while training loss falls, or no longer follows it."""
    epochs, val = curves.validated
    if len(val) < FEWEST or not np.isfinite(curves.loss).all():
        return
    best, rise, times = curve_statistics.rise_after_best(val)
    low, drop = float(curve_statistics.smooth(val)[best]), float(val.max() - val.min())
    flat = curve_statistics.flat_since(val, 0.05 * drop)
    share = min(
        rise / max(low, curve_statistics.SMALL),
        2 * rise / max(float(val[: best + 1].max()) - low, curve_statistics.SMALL),
    )
    rises = len(val) - 1 - best >= max(3, len(val) // 10) and share > 0.06 and times > 3
    since = int(epochs[best if rises else flat])
    place = int(np.flatnonzero(curves.epochs == since)[0])
    train = curve_statistics.smooth(curves.loss)
    fall, gap = float(train[place] - train[-1]), float(val[-1] - train[-1])
    lags = len(val) - flat >= max(FEWEST, len(val) // 4) and gap > 0.3 * drop
    lags = lags and (
        fall > 0.15 * float(train[0]) or curve_statistics.level(val) > 5 * curve_statistics.level(curves.loss)
    )
    if not (lags or (rises and fall > 0.02 * float(train[place]))):
        return
    then = float(curve_statistics.smooth(val)[epochs == since][0])
    val_text = f"validation loss {format_metric(then)} → {format_metric(float(val[-1]))}"
    train_text = f"training loss {format_metric(float(train[place]))} → {format_metric(float(curves.loss[-1]))}"
    yield Finding(
        kind="overfits",
        epoch=since,
        is_sure=bool(rises and share > 0.12 and times > 5),
        weight="wrong",
        name=f"Overfits since epoch {since}",
        text=f"Since then {val_text}, while {train_text}.",
        change=_stop_at(curves, since),
    )


def _underfits(curves: LossCurves) -> Found:
    """Hardly better than a prediction that ignores the input, on the held-out rows or else on all."""
    loss, (_, val) = curves.loss, curves.validated
    if curves.trivial is None or len(loss) < 8 or not curves.has_gone_far or not np.isfinite(loss).all():
        return
    usual = max(curves.trivial, curve_statistics.SMALL)
    judged = val if len(val) >= FEWEST else loss
    half, end = curve_statistics.level(judged[: len(judged) // 2 + 1]), curve_statistics.level(judged, 0.2)
    train = curve_statistics.level(loss, 0.2) / usual
    if end / usual < 0.88 or train < 0.7 or half - end > 0.03 * usual:
        return
    where = "validation loss" if judged is val else "loss"
    yield Finding(
        kind="underfits",
        epoch=_at(curves, len(loss) - 1),
        is_sure=bool(end / usual > 0.92 and half - end < 0.02 * usual),
        weight="wrong",
        name="Hardly better than guessing",
        text=f"The {where} is {format_metric(end)}; the trivial answer, which looks at no input, has "
        f"{format_metric(usual)}.",
        change=_slower(curves) if (curves.learning_rate or 0) > FAST else SuggestedChange(text="Try a larger network."),
    )


def _too_slow(curves: LossCurves) -> Found:
    """A slow steady fall that is not over."""
    loss = curves.loss
    if len(loss) < 8 or not curves.has_gone_far or not np.isfinite(loss).all():
        return
    first, last = curve_statistics.slopes(loss)
    _, val = curves.validated
    if len(val) >= FEWEST and curve_statistics.slopes(val)[1] > 0:
        return
    fall = float(loss[0]) - float(loss[-1])
    goes_on = last < 0 and last < 0.35 * first and -last * len(loss) > 3 * curve_statistics.scatter(loss)
    if not goes_on or fall > 0.35 * abs(float(loss[0])) or float(loss[-1]) < 0.5 * (curves.trivial or 0.0):
        return
    rate = curves.learning_rate
    faster = {"compile.learning_rate": round(10 * rate, 12)} if rate and rate < SLOW else {}
    more = {} if faster else {"fit.epochs": 3 * int(curves.epochs[-1])}
    change = SuggestedChange(text=f"Set learning_rate to {10 * rate:g}.", settings=faster) if faster and rate else None
    yield Finding(
        kind="too_slow",
        epoch=_at(curves, len(loss) - 1),
        is_sure=bool(fall < 0.2 * abs(float(loss[0])) and curves.is_over),
        weight="hint",
        name="Learns slowly" if not faster else "Learning rate too low",
        text=f"The loss fell from {format_metric(float(loss[0]))} to {format_metric(float(loss[-1]))}, "
        "as steadily at the end as at first.",
        change=change or SuggestedChange(text=f"Set epochs to {more['fit.epochs']}.", settings=more),
    )


def _flat(curves: LossCurves) -> Found:
    """For many epochs the loss does not visibly change, or the validation loss does not get better."""
    loss, (epochs, val) = curves.loss, curves.validated
    if len(loss) < 20 or not np.isfinite(loss).all():
        return
    since, is_still = _settled(loss), True
    if len(val) >= FEWEST:
        still = max(since, _place(curves, epochs[_settled(val)]))
        won = _place(curves, epochs[curve_statistics.no_gain_since(val)])
        since, is_still = (still, True) if len(loss) - still >= _long(curves) else (won, False)
        if not is_still and not _hardly_moves(loss[since:], val[epochs >= curves.epochs[since]], loss, val):
            return
    length = len(loss) - since
    if length < _long(curves) or since < 2:
        return
    judged, where = (
        (loss, "loss")
        if is_still
        else (curve_statistics.smooth(val)[epochs >= curves.epochs[since]], "validation loss")
    )
    start, end = float(curve_statistics.smooth(loss)[since] if is_still else judged[0]), float(judged[-1])
    where = "loss" if is_still else "validation loss"
    yield Finding(
        kind="flat",
        epoch=_at(curves, since),
        is_sure=is_still and length >= max(20, 0.5 * len(loss)),
        weight="note",
        name=f"Flat since epoch {_at(curves, since)}",
        text=f"In the {length} epochs since then the {where} went from {format_metric(start)} to {format_metric(end)}.",
        change=SuggestedChange(
            text=f"Set epochs to {_at(curves, since)}.", settings={"fit.epochs": _at(curves, since)}
        ),
    )


def _long(curves: LossCurves) -> float:
    """This many epochs without a change are a plateau."""
    return max(15, 0.4 * len(curves.loss))


def _hardly_moves(late: Floats, late_val: Floats, loss: Floats, val: Floats) -> bool:
    """Whether training loss hardly falls, and validation loss has not risen so far that it is another finding."""
    won = float(np.median(late[:3]) - np.median(late[-3:]))
    lost = float(np.median(late_val[-3:]) - curve_statistics.smooth(val).min())
    most = min(0.12 * float(loss.max() - loss.min()), 0.06 * abs(float(np.median(late[-3:]))))
    is_won = won > most + curve_statistics.scatter(loss)
    return not is_won and lost <= 0.15 * float(val.max() - val.min()) + curve_statistics.scatter(val)


def _nothing_held_out(curves: LossCurves) -> Found:
    if curves.val_loss is None and len(curves.epochs):
        yield Finding(
            kind="nothing_held_out",
            epoch=None,
            is_sure=True,
            weight="note",
            name="Nothing is held out",
            text="These are numbers of rows that the network was trained on; how it does on new rows is not known.",
            change=SuggestedChange(
                text="Hold out a stratified 20 %.",
                settings={"fit.validation_data": "stratified", "fit.validation_data.share": 0.2},
            ),
        )


def _upside_down(curves: LossCurves) -> Found:
    """Training loss above validation loss, which looks like a mistake and is none."""
    epochs, val = curves.validated
    if len(val) < 3 or not np.isfinite(curves.loss).all():
        return
    train = curves.loss[np.isin(curves.epochs, epochs)]
    above = train - val > 0.02 * np.abs(val)
    if above[-3:].sum() < 3 or above.mean() < 0.6:
        return
    why = f"dropout silences {curves.dropout:.0%} of the units in training and none in validation"
    mean = "training loss is the mean over the epoch, while the network still gets better; validation comes after it"
    yield Finding(
        kind="upside_down",
        epoch=int(epochs[-1]),
        is_sure=bool(curves.dropout > 0 or above.mean() > 0.9),
        weight="note",
        name="Training loss above validation loss",
        text=f"No mistake: {why if curves.dropout else mean}. "
        f"({format_metric(float(train[-1]))} and {format_metric(float(val[-1]))})",
    )


RULES: tuple[Callable[[LossCurves], Found], ...] = (
    _diverged,
    _too_fast,
    _overfits,
    _underfits,
    _too_slow,
    _flat,
    _nothing_held_out,
    _upside_down,
)
EXCLUDED_BY = {
    "too_fast": {"diverged"},
    "overfits": {"diverged", "too_fast"},
    "underfits": {"diverged", "too_fast", "too_slow"},
    "too_slow": {"diverged", "too_fast", "overfits"},
    "flat": {"diverged", "too_fast", "overfits", "underfits"},
    "upside_down": {"diverged", "too_fast", "underfits"},
}
"""Kinds of findings, each with the stronger ones that it is left out beside."""

FAST, SLOW = 0.02, 0.0003
"""Above and below these learning rates of adam the rate is the likeliest cause."""


def _at(curves: LossCurves, place: int) -> int:
    return int(curves.epochs[place])


def _place(curves: LossCurves, epoch: float) -> int:
    """Index of a shown epoch."""
    return int(np.flatnonzero(curves.epochs == epoch)[0])


def _slower(curves: LossCurves) -> SuggestedChange:
    if not curves.learning_rate:
        return SuggestedChange(text="Try a learning_rate ten times smaller.")
    rate = float(f"{curves.learning_rate / 10:.6g}")
    return SuggestedChange(text=f"Set learning_rate to {rate:g}.", settings={"compile.learning_rate": rate})


def _stop_at(curves: LossCurves, epoch: int) -> SuggestedChange:
    if "EarlyStopping" in curves.callbacks:
        return SuggestedChange(text="Try restore_best_weights of EarlyStopping, or fewer units.")
    return SuggestedChange(text=f"Set epochs to {epoch}.", settings={"fit.epochs": epoch})


def _settled(values: Floats) -> int:
    """Index from which a curve looks flat, on a linear axis and on a logarithmic one."""
    room = min(0.02 * float(values.max() - values.min()), 0.2 * abs(curve_statistics.level(values, 0.1)))
    return curve_statistics.flat_since(values, room + curve_statistics.scatter(values))
