"""Guards that decide when a step may be recorded and replayed: a wrong number is worse than a slow one.

A replay repeats the recorded tensor operations and nothing else. So nothing else may matter: no hook, no value read by
Python, no Python state that changes from step to step. These guards check what the recorded operations do not show, and
refuse in doubt.

Example: steps that are refused, and the reason that `history.params["stepper"]` shows:

    def forward(self, x):
        return self.head(x) * x.mean(0).tolist()[0]  # "eager: the step uses Tensor.tolist"

    self.head.register_forward_hook(hook)            # "eager: the step runs a hook on a Linear"

    def forward(self, x):
        self.calls += 1                              # "eager: the step changes its own Python state"
        return self.head(x)
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn
from torch.nn.modules import module as torch_module

from fitdash.engine.recording.program.dispatch_mode import FunctionMode
from fitdash.engine.recording.safety.bytecode import UnwatchableState
from fitdash.engine.recording.safety.fingerprint import State, attributes_of, fingerprint, is_alike, judge_code
from fitdash.engine.recording.safety.torch_flags import RANDOM_STATES, tensor_layout

READS = frozenset(
    [
        "tolist",
        "numpy",
        "__array__",
        "__dlpack__",
        "data_ptr",
        "untyped_storage",
        "storage",
        "_typed_storage",
        "__reduce_ex__",
        "share_memory_",
        "__deepcopy__",
        "set_",
        "resize_",
        "requires_grad_",
        "register_hook",
        "retain_grad",
        "register_post_accumulate_grad_hook",
        "backward",
        "__cuda_array_interface__",
        "__repr__",
        "__format__",
        "apply_",
        "map_",
        "map2_",
    ]
)
"""Functions that take a value out of a tensor, or change a tensor, without an operation that could be traced."""

SPLITS = ("tensor_split", "hsplit", "vsplit", "dsplit")
RECURRENT = ("_pad_packed_sequence", "lstm", "gru", "rnn_tanh", "rnn_relu")
"""Functions that read integers out of a tensor themselves, without an operation that could be traced."""

COMPILED = ("torch.jit", "torch._dynamo", "torch.nn.parallel", "torch.distributed", "torch.ao", "torch.export")
"""Packages of modules whose Python state is hidden, or that run in several processes."""


class ReadDetector(FunctionMode):
    """Reports functions that take a value out of a tensor without an operation.

    Args:
        refuse: Called with what the step does, a text that completes "the step …".
    """

    def __init__(self, refuse: Any) -> None:
        super().__init__()
        self.refuse = refuse

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        if name in READS:
            self.refuse(f"uses Tensor.{name}")
        elif name in SPLITS and any(isinstance(arg, torch.Tensor) for arg in (*args[1:], *(kwargs or {}).values())):
            self.refuse(f"uses {name} with a tensor of places")
        elif name in RECURRENT and len(args) > 1 and _is_whole(args[1]):
            self.refuse(f"uses {name} with a tensor of lengths")
        elif name == "__set__":
            self.refuse("sets an attribute of a tensor")
        elif name == "__get__" and getattr(func.__self__, "__name__", "") in ("grad", "_version", "grad_fn"):
            self.refuse(f"uses Tensor.{func.__self__.__name__}")
        return func(*args, **(kwargs or {}))


def _is_whole(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and not value.is_floating_point()


class StepGuard:
    """The Python state and the tensors of a step, kept to be compared later.

    Args:
        module: The network that is trained.
        others: Losses, metrics and other objects that a step calls.
        anywhere: True if tensors may lie on another device than the CPU.

    Raises:
        UnwatchableState: the step cannot be recorded; the text says why.
    """

    def __init__(self, module: nn.Module, others: list[Any], *, anywhere: bool = False) -> None:
        self.module, self.others = module, others
        self.names: set[str] = set()
        """Names that the code uses; empty before `judged`."""
        self._attributes: State | None = None
        """Attributes of all modules; None before `judged`, if code of users runs, or if they cannot be compared."""
        self.tensors = list(_tensors([module, *others]))
        refuse_hooks(self._modules(), self.tensors)
        for tensor in self.tensors:
            _refuse_kind(tensor, anywhere=anywhere)
        self.state = self._state()
        self._training = [(part, part.training) for part in self._modules()]
        self._slots = [
            (slot, name, tensor)
            for part in self._modules()
            for slot in (part._parameters, part._buffers)
            for name, tensor in slot.items()
        ]
        self._places = [tensor_layout(tensor) for tensor in self.tensors]

    def holds(self) -> bool:
        """True if tensors and training modes are unchanged; takes a few microseconds, and runs before each chunk."""
        return (
            all(slot.get(name) is tensor for slot, name, tensor in self._slots)
            and all(part.training is mode for part, mode in self._training)
            and [tensor_layout(tensor) for tensor in self.tensors] == self._places
        )

    def holds_entirely(self) -> bool:
        """True if tensors, hooks and Python state are unchanged; needed once code of the user may have run."""
        try:
            refuse_hooks(self._modules(), self.tensors)
            return self.holds() and bool(self._state() == self.state)
        except Exception:  # UnwatchableState, or an error of a user's object that the walk read
            return False

    def looks_untouched(self) -> bool:
        """`holds_entirely` without Python's and NumPy's random states; a fifth of its time if all code is torch's."""
        if self._attributes is not None:
            return (
                not any(getattr(torch_module, name) for name in _GLOBAL_HOOKS)
                and all(slot.get(name) is tensor for slot, name, tensor in self._slots)
                and is_alike(attributes_of(self._modules()), self._attributes)
            )
        try:
            refuse_hooks(self._modules(), self.tensors)
            if not self.holds():
                return False
            return bool(self._state()[RANDOM_STATES:] == self.state[RANDOM_STATES:])
        except Exception:  # as above: state that cannot be read may have changed
            return False

    def judged(self) -> tuple[bool, bool]:
        """Whether only trusted code runs, and whether the code seems to change no Python state from step to step."""
        is_ours, leaves_no_trace, self.names = judge_code([self.module, *self.others], self.tensors)
        self._attributes = attributes_of(self._modules()) if is_ours and not self.others else None
        return is_ours, leaves_no_trace

    def _state(self) -> State:
        return fingerprint([self.module, *self.others], self.tensors)

    def _modules(self) -> Iterator[nn.Module]:
        for root in (self.module, *self.others):
            if isinstance(root, nn.Module):
                yield from root.modules()


