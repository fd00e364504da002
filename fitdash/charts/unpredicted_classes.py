"""Finds classes that a model never predicts, although they have samples."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fitdash.charts.diagnosis import Finding, SuggestedChange
from fitdash.charts.prediction_counts import Array

FEWEST_SAMPLES = 5
FEWEST_EPOCHS = 5
"""Before this epoch a model has not had the time to learn its classes."""

RARE = 0.7
"""A class with fewer samples than this share of the average may never be predicted because it is rare."""

BALANCE = SuggestedChange(text="Set class_weight to balanced.", settings={"fit.class_weight": "balanced"})
STRATIFY = SuggestedChange(
    text="Hold out a stratified part.",
    settings={"fit.validation_data": "stratified", "fit.validation_data.share": 0.2},
)
MORE = SuggestedChange(text="Try more epochs, or a larger network.")


@dataclass(frozen=True, kw_only=True, eq=False)
class ClassCounts:
    """True and predicted classes of the samples at one epoch, counted.

    Attributes:
        epoch: Shown epoch.
        samples: Samples of each class, (classes,).
        answers: Predictions of each class, (classes,).
    """

    epoch: int
    samples: Array
    answers: Array


def find_unpredicted_classes(
    counts: Sequence[ClassCounts], classes: Sequence[str], trained: Array, *, is_over: bool, is_weighted: bool
) -> list[Finding]:
    """The finding that some classes are never predicted, if there are any; while a run trains only a sure one.

    Args:
        counts: Of the last epochs that were looked at, in order.
        classes: Names of the classes.
        trained: Training samples of each class, (classes,).
        is_over: Whether no epoch will follow.
        is_weighted: Whether class_weight is set already.
    """
    if not counts or counts[-1].epoch < FEWEST_EPOCHS:
        return []
    last = counts[-1]
    missing = np.flatnonzero((last.answers == 0) & (last.samples >= FEWEST_SAMPLES))
    if not len(missing):
        return []
    # Back to the first epoch since which all of them have been missing without a break.
    since = len(counts)
    while since and (counts[since - 1].answers[missing] == 0).all():
        since -= 1
    first, count = counts[since].epoch, len(counts) - since
    names = ", ".join(classes[index] for index in missing[:3]) + (", …" if len(missing) > 3 else "")
    kind = "class" if len(missing) == 1 else "classes"
    samples = int(last.samples[missing].sum())
    text = f"None of the {samples} samples of {names} was predicted as such since epoch {first}."
    answered = np.flatnonzero(last.answers)
    if len(answered) == 1:
        text = f"Every sample is predicted as {classes[answered[0]]} since epoch {first}."
    is_unknown = not trained[missing].any()
    is_rare = trained[missing].mean() < RARE * trained.mean()
    if is_unknown:
        text = f"None of the training rows is {names}: all of them are held out."
    is_sure = bool(count >= 3 and samples >= 10 and (is_over or last.epoch >= 2 * FEWEST_EPOCHS))
    if not (is_sure or is_over):
        return []
    return [
        Finding(
            kind="neglected",
            epoch=first,
            is_sure=is_sure,
            weight="wrong",
            name=f"Never predicts the {kind} {names}",
            text=text,
            change=STRATIFY if is_unknown else BALANCE if is_rare and not is_weighted else MORE,
        )
    ]
