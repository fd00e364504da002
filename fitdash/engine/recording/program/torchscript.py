"""A recorded step as a TorchScript function that runs many steps in one call, without Python and without its lock.

The function is text for `torch.jit.CompilationUnit`: tracing would drop in-place calls on lists. Its first call happens
under the simple executor, since the default one rewrites addmm and gives other last bits.
"""

import functools
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from fitdash.engine.recording.program.tracer import NotRecordable
from fitdash.engine.recording.program.views import VIEWS
from fitdash.private_names import find_private

Tensor = torch.Tensor

_PERSISTENT = re.compile(r"\bt(\d+)\b")
_LIST = re.compile(r"(\w+) = \[((?:t\d+(?:, )?)+)\]")
_VIEW = re.compile(rf"(\w+) = torch\.ops\.aten\.(?:alias|{'|'.join(sorted(VIEWS))})\((.*)\)")
_PART = re.compile(r"(\w+) = (\w+\[\d+\])")
_MEMORY = re.compile(r"(k\w+) = torch\.ops\.aten\.(?:empty|ones|zeros)\((.*)\)")
_CALLED = re.compile(r"\btorch\.ops\.aten\.(\w+)")
_NAME = re.compile(r"\b[a-z]+\d+\b")
_DECIDING = threading.Lock()
"""Held while the executor of TorchScript is another one, a setting that all threads share."""

PRIVATE = (
    ("torch.jit", "CompilationUnit"),
    ("torch._C", "_jit_set_profiling_mode"),
    ("torch._C", "_len_torch_dispatch_stack"),
    ("torch._C", "_len_torch_function_stack"),
    ("torch._C._autograd", "_top_saved_tensors_default_hooks"),
    ("torch._C", "_dispatch_has_kernel_for_dispatch_key"),
    ("torch.utils._python_dispatch", "TorchDispatchMode"),
    ("torch.overrides", "TorchFunctionMode"),
    ("torch", "_foreach_copy_"),
    ("torch", "Tensor._version"),
)
"""What recording is built on and torch does not promise; without one of them every step runs by itself."""

KEPT = 8
"""Programs that a process caches: that of a GRU over 50 time steps takes 12 MB."""


def is_recording_supported() -> bool:
    """True if this release of torch has the private names that recording is built on."""
    return all(find_private(*name, "steps are trained one by one, not recorded") is not None for name in PRIVATE)


@functools.lru_cache(maxsize=KEPT)
def compile_program(
    lines: tuple[str, ...], gradients: tuple[str, ...], parts: int, numbers: int
) -> "TorchScriptProgram":
    """The program of these lines, cached: fits of equal networks share one, since it holds nothing but its text.

    Raises:
        NotRecordable: TorchScript does not compile it.
    """
    return TorchScriptProgram(lines, gradients, parts, numbers)