def refuse_hooks(modules: Iterator[nn.Module], tensors: list[torch.Tensor]) -> None:
    """Refuse hooks that are not torch's own, and modules of classes that hide their state.

    Raises:
        UnwatchableState: there is one.
    """
    if any(getattr(torch_module, name) for name in _GLOBAL_HOOKS):
        raise UnwatchableState("runs a hook of all modules")
    for module in modules:
        kind = type(module)
        if isinstance(module, _SCRIPTED) or kind.__module__.startswith(COMPILED):
            raise UnwatchableState(f"contains a {kind.__name__}")
        for name in _HOOKS:
            for hook in getattr(module, name).values():
                if not (type(hook).__module__ or "").startswith("torch.nn.utils"):
                    raise UnwatchableState(f"runs a hook on a {kind.__name__}")
    for tensor in tensors:
        if tensor._backward_hooks or getattr(tensor, "_post_accumulate_grad_hooks", None):
            raise UnwatchableState("runs a hook on a parameter")


_SCRIPTED: tuple[type, ...] = (torch.jit.ScriptModule,) if hasattr(torch, "jit") else ()
_GLOBAL_HOOKS = (
    "_global_forward_hooks",
    "_global_forward_pre_hooks",
    "_global_backward_hooks",
    "_global_backward_pre_hooks",
)
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def refuse_modes() -> None:
    """Refuse to record while a mode, anomaly detection, autocast or a hook on saved tensors is active.

    Raises:
        UnwatchableState: one of them is.
    """
    if torch._C._len_torch_dispatch_stack() or torch._C._len_torch_function_stack():
        raise UnwatchableState("runs inside a mode of torch")
    if torch.is_anomaly_enabled():
        raise UnwatchableState("runs with anomaly detection")
    if torch.is_autocast_enabled("cpu"):
        raise UnwatchableState("casts automatically")
    if torch._C._autograd._top_saved_tensors_default_hooks(True) is not None:
        raise UnwatchableState("runs with hooks on saved tensors")


def _refuse_kind(tensor: torch.Tensor, *, anywhere: bool) -> None:
    if type(tensor) not in (torch.Tensor, nn.Parameter, nn.Buffer):
        raise UnwatchableState(f"has a tensor of the type {type(tensor).__name__}")
    if tensor.device.type != "cpu" and not anywhere:
        raise UnwatchableState("is not on the CPU")
    if any(stride == 0 and size > 1 for size, stride in zip(tensor.shape, tensor.stride(), strict=True)):
        raise UnwatchableState("has an expanded tensor")
    if tensor.requires_grad and not tensor.is_leaf:
        raise UnwatchableState("trains a tensor that is computed")


def _tensors(roots: list[Any]) -> Iterator[torch.Tensor]:
    """Parameters and buffers of all modules, each once."""
    seen: set[int] = set()
    for root in roots:
        if isinstance(root, nn.Module):
            for tensor in (*root.parameters(), *root.buffers()):
                if id(tensor) not in seen:
                    seen.add(id(tensor))
                    yield tensor
