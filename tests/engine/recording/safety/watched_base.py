"""A network that does as it is told elsewhere, and what others hold and read."""

import torch
from torch import nn


class Scaled(nn.Module):
    """A network whose output is multiplied by whatever `scale` gives."""

    def __init__(self):
        super().__init__()
        self.first, self.head = nn.Linear(6, 8), nn.Linear(8, 3)
        self.put()

    def put(self):
        pass

    def scale(self):
        return 1.0

    def forward(self, x):
        return self.head(torch.tanh(self.first(x)) * self.scale())


class Held:
    """An object that others hold."""

    number = 1.0


FACTS = {"number": 1.0}
CALLS = []
HELD = Held()


def set_fact(module, number=2.0):
    FACTS["number"] = number
