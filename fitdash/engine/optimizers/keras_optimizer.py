"""`UpdateRule`, an optimizer's settings and arithmetic, and `KerasOptimizer`, the torch optimizer that applies it."""

from collections.abc import Callable, Iterable
from dataclasses import KW_ONLY, asdict, dataclass, fields, replace
from difflib import get_close_matches
from numbers import Real
from typing import Any, ClassVar

import torch
from torch import Tensor

from fitdash.engine.optimizers.buckets import Bucket, buckets_of
from fitdash.engine.optimizers.foreach import foreach
from fitdash.engine.optimizers.learning_rate import LearningRate
from fitdash.errors import SettingError
from fitdash.private_names import find_private

Group = dict[str, Any]
Numbers = tuple[float, ...]


@dataclass(frozen=True)
class UpdateRule:
    """An optimizer by name with its settings: called with parameters, it gives the torch optimizer.

    Attributes:
        learning_rate: Step size; the torch optimizer keeps it as `lr` of its groups, where it may change.
        weight_decay: Share of a parameter, times the learning rate, taken off before each step; None for none.
        clipnorm: Longest norm of one parameter's gradient.
        clipvalue: Largest absolute value of an element of a gradient.
        global_clipnorm: Longest norm of all gradients together. At most one of the three may be set.

    Source: Keras 3 `keras.optimizers`: names of arguments, defaults and arithmetic.
    """

    learning_rate: float = 0.001
    _: KW_ONLY
    weight_decay: float | None = None
    clipnorm: float | None = None
    clipvalue: float | None = None
    global_clipnorm: float | None = None

    fused_on: ClassVar[tuple[str, ...]] = ()
    kernels: ClassVar[tuple[str, ...]] = ()
    """torch's private names of the fused kernels that the rule may use."""
    counters: ClassVar[dict[str, float]] = {}

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not (isinstance(value, Real) or value is None and name in _MAY_BE_NONE):
                raise SettingError(f"{name} must be a number, got {value!r}.")
        clips = [f"{name}={value}" for name in _CLIPS if (value := getattr(self, name)) is not None]
        if len(clips) > 1:
            raise SettingError(f"Only one of {', '.join(_CLIPS)} may be set, got {' and '.join(clips)}.")
        if not 0 <= getattr(self, "momentum", 0) <= 1:
            raise SettingError(f"momentum must be between 0 and 1, got {getattr(self, 'momentum', 0)}.")

    def __call__(self, parameters: Iterable[Any]) -> "KerasOptimizer":
        return KerasOptimizer(parameters, self)

    def slots(self) -> dict[str, float]:
        """Names of the tensors kept for each parameter, with their initial value."""
        return {}

    def count(self, group: Group) -> None:
        """Count a step in the group, as it begins."""
        group["step"] += 1

    def numbers(self, group: Group, fused: bool) -> Numbers:
        """The numbers of `apply` that may differ from step to step; `group["step"]` counts from 1."""
        raise NotImplementedError

    def apply(self, bucket: Bucket, gradients: list[Tensor], numbers: Numbers) -> None:
        """Change the parameters of one bucket.

        Each number is passed to tensor operations unchanged or negated, or compared with 0, and used in no other way:
        so a step can be recorded with variables in their place.
        """
        raise NotImplementedError

    def clipped(self, gradients: list[list[Tensor]]) -> list[list[Tensor]]:
        """New gradients, clipped as the settings say; one list for each bucket."""
        if self.clipnorm:
            return [_clip_each(part, self.clipnorm) for part in gradients]
        if self.global_clipnorm:
            return _clip_together(gradients, self.global_clipnorm)
        if limit := self.clipvalue:
            return [[gradient.clamp(-limit, limit) for gradient in part] for part in gradients]
        return gradients


_CLIPS = ("clipnorm", "clipvalue", "global_clipnorm")
_MAY_BE_NONE = (*_CLIPS, "weight_decay")


def _undecorated(method: Callable[..., Any]) -> Any:
    """The method without the wrapper whose first call imports torch._dynamo (2 s)."""
    return getattr(method, "__wrapped__", method)


