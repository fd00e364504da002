"""The forward and backward pass captured once as a CUDA graph, and launched by one call from then on.

A graph repeats the same kernels on the same memory, so each batch is copied over the captured one. The update runs
eagerly, a kernel or two, so a new learning rate applies at once. A decision that Python makes in a step would be
frozen: the same guards as on the CPU refuse it. Kernels of a GPU may differ in last bits from call to call, so the
gradients of a graph are compared within a tolerance.
"""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

import torch

from fitdash.data.batches.source import Batch, leaves_of, replace_leaves
from fitdash.engine.recording.program.dispatch_mode import DispatchMode
from fitdash.engine.recording.program.op_schema import why_not_repeatable
from fitdash.engine.recording.program.tracer import NotRecordable
from fitdash.engine.recording.safety.step_guard import ReadDetector
from fitdash.engine.recording.step_state import StepSnapshot, TrainingStepState

Tensor = torch.Tensor

WARM = 3
"""Steps before capturing, in which libraries such as cuDNN choose their kernels."""
CHECKS = 3
"""Steps that are compared with a launch of the graph."""
NEAR = 1e-3
"""Largest difference of gradients, as a share of the largest gradient."""


class Graph(Protocol):
    """Captured work."""

    def launch(self) -> None:
        """Run it again on the present content of the same memory."""


class Device(Protocol):
    """A device that captures work: a GPU, or a stand-in for tests."""

    def warm(self) -> AbstractContextManager[Any]:
        """The context in which steps run before one is captured."""

    def capture(self, work: Callable[[], None]) -> Graph:
        """The graph of some work, which does not run while it is captured."""

    def random_state(self) -> Tensor: ...

    def set_random_state(self, state: Tensor) -> None: ...


