"""Plain data of a diagnosis: the curves it judges, its findings with epoch, numbers and certainty, a change to try."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from fitdash.charts.thin import Floats

Weight = Literal["wrong", "hint", "note"]


@dataclass(frozen=True, kw_only=True)
class SuggestedChange:
    """A change to try.

    Attributes:
        text: What to do, in the imperative.
        settings: The values that do it, by address ("fit.epochs"); empty where setting values is not enough.
    """

    text: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that the curves show, such as overfitting.

    Attributes:
        kind: One word.
        epoch: The shown epoch that it points at; None where it concerns the whole run.
        is_sure: Whether the numbers leave no doubt.
        weight: Whether something is wrong, could be better, or is only worth knowing.
        name: Its title, a few words.
        text: The numbers behind it, one sentence.
        change: A change to try.
    """

    kind: str
    epoch: int | None
    is_sure: bool
    weight: Weight
    name: str
    text: str
    change: SuggestedChange | None = None


@dataclass(frozen=True, kw_only=True)
class LossCurves:
    """The curves of a run, and the settings that are needed to judge them.

    Attributes:
        epochs: Shown epochs, from 1, (n,).
        loss: Training loss, (n,); may be NaN or infinite.
        val_loss: Validation loss, (n,); NaN where an epoch was not validated. None where nothing is held out.
        planned: The last planned epoch, from 1.
        is_over: Whether no epoch will follow.
        trivial: Loss of the best prediction that ignores the input; None where it is not known.
        learning_rate: The current one; None where it is not known.
        dropout: Share of units that dropout silences in training.
        callbacks: Names of the callbacks in use.
    """

    epochs: Floats
    loss: Floats
    val_loss: Floats | None = None
    planned: int = 0
    is_over: bool = True
    trivial: float | None = None
    learning_rate: float | None = None
    dropout: float = 0.0
    callbacks: Sequence[str] = ()

    @property
    def validated(self) -> tuple[Floats, Floats]:
        """Shown epochs and validation losses where there are any."""
        values = np.full(len(self.epochs), np.nan) if self.val_loss is None else self.val_loss
        seen = np.isfinite(values)
        return self.epochs[seen], values[seen]

    @property
    def has_gone_far(self) -> bool:
        """Whether enough epochs are finished to say what a longer run would show."""
        return self.is_over or len(self.epochs) >= max(10, self.planned / 2)
