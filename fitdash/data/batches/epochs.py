"""Batches of each epoch and of each validation, from passes over a source; what happens at the end of the data."""

import itertools
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from fitdash.data.batches.source import Batch, Source
from fitdash.errors import DataError


class EpochBatches:
    """The batches of a fit or an evaluation, epoch after epoch.

    A source that can be iterated again continues into its next pass, so every epoch has exactly `steps` batches; an
    iterator that runs out ends the epoch early, with a warning. No batch is drawn and left unused, except that one
    batch is drawn ahead from an iterator, whose end cannot be known.

    Args:
        source: Where the batches come from, pass after pass.
        steps: Batches of an epoch; None: one pass.

    Source: R keras `fit`, steps_per_epoch: "total number of steps before declaring one epoch finished".
    """

    def __init__(self, source: Source, steps: int | None = None) -> None:
        self.source = source
        self.asked = steps
        self.known = steps if steps is not None else source.steps
        self._pass: Iterator[Batch] | None = None
        self._ahead: Batch | None = None
        self._size: int | None = None
        self._taken = 0
        self._random: torch.Tensor | None = None
        self._has_warned = False

    @property
    def steps(self) -> int | None:
        """Batches of the next epoch; None until the first full pass has counted them."""
        return self.known

    def has_more(self) -> bool:
        """True if another epoch can begin, as far as that is known; draws one batch ahead from an iterator."""
        if self.source.reiterable:
            return self.source.steps != 0
        if self._ahead is None:
            self._ahead = self._drawn()
        return self._ahead is not None

    def resize(self, batch_size: int) -> None:
        """Cut the next pass, not the current one, into batches of this size; the source must have a `batch_size`."""
        self._size = batch_size

    def settle(self) -> bool:
        """Apply a new batch size if no pass has begun; True if it was applied."""
        if self._size is None or self._pass is not None:
            return False
        source: Any = self.source
        source.batch_size, self._size = self._size, None
        self.known = self.known if self.asked is not None else source.steps
        return True

    def position(self) -> dict[str, Any]:
        """Where the next epoch begins: batches taken from a pass that spans epochs, and the state that shuffled it."""
        is_on = self.asked is not None and self._pass is not None
        return {"taken": self._taken if is_on else 0, "random": self._random if is_on else None, "resized": self._size}

    def go_to(self, position: Mapping[str, Any]) -> None:
        """Continue from a `position`; draws from torch's generator what that pass had drawn."""
        if position["random"] is not None:
            torch.set_rng_state(position["random"])
            self._begin()
            for _ in range(position["taken"]):
                self._drawn()
        self._size = position["resized"]

    def refuse_empty(self) -> None:
        """Refuse data that is known to be empty.

        Raises:
            DataError: the source has no batch.
        """
        if not self.has_more():
            raise DataError("The training data is empty: it gave no batch.")

    def epoch(self) -> Iterator[Batch]:
        """The batches of one epoch."""
        return self._one_pass() if self.asked is None else self._steps(self.asked)

    def _one_pass(self) -> Iterator[Batch]:
        seen = 0
        if self._ahead is not None:
            batch, self._ahead, seen = self._ahead, None, 1
            yield batch
        for batch in self._pass or self._begin():
            self._taken += 1
            seen += 1
            yield batch
        if self.source.steps is not None and 0 < seen < self.source.steps and not self._has_warned:
            self._has_warned = True
            warnings.warn(
                f"The training data ran out of data after {seen} of {self.source.steps} steps, which its length "
                "promises; its epochs end early. Let its __len__ count the batches that it gives.",
                stacklevel=2,
            )
        if self.source.reiterable:
            self._pass = None
            self.known = seen if self.source.steps is None else self.known

    def _steps(self, steps: int) -> Iterator[Batch]:
        for taken in range(steps):
            batch = self._drawn()
            if batch is None and self.source.reiterable:
                self._pass = None
                batch = self._drawn()
            if batch is None:
                if taken:
                    warnings.warn(
                        f"The training data ran out of data after {taken} of {steps} steps; this epoch ends early. "
                        "Give a generator function, which is called anew for each pass, or fewer steps_per_epoch.",
                        stacklevel=2,
                    )
                return
            yield batch

    def _drawn(self) -> Batch | None:
        """The next batch of the pass, None at its end."""
        if self._ahead is not None:
            batch, self._ahead = self._ahead, None
            return batch
        running = self._pass or self._begin()
        self._taken += 1
        return next(running, None)

    def _begin(self) -> Iterator[Batch]:
        """Begin a new pass; if it may span epochs, keep the random state from which its order is drawn."""
        self.settle()
        self._taken = 0
        self._random = torch.get_rng_state() if self.asked is not None else None
        self._pass = self.source.batches()
        return self._pass


