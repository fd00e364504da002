"""The settings of a data set: its name, how it is read or made, its columns."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from fitdash.settings.data_facts import DataFacts
from fitdash.settings.declaration import Arg, Condition, Settings
from fitdash.settings.type_checks import short_repr

BUNDLED = ("digits", "wine", "breast_cancer", "iris", "diabetes", "digits_halves", "linnerud")
TOYS = ("spiral", "moons", "circles", "blobs")
SEQUENCES = ("regimes",)
MADE = (*TOYS, *SEQUENCES)
DATASETS = (*BUNDLED, *MADE, "upload")
FIXED_COLUMN_DATASETS = ("digits_halves", *SEQUENCES)
"""Data sets whose columns form images or sequences, so that none can be left out."""


@dataclass(frozen=True, kw_only=True)
class DatasetArgs(Settings):
    """Which data set a run trains on, and how it is read or made."""

    section: ClassVar[str] = "data"
    conditions: ClassVar[Mapping[str, Condition]] = {
        "toy": Condition(
            holds=lambda data, facts: data.name in MADE,
            otherwise="No effect: the data chosen by name is not made here.",
        ),
        "toy_classes": Condition(
            holds=lambda data, facts: data.name in ("spiral", "blobs"),
            otherwise="No effect: of the data that name offers only spiral and blobs have a choice of classes.",
        ),
        "columns": Condition(
            holds=lambda data, facts: data.name not in FIXED_COLUMN_DATASETS,
            otherwise="No effect: the columns of the data chosen by name belong together.",
        ),
        "upload": Condition(
            holds=lambda data, facts: data.name == "upload",
            otherwise="No effect: name is not upload.",
        ),
        "order": Condition(
            holds=lambda data, facts: data.name != "upload",
            otherwise="No effect: name is upload, whose rows stay in the order of the file.",
        ),
    }

    name: Annotated[
        str,
        Arg(
            help="The data: a real set that comes with fitdash, a toy in two dimensions, sequences with a class per "
            "step, or a file of your own.",
            plain="data",
            choices=DATASETS,
        ),
    ] = "digits"
    order: Annotated[
        Literal["shuffled", "sorted"],
        Arg(
            help="Order of the rows: shuffled once, always the same way, or sorted by target, which makes "
            "validation_split take rows that training never saw the like of.",
            plain="order of rows",
            needs=("order",),
        ),
    ] = "shuffled"
    samples: Annotated[
        int,
        Arg(
            help="Rows that are made.",
            plain="rows",
            minimum=4,
            maximum=1_000_000,
            soft=(100, 5000),
            step=50,
            needs=("toy",),
            vary=True,
        ),
    ] = 600
    noise: Annotated[
        float,
        Arg(
            help="How far the points are scattered around their shape, the signal around its course.",
            plain="scatter",
            minimum=0,
            maximum=100,
            soft=(0, 1),
            step=0.01,
            needs=("toy",),
            vary=True,
        ),
    ] = 0.1
    classes: Annotated[
        int,
        Arg(
            help="Classes that are made.",
            plain="classes",
            minimum=2,
            maximum=4,
            soft=(2, 4),
            step=1,
            needs=("toy_classes",),
            vary=True,
        ),
    ] = 2
    target: Annotated[
        str | None,
        Arg(
            help="The column to predict.",
            plain="what to predict",
            needs=("upload",),
            unset="the last column",
        ),
    ] = None
    features: Annotated[
        tuple[str, ...] | None,
        Arg(
            help="The columns that the network is given.",
            plain="what to predict from",
            needs=("columns",),
            unset="every column but the target and the sample_weight",
        ),
    ] = None
    task: Annotated[
        Literal["auto", "classification", "regression"],
        Arg(
            help="Whether the target is a class or a number; auto looks at the column.",
            plain="class or number",
            needs=("upload",),
        ),
    ] = "auto"
    content: Annotated[
        str | None,
        Arg(
            help="The SHA-256 of the uploaded file, by which its content is kept.",
            plain="uploaded content",
            needs=("upload",),
            unset="nothing uploaded",
        ),
    ] = None
    filename: Annotated[
        str | None,
        Arg(
            help="The name that the uploaded file had.",
            plain="file",
            needs=("upload",),
            unset="nothing uploaded",
        ),
    ] = None

    def faults(self, facts: DataFacts | None) -> Iterator[tuple[str, str]]:
        """An upload without a file, a choice of no columns, a target among the features."""
        if self.name == "upload" and self.content is None:
            yield "content", "name is upload but there is no file. Choose a CSV file, or another name."
        if self.content is not None and re.fullmatch("[0-9a-f]{64}", self.content) is None:
            yield "content", f"content must be a SHA-256 in hexadecimal digits, got {short_repr(self.content)}."
        if self.features == ():
            yield "features", "features must name one column or more, got none."
        if self.features and self.name == "upload" and self.target in self.features:
            yield "features", f"features must not hold the target, got {short_repr(self.target)}. Take it out."
