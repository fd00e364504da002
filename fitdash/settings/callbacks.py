"""The settings of each built-in callback that the dashboard offers.

Source: Keras 3 `keras.callbacks`: the names, arguments and defaults.
"""

import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from fitdash.settings.data_facts import DataFacts
from fitdash.settings.declaration import Arg, Condition, Settings
from fitdash.settings.schedules import ScheduleName
from fitdash.settings.type_checks import short_repr

FORMAT = r"0?[0-9]{0,2}(\.[0-9]{1,2})?[defg]?"  # wider formats would make names, or memory, without bound

Monitor = Annotated[
    str,
    Arg(
        help="The number that is watched, by its name in the history: loss, or a metric, with val_ before it for "
        "validation.",
        plain="what is watched",
    ),
]
Mode = Annotated[
    Literal["auto", "min", "max"],
    Arg(help="Whether smaller or larger is better; auto knows it of every metric by name.", plain="better is"),
]
Verbose = Annotated[Literal[0, 1], Arg(help="Whether it says in the log what it did.", plain="says what it does")]


@dataclass(frozen=True, kw_only=True)
class CallbackArgs(Settings):
    """Base of the settings of a callback.

    Attributes:
        kind: Name of the callback in `fitdash.callbacks`.
        summary: What it does, in one sentence.
        single: True if a second callback with the same settings adds nothing.
    """

    section: ClassVar[str] = "callbacks"
    kind: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    single: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class EarlyStoppingArgs(CallbackArgs):
    """Settings of `EarlyStopping`."""

    kind: ClassVar[str] = "EarlyStopping"
    speaks_as: ClassVar[str] = "EarlyStopping"
    summary: ClassVar[str] = "Stops when the watched number no longer gets better."

    monitor: Monitor = "val_loss"
    min_delta: Annotated[
        float,
        Arg(
            help="How much better counts as better.",
            plain="smallest gain",
            minimum=0,
            soft=(0, 0.1),
            step=0.001,
            vary=True,
        ),
    ] = 0.0
    patience: Annotated[
        int,
        Arg(
            help="Epochs without a gain that are waited for; 0 and 1 both stop at the first.",
            plain="epochs to wait",
            minimum=0,
            soft=(0, 100),
            step=1,
            vary=True,
        ),
    ] = 0
    verbose: Verbose = 0
    mode: Mode = "auto"
    baseline: Annotated[
        float | None,
        Arg(
            help="Only a value better than this sets the waiting back to 0.",
            plain="to be beaten",
            unset="nothing to beat",
        ),
    ] = None
    restore_best_weights: Annotated[
        bool,
        Arg(help="Whether the weights of the best epoch come back at the end.", plain="back to the best", vary=True),
    ] = False
    start_from_epoch: Annotated[
        int,
        Arg(help="Epochs before it are not looked at.", plain="first epoch", minimum=0, soft=(0, 100), step=1),
    ] = 0


@dataclass(frozen=True, kw_only=True)
class ReduceLROnPlateauArgs(CallbackArgs):
    """Settings of `ReduceLROnPlateau`."""

    kind: ClassVar[str] = "ReduceLROnPlateau"
    speaks_as: ClassVar[str] = "ReduceLROnPlateau"
    summary: ClassVar[str] = "Makes the learning rate smaller when the watched number no longer gets better."

    monitor: Monitor = "val_loss"
    factor: Annotated[
        float,
        Arg(
            help="What the learning rate is multiplied by.",
            plain="times",
            more_than=0,
            less_than=1,
            soft=(0.01, 0.99),
            step=0.01,
            vary=True,
        ),
    ] = 0.1
    patience: Annotated[
        int,
        Arg(
            help="Epochs without a gain that are waited for.",
            plain="epochs to wait",
            minimum=0,
            soft=(0, 100),
            step=1,
            vary=True,
        ),
    ] = 10
    verbose: Verbose = 0
    mode: Mode = "auto"
    min_delta: Annotated[
        float,
        Arg(help="How much better counts as better.", plain="smallest gain", minimum=0, soft=(0, 0.1), step=0.0001),
    ] = 0.0001
    cooldown: Annotated[
        int,
        Arg(help="Epochs after a reduction that are not counted.", plain="rest", minimum=0, soft=(0, 100), step=1),
    ] = 0
    min_lr: Annotated[
        float,
        Arg(help="The learning rate never falls below it.", plain="smallest rate", minimum=0, soft=(0, 0.01)),
    ] = 0.0


@dataclass(frozen=True, kw_only=True)
class LearningRateSchedulerArgs(CallbackArgs):
    """Settings of `LearningRateScheduler` with a schedule by name; `schedules.learning_rate_at` computes it."""

    kind: ClassVar[str] = "LearningRateScheduler"
    speaks_as: ClassVar[str] = "LearningRateScheduler"
    summary: ClassVar[str] = "Sets the learning rate at the beginning of every epoch."
    conditions: ClassVar[Mapping[str, Condition]] = {
        "factor": Condition(
            holds=lambda args, facts: args.schedule != "warmup", otherwise="No effect while schedule is 'warmup'."
        ),
        "every": Condition(
            holds=lambda args, facts: args.schedule in ("step", "exponential", "warmup"),
            otherwise="No effect while schedule is 'linear' or 'cosine': they take all epochs.",
        ),
    }

    schedule: Annotated[
        ScheduleName,
        Arg(help="The course of the learning rate over the epochs.", plain="course", vary=True),
    ] = "cosine"
    factor: Annotated[
        float,
        Arg(
            help="What the rate is multiplied by after every so many epochs, or at the end of a linear or cosine "
            "course.",
            plain="times",
            minimum=0,
            maximum=1,
            soft=(0, 1),
            step=0.01,
            needs=("factor",),
            vary=True,
        ),
    ] = 0.1
    every: Annotated[
        int,
        Arg(
            help="Epochs from one reduction to the next, or of the climb.",
            plain="epochs",
            minimum=1,
            soft=(1, 100),
            step=1,
            needs=("every",),
            vary=True,
        ),
    ] = 10
    verbose: Verbose = 0


