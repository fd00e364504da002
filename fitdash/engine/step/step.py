"""`Step` trains, evaluates or predicts one batch; `Forward` calls the module with its inputs."""

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import torch
from torch import nn

from fitdash.data.batches.class_weights import ClassWeights
from fitdash.data.batches.items import InputNames
from fitdash.data.batches.source import Batch, leaves_of, replace_leaves
from fitdash.engine.objective.objective import Objective
from fitdash.engine.objective.totals import RunningTotals
from fitdash.engine.optimizers.keras_optimizer import KerasOptimizer
from fitdash.engine.step.devices import device_and_dtype_of
from fitdash.engine.step.input_casts import DTYPE_WORDS, InputCasts
from fitdash.engine.step.layer_inputs import explain_misfit
from fitdash.errors import DataError
from fitdash.private_names import warn_missing

LONE_ROW_WORDS = "Expected more than 1 value per channel when training"
LONE_ROW = (
    "A batch must have two rows or more where it is normalized, got 1. "
    "Set a batch_size that leaves no row over, or drop_last=True for a DataLoader."
)

SHAPE_WORDS = ("shapes cannot be multiplied", "size mismatch", "expected input")
"""Words in torch's messages where a layer gets an input of another shape than it takes."""
VECTOR = "a vector, ({},), inside a batch, where it stays a vector. Give one column: x[:, None]."


def _without_gradients(method: Callable[..., Any]) -> Callable[..., Any]:
    """`torch.no_grad` around a method, entered only where gradients are on: that takes 4 µs; a loop may do it once."""

    @functools.wraps(method)
    def quiet(*args: Any) -> Any:
        if not torch.is_grad_enabled():
            return method(*args)
        with torch.no_grad():
            return method(*args)

    return quiet


