"""A tracer that writes tensor operations down as lines of TorchScript while they run.

A tensor is identified by its place in memory, shape, strides and dtype. Every traced tensor is kept alive until the
trace is complete, so that no place is used twice.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from fitdash.engine.recording.program.dispatch_mode import DispatchMode
from fitdash.engine.recording.program.op_schema import VIEWS_IN_PLACE, OpSchema, op_schema_of, why_not_repeatable

Tensor = torch.Tensor

ONLY_A_NAME = frozenset({"detach", "alias"})
SAYING_SO = {"_unsafe_view": "view", "unsafe_split": "split", "unsafe_split_with_sizes": "split_with_sizes"}
"""The view operations that stand for those whose schemas declare no view: TorchScript would drop writes into them."""
UNSAID = frozenset({"pin_memory"})


class NotRecordable(Exception):
    """A step that a fixed list of operations cannot repeat; the text completes "the step …"."""


class Tracer(DispatchMode):  # type: ignore[no-untyped-call]
    """Writes down every operation that runs inside; after the first that is refused, the rest run untraced.

    Args:
        known: Tensors by the name they have in the program.
        batch: Tensors of the batch, also in `known`; a step that writes into them is refused.
        numbers: Values that stand for a number which differs from step to step, with its name; with them, lists of
            tensors may be changed.
        prefix: Beginning of the names of results.

    Attributes:
        lines: The program so far.
        why: Why the step was refused first; None if it was not.
        places: Identity of every tensor that has a name.
        is_otherwise: True if an operation has other last bits while it is traced.
    """

    def __init__(
        self,
        known: Iterable[tuple[str, Tensor]],
        batch: Iterable[Tensor] = (),
        numbers: Mapping[float, str] | None = None,
        prefix: str = "v",
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.lines: list[str] = []
        self.why: str | None = None
        self.places: dict[str, Any] = {}
        self.is_otherwise = False
        self._names: dict[Any, str] = {}
        self._kept: list[Any] = []
        self._numbers = numbers or {}
        self._prefix = prefix
        self._lists: dict[str, str] = {}
        self._random = _random_state()
        for name, tensor in known:
            self.know(name, tensor)
        self._batch = {storage_address(tensor) for tensor in batch if tensor.numel()}

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # the wrapper behind it imports torch._dynamo, which takes 2 s

    def know(self, name: str, tensor: Tensor) -> None:
        """Give a tensor a name, unless its place in memory has one."""
        try:
            self._names.setdefault(tensor_identity(tensor), name)
            self.places[name] = tensor_identity(tensor)
            self._kept.append(tensor)
        except NotRecordable as error:
            self.refuse(str(error))

    def refuse(self, why: str) -> None:
        """Keep the first reason why the step cannot be repeated."""
        self.why = self.why or why

    def name_of(self, tensor: Tensor) -> str:
        """The name of a tensor.

        Raises:
            NotRecordable: it was made before the trace, or in a way that the tracer did not see.
        """
        name = self._names.get(tensor_identity(tensor))
        if name is None:
            raise NotRecordable(f"uses a tensor of shape {tuple(tensor.shape)} that comes from outside")
        return name

    def called(self, tensor: Tensor) -> str:
        """The name of a tensor; if it has none, the step is refused and the name is ""."""
        try:
            return self.name_of(tensor)
        except NotRecordable as error:
            self.refuse(str(error))
            return ""

    def list_of(self, names: list[str]) -> str:
        """The name of a list of tensors, made once."""
        text = f"[{', '.join(names)}]"
        if text not in self._lists:
            self._lists[text] = f"{self._prefix}list{len(self._lists)}"
            self.lines.append(f"{self._lists[text]} = {text}")
        return self._lists[text]

    def finish(self) -> None:
        """Refuse the step if the random state was set after the last operation."""
        if self.why is None:
            self._check_random()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        call = None
        if self.why is None:
            try:
                operation = op_schema_of(func)
                if operation.draws:
                    self._check_random()
                call = self._call(func, operation, args, kwargs)
            except Exception as error:
                self._refuse_for(error, func)
        out = func(*args, **kwargs)
        if call is not None:
            if operation.draws:
                self._random = _random_state()
            try:
                self._note(func, operation, args, out, call)
            except Exception as error:
                self._refuse_for(error, func)
        return out

    def _refuse_for(self, error: Exception, func: Any) -> None:
        """Stop tracing; the step itself goes on, whatever went wrong here."""
        self.refuse(str(error) if isinstance(error, NotRecordable) else f"calls {func}, which cannot be noted: {error}")

    def _call(self, func: Any, operation: OpSchema, args: Any, kwargs: Any) -> str:
        """The text of a call that is about to run; what cannot be repeated is refused."""
        name = operation.name
        self._check(func, operation, args)
        if operation.written:
            self._check_writes(func, operation, args, kwargs)
        given = [self._text(value, kind) for value, kind in zip(args, operation.kinds, strict=False)]
        if kwargs:
            given += [
                f"{key}={self._text(value, operation.by_name[key])}"
                for key, value in kwargs.items()
                if key not in UNSAID and value is not None
            ]
        if operation.changes and self._changes_results(func, operation, args):
            name = name.removesuffix("_")
        return f"torch.ops.aten.{SAYING_SO.get(name, name)}({', '.join(given)})"

    def _changes_results(self, func: Any, operation: OpSchema, args: Any) -> bool:
        """True if an in-place operation is written as its out-of-place form: on views, and on lists of results.

        TorchScript tracks in-place changes of a tensor, but not of the tensors of a list, unless it was given both.
        """
        name, first = operation.name, args[0] if args else None
        if not operation.changes or not isinstance(first, (list, tuple)):
            return name in VIEWS_IN_PLACE
        if not self._numbers:
            raise NotRecordable(f"changes a list of tensors by {func}")
        kept = [self.name_of(tensor).startswith("t") for tensor in first]
        if all(kept):
            return False
        if any(kept) or not name.startswith("_foreach_"):
            raise NotRecordable(f"changes a list of tensors by {func}")
        return True

    def _note(self, func: Any, operation: OpSchema, args: Any, out: Any, call: str) -> None:
        """Add the line of a call that has run, and name its results."""
        renews = operation.changes and self._changes_results(func, operation, args)
        if operation.name in ONLY_A_NAME:
            self._rename(out, tensor_identity(out), self.name_of(args[0]))
            return
        if renews and out is None:
            out = args[0]
        many = isinstance(out, (list, tuple))
        if out is None or (many and not out):
            self.lines.append(call)
            return
        if not many and not isinstance(out, Tensor):
            raise NotRecordable(f"reads a value by {func}")
        places = [
            tensor_identity(tensor) if isinstance(tensor, Tensor) else None for tensor in (out if many else [out])
        ]
        if not many and not operation.changes and places[0] in self._names:
            return  # a view with the identity of a known tensor, such as one transposed twice
        name = f"{self._prefix}{len(self.lines)}"
        self.lines.append(f"{name} = {call}")
        in_place = operation.changes and not renews
        for place, tensor in enumerate(out if many else [out]):
            where = places[place]
            if where is not None and not (in_place and where in self._names):
                self._rename(tensor, where, f"{name}[{place}]" if many else name)

    def _rename(self, tensor: Tensor, where: Any, name: str) -> None:
        self._names[where] = name
        self.places.setdefault(name, where)
        self._kept.append(tensor)

    def _check(self, func: Any, operation: OpSchema, args: Any) -> None:
        """Refuse calls that depend on values or move a tensor's memory."""
        self.is_otherwise = self.is_otherwise or operation.is_otherwise
        if why := why_not_repeatable(func, args):
            raise NotRecordable(why)

    def _check_writes(self, func: Any, operation: OpSchema, args: Any, kwargs: Any) -> None:
        """Refuse calls that write into the batch: rows of later batches, or the user's own array."""
        for place, name in operation.written:
            given = args[place] if place < len(args) else kwargs.get(name)
            for tensor in given if isinstance(given, (list, tuple)) else (given,):
                if isinstance(tensor, Tensor) and storage_address(tensor) in self._batch:
                    raise NotRecordable(f"writes into the batch by {func}")
                if isinstance(tensor, Tensor) and not tensor.numel():
                    # all empty tensors have one address
                    raise NotRecordable(f"writes into a tensor without elements by {func}")

    def _check_random(self) -> None:
        if self._random != _random_state():
            raise NotRecordable("sets the random state")

    def _text(self, value: Any, kind: Any) -> str:
        """A value as TorchScript writes it."""
        if isinstance(value, Tensor):
            return self.name_of(value)
        if isinstance(value, (list, tuple)):
            return self._list(value, kind)
        if isinstance(value, torch.device):
            return f'torch.device("{value}")'
        if isinstance(value, (torch.dtype, torch.layout, torch.memory_format)):
            return str(value)
        if isinstance(value, float):
            return self._number(value)
        if value is None or isinstance(value, (bool, int, str)):
            return repr(value)
        raise NotRecordable(f"uses a {type(value).__name__}")

    def _list(self, values: Any, kind: Any) -> str:
        if not values:
            kind = kind.getElementType() if hasattr(kind, "getElementType") and "Optional" in str(kind) else kind
            return f"torch.jit.annotate({kind.annotation_str}, [])"
        parts = [self._text(value, None) for value in values]
        if all(isinstance(value, Tensor) for value in values):
            return self.list_of(parts)
        return f"[{', '.join(parts)}]"

    def _number(self, value: float) -> str:
        if value in self._numbers:
            return self._numbers[value]
        if -value in self._numbers:
            return f"-{self._numbers[-value]}"
        return f'float("{value}")' if value != value or abs(value) == float("inf") else repr(value)


def tensor_identity(tensor: Tensor) -> tuple[Any, ...]:
    """Storage address, offset, shape, strides and dtype; equal for tensors with the same numbers in the same memory.

    Raises:
        NotRecordable: it has no plain memory on the CPU.
    """
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.is_nested:
        raise NotRecordable(f"uses a tensor of the layout {tensor.layout}")
    if not tensor.is_cpu:
        raise NotRecordable(f"uses a tensor on {tensor.device}")
    if tensor.is_conj() or tensor.is_neg():
        raise NotRecordable("uses a tensor that is conjugated or negated when it is read")
    if tensor._is_zerotensor():
        raise NotRecordable("uses a tensor without numbers")
    return storage_address(tensor), tensor.storage_offset(), tuple(tensor.shape), tensor.stride(), tensor.dtype


def _random_state() -> bytes:
    return torch.default_generator.get_state().numpy().tobytes()  # comparing tensors takes three times as long


def storage_address(tensor: Tensor) -> int:
    """The address of the storage that a tensor is a view of."""
    return tensor.untyped_storage().data_ptr()
