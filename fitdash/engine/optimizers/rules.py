"""The update rules by name: Keras defaults and Keras arithmetic.

The rules whose formula a fused torch kernel can express use it for plain CPU and CUDA parameters; all have a form in
`torch._foreach_*` calls that works anywhere. Both give the same numbers up to rounding.

Source: Keras 3 `keras.optimizers` (3.15): where epsilon stands, and how the learning rate enters the momentum.
"""

from dataclasses import dataclass
from math import sqrt
from typing import ClassVar

import torch
from torch import Tensor

from fitdash.engine.optimizers.buckets import Bucket
from fitdash.engine.optimizers.foreach import foreach
from fitdash.engine.optimizers.keras_optimizer import Group, Numbers, UpdateRule
from fitdash.errors import SettingError


def _lost(group: Group) -> float:
    """Share of a parameter that weight decay takes off in this step."""
    return float(group["weight_decay"] or 0.0) * float(group["lr"])


def _decay(bucket: Bucket, lost: float) -> None:
    """Apply weight decay apart from the gradient: w -= w * weight_decay * learning_rate."""
    if lost:
        foreach.add_(bucket.parameters, bucket.parameters, alpha=-lost)


@dataclass(frozen=True)
class SGD(UpdateRule):
    """Gradient descent; with momentum, the learning rate of each step goes into the velocity."""

    learning_rate: float = 0.01
    momentum: float = 0.0
    nesterov: bool = False

    fused_on: ClassVar[tuple[str, ...]] = ("cpu", "cuda")
    kernels: ClassVar[tuple[str, ...]] = ("_fused_sgd_",)

    def slots(self) -> dict[str, float]:
        return {"momentum": 0.0} if self.momentum else {}

    def numbers(self, group: Group, fused: bool) -> Numbers:
        return _lost(group), float(group["lr"])

    def apply(self, bucket: Bucket, gradients: list[Tensor], numbers: Numbers) -> None:
        lost, lr = numbers
        _decay(bucket, lost)
        velocities = bucket.slots.get("momentum", [])
        if self.momentum:
            # torch multiplies the velocity by the current rate: scaled gradients and a rate of 1 undo that.
            gradients, lr = list(foreach.mul(gradients, lr)), 1.0
        if bucket.fused:
            torch._fused_sgd_(
                bucket.parameters,
                gradients,
                velocities,
                weight_decay=0.0,
                momentum=self.momentum,
                lr=lr,
                dampening=0.0,
                nesterov=bool(self.nesterov and self.momentum),
                maximize=False,
                is_first_step=False,
            )
        elif not self.momentum:
            foreach.add_(bucket.parameters, gradients, alpha=-lr)
        else:
            foreach.mul_(velocities, self.momentum)
            foreach.add_(velocities, gradients)
            if self.nesterov:
                foreach.add_(bucket.parameters, gradients, alpha=-1)
            foreach.add_(bucket.parameters, velocities, alpha=-self.momentum if self.nesterov else -1)