class Forward:
    """Calls a module with a tensor, a tuple (by position) or a dict (by keyword) of inputs.

    Attributes:
        casts: Finds with the first batch what whole-number inputs have to be cast, and casts them.
        casting: `casts` within `reading` until it is known that nothing has to be cast, and always once something has.
        name: What errors call the inputs.
        rows: Of the arrays whose first row is tried; None: the inputs are a batch.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.casts = InputCasts(module, self._run)
        self.casting: InputCasts | None = None
        self.name = "x"
        self.rows: int | None = None
        self._keywords: tuple[set[str], set[str] | None] | None = None

    def __call__(self, x: Any) -> Any:
        try:
            if self.casting is not None:
                return self._watched(x)
            if isinstance(x, torch.Tensor):
                return self.module(x)
            return self._run(self._chosen(x) if isinstance(x, dict) else x)
        except (IndexError, AssertionError) as error:
            self._refuse_misfit(error, x)
            raise
        except ValueError as error:
            if LONE_ROW_WORDS not in str(error):
                self._refuse_misfit(error, x)
                raise
            raise DataError(LONE_ROW) from error
        except RuntimeError as error:
            is_vector = isinstance(x, torch.Tensor) and x.ndim == 1 and x.is_floating_point()
            if is_vector and any(words in str(error) for words in SHAPE_WORDS):
                raise DataError(f"x must have the shape that forward takes, got {VECTOR.format(len(x))}") from error
            self._refuse_misfit(error, x)
            if not any(words in str(error) for words in DTYPE_WORDS):
                raise
            raise RuntimeError(f"{error}\nx has {_dtypes(x)}; cast it to what the module works with.") from error

    @contextlib.contextmanager
    def reading(self, *, arrays: bool) -> Iterator[None]:
        """Within this context batches of one source come: what to cast is found with the first of them.

        Args:
            arrays: Whether the source is arrays, of which a vector of floats is one column.
        """
        before = self.casting, self.casts.columns
        self.casting, self.casts.columns = self.casts, arrays
        try:
            yield
        finally:
            self.casting, self.casts.columns = before
            if self.casts.is_needed:  # another thread may predict meanwhile
                self.casting = self.casts

    @property
    def names(self) -> InputNames:
        """The names of the module's inputs."""
        needed, taken = self._names()
        return InputNames(frozenset(needed), None if taken is None else frozenset(taken))

    def as_passed(self, x: Any) -> Any:
        """The inputs as the module gets them."""
        return x if self.casting is None else self.casting.cast(self._chosen(x) if isinstance(x, dict) else x)

    def _watched(self, x: Any) -> Any:
        """The output for a first batch, or for one with inputs to cast."""
        found = self.casts(self._chosen(x) if isinstance(x, dict) else x)
        if not self.casts.is_needed:
            self.casting = None
        return found

    def _run(self, x: Any) -> Any:
        if isinstance(x, torch.Tensor):
            return self.module(x)
        return self.module(**x) if isinstance(x, dict) else self.module(*x)

    def _refuse_misfit(self, error: Exception, x: Any) -> None:
        """Raise the error in words where a layer of torch was given what it does not take."""
        said = explain_misfit(error, self.module, x, self.name, self.rows)
        if said is not None:
            raise said from error

    def refuse_missing(self, x: Any, name: str = "x") -> None:
        """Refuse a dict of inputs that lacks one.

        Raises:
            DataError: naming the missing ones.
        """
        if isinstance(x, dict) and (missing := self._names()[0] - set(x)):
            raise DataError(f"{name} must have the inputs that forward needs; missing: {', '.join(sorted(missing))}.")

    def _chosen(self, x: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The inputs that `forward` takes; the others are left out."""
        self.refuse_missing(x)
        _, taken = self._names()
        return x if taken is None else {name: part for name, part in x.items() if name in taken}

    def _names(self) -> tuple[set[str], set[str] | None]:
        if self._keywords is None:
            self._keywords = _keywords(self.module)
        return self._keywords


class StepChecks(Protocol):
    """What the first batch is checked by, in the order of the methods; an error leaves the parameters as they were."""

    def check_prediction(self, batch: Batch, prediction: Any) -> None:
        """Called with what the module gave for the batch, before the loss is computed."""

    def check_class_weight(self, batch: Batch, prediction: Any) -> None:
        """Called where there are class weights, before they are looked up."""

    def check_loss(self, loss: torch.Tensor) -> None:
        """Called with the total loss, before gradients are computed."""

    def check_gradients(self) -> None:
        """Called when the parameters have their gradients, before the update."""


class Step:
    """One batch through a module: the loop's smallest part.

    Args:
        module: Trained in place, one forward call per batch.
        objective: Losses and metrics.
        optimizer: Gives the optimizer when it is first needed; None where nothing can be trained.
        precision: "float32" or "bfloat16" (automatic casting).
        current: As `optimizer`, after it has taken parameters that became trainable; `prepare` calls it.

    Attributes:
        cleared: Parameters whose gradients a step clears, looked up by `prepare`.
        clear: The optimizer's own `zero_grad`, called before `backward`, where it is not torch's.
        update: Changes the parameters by their gradients, looked up by `prepare`; None where there is no optimizer.
        checks: What the next trained batch goes through, once, or the first of an evaluation before any training;
            None: nothing.
        is_given_optimizer: Whether `compile` was given a torch optimizer, which keeps the parameters it was made of.
    """

    def __init__(
        self,
        module: nn.Module,
        objective: Objective,
        optimizer: Callable[[], Any],
        precision: str = "float32",
        current: Callable[[], Any] | None = None,
    ) -> None:
        self.module, self.objective, self.optimizer = module, objective, optimizer
        self._current = current or optimizer
        self.forward = Forward(module)
        self.precision = precision
        self.output_names = getattr(module, "output_names", None)
        self.casting: Callable[[], Any] = contextlib.nullcontext
        if precision == "bfloat16":
            self.casting = lambda: torch.autocast(device_and_dtype_of(module).device.type, torch.bfloat16)
        self.tried: Any = None
        """What `widen_batches` found out about the module, valid until the module changes."""
        self.example: Any = None
        """Inputs of the first batch as tensors without values, from which `summary` reads shapes."""
        self.update: Callable[[], Any] | None = None
        self.cleared: list[nn.Parameter] = []
        self.clear: Callable[[], Any] | None = None
        self.checks: StepChecks | None = None
        self.is_given_optimizer = False

    def prepare(self) -> None:
        """Look up once an epoch what each update needs: the optimizer and the parameters whose gradients it clears."""
        optimizer = self._current()
        parameters = dict.fromkeys(self.module.parameters())
        held: dict[nn.Parameter, None] = {}
        if optimizer is not None:
            held = dict.fromkeys(p for group in optimizer.param_groups for p in group["params"])
        self.clear = optimizer.zero_grad if has_own_zero_grad(optimizer) else None
        self.cleared = list(parameters | held) if self.clear is None else [p for p in parameters if p not in held]
        self.update = None if optimizer is None else _update_of(optimizer)

    def train(self, batch: Batch, book: RunningTotals, class_weight: ClassWeights | None) -> None:
        """Forward, loss, backward and update; `book` counts the loss from before the update."""
        self.improve(self.loss(batch, book, class_weight))
        self.checks = None

    def improve(self, loss: torch.Tensor) -> None:
        """Backward and update."""
        checks = self.checks
        if checks is not None:
            checks.check_loss(loss)
        for parameter in self.cleared:
            parameter.grad = None
        if self.clear is not None:
            self.clear()
        if loss.requires_grad:
            backward(loss)
            if checks is not None:
                checks.check_gradients()
            if self.update is not None:
                self.update()

    def loss(self, batch: Batch, book: RunningTotals, class_weight: ClassWeights | None) -> torch.Tensor:
        """The total loss of a batch, counted in `book`, for `backward`."""
        with self.casting():
            prediction = self.forward(batch.x)
            if self.example is None:
                self._look_at(batch.x, prediction)
            if self.checks is not None:
                self.checks.check_prediction(batch, prediction)
            weight = batch.weight
            if class_weight is not None:
                if self.checks is not None:
                    self.checks.check_class_weight(batch, prediction)
                weight = class_weight.times(weight, batch.y, prediction)
            return book.add(batch.y, prediction, weight, batch.rows)

    @_without_gradients
    def test(self, batch: Batch, book: RunningTotals) -> None:
        """Forward and loss, counted in `book`; nothing else changes."""
        with self.casting():
            prediction = self.forward(batch.x)
            if self.example is None:
                self._look_at(batch.x, prediction)
                if self.checks is not None:
                    self.checks.check_prediction(batch, prediction)
            book.add(batch.y, prediction, batch.weight, batch.rows)

    @_without_gradients
    def outputs(self, x: Any) -> Any:
        """The module's output, without loss and metrics."""
        with self.casting():
            return self.forward(x)

    @_without_gradients
    def predict(self, batch: Batch) -> Any:
        """The module's output as NumPy arrays in its containers."""
        with self.casting():
            return to_numpy(self.forward(batch.x))

    def _look_at(self, x: Any, prediction: Any) -> None:
        """Learn the outputs and the shapes of the inputs from the first batch."""
        self.objective.bind(prediction, self.output_names)
        x = self.forward.as_passed(x)
        self.example = replace_leaves(x, iter([torch.empty_like(part, device="meta") for part in leaves_of(x)]))


def backward(loss: torch.Tensor) -> None:
    """`loss.backward()` without its Python checks where they cannot find anything: an eighth of a small step."""
    if type(loss) is not torch.Tensor or loss.dim() or _ENGINE is None:
        loss.backward()  # type: ignore[no-untyped-call]
        return
    _ENGINE.run_backward(
        (loss,), (torch.ones_like(loss),), False, False, (), allow_unreachable=True, accumulate_grad=True
    )


_ENGINE: Any = getattr(torch.autograd.Variable, "_execution_engine", None)


def to_numpy(structure: Any) -> Any:
    """A tensor, list, tuple or dict of tensors as NumPy arrays in the same containers."""
    if isinstance(structure, dict):
        return {key: to_numpy(part) for key, part in structure.items()}
    if isinstance(structure, (list, tuple)):
        return [to_numpy(part) for part in structure]
    tensor = structure.detach().cpu()
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()


def step_hooks(optimizer: Any) -> bool:
    """True if something runs before or after the optimizer's `step`, or if this torch does not say."""
    try:
        return bool(optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks)
    except AttributeError:
        warn_missing(
            "torch.optim.Optimizer._optimizer_step_pre_hooks", "every update goes through the optimizer's step"
        )
        return True


def has_own_zero_grad(optimizer: Any) -> bool:
    """True if the optimizer clears gradients in its own way, such as once in several batches."""
    if optimizer is None:
        return False
    own = type(optimizer).zero_grad
    return "zero_grad" in vars(optimizer) or own not in (torch.optim.Optimizer.zero_grad, KerasOptimizer.zero_grad)


def _update_of(optimizer: Any) -> Callable[[], Any]:
    """The optimizer's `step`, or `KerasOptimizer.update` where no hook needs `step`: it runs a tenth of the Python."""
    plain = isinstance(optimizer, KerasOptimizer) and not step_hooks(optimizer) and "step" not in vars(optimizer)
    step: Callable[[], Any] = optimizer.update if plain else optimizer.step
    return step


def _keywords(module: nn.Module) -> tuple[set[str], set[str] | None]:
    """The names that `forward` needs, and those it takes (None: any)."""
    parameters = inspect.signature(module.forward).parameters.values()
    named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    takes_any = any(p.kind == p.VAR_KEYWORD for p in parameters)
    return {p.name for p in named if p.default is p.empty}, None if takes_any else {p.name for p in named}


def _dtypes(x: Any) -> str:
    return ", ".join(f"dtype {str(part.dtype).removeprefix('torch.')}" for part in leaves_of(x))
