"""Writes learning rate schedules as functions in Python and R that equal `learning_rate_at` number for number."""

from fitdash.settings.callbacks import LearningRateSchedulerArgs
from fitdash.settings.experiment import Experiment
from fitdash.settings.losses_and_metrics import resolved_learning_rate


def numbers_of(args: LearningRateSchedulerArgs, experiment: Experiment) -> dict[str, str]:
    """Numbers in the formulas: the initial rate, the factor, 1 - factor, and numbers of epochs."""
    compiled = experiment.compile
    factor = float(args.factor)
    return {
        "initial": repr(float(resolved_learning_rate(compiled.optimizer, compiled.learning_rate))),
        "factor": repr(factor),
        "rest": repr(1 - factor),
        "every": str(args.every),
        "last": str(max(1, experiment.fit.epochs - 1)),
    }


def python_schedule(name: str, args: LearningRateSchedulerArgs, experiment: Experiment) -> str:
    """A Python function from the epoch, counted from 0, to the rate."""
    body = "\n    ".join(PYTHON[args.schedule]).format(**numbers_of(args, experiment))
    return f"def {name}(epoch, rate):\n    {body}"


def r_schedule(args: LearningRateSchedulerArgs, experiment: Experiment) -> str:
    """The same function in R."""
    return R[args.schedule].format(**numbers_of(args, experiment))


PYTHON = {
    "step": ["return {initial} * {factor} ** (epoch // {every})"],
    "exponential": ["return {initial} * {factor} ** (epoch / {every})"],
    "warmup": ["return {initial} * min(1.0, (epoch + 1) / {every})"],
    "linear": ["left = 1 - min(1.0, epoch / {last})", "return {initial} * ({factor} + {rest} * left)"],
    "cosine": [
        "left = (1 + math.cos(math.pi * min(1.0, epoch / {last}))) / 2",
        "return {initial} * ({factor} + {rest} * left)",
    ],
}
R = {
    "step": "function(epoch, lr) {initial} * {factor} ^ (epoch %/% {every})",
    "exponential": "function(epoch, lr) {initial} * {factor} ^ (epoch / {every})",
    "warmup": "function(epoch, lr) {initial} * min(1, (epoch + 1) / {every})",
    "linear": "function(epoch, lr) {initial} * ({factor} + {rest} * (1 - min(1, epoch / {last})))",
    "cosine": "function(epoch, lr) {initial} * ({factor} + {rest} * (1 + cos(pi * min(1, epoch / {last}))) / 2)",
}
