"""Which parameters of a module an optimizer holds, as layers are unfrozen, added and taken away."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import nn

from fitdash.engine.optimizers.keras_optimizer import KerasOptimizer

Make = Callable[[list[Any]], torch.optim.Optimizer]


class OptimizerMembers:
    """The parameters of a module that its optimizer was made from, so that later ones are noticed.

    Args:
        optimizer: Made from `offered`; it may hold more, which it keeps, or fewer.
        make: Makes another one from other parameters.
        offered: The parameters of the module that were trainable then.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, make: Make, offered: Sequence[nn.Parameter]) -> None:
        self.optimizer, self.make = optimizer, make
        self._offered = list(offered)

    def update(self, module: nn.Module) -> None:
        """Take parameters that became trainable or were added, forget those that left; the others keep their state.

        Parameters that were frozen since stay, with their state: an update passes over them.
        """
        present = list(module.parameters())
        ids, known = {id(p) for p in present}, {id(p) for p in self._offered}
        gone = [p for p in self._offered if id(p) not in ids]
        new = [p for p in present if p.requires_grad and id(p) not in known]
        if not (gone or new):
            return
        forget_parameters(self.optimizer, gone)
        if new:
            self._add(new)
        places = {id(p): place for place, p in enumerate(present)}
        for group in self.optimizer.param_groups:
            group["params"].sort(key=lambda p: places.get(id(p), len(places)))
        self._offered = [p for p in self._offered if id(p) in ids] + new

    def _add(self, new: list[nn.Parameter]) -> None:
        """Add parameters with the settings and the state that the factory gives them, in the groups it puts them in."""
        groups = self.optimizer.param_groups
        if type(self.optimizer) is KerasOptimizer and len(groups) == 1:
            groups[0]["params"] += new
            return
        other = self.make(new)
        held, wanted = {id(p) for group in groups for p in group["params"]}, {id(p) for p in new}
        is_alike = len(other.param_groups) == len(groups)
        for place, group in enumerate(other.param_groups):
            taken = [p for p in group["params"] if id(p) in wanted - held]
            if taken and is_alike:
                groups[place]["params"] += taken
            elif taken:
                self.optimizer.add_param_group({**group, "params": taken})
            for p in taken:
                if p in other.state:  # Adagrad of torch makes it when it is made itself
                    self.optimizer.state[p] = other.state[p]


def forget_parameters(optimizer: torch.optim.Optimizer, gone: Iterable[nn.Parameter]) -> None:
    """Take parameters out of an optimizer, with their state."""
    ids = {id(p) for p in gone}
    for group in optimizer.param_groups:
        for p in group["params"]:
            if id(p) in ids:
                optimizer.state.pop(p, None)
        group["params"] = [p for p in group["params"] if id(p) not in ids]