class KerasOptimizer(LearningRate, torch.optim.Optimizer):
    """A torch optimizer with Keras arithmetic.

    A group holds `lr`, `weight_decay` and `step` (updates so far), which may differ between groups; the other settings
    are those of `rule`. Parameters without a gradient, or that do not require one, are skipped, weight decay included.
    `step` counts the updates of a group, not of a parameter, as in Keras: a parameter that gets its first gradient
    late joins at the group's count. An update in which no parameter of a group has a gradient is not counted.

    The settings can be read and set as attributes: `learning_rate` (or `lr`) and `weight_decay` are those of the
    groups, the others those of `rule`. Any other attribute cannot be set.

    Args:
        parameters: What torch optimizers take: parameters, or dicts of groups with their own `lr` or `weight_decay`.
        rule: The arithmetic and its settings.
    """

    add_param_group = _undecorated(torch.optim.Optimizer.add_param_group)
    state_dict = _undecorated(torch.optim.Optimizer.state_dict)
    load_state_dict = _undecorated(torch.optim.Optimizer.load_state_dict)
    zero_grad = _undecorated(torch.optim.Optimizer.zero_grad)

    def __init__(self, parameters: Iterable[Any], rule: UpdateRule) -> None:
        self.rule = rule
        self._buckets: dict[tuple[int, ...], list[Bucket]] = {}
        start = {"lr": float(rule.learning_rate), "weight_decay": rule.weight_decay, "step": 0, **rule.counters}
        super().__init__(parameters, start)

    def __getattr__(self, name: str) -> Any:
        rule = vars(self).get("rule")
        if rule is None or name not in _settings_of(rule):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return self.param_groups[0][name] if name == "weight_decay" else getattr(rule, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_") or name in _TORCH_ATTRIBUTES or hasattr(type(self), name):
            super().__setattr__(name, value)
            return
        known = _settings_of(self.rule)
        if name not in known:
            likely = get_close_matches(name, known, n=1)
            hint = f" Did you mean '{likely[0]}'?" if likely else ""
            raise AttributeError(f"An optimizer has no setting '{name}'.{hint} Known: {', '.join(sorted(known))}.")
        self.rule = replace(self.rule, **{name: value})
        self._buckets.clear()
        if name == "weight_decay":
            for group in self.param_groups:
                group[name] = value

    def update(self) -> None:
        """One step from the gradients that the parameters hold: `step` without torch's hooks and profiling."""
        with torch.no_grad():
            work = [(group, bucket) for group in self.param_groups for bucket in self._ready(group)]
            gradients = self.rule.clipped([bucket.gradients() for _, bucket in work])
            for (group, bucket), part in zip(work, gradients, strict=True):
                self.rule.apply(bucket, part, self.rule.numbers(group, bucket.fused))

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; `closure`, where given, computes loss and gradients first and its loss is returned."""
        if closure is None:
            return self.update()
        with torch.enable_grad():
            loss = closure()
        self.update()
        return loss

    def _ready(self, group: Group) -> list[Bucket]:
        """The parameters of this group that have a gradient, with their state; counts the step."""
        parameters = [p for p in group["params"] if p.grad is not None and p.requires_grad]
        if not parameters:
            return []
        self.rule.count(group)
        return self.buckets_for(parameters)

    def buckets_for(self, parameters: list[Tensor]) -> list[Bucket]:
        """Buckets of these parameters of one group, kept until a parameter gets other memory."""
        key = tuple(map(id, parameters))
        buckets = self._buckets.get(key)
        if buckets is None or any(bucket.moved() for bucket in buckets):
            if len(self._buckets) > 64:
                self._buckets.clear()
            devices = _fused_devices(self.rule)
            buckets = self._buckets[key] = buckets_of(parameters, self.state, self.rule.slots(), devices)
        return buckets

    def keep(self, parameter: Tensor, slots: dict[str, Tensor]) -> None:
        """Replace the slots of a parameter by these tensors, by name."""
        self.state[parameter] = {**self.state[parameter], **slots}
        self._buckets.clear()

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "rule": self.rule}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._buckets = {}


_TORCH_ATTRIBUTES = ("rule", "defaults", "state", "param_groups")


def _settings_of(rule: UpdateRule) -> list[str]:
    return [field.name for field in fields(rule)]


def _fused_devices(rule: UpdateRule) -> tuple[str, ...]:
    """Types of devices on which the rule runs as one kernel; none where this torch lacks the kernel."""
    instead = "the optimizer computes in several calls"
    return rule.fused_on if all(find_private("torch", name, instead) for name in rule.kernels) else ()


def _clip_each(gradients: list[Tensor], limit: float) -> list[Tensor]:
    norms = foreach.norm(gradients)
    return [gradient * (limit / norm.clamp_min(limit)) for gradient, norm in zip(gradients, norms, strict=True)]


def _clip_together(gradients: list[list[Tensor]], limit: float) -> list[list[Tensor]]:
    norms = [norm for part in gradients for norm in foreach.norm(part)]
    if not norms:
        return gradients
    norm = torch.linalg.vector_norm(torch.stack([norm.to(norms[0].device, torch.float32) for norm in norms]))
    # As in Keras, a norm that is not finite makes every gradient NaN, so that it is noticed.
    scale = limit / norm.clamp_min(limit) + (norm - norm)
    return [[gradient * scale.to(gradient.device, gradient.dtype) for gradient in part] for part in gradients]