@dataclass(frozen=True)
class Adam(UpdateRule):
    """Adam; epsilon is added before the bias correction, so torch gets epsilon / sqrt(1 - beta_2 ** step)."""

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    amsgrad: bool = False

    fused_on: ClassVar[tuple[str, ...]] = ("cpu", "cuda")
    kernels: ClassVar[tuple[str, ...]] = ("_fused_adam_", "_fused_adamw_")

    def slots(self) -> dict[str, float]:
        return {"momentum": 0.0, "velocity": 0.0} | ({"velocity_hat": 0.0} if self.amsgrad else {})

    def numbers(self, group: Group, fused: bool) -> Numbers:
        step, lr = group["step"], float(group["lr"])
        shrunk = sqrt(1 - self.beta_2**step)
        if fused:
            return step, lr, float(group["weight_decay"] or 0.0), self.epsilon / shrunk
        return _lost(group), lr * shrunk / (1 - self.beta_1**step)

    def apply(self, bucket: Bucket, gradients: list[Tensor], numbers: Numbers) -> None:
        if not bucket.fused:
            self._apply_plainly(bucket, gradients, *numbers)
            return
        (step, lr, decay, epsilon), slots = numbers, bucket.slots
        bucket.count.fill_(step)
        kernel = torch._fused_adamw_ if decay else torch._fused_adam_
        kernel(
            bucket.parameters,
            gradients,
            slots["momentum"],
            slots["velocity"],
            slots.get("velocity_hat", []),
            bucket.counts,
            lr=lr,
            beta1=self.beta_1,
            beta2=self.beta_2,
            weight_decay=decay,
            eps=epsilon,
            amsgrad=self.amsgrad,
            maximize=False,
        )

    def _apply_plainly(self, bucket: Bucket, gradients: list[Tensor], lost: float, rate: float) -> None:
        _decay(bucket, lost)
        momenta, velocities = bucket.slots["momentum"], bucket.slots["velocity"]
        foreach.lerp_(momenta, gradients, 1 - self.beta_1)
        foreach.mul_(velocities, self.beta_2)
        foreach.addcmul_(velocities, gradients, gradients, 1 - self.beta_2)
        if self.amsgrad:
            foreach.maximum_(bucket.slots["velocity_hat"], velocities)
            velocities = bucket.slots["velocity_hat"]
        denominators = foreach.sqrt(velocities)
        foreach.add_(denominators, self.epsilon)
        foreach.addcdiv_(bucket.parameters, momenta, denominators, -rate)


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with weight decay."""

    weight_decay: float | None = 0.004

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weight_decay is None:
            raise SettingError("weight_decay must be a number for adamw, got None. Use adam for none.")


@dataclass(frozen=True)
class RMSprop(UpdateRule):
    """RMSprop with epsilon inside the root."""

    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-7
    centered: bool = False

    def slots(self) -> dict[str, float]:
        names = {"velocity": True, "momentum": self.momentum, "average_gradient": self.centered}
        return {name: 0.0 for name, is_kept in names.items() if is_kept}

    def numbers(self, group: Group, fused: bool) -> Numbers:
        return _lost(group), float(group["lr"])

    def apply(self, bucket: Bucket, gradients: list[Tensor], numbers: Numbers) -> None:
        lost, lr = numbers
        _decay(bucket, lost)
        velocities = bucket.slots["velocity"]
        foreach.mul_(velocities, self.rho)
        foreach.addcmul_(velocities, gradients, gradients, 1 - self.rho)
        denominators = foreach.add(velocities, self.epsilon)
        if self.centered:
            averages = bucket.slots["average_gradient"]
            foreach.mul_(averages, self.rho)
            foreach.add_(averages, gradients, alpha=1 - self.rho)
            foreach.addcmul_(denominators, averages, averages, -1)
        foreach.sqrt_(denominators)
        if self.momentum:
            momenta = bucket.slots["momentum"]
            foreach.mul_(momenta, self.momentum)
            foreach.addcdiv_(momenta, gradients, denominators, lr)
            foreach.add_(bucket.parameters, momenta, alpha=-1)
        else:
            foreach.addcdiv_(bucket.parameters, gradients, denominators, -lr)


@dataclass(frozen=True)
class Adagrad(UpdateRule):
    """Adagrad with epsilon inside the root: the accumulator starts with epsilon added, which gives the same numbers."""

    initial_accumulator_value: float = 0.1
    epsilon: float = 1e-7

    fused_on: ClassVar[tuple[str, ...]] = ("cpu",)
    kernels: ClassVar[tuple[str, ...]] = ("_fused_adagrad_",)

    def slots(self) -> dict[str, float]:
        return {"accumulator": self.initial_accumulator_value + self.epsilon}

    def numbers(self, group: Group, fused: bool) -> Numbers:
        return _lost(group), float(group["lr"])

    def apply(self, bucket: Bucket, gradients: list[Tensor], numbers: Numbers) -> None:
        lost, lr = numbers
        _decay(bucket, lost)
        accumulators = bucket.slots["accumulator"]
        if bucket.fused:
            torch._fused_adagrad_(
                bucket.parameters,
                gradients,
                accumulators,
                bucket.counts,
                lr=lr,
                lr_decay=0.0,
                weight_decay=0.0,
                eps=0.0,
                maximize=False,
            )
        else:
            foreach.addcmul_(accumulators, gradients, gradients)
            foreach.addcdiv_(bucket.parameters, gradients, foreach.sqrt(accumulators), -lr)


@dataclass(frozen=True)
class Adadelta(UpdateRule):
    """Adadelta."""

    rho: float = 0.95
    epsilon: float = 1e-7

    def slots(self) -> dict[str, float]:
        return {"accumulated_grad": 0.0, "accumulated_delta": 0.0}

    def numbers(self, group: Group, fused: bool) -> Numbers:
        return _lost(group), float(group["lr"])

    def apply(self, bucket: Bucket, gradients: list[Tensor], numbers: Numbers) -> None:
        lost, lr = numbers
        _decay(bucket, lost)
        squares, moves = bucket.slots["accumulated_grad"], bucket.slots["accumulated_delta"]
        foreach.mul_(squares, self.rho)
        foreach.addcmul_(squares, gradients, gradients, 1 - self.rho)
        deltas = foreach.add(moves, self.epsilon)
        foreach.div_(deltas, foreach.add(squares, self.epsilon))
        foreach.sqrt_(deltas)
        foreach.mul_(deltas, gradients)
        foreach.mul_(moves, self.rho)
        foreach.addcmul_(moves, deltas, deltas, 1 - self.rho)
        foreach.add_(bucket.parameters, deltas, alpha=-lr)


@dataclass(frozen=True)
class Adamax(UpdateRule):
    """Adam with the largest gradient so far in place of the root of the mean square."""

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    def slots(self) -> dict[str, float]:
        return {"momentum": 0.0, "norm": 0.0}

    def numbers(self, group: Group, fused: bool) -> Numbers:
        return _lost(group), float(group["lr"]) / (1 - self.beta_1 ** group["step"])

    def apply(self, bucket: Bucket, gradients: list[Tensor], numbers: Numbers) -> None:
        lost, rate = numbers
        _decay(bucket, lost)
        momenta, norms = bucket.slots["momentum"], bucket.slots["norm"]
        foreach.lerp_(momenta, gradients, 1 - self.beta_1)
        foreach.mul_(norms, self.beta_2)
        foreach.maximum_(norms, foreach.abs(gradients))
        foreach.addcdiv_(bucket.parameters, momenta, foreach.add(norms, self.epsilon), -rate)


@dataclass(frozen=True)
class Nadam(UpdateRule):
    """Adam with Nesterov momentum, scheduled as Dozat does; the product of the schedule is kept in the group."""

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7

    counters: ClassVar[dict[str, float]] = {"momentum_product": 1.0}

    def slots(self) -> dict[str, float]:
        return {"momentum": 0.0, "velocity": 0.0}

    def count(self, group: Group) -> None:
        super().count(group)
        group["momentum_product"] *= self._momentum(group["step"])

    def numbers(self, group: Group, fused: bool) -> Numbers:
        lr, step, product = float(group["lr"]), group["step"], group["momentum_product"]
        now, coming = self._momentum(step), self._momentum(step + 1)
        of_momenta, of_gradients = lr * coming / (1 - product * coming), lr * (1 - now) / (1 - product)
        return _lost(group), 1 / sqrt(1 - self.beta_2**step), of_momenta, of_gradients

    def apply(self, bucket: Bucket, gradients: list[Tensor], numbers: Numbers) -> None:
        lost, scale, of_momenta, of_gradients = numbers
        _decay(bucket, lost)
        momenta, velocities = bucket.slots["momentum"], bucket.slots["velocity"]
        foreach.lerp_(momenta, gradients, 1 - self.beta_1)
        foreach.mul_(velocities, self.beta_2)
        foreach.addcmul_(velocities, gradients, gradients, 1 - self.beta_2)
        denominators = foreach.sqrt(velocities)
        foreach.mul_(denominators, scale)
        foreach.add_(denominators, self.epsilon)
        foreach.addcdiv_(bucket.parameters, momenta, denominators, -of_momenta)
        foreach.addcdiv_(bucket.parameters, gradients, denominators, -of_gradients)

    def _momentum(self, step: int) -> float:
        return self.beta_1 * (1 - 0.5 * 0.96**step)
