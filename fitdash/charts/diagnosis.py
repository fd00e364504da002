"""What a run shows, as plain facts: since which epoch, by which numbers, how surely, and one change to try."""

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
        text: What to do, as a command.
        settings: The values that do it, by address ("fit.epochs"); empty where no value alone does.
    """

    text: str
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Something that the curves show.

    Attributes:
        kind: One word.
        epoch: The shown epoch that it is anchored at; None where it concerns the whole run.
        is_sure: Whether the numbers leave no doubt.
        weight: Whether something is wrong, could be better, or is only worth knowing.
        name: A few words.
        text: The numbers behind it, one sentence.
        change: What to try.
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
    """The curves of a run, and what has to be known to judge them.

    Attributes:
        epochs: Shown epochs, from 1, (n,).
        loss: Training loss, (n,); NaN or infinite where it is no number.
        val_loss: Validation loss, (n,); NaN where an epoch was not validated. None where nothing is held out.
        planned: The epoch that the run is to end with.
        is_over: No epoch will follow.
        trivial: The loss of the best answer that looks at no input, None where it is not known.
        learning_rate: In force, None where it is not known.
        dropout: Share of units that is silenced in training.
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
        """Enough has run to say what a longer run would show."""
        return self.is_over or len(self.epochs) >= max(10, self.planned / 2)