class EvaluationBatches:
    """The batches of each validation: the first `steps` of re-iterable data, the next `steps` of an iterator.

    Args:
        source: Where the batches come from.
        steps: At most so many batches; None: all of them.
        is_free: True if the caller set no batch size, so that several batches may be joined into one.

    Attributes:
        at_once: How many batches are joined into one; `steps` counts each of them.
    """

    def __init__(self, source: Source, steps: int | None = None, *, is_free: bool = False) -> None:
        self.source, self.asked, self.is_free = source, steps, is_free
        self.at_once = 1
        self._wide: Any = None
        known = source.steps
        self.known = steps if known is None else known if steps is None else min(steps, known)
        self._rest: Iterator[Batch] | None = None
        self._is_fresh = False
        self._warned: set[bool] = set()

    @property
    def steps(self) -> int | None:
        return self.known

    def refuse_empty(self) -> None:
        """Refuse data without a batch; draws one ahead if the length is unknown.

        Raises:
            DataError: the source has no batch.
        """
        if self.source.steps is None:
            self._rest = self.source.batches()
            first = next(self._rest, None)
            self._rest = itertools.chain([] if first is None else [first], self._rest)
            self._is_fresh = True
        if self.source.steps == 0 or (self._is_fresh and first is None):
            raise DataError("The data is empty: it gave no batch.")

    def widen(self, at_once: int, *, copies: bool = True) -> None:
        """Join so many batches into one from now on; the source must be arrays with at least `steps` batches."""
        source: Any = self.source
        rows = source.rows if self.asked is None else min(source.rows, self.asked * source.batch_size)
        size = source.batch_size * at_once
        whole = rows == source.rows
        wide = self._wide = source.cut(size) if whole else source.narrow(0, rows, batch_size=size, order="given")
        wide.copies = copies
        self.at_once = at_once

    def narrow(self) -> None:
        """Give each batch separately from now on."""
        self._wide, self.at_once = None, 1

    @property
    def calls(self) -> int | None:
        """How many batches an evaluation yields, joined ones counted once."""
        return self.known if self._wide is None else int(self._wide.steps)

    def epoch(self) -> Iterator[Batch]:
        """The batches of one evaluation; warns once if there are fewer than `steps`, and once if there are none."""
        if self._wide is not None:
            yield from self._wide.batches()
            return
        if self._rest is None or (self.source.reiterable and not self._is_fresh):
            self._rest = self.source.batches()
        self._is_fresh = False
        taken = 0
        while self.asked is None or taken < self.asked:
            batch = next(self._rest, None)
            if batch is None:
                break
            taken += 1
            yield batch
        expected = self.source.steps if self.asked is None else self.asked
        if taken == 0 or (expected is not None and taken < expected):
            self._warn(taken, expected)

    def _warn(self, taken: int, expected: int | None) -> None:
        is_empty = taken == 0
        if is_empty not in self._warned:
            self._warned.add(is_empty)
            asked = "" if expected is None else f" of {expected}"
            what = "nothing is measured from here on" if is_empty else "what there was is used"
            warnings.warn(
                f"The data to evaluate ran out of data after {taken}{asked} steps; {what}.",
                stacklevel=2,
            )
