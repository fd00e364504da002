"""The arguments of `fit`.

Source: R keras `fit`, the reference page; `validation_batch_size` and `validation_freq` came with Keras 2.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from fitdash.settings.batch_size import DEFAULT_BATCH_SIZE
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.declaration import Arg, Condition, Settings, settings_of
from fitdash.settings.type_checks import join_reprs, short_repr
from fitdash.settings.validation_data import HoldOut
from fitdash.settings.validation_split import count_stratified_rows, describe_empty_part, validation_start
from fitdash.settings.weight_expressions import sample_weight_faults

TIME, VALIDATION, WEIGHTING, WATCHING = "Time", "Validation", "Weighting and order", "Watching"


@dataclass(frozen=True, kw_only=True)
class FitArgs(Settings):
    """The arguments of `fit`, except the network, the data and the callbacks."""

    section: ClassVar[str] = "fit"
    conditions: ClassVar[Mapping[str, Condition]] = {
        "validation": Condition(
            holds=lambda fit, facts: fit.validates,
            otherwise="No effect without validation: set validation_split or validation_data.",
        ),
        "arrays": Condition(
            holds=lambda fit, facts: facts is None or not facts.has_feed,
            otherwise="No effect: x yields batches itself.",
        ),
        "classes": Condition(
            holds=lambda fit, facts: facts is None or facts.task == "classification",
            otherwise="No effect: y is a number, so task is regression and there are no classes to weigh.",
        ),
    }

    batch_size: Annotated[
        int | None,
        Arg(
            help="Samples per update: few make noisy, frequent steps, many make smooth, rare ones. The last batch of "
            "an epoch may be smaller and is used too.",
            plain="samples per step",
            group=TIME,
            minimum=1,
            soft=(1, 1024),
            step=1,
            needs=("arrays",),
            vary=True,
            live=True,
            unset=str(DEFAULT_BATCH_SIZE),
            handy=(8, 32, 128),
        ),
    ] = None
    epochs: Annotated[
        int,
        Arg(
            help="The epoch to stop at. It is a final index, not a count: epochs initial_epoch + 1 to epochs run.",
            plain="stop after epoch",
            group=TIME,
            minimum=1,
            soft=(1, 10_000),
            step=1,
            vary=True,
            live=True,
            handy=(1, 10, 30, 100),
        ),
    ] = 10
    verbose: Annotated[
        Literal[0, 1, 2, "auto"] | None,
        Arg(
            help="What the log prints: 0 nothing, 1 a progress bar, 2 one line per epoch; auto is 1. "
            "With 0, view_metrics on auto shows no chart.",
            plain="how much is printed",
            group=WATCHING,
            unset="1, or the option fit_verbose",
        ),
    ] = None
    view_metrics: Annotated[
        Literal["auto"] | bool | None,
        Arg(
            help="Whether the live chart is drawn while training. auto draws it if someone is watching, metrics were "
            "given to compile, more than one epoch runs and verbose is not 0.",
            plain="live chart",
            group=WATCHING,
            unset="auto, or the option view_metrics",
        ),
    ] = None
    validation_split: Annotated[
        float,
        Arg(
            help="Share of the data to validate on instead of training. It takes the last rows, before shuffling, "
            "the same ones every epoch.",
            plain="share for validation",
            group=VALIDATION,
            minimum=0,
            less_than=1,
            soft=(0, 0.9),
            step=0.01,
            needs=("arrays",),
            yields_to=("validation_data",),
            vary=True,
            slides=True,
        ),
    ] = 0.0
    validation_data: Annotated[
        HoldOut | None,
        Arg(
            help="A fixed set of rows to validate on after each epoch, never trained on. It overrides "
            "validation_split.",
            plain="rows for validation",
            group=VALIDATION,
            unset="none",
        ),
    ] = None
    shuffle: Annotated[
        bool | Literal["batch"],
        Arg(
            help="Whether the training rows are put in a new order before every epoch. batch moves whole batches and "
            "keeps the rows inside them together. No effect while steps_per_epoch is set.",
            plain="new order every epoch",
            group=WEIGHTING,
            needs=("arrays",),
            yields_to=("steps_per_epoch",),
            vary=True,
        ),
    ] = True
    class_weight: Annotated[
        Mapping[int, float] | Literal["balanced"] | None,
        Arg(
            help="How much each class counts in the training loss; a class left out counts 1, balanced gives rare "
            "classes more. Validation is never weighted by it; together with sample_weight the two are multiplied.",
            plain="weight of each class",
            group=WEIGHTING,
            minimum=0,
            soft=(0, 1000),
            step=0.1,
            needs=("classes",),
            vary=True,
            unset="every class counts 1",
        ),
    ] = None
    sample_weight: Annotated[
        str | None,
        Arg(
            help="How much each row counts in the loss: a column, an expression on one, or a file of numbers from 0 "
            "up; of sequences also how much each step counts. validation_split cuts it with the rows, so the last "
            "rows weigh the validation loss.",
            plain="weight of each row",
            group=WEIGHTING,
            needs=("arrays",),
            vary=True,
            unset="every row counts 1",
            rare=True,
        ),
    ] = None
    initial_epoch: Annotated[
        int,
        Arg(
            help="The epoch to start at, for going on with an earlier run. It only sets the numbering: the weights "
            "are those the network has.",
            plain="start after epoch",
            group=TIME,
            minimum=0,
            soft=(0, 10_000),
            step=1,
            below="epochs",
            rare=True,
        ),
    ] = 0
    steps_per_epoch: Annotated[
        int | None,
        Arg(
            help="How many batches make an epoch; the next epoch goes on where the last one ended. While it is set, "
            "shuffle has no effect.",
            plain="batches per epoch",
            group=TIME,
            minimum=1,
            soft=(1, 1_000_000),
            step=1,
            vary=True,
            unset="as many as the rows make",
            rare=True,
        ),
    ] = None
    validation_steps: Annotated[
        int | None,
        Arg(
            help="How many batches each validation looks at, from the first row every time. The reference calls it "
            "relevant only with steps_per_epoch; here it always counts.",
            plain="batches per validation",
            group=VALIDATION,
            minimum=1,
            soft=(1, 1_000_000),
            step=1,
            needs=("validation",),
            unset="all of them",
            rare=True,
        ),
    ] = None
    validation_batch_size: Annotated[
        int | None,
        Arg(
            help="Samples per batch of validation. It changes the speed, not the result.",
            plain="samples per validation step",
            group=VALIDATION,
            minimum=1,
            soft=(1, 1024),
            step=1,
            needs=("validation",),
            unset="as batch_size",
            rare=True,
        ),
    ] = None
    validation_freq: Annotated[
        int | tuple[int, ...],
        Arg(
            help="Validate after every so many epochs, counted from epoch 1; or after the listed epochs. Between them "
            "the validation curve has gaps.",
            plain="validate every … epochs",
            group=VALIDATION,
            minimum=1,
            soft=(1, 100),
            step=1,
            needs=("validation",),
            rare=True,
        ),
    ] = 1

    @property
    def validates(self) -> bool:
        """True if rows are held out for validation."""
        return self.validation_data is not None or self.validation_split != 0

    def faults(self, facts: DataFacts | None) -> Iterator[tuple[str, str]]:
        """Problems that depend on the data or on several arguments."""
        if self.sample_weight is not None:
            yield from (("sample_weight", text) for text in sample_weight_faults(self.sample_weight, facts))
        if facts is not None:
            yield from _against(self, facts)


def count_split_rows(
    rows: int, fit: FitArgs, counts: tuple[int, ...] | None = None, uploaded: int | None = None
) -> tuple[int, int]:
    """Number of rows to train on and of rows to validate on.

    Args:
        rows: Rows of the data.
        fit: Its `validation_split` and `validation_data` split them.
        counts: Rows of each class.
        uploaded: Rows of the validation file, if `validation_data` is one.
    """
    held = fit.validation_data
    if held is None:
        split = validation_start(rows, fit.validation_split) if fit.validation_split else rows
        return split, rows - split
    if held.kind == "upload":
        return rows, uploaded or 0
    if held.kind == "last" and held.rows:
        return max(0, rows - held.rows), min(rows, held.rows)
    out = (
        sum(count_stratified_rows(counts, held.share))
        if counts and held.kind == "stratified"
        else rows - validation_start(rows, held.share)
    )
    return rows - out, out


def split_argument(fit: FitArgs) -> tuple[str, float]:
    """Name of the argument that splits the rows, and its share of them or its number of rows."""
    held = fit.validation_data
    if held is None:
        return "validation_split", fit.validation_split
    return "validation_data", (held.kind == "last" and held.rows) or held.share


def _against(fit: FitArgs, facts: DataFacts) -> Iterator[tuple[str, str]]:
    """Problems of these arguments with this data."""
    held = fit.validation_data
    is_file = held is not None and held.kind == "upload"
    if fit.validates and not facts.has_feed and not is_file:
        name, value = split_argument(fit)
        train, _ = count_split_rows(facts.rows, fit, facts.counts)
        if (text := describe_empty_part(name, value, facts.rows, train)) is not None:
            yield name, text
    if isinstance(fit.class_weight, dict) and facts.class_count is not None:
        strange = [key for key in fit.class_weight if not 0 <= key < facts.class_count]
        if strange:
            limit = facts.class_count - 1
            yield "class_weight", f"class_weight must name classes from 0 to {limit}, got {join_reprs(strange)}."
        elif not any(fit.class_weight.get(index, 1) for index in range(facts.class_count)):
            yield "class_weight", f"class_weight must be above 0 for one class, got {short_repr(fit.class_weight)}."


@dataclass(frozen=True, kw_only=True)
class FitArgument:
    """One argument of the reference page, the part of the experiment that declares it, and its help."""

    name: str
    part: Literal["network", "data", "fit", "callbacks", "unused"]
    help: str


def _of_fit(*names: str) -> tuple[FitArgument, ...]:
    declared = settings_of(FitArgs)
    return tuple(FitArgument(name=name, part="fit", help=declared[name].arg.help) for name in names)


FIT_ARGUMENTS: tuple[FitArgument, ...] = (
    FitArgument(
        name="object",
        part="network",
        help="The network to train. fit changes it in place: training goes on from the weights it has.",
    ),
    FitArgument(name="x", part="data", help="The inputs: one row per sample, or a list or dict for several inputs."),
    FitArgument(name="y", part="data", help="The targets: a class index or a number for each row of x."),
    *_of_fit("batch_size", "epochs", "verbose"),
    FitArgument(
        name="callbacks",
        part="callbacks",
        help="What is called during training, in this order; then the history and the progress bar, always.",
    ),
    *_of_fit("view_metrics", "validation_split", "validation_data", "shuffle", "class_weight", "sample_weight"),
    *_of_fit("initial_epoch", "steps_per_epoch", "validation_steps"),
    FitArgument(
        name="...",
        part="unused",
        help="Unused in the reference; here an unknown name is refused, so that a typing error is seen.",
    ),
    *_of_fit("validation_batch_size", "validation_freq"),
)
