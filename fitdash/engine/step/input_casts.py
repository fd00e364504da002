"""`InputCasts` finds the whole-number inputs that a module needs as floating-point numbers, with its first batch.

Embeddings need whole numbers and most other layers refuse them, and only the module's own code knows which is which. So
x goes in as it is; where torch complains of its dtype, that batch runs again with one input or several cast, from the
random state and the buffers that it began with. Later batches are cast without a trial.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter
from torch.overrides import TorchFunctionMode

from fitdash.data.batches.source import leaves_of, replace_leaves
from fitdash.engine.step.devices import device_and_dtype_of
from fitdash.errors import FitdashError
from fitdash.random_state import random_states, set_random_states

DTYPE_WORDS = ("dtype", "scalar type", "Input type", "not implemented for", "can't be cast")
"""Words in torch's messages where a module gets numbers of a dtype that it does not take."""
WHOLE_NUMBER_WORDS = (*DTYPE_WORDS, "floating point", "Bool inputs", "Boolean inputs", "bool tensor", "Type promoting")
"""The same for whole numbers and booleans, for which torch has further messages."""

ERRORS = (RuntimeError, ValueError, TypeError, IndexError)
"""What torch raises for inputs of another dtype or shape than it takes."""

Places = tuple[int, ...]


class InputCasts:
    """Calls a module with its inputs, those cast that it needs as floating-point numbers.

    Args:
        module: Called by `run`.
        run: Calls the module with a tensor, a tuple or a dict of the inputs that it takes; errors come through.

    Attributes:
        columns: Whether a vector of whole numbers that is cast becomes one column, as a vector of floats of an array.
        tell: Notes an event of the fit, as `Model.tell`; None outside of a fit.
    """

    def __init__(self, module: nn.Module, run: Callable[[Any], Any]) -> None:
        self.module, self.run = module, run
        self.columns = False
        self.tell: Callable[..., None] | None = None
        self._known: dict[Any, Places] = {}
        self._told: set[Any] = set()

    @property
    def is_needed(self) -> bool:
        """True if an input of some kind of batch has to be cast."""
        return any(self._known.values())

    def __call__(self, x: Any) -> Any:
        """The module's output for inputs of any dtype; what no cast helps comes through as the module raised it."""
        kind = self._kind(x)
        places = self._known.get(kind)
        if places is None:
            return self._first(x, kind)
        if places and self.tell is not None and kind not in self._told:
            self._note(x, kind)
        try:
            return self.run(self._cast(x, leaves_of(x), places) if places else x)
        except ERRORS as error:
            if not self._may_help(error, leaves_of(x)):
                raise
            return self._first(x, kind)  # a layer has been replaced since

    def cast(self, x: Any) -> Any:
        """The inputs as the module gets them: cast where the first batch has shown that they have to be."""
        places = self._known.get(self._kind(x))
        return self._cast(x, leaves_of(x), places) if places else x

    @contextmanager
    def noting(self, tell: Callable[..., None]) -> Iterator[None]:
        """Within this context, of a fit, each cast is noted once as an event "cast"."""
        self.tell, self._told = tell, set()
        try:
            yield
        finally:
            self.tell = None

    def _first(self, x: Any, kind: Any) -> Any:
        """The output for the first batch of this kind, after which it is known what to cast."""
        leaves = leaves_of(x)
        whole = [place for place, part in enumerate(leaves) if not (part.is_floating_point() or part.is_complex())]
        if not whole:
            self._known[kind] = ()
            return self.run(x)
        before = _Before(self.module, leaves)
        try:
            found = self.run(x)
        except ERRORS as error:
            if not self._may_help(error, [leaves[place] for place in whole]):
                raise
            places = self._search(x, whole, before) if len(whole) > 1 else (whole[0],)
            if places is None:
                raise
            try:
                found = self.run(self._restored(x, before, places))
            except Exception as other:
                # A complaint of something else, such as the width of x, is what the cast led to.
                raise (error if _is_about_dtypes(other) or not _is_about_dtypes(error) else other) from None
            self._known[kind] = places
            self._note(x, kind)
            return found
        self._known[kind] = ()
        return found

    def _may_help(self, error: Exception, whole: list[torch.Tensor]) -> bool:
        """Whether a cast can mend what the module raised: it complains of a dtype, or got a vector for a column."""
        if isinstance(error, FitdashError):
            return False
        is_vector = self.columns and any(part.ndim == 1 and not part.is_floating_point() for part in whole)
        return is_vector or _is_about_dtypes(error)

    def _search(self, x: Any, whole: list[int], before: "_Before") -> Places | None:
        """The fewest whole-number inputs with which the module runs once they are cast; None if none help.

        One after the other: of several, the one that lets the module come furthest before it fails is cast first. So
        what it looks up by whole numbers, which fails earlier as floats, stays as it is.
        """
        chosen: Places = ()
        reach = self._reach(x, before, ())
        while len(chosen) < len(whole):
            tries = {place: self._reach(x, before, (*chosen, place)) for place in whole if place not in chosen}
            best = max(tries, key=lambda place: tries[place])
            if tries[best] <= reach:
                break
            chosen, reach = (*chosen, best), tries[best]
            if reach == math.inf:
                return chosen
        # What fails until two inputs have one dtype, such as a product of them, is mended by no input alone.
        return self._fewest(x, before, tuple(whole))

    def _fewest(self, x: Any, before: "_Before", places: Places) -> Places | None:
        """These inputs without those that may as well stay whole numbers; None if casting them all does not help."""
        if self._reach(x, before, places) != math.inf:
            return None
        for place in places:
            fewer = tuple(other for other in places if other != place)
            if fewer and self._reach(x, before, fewer) == math.inf:
                places = fewer
        return places

    def _reach(self, x: Any, before: "_Before", places: Places) -> float:
        """How many functions of torch the module calls before it fails; infinite if it does not fail."""
        counting = _Counting()
        with counting:
            try:
                self.run(self._restored(x, before, places))
            except Exception:  # whatever it is: this cast does not help, and the first error is raised
                return counting.calls
        return math.inf

    def _restored(self, x: Any, before: "_Before", places: Places) -> Any:
        """The inputs, cast, with random state and buffers as before the first call."""
        before.restore()
        return self._cast(x, [part.clone() for part in before.leaves], places)

    def _cast(self, x: Any, leaves: list[torch.Tensor], places: Places) -> Any:
        floating = device_and_dtype_of(self.module).floating
        for place in places:
            part = leaves[place].to(floating)
            leaves[place] = part[:, None] if self.columns and part.ndim == 1 else part
        return replace_leaves(x, iter(leaves))

    def _kind(self, x: Any) -> Any:
        """What decides about casts: names, dtypes and which inputs are vectors of an array."""
        columns = self.columns
        if isinstance(x, torch.Tensor):
            return x.dtype, columns and x.ndim == 1
        names = tuple(x) if isinstance(x, dict) else ()
        return (names, *[(part.dtype, columns and part.ndim == 1) for part in leaves_of(x)])

    def _note(self, x: Any, kind: Any) -> None:
        if self.tell is None:
            return
        self._told.add(kind)
        names, leaves = _names(x), leaves_of(x)
        places = sorted(self._known[kind])
        self.tell(
            "cast",
            inputs=[names[place] for place in places],
            was=[str(leaves[place].dtype).removeprefix("torch.") for place in places],
            now=str(device_and_dtype_of(self.module).floating).removeprefix("torch."),
        )