class Cuda:
    """A CUDA device.

    Args:
        device: Its name and index.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._side = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()

    def warm(self) -> AbstractContextManager[Any]:
        return _Aside(self._side)

    def capture(self, work: Callable[[], None]) -> "_CudaGraph":
        return _CudaGraph(work, self._pool, self._side)

    def random_state(self) -> Tensor:
        return torch.cuda.get_rng_state(self.device)

    def set_random_state(self, state: Tensor) -> None:
        torch.cuda.set_rng_state(state, self.device)


class _Aside:
    """A side stream that waits for the current one, which waits for it at the end."""

    def __init__(self, stream: Any) -> None:
        self._stream, self._inside = stream, torch.cuda.stream(stream)

    def __enter__(self) -> None:
        self._stream.wait_stream(torch.cuda.current_stream(self._stream.device))
        self._inside.__enter__()  # type: ignore[no-untyped-call]

    def __exit__(self, *error: Any) -> None:
        self._inside.__exit__(*error)
        torch.cuda.current_stream(self._stream.device).wait_stream(self._stream)


class _CudaGraph:
    """A CUDA graph; other threads may use the device while it is captured."""

    def __init__(self, work: Callable[[], None], pool: Any, stream: Any) -> None:
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
            work()

    def launch(self) -> None:
        self._graph.replay()


def capture_device_for(device: torch.device) -> Device | None:
    """The device that captures there; None if it cannot."""
    return Cuda(device) if device.type == "cuda" and hasattr(torch.cuda, "CUDAGraph") else None


class CapturedStepState(TrainingStepState):
    """The state of a training step whose tensors may lie on any device."""

    anywhere = True


class GraphCapture:
    """The captured step for one signature of batches, with the methods of `recording.Recording`.

    Args:
        ground: The tensors and Python state of the step.
        device: The device that captures.

    Attributes:
        is_ready: True once batches can be replayed.
    """

    def __init__(self, ground: CapturedStepState, device: Device) -> None:
        self.ground, self.device = ground, device
        self.is_ready = False
        self._steps = 0
        self._graph: Graph | None = None
        self._given: Batch | None = None
        self._slopes: list[Tensor | None] = []

    def learn(self, batch: Batch) -> None:
        """Run the step on this batch, and warm up, capture it or compare it with the graph.

        Raises:
            NotRecordable: the step cannot be captured; the batch has been trained all the same.
        """
        self._steps += 1
        if self._steps <= WARM:
            with self.device.warm():
                self._look(batch)
        elif self._graph is None:
            try:
                self._capture(batch)
            finally:
                self.ground.run(batch)
        else:
            self._check(batch)
            self.is_ready = self._steps == WARM + 1 + CHECKS

    def holds(self) -> bool:
        """Always True: the optimizer's state is no part of the graph."""
        return True

    def replay(self, batches: list[Batch]) -> bool:
        """Run the step on these batches, one launch after the other.

        Returns:
            False if the loss stops being finite: the state before is restored, so that eager steps can find the batch.

        Raises:
            NotRecordable: a launch failed; the state before is restored.
        """
        ground, total = self.ground, self.ground.states[0]
        before, random, was_finite = StepSnapshot(ground), self.device.random_state(), math.isfinite(total.item())
        try:
            for batch in batches:
                self._launch(batch)
                self._give(self._slopes)
                if ground.step.update is not None:
                    ground.step.update()
                ground.book.advance(batch.rows)
            is_finite = math.isfinite(total.item())
        except Exception as error:
            self._put_back(before, random)
            raise NotRecordable(f"could not be replayed: {type(error).__name__}") from error
        if was_finite and not is_finite:
            self._put_back(before, random)
            return False
        self._give([None if slope is None else slope.clone() for slope in self._slopes])
        return True

    def _look(self, batch: Batch) -> None:
        """Run the step while its calls are checked."""
        ground, step, whys = self.ground, self.ground.step, list[str]()
        looks = _Looks(whys.append, [t.device for t in ground.trained][:1])
        with looks, ReadDetector(whys.append):
            loss = step.loss(batch, ground.book, ground.class_weight)
        if not loss.requires_grad:
            step.improve(loss)
            raise NotRecordable("trains nothing")
        with looks, ReadDetector(whys.append):
            slopes = ground.slopes(loss)
        self._give(slopes)
        if step.update is not None:
            step.update()
        if not ground.watch.holds_entirely():
            whys.append("changes its own Python state")
        if whys:
            raise NotRecordable(whys[0])

    def _capture(self, batch: Batch) -> None:
        """Capture the step on a copy of the batch, over which later batches are copied.

        Raises:
            NotRecordable: the device cannot capture it.
        """
        ground = self.ground
        parts = (part.clone() for part in leaves_of((batch.x, batch.y, batch.weight)))
        x, y, weight = replace_leaves((batch.x, batch.y, batch.weight), parts)
        given, counted = batch._replace(x=x, y=y, weight=weight), (ground.book.rows, ground.book.batches)

        def work() -> None:
            self._slopes = ground.slopes(ground.step.loss(given, ground.book, ground.class_weight))

        try:
            self._graph, self._given = self.device.capture(work), given
        except Exception as error:
            raise NotRecordable(f"cannot be captured: {str(error).strip().splitlines()[0][:120]}") from error
        finally:
            ground.book.rows, ground.book.batches = counted

    def _check(self, batch: Batch) -> None:
        """Launch the graph, undo that, run the step itself and compare.

        Raises:
            NotRecordable: they differ; the batch has been trained all the same.
        """
        ground, before, random = self.ground, StepSnapshot(self.ground), self.device.random_state()
        why, ours = "differs in a replay", list[Tensor | None]()
        try:
            self._launch(batch)
            ours = [None if left is None else left.detach().clone() for left in (*self._slopes, *ground.states)]
        except Exception as error:
            why = f"cannot be replayed: {type(error).__name__}"
        self._put_back(before, random)
        ground.run(batch)
        theirs = [*(parameter.grad for parameter in ground.trained), *ground.states]
        if not ours or not all(map(_is_near, ours, theirs)):
            raise NotRecordable(why)

    def _launch(self, batch: Batch) -> None:
        assert self._graph is not None
        assert self._given is not None
        theirs = leaves_of((self._given.x, self._given.y, self._given.weight))
        for place, part in zip(theirs, leaves_of((batch.x, batch.y, batch.weight)), strict=True):
            place.copy_(part)
        self._graph.launch()

    def _give(self, slopes: list[Tensor | None]) -> None:
        """Set the parameters' gradients."""
        for parameter in self.ground.step.cleared:
            parameter.grad = None
        for trained, slope in zip(self.ground.trained, slopes, strict=True):
            trained.grad = slope

    def _put_back(self, before: StepSnapshot, random: Tensor) -> None:
        before.put_back()
        self.device.set_random_state(random)


class _Looks(DispatchMode):  # type: ignore[no-untyped-call]
    """Reports calls that a graph cannot repeat."""

    def __init__(self, refuse: Callable[[str], Any], devices: list[torch.device]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._refuse, self._devices = refuse, devices

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # as in `Tracer`

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if why := why_not_repeatable(func, args):
            self._refuse(why)
        given = [
            t for arg in args for t in (arg if isinstance(arg, (list, tuple)) else (arg,)) if isinstance(t, Tensor)
        ]
        if any(tensor.device not in self._devices for tensor in given):
            self._refuse(f"calls {func} on another device")
        return func(*args, **(kwargs or {}))


def _is_near(ours: Tensor | None, theirs: Tensor | None) -> bool:
    if ours is None or theirs is None:
        return ours is theirs
    if not theirs.numel():
        return ours.shape == theirs.shape
    scale = theirs.detach().double().abs().max()
    return bool((ours.double() - theirs.detach().double()).abs().max() <= NEAR * scale)