@dataclass(frozen=True, kw_only=True)
class TerminateOnNaNArgs(CallbackArgs):
    """`TerminateOnNaN` has no settings."""

    kind: ClassVar[str] = "TerminateOnNaN"
    summary: ClassVar[str] = "Stops when the loss is no longer a number."


@dataclass(frozen=True, kw_only=True)
class ModelCheckpointArgs(CallbackArgs):
    """Settings of `ModelCheckpoint`; the file lies in the folder of the run."""

    kind: ClassVar[str] = "ModelCheckpoint"
    speaks_as: ClassVar[str] = "ModelCheckpoint"
    summary: ClassVar[str] = "Saves the weights after each epoch, or only the best ones."
    single: ClassVar[bool] = False

    filepath: Annotated[
        str,
        Arg(
            help="Name of the file in the folder of the run; {epoch} and the names of the history in braces are "
            "filled in.",
            plain="file",
        ),
    ] = "{epoch:03d}.pt"
    monitor: Monitor = "val_loss"
    verbose: Verbose = 0
    save_best_only: Annotated[
        bool, Arg(help="Whether only an epoch that is better than all before is saved.", plain="only the best")
    ] = False
    save_weights_only: Annotated[
        bool, Arg(help="Whether the optimizer's state is left out.", plain="only the weights")
    ] = False
    mode: Mode = "auto"
    save_freq: Annotated[
        int | None,
        Arg(
            help="Batches from one file to the next, counted across epochs; {batch} in the file's name is then filled "
            "in too, and what validation measures is not known.",
            plain="batches",
            minimum=1,
            soft=(1, 1000),
            step=1,
            unset="each epoch",
        ),
    ] = None
    initial_value_threshold: Annotated[
        float | None,
        Arg(
            help="What the first value has to beat to be saved.",
            plain="to be beaten",
            needs=("save_best_only",),
            unset="nothing to beat",
        ),
    ] = None

    def faults(self, facts: DataFacts | None) -> Iterator[tuple[str, str]]:
        """A file name outside the folder of the run, or with invalid fields in braces."""
        yield from _file_faults("filepath", "ModelCheckpoint filepath", self.filepath)
        if self.fields is None:
            known = "such as {epoch:03d} or {val_loss:.4f}"
            yield "filepath", f"ModelCheckpoint filepath must have fields {known}, got {short_repr(self.filepath)}."

    @property
    def fields(self) -> tuple[str, ...] | None:
        """Names of the fields in braces; None if one is not a plain name with a short number format."""
        try:
            parts = [part[1:] for part in string.Formatter().parse(self.filepath) if part[1] is not None]
        except ValueError:
            return None
        legal = (
            re.fullmatch(r"[A-Za-z_]\w*", str(name)) and re.fullmatch(FORMAT, form or "") and not conversion
            for name, form, conversion in parts
        )
        return tuple(str(name) for name, *_ in parts) if all(legal) else None


@dataclass(frozen=True, kw_only=True)
class CSVLoggerArgs(CallbackArgs):
    """Settings of `CSVLogger`; the file lies in the folder of the run."""

    kind: ClassVar[str] = "CSVLogger"
    speaks_as: ClassVar[str] = "CSVLogger"
    summary: ClassVar[str] = "Writes the numbers of each epoch into a CSV file."
    single: ClassVar[bool] = False

    filename: Annotated[str, Arg(help="Name of the file in the folder of the run.", plain="file")] = "log.csv"
    separator: Annotated[
        Literal[",", ";", "\t"], Arg(help="What stands between two values.", plain="between values")
    ] = ","
    append: Annotated[
        bool, Arg(help="Whether an existing file is continued instead of replaced.", plain="continue the file")
    ] = False

    def faults(self, facts: DataFacts | None) -> Iterator[tuple[str, str]]:
        """A file name outside the folder of the run."""
        yield from _file_faults("filename", "CSVLogger filename", self.filename)


CALLBACKS: dict[str, type[CallbackArgs]] = {
    args.kind: args
    for args in (
        EarlyStoppingArgs,
        ReduceLROnPlateauArgs,
        LearningRateSchedulerArgs,
        ModelCheckpointArgs,
        TerminateOnNaNArgs,
        CSVLoggerArgs,
    )
}
LEARNING_RATE_SETTERS = (ReduceLROnPlateauArgs, LearningRateSchedulerArgs)  # they log learning_rate


def _file_faults(field: str, label: str, name: str) -> Iterator[tuple[str, str]]:
    if not name or len(name) > 100 or name.startswith(".") or any(c in '/\\:*?"<>|' or c < " " for c in _bare(name)):
        yield field, f"{label} must be a plain file name without a folder, got {short_repr(name)}."


def _bare(name: str) -> str:
    """The name without the formats of its fields, in which a colon is legal."""
    try:
        parts = list(string.Formatter().parse(name))
    except ValueError:
        return name
    return "".join(text + (field or "") for text, field, *_ in parts)