class TorchScriptProgram:
    """Many training or validation steps as one call.

    Args:
        lines: The lines of one step. Names: t0 … are persistent tensors, x0 … the tensors of the batch, n0 … numbers
            that differ from step to step.
        gradients: Names of the gradients, which the call returns for the last step.
        parts: Number of tensors in a batch.
        numbers: Number of numbers of a step.

    Raises:
        NotRecordable: TorchScript does not compile them.
    """

    def __init__(self, lines: Sequence[str], gradients: Sequence[str], parts: int, numbers: int) -> None:
        shared = [found for line in lines if (found := _LIST.fullmatch(line))]
        self._lists = [[int(place) for place in _PERSISTENT.findall(found[2])] for found in shared]
        self.text = _text(lines, [found[1] for found in shared], gradients, parts, numbers)
        self._has_run = False
        self._needs_grad_mode = "mkldnn_rnn_layer_backward" in self.text  # its workspace exists only in grad mode
        try:
            self._steps = torch.jit.CompilationUnit(self.text).steps
        except Exception as error:
            raise NotRecordable(f"cannot be written as a program: {_last_line(error)}") from error

    def run(self, persistent: list[Tensor], batches: list[Tensor], numbers: list[float], count: int) -> list[Tensor]:
        """Train `count` steps.

        Args:
            persistent: The tensors t0 …
            batches: The tensors of all batches, batch after batch.
            numbers: The numbers of all steps, step after step.
            count: Number of steps.

        Returns:
            The gradients of the last step.
        """
        lists = [[persistent[place] for place in places] for places in self._lists]
        if self._needs_grad_mode:
            left = self._called(persistent, batches, numbers, count, *lists)
            return [gradient.clone() for gradient in left]  # each in its own memory, even if it was a view
        with torch.inference_mode():  # autograd's share of each operation is an eighth of a small step
            left = self._called(persistent, batches, numbers, count, *lists)
        return [gradient.clone() for gradient in left]

    def _called(self, *arguments: Any) -> list[Tensor]:
        """Run the steps; the executor of the first call is that of all later ones."""
        if self._has_run:
            return self._steps(*arguments)  # type: ignore[no-any-return]
        with _simple_executor():
            left: list[Tensor] = self._steps(*arguments)
        self._has_run = True
        return left


def _text(lines: Sequence[str], lists: Sequence[str], gradients: Sequence[str], parts: int, numbers: int) -> str:
    """The TorchScript source.

    Lists of persistent tensors are arguments: TorchScript assumes that only the function uses a list made inside, and
    drops in-place operations on the tensors in it. The loop is a `while`, which is never unrolled, so one step that was
    checked stands for all.
    """
    left = f"[{', '.join(gradients)}]"
    each = [line for line in lines if not _LIST.fullmatch(line)]
    called = sorted({name for line in each for name in _CALLED.findall(line)})
    known = next((line.partition(" = ")[0] for line in reversed(each) if line.endswith(f" = {left}")), left)
    steady, each = _steady(each)
    used = sorted({int(place) for place in _PERSISTENT.findall("\n".join([*steady, *each, left]))})
    given = "".join(f", {name}: List[Tensor]" for name in lists)
    inside = [f"x{part} = X[i * {parts} + {part}]" for part in range(parts)]
    inside += [f"n{place} = N[i * {numbers} + {place}]" for place in range(numbers)]
    return "\n".join(
        [
            f"def steps(T: List[Tensor], X: List[Tensor], N: List[float], count: int{given}) -> List[Tensor]:",
            *(f"    aten_{name} = torch.ops.aten.{name}" for name in called),  # looked up by Python, so once
            *(f"    t{place} = T[{place}]" for place in used),
            *(f"    {_shortened(line)}" for line in steady),
            "    G = torch.jit.annotate(List[Tensor], [])",
            "    i = 0",
            "    while i < count:",
            *(f"        {_shortened(line)}" for line in [*inside, *each, f"G = {known}", "i += 1"]),
            "    return G",
            "",
        ]
    )


def _shortened(line: str) -> str:
    """A line that calls operations by the local names that the function gives them."""
    return _CALLED.sub(r"aten_\1", line)


def _steady(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """The lines that run once per call (buffers, views of them and of persistent tensors), and those of every step."""
    steady: list[str] = []
    each: list[str] = []
    names: set[str] = set()
    for line in lines:
        memory = _MEMORY.fullmatch(line)
        made = memory or _VIEW.fullmatch(line) or _PART.fullmatch(line)
        if made and (memory or all(name[0] == "t" or name in names for name in _NAME.findall(made[2]))):
            names.add(made[1])
            steady.append(line)
        else:
            each.append(line)
    return steady, each


@contextmanager
def _simple_executor() -> Iterator[None]:
    with _DECIDING:
        before = torch._C._jit_set_profiling_mode(False)
        try:
            yield
        finally:
            torch._C._jit_set_profiling_mode(before)


def _last_line(error: Any) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:120] if lines else type(error).__name__