class _Before:
    """What a call of a module may change, before the call: global random states, buffers, and its inputs."""

    def __init__(self, module: nn.Module, leaves: list[torch.Tensor]) -> None:
        self.module = module
        self.leaves = [part.clone() for part in leaves]
        self._is_lazy = self._has_lazy()
        self._random = random_states()
        self._buffers = [
            (part._buffers, name, buffer, buffer.detach().clone())
            for part in module.modules()
            for name, buffer in part._buffers.items()
            if buffer is not None and not isinstance(buffer, UninitializedBuffer)
        ]

    def restore(self) -> None:
        """Put random states and buffers back."""
        if self._is_lazy and not self._has_lazy():  # parameters have been drawn, and are not drawn again
            self._is_lazy, self._random = False, random_states()
        set_random_states(self._random)
        with torch.no_grad():
            for owner, name, buffer, kept in self._buffers:
                buffer.copy_(kept)  # always: batch normalization changes its statistics without a new version
                owner[name] = buffer

    def _has_lazy(self) -> bool:
        return any(isinstance(parameter, UninitializedParameter) for parameter in self.module.parameters())


class _Counting(TorchFunctionMode):
    """Counts the functions of torch that are called."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.calls += 1
        return func(*args, **(kwargs or {}))


def _is_about_dtypes(error: Exception) -> bool:
    return any(words in str(error) for words in WHOLE_NUMBER_WORDS)


def _names(x: Any) -> list[str]:
    """The inputs as error messages call them: x, x[0], x['name']."""
    if isinstance(x, dict):
        return [f"x[{name!r}]" for name, part in x.items() for _ in leaves_of(part)]
    if isinstance(x, (list, tuple)):
        return [f"x[{place}]" for place, part in enumerate(x) for _ in leaves_of(part)]
    return ["x"]
