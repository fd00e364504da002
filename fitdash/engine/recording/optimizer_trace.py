"""The update of an optimizer: its lines for a recorded program, and its numbers that differ from step to step."""

from dataclasses import replace
from typing import Any

import torch

from fitdash.engine.optimizers.buckets import Bucket
from fitdash.engine.optimizers.keras_optimizer import Group, KerasOptimizer
from fitdash.engine.optimizers.resolve import RULES
from fitdash.engine.recording.program.tracer import NotRecordable, Tracer
from fitdash.engine.step.step import step_hooks

Tensor = torch.Tensor


def refuse_optimizer(optimizer: Any) -> None:
    """Refuse optimizers other than this engine's update rules, and hooks on them.

    Raises:
        NotRecordable: the optimizer is one of these.
    """
    if optimizer is None:
        raise NotRecordable("trains nothing")
    if type(optimizer) is not KerasOptimizer or type(optimizer.rule) not in RULES.values():
        raise NotRecordable(f"is updated by {type(optimizer).__name__}, which keeps its own account")
    if step_hooks(optimizer) or {"step", "update", "zero_grad"} & vars(optimizer).keys():
        raise NotRecordable("runs a hook of the optimizer")


class OptimizerTrace:
    """One optimizer's update of the parameters that get a gradient.

    Args:
        optimizer: An optimizer with one of this engine's rules; its state must exist.
        trained: The parameters that get a gradient.

    Attributes:
        per_step: How many numbers differ from step to step, such as the learning rate.
    """

    def __init__(self, optimizer: KerasOptimizer, trained: list[Tensor]) -> None:
        self.optimizer = optimizer
        self._rule = replace(optimizer.rule)
        self._trained = {id(p) for p in trained}
        groups = [(group, self._parameters(group)) for group in optimizer.param_groups]
        self._work = [(group, optimizer.buckets_for(ours)) for group, ours in groups if ours]
        self._ids = [[id(p) for p in group["params"]] for group in optimizer.param_groups]
        self.per_step = sum(len(rule_numbers) for rule_numbers in self._each())

    def tensors(self) -> list[Tensor]:
        """The tensors of the optimizer's state."""
        buckets = [bucket for _, buckets in self._work for bucket in buckets]
        return [t for bucket in buckets for t in (*(s for slot in bucket.slots.values() for s in slot), bucket.count)]

    def holds(self) -> bool:
        """True if parameters and state lie where they did, and the rule is the same."""
        groups = self.optimizer.param_groups
        same = self.optimizer.rule == self._rule and [[id(p) for p in g["params"]] for g in groups] == self._ids
        return same and all(
            all(
                ours is now
                for ours, now in zip(buckets, self.optimizer.buckets_for(self._parameters(group)), strict=True)
            )
            for group, buckets in self._work
        )

    def counters(self) -> list[Group]:
        """The step counters of the parameter groups, for `put_back`."""
        kept = ("step", *self.optimizer.rule.counters)
        return [{name: group[name] for name in kept} for group, _ in self._work]

    def put_back(self, counters: list[Group]) -> None:
        for (group, _), kept in zip(self._work, counters, strict=True):
            group.update(kept)

    def numbers(self, steps: int) -> list[float]:
        """The numbers of the next steps; advances the step counters."""
        found: list[float] = []
        for _ in range(steps):
            for group, _ in self._work:
                self.optimizer.rule.count(group)
            for part in self._each():
                found += part
        return found

    def note(self, names: dict[int, str], gradients: dict[int, str]) -> list[str]:
        """The lines of an update, found by running one on copies.

        Args:
            names: Names of parameters and of the optimizer's state tensors, by id.
            gradients: Names of the gradients by the id of their parameter.

        Raises:
            NotRecordable: the update cannot be repeated.
        """
        buckets = [bucket for _, buckets in self._work for bucket in buckets]
        copies = [_copied(bucket) for bucket in buckets]
        slopes = [[torch.full_like(p, 0.5, requires_grad=False) for p in bucket.parameters] for bucket in copies]
        known = [pair for real, copy in zip(buckets, copies, strict=True) for pair in _named(real, copy, names)]
        known += [
            (gradients[id(p)], slope)
            for bucket, part in zip(buckets, slopes, strict=True)
            for p, slope in zip(bucket.parameters, part, strict=True)
        ]
        marks, marked = self._marks()
        notes = Tracer(known, numbers=marked, prefix="u")
        rule = self.optimizer.rule
        with torch.no_grad(), notes:
            for bucket, part, numbers in zip(copies, rule.clipped(slopes), marks, strict=True):
                rule.apply(bucket, part, numbers)
        if notes.why:
            raise NotRecordable(notes.why)
        return notes.lines

    def _each(self) -> list[tuple[float, ...]]:
        """The numbers of this step, bucket by bucket."""
        rule = self.optimizer.rule
        return [rule.numbers(group, bucket.fused) for group, buckets in self._work for bucket in buckets]

    def _marks(self) -> tuple[list[tuple[float, ...]], dict[float, str]]:
        """Marker values in place of the numbers, which no setting has, and the names they stand for; 0 stays 0."""
        marks, names = [], {}
        place = 0
        for numbers in self._each():
            marked = []
            for number in numbers:
                value = 0.0 if number == 0 else 0.012345678912345 + 0.000731 * place
                if number != 0:
                    names[value] = f"n{place}"
                marked.append(value)
                place += 1
            marks.append(tuple(marked))
        return marks, names

    def _parameters(self, group: Group) -> list[Tensor]:
        return [p for p in group["params"] if id(p) in self._trained]


def zero_settings(optimizer: KerasOptimizer | None) -> tuple[bool, ...]:
    """Which learning rates and weight decays are 0: these decide which operations an update has."""
    if optimizer is None:
        return ()
    return tuple(not group[name] for group in optimizer.param_groups for name in ("lr", "weight_decay"))


def _copied(bucket: Bucket) -> Bucket:
    parameters = [torch.empty_like(p, requires_grad=False).copy_(p.detach()) for p in bucket.parameters]
    count = bucket.count.clone()
    return Bucket(
        parameters=parameters,
        slots={name: [torch.empty_like(t).copy_(t) for t in slot] for name, slot in bucket.slots.items()},
        fused=bucket.fused,
        count=count,
        counts=[count] * len(parameters),
        strides=bucket.strides,
        places=[p.data_ptr() for p in parameters] if bucket.fused else [],
    )


def _named(real: Bucket, copy: Bucket, names: dict[int, str]) -> list[tuple[str, Tensor]]:
    """The copied tensors by the names of the originals."""
    pairs = list(zip(real.parameters, copy.parameters, strict=True))
    for name, slot in real.slots.items():
        pairs += zip(slot, copy.slots[name], strict=True)
    return [(names[id(mine)], theirs) for mine, theirs in [*pairs, (real.count, copy.count)]]
