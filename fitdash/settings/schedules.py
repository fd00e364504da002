"""Learning rate schedules by name, for training and for the preview in the form."""

import math
from typing import Literal

ScheduleName = Literal["step", "exponential", "linear", "cosine", "warmup"]


def learning_rate_at(
    schedule: ScheduleName, epoch: int, *, initial: float, epochs: int, factor: float, every: int
) -> float:
    """The learning rate of an epoch.

    Args:
        schedule: step multiplies by factor after `every` epochs, exponential by factor ** (1 / every) after each;
            linear and cosine fall to initial * factor at the last epoch; warmup climbs to initial over the first
            `every` epochs.
        epoch: Index from 0, absolute.
        initial: The learning rate that compile was given.
        epochs: The final epoch index of the run.
        factor: Share of the rate that remains, 0–1.
        every: Number of epochs.
    """
    if schedule == "step":
        return initial * math.pow(factor, epoch // every)
    if schedule == "exponential":
        return initial * math.pow(factor, epoch / every)
    if schedule == "warmup":
        return initial * min(1.0, (epoch + 1) / every)
    way = min(1.0, epoch / max(1, epochs - 1))
    left = 1 - way if schedule == "linear" else (1 + math.cos(math.pi * way)) / 2
    return initial * (factor + (1 - factor) * left)
