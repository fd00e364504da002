"""The settings of `validation_data`: which rows are held out, or a file of validation rows."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from fitdash.settings.data_facts import DataFacts
from fitdash.settings.declaration import Arg, Condition, Settings
from fitdash.settings.type_checks import short_repr


@dataclass(frozen=True, kw_only=True)
class HoldOut(Settings):
    """Rows that are held out of training and validated on."""

    section: ClassVar[str] = "fit.validation_data"
    speaks_as: ClassVar[str] = "validation_data"
    conditions: ClassVar[Mapping[str, Condition]] = {
        "share": Condition(
            holds=lambda held, facts: held.kind != "upload" and not (held.kind == "last" and held.rows),
            otherwise="No effect: how many rows there are is said by the file, or by rows.",
        ),
        "last": Condition(
            holds=lambda held, facts: held.kind == "last",
            otherwise="No effect: kind is not last.",
        ),
        "upload": Condition(
            holds=lambda held, facts: held.kind == "upload",
            otherwise="No effect: kind is not upload.",
        ),
    }

    kind: Annotated[
        Literal["stratified", "random", "last", "upload"],
        Arg(
            help="Which rows are validated on: of the data the same share of every class, a random share, or the last "
            "rows; or those of a second file with the same columns.",
            plain="which rows",
            vary=True,
        ),
    ] = "stratified"
    share: Annotated[
        float,
        Arg(
            help="Share of the rows that is held out and never trained on.",
            plain="how much",
            more_than=0,
            less_than=1,
            soft=(0.05, 0.9),
            step=0.01,
            needs=("share",),
            vary=True,
            slides=True,
        ),
    ] = 0.2
    rows: Annotated[
        int | None,
        Arg(
            help="How many of the last rows are held out, in place of a share.",
            plain="how many",
            minimum=1,
            soft=(1, 1000),
            step=1,
            needs=("last",),
            unset="the share",
        ),
    ] = None
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
    sample_weight: Annotated[
        str | None,
        Arg(
            help="A column of the file that says how much each of its rows counts in the validation loss.",
            plain="column of row weights",
            needs=("upload",),
            unset="every row counts 1",
        ),
    ] = None

    def faults(self, facts: DataFacts | None) -> Iterator[tuple[str, str]]:
        """An upload without a file, a column of weights that the file lacks."""
        if self.content is not None and re.fullmatch("[0-9a-f]{64}", self.content) is None:
            yield "content", f"content must be a SHA-256 in hexadecimal digits, got {short_repr(self.content)}."
        if self.kind != "upload":
            return
        if self.content is None:
            yield "content", "validation_data is upload but there is no file. Choose a CSV file, or other rows."
        if self.sample_weight is not None and facts is not None and facts.validation_rows is not None:
            known = facts.validation_weights
            if self.sample_weight not in known:
                rule = "validation_data sample_weight must name a column of numbers from 0 up"
                there = ", ".join(known[:20]) or "none"
                yield "sample_weight", f"{rule}, got {short_repr(self.sample_weight)}. Known: {there}."
