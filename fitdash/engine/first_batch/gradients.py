"""Whether a fit trains: a loss without a gradient is refused, parameters that stay out of reach are named."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from fitdash.engine.first_batch.caller import warn_caller
from fitdash.engine.losses.resolve import Crossentropy, Loss, NamedLoss
from fitdash.engine.losses.torch_losses import TorchLoss
from fitdash.engine.objective.outputs import outputs_of
from fitdash.engine.step.step import Step
from fitdash.errors import SettingError

Tensor = torch.Tensor
Named = list[tuple[str, nn.Parameter]]

REMEDY = "Leave out .detach(), .item(), torch.no_grad() and argmax, and compute with differentiable tensor operations"
MOST_NAMES = 5
"""Names of parameters in one warning."""
MOST_NUMBERS = 100
"""Numbers of a parameter that are compared to see whether it has moved."""


def refuse_constant_outputs(step: Step, prediction: Any) -> None:
    """Refuse outputs without a gradient where every loss is computed from its output alone.

    A user's own loss may reach the parameters past the outputs: `refuse_constant_loss` looks at that.

    Raises:
        SettingError: `forward` cuts the outputs off from the parameters.
    """
    trained = list(_with_losses(step, prediction))
    if not trained or not _trainable(step.module):
        return
    if all(_reads_output_only(loss) and not output.requires_grad for loss, output in trained):
        found = trained[0][1].dtype
        raise SettingError(
            "forward must give outputs with a gradient to the parameters, got "
            f"{'an output' if len(trained) == 1 else 'outputs'} of {str(found).removeprefix('torch.')} without one: "
            f"nothing would be trained. {REMEDY} in forward."
        )


def refuse_constant_loss(step: Step, loss: Tensor) -> None:
    """Refuse a total loss without a gradient, if the module has something to train.

    Raises:
        SettingError: the loss is a plain number, or is cut off from the parameters.
    """
    if not loss.requires_grad and _trainable(step.module):
        raise SettingError(
            "loss must have a gradient to the parameters of the module, got a number without one: "
            f"nothing would be trained. {REMEDY} in the loss and in forward."
        )


def refuse_unreachable(step: Step) -> None:
    """Refuse a loss whose gradient reaches no parameter, after the gradients of the first batch were computed.

    Raises:
        SettingError: no parameter of the module or of the optimizer has got one.
    """
    optimizer = step.optimizer()
    held = [] if optimizer is None else [p for group in optimizer.param_groups for p in group["params"]]
    trained = [parameter for _, parameter in _trainable(step.module)]
    if trained and all(parameter.grad is None for parameter in (*trained, *held)):
        raise SettingError(
            "loss must have a gradient to the parameters of the module, got one that reaches none of them: "
            f"nothing would be trained. {REMEDY} in the loss and in forward, and no torch.tensor(…) around a result."
        )


class UnreachedParameters:
    """Parameters that the first batch gave no gradient, to be named once the epoch has shown that none of its did.

    A branch that the first batch does not take may be taken by a later one, so the warning waits for the others.

    Args:
        step: The step whose parameters are looked at.
    """

    def __init__(self, step: Step) -> None:
        self.step = step
        self._untrained: set[int] = set()
        self._found: list[tuple[str, nn.Parameter, tuple[Any, ...]]] = []

    def leave_out(self, prediction: Any) -> None:
        """Leave out the parameters behind outputs that have no loss, which are not trained on purpose."""
        outputs = zip(self.step.objective.outputs, outputs_of(prediction), strict=False)
        free = [said for output, said in outputs if output.loss is None and isinstance(said, Tensor)]
        self._untrained = set().union(*(_behind(said) for said in free))

    def collect(self) -> None:
        """Note the parameters without a gradient; called when the others have theirs."""
        held = _held(self.step)
        self._found = [
            (name, parameter, self._traces(parameter))
            for name, parameter in _trainable(self.step.module)
            if parameter.grad is None and id(parameter) in held and id(parameter) not in self._untrained
        ]

    def warn(self) -> None:
        """Name those that no batch has reached since, once."""
        found, self._found = self._found, []
        left = [
            name
            for name, parameter, before in found
            if parameter.requires_grad and parameter.grad is None and self._traces(parameter) == before
        ]
        if left:
            warn_caller(
                f"No gradient reaches {count_names(left)}: the loss does not depend on {_them(left)}, so "
                f"{'it is' if len(left) == 1 else 'they are'} not trained. Use {_them(left)} in forward without "
                "detach() and no_grad(), or freeze with requires_grad_(False)."
            )

    def _traces(self, parameter: nn.Parameter) -> tuple[Any, ...]:
        """What an update changes: the state in the optimizer, or the first numbers (`_version` may stay as it is)."""
        optimizer = self.step.optimizer()
        has_state = optimizer is not None and bool(optimizer.state.get(parameter))
        first = [] if is_lazy(parameter) else parameter.detach().reshape(-1)[:MOST_NUMBERS].tolist()
        return has_state, repr(first)


class MissingParameters:
    """Parameters that a torch optimizer of the user does not hold, named once a fit."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self._has_warned = False

    def warn(self) -> None:
        """Name the trainable parameters of the module that the optimizer lacks."""
        optimizer = self.step.optimizer()
        if self._has_warned or optimizer is None or not self.step.is_given_optimizer:
            return
        held, trained = _held(self.step), _trainable(self.step.module)
        missing = [name for name, parameter in trained if id(parameter) not in held]
        if missing:
            self._has_warned = True
            whole = len(missing) == len(trained)
            warn_caller(
                f"The optimizer ({type(optimizer).__name__}) holds {'none' if whole else 'not all'} of the module's "
                f"trainable parameters: {count_names(missing)} will not be trained. Make it from "
                "module.parameters(), give compile a name such as 'adam', or freeze with requires_grad_(False)."
            )


def count_names(names: Sequence[str]) -> str:
    """Names of parameters with their number, the first few written out."""
    shown = ", ".join(names[:MOST_NAMES]) + (", …" if len(names) > MOST_NAMES else "")
    return f"1 parameter ({shown})" if len(names) == 1 else f"{len(names)} parameters ({shown})"


def _them(names: Sequence[str]) -> str:
    return "it" if len(names) == 1 else "them"


def _trainable(module: nn.Module) -> Named:
    return [(name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad]


def _held(step: Step) -> set[int]:
    optimizer = step.optimizer()
    return set() if optimizer is None else {id(p) for group in optimizer.param_groups for p in group["params"]}


def _with_losses(step: Step, prediction: Any) -> Iterator[tuple[Loss, Tensor]]:
    for output, said in zip(step.objective.outputs, outputs_of(prediction), strict=False):
        if output.loss is not None and isinstance(said, Tensor):
            yield output.loss, said


def _reads_output_only(loss: Loss) -> bool:
    """True for losses of fitdash and torch, which know nothing of the module."""
    return isinstance(loss, (NamedLoss, Crossentropy)) or (isinstance(loss, TorchLoss) and bool(loss.kind))


def _behind(output: Tensor) -> set[int]:
    """The ids of the parameters that an output was computed from."""
    found: set[int] = set()
    seen: set[Any] = set()
    waiting = [output.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        variable = getattr(node, "variable", None)
        if variable is not None:
            found.add(id(variable))
        waiting += [following for following, _ in node.next_functions]
    return found
