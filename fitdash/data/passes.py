"""Epochs out of passes: how many batches an epoch has, and what happens where the data ends."""

import itertools
import warnings
from collections.abc import Iterator

from fitdash.data.adapter import Batch, Source
from fitdash.errors import DataError


class Passes:
    """The batches of a fit or an evaluation, epoch after epoch.

    Data that can be iterated again goes on into its next pass, so every epoch has exactly `steps` batches; data that
    cannot ends the epoch early, with a warning. No batch is drawn that is not used, but for one look ahead on data
    whose end cannot be known.

    Args:
        source: Gives the passes.
        steps: Batches of an epoch, None: one pass.

    Source: R keras `fit`, steps_per_epoch: "total number of steps before declaring one epoch finished".
    """

    def __init__(self, source: Source, steps: int | None = None) -> None:
        self.source = source
        self.asked = steps
        self.known = steps if steps is not None else source.steps
        self._pass: Iterator[Batch] | None = None
        self._began = False

    @property
    def steps(self) -> int | None:
        """Batches of the next epoch, None while unknown; learned from the first full pass."""
        return self.known

    def has_more(self) -> bool:
        """Whether another epoch can begin; looks one batch ahead only where the length is unknown."""
        if self.source.reiterable and (self.source.steps is not None or self._began):
            return self.source.steps != 0
        self._began = True
        if self._pass is None:
            self._pass = self.source.batches()
        first = next(self._pass, None)
        if first is None:
            return False
        self._pass = itertools.chain([first], self._pass)
        return True

    def epoch(self) -> Iterator[Batch]:
        """The batches of one epoch."""
        return self._one_pass() if self.asked is None else self._steps(self.asked)

    def _one_pass(self) -> Iterator[Batch]:
        batches = self._pass if self._pass is not None else self.source.batches()
        self._pass = None if self.source.reiterable else batches
        seen = 0
        for batch in batches:
            seen += 1
            yield batch
        if self.source.steps is None:
            self.known = seen if self.source.reiterable else self.known

    def _steps(self, steps: int) -> Iterator[Batch]:
        for taken in range(steps):
            batch = self._next()
            if batch is None:
                warnings.warn(
                    f"The data ran out of data after {taken} of {steps} steps; this epoch ends early. "
                    "Give a generator function, which is called anew for each pass, or fewer steps_per_epoch.",
                    stacklevel=2,
                )
                return
            yield batch

    def _next(self) -> Batch | None:
        """The next batch, over the end of a pass where another one can begin."""
        if self._pass is None:
            self._pass = self.source.batches()
        batch = next(self._pass, None)
        if batch is None and self.source.reiterable:
            self._pass = self.source.batches()
            batch = next(self._pass, None)
            if batch is None:
                raise DataError("The data is empty: a new pass over it gave no batch.")
        return batch


class Window:
    """The batches of each validation: the first `steps` of re-iterable data, the next ones of an iterator.

    Args:
        source: Gives the batches.
        steps: At most so many batches, None: all there are.
    """

    def __init__(self, source: Source, steps: int | None = None) -> None:
        self.source, self.asked = source, steps
        known = source.steps
        self.known = steps if known is None else known if steps is None else min(steps, known)
        self.told_dry = False
        self._rest: Iterator[Batch] | None = None
        self._warned = False

    @property
    def steps(self) -> int | None:
        return self.known

    def refuse_empty(self) -> None:
        """Look one batch ahead into an iterator.

        Raises:
            DataError: there is none.
        """
        if self.source.reiterable:
            return
        self._rest = self.source.batches()
        first = next(self._rest, None)
        if first is None:
            raise DataError("The data is empty: it gave no batch.")
        self._rest = itertools.chain([first], self._rest)

    def epoch(self) -> Iterator[Batch]:
        """The batches of one evaluation."""
        if self.source.reiterable or self._rest is None:
            self._rest = self.source.batches()
        taken = 0
        while self.asked is None or taken < self.asked:
            batch = next(self._rest, None)
            if batch is None:
                break
            taken += 1
            yield batch
        if self.asked is not None and 0 < taken < self.asked:
            self._warn(taken)

    def _warn(self, taken: int) -> None:
        if not self._warned:
            self._warned = True
            warnings.warn(
                f"The validation data ran out of data after {taken} of {self.asked} steps; what there was is used.",
                stacklevel=2,
            )
