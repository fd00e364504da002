"""The form's data section: data set or uploaded file, features and target; also reads the data's facts for the form."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from fitdash.data.tables.data_facts import facts_of
from fitdash.errors import FitdashError
from fitdash.runs.protocol.paths import home
from fitdash.runs.record.disk_quota import check_disk_quota
from fitdash.settings.data_facts import DataFacts
from fitdash.settings.dataset import DatasetArgs
from fitdash.settings.declaration import problems_in, replace_invalid_values, settings_of
from fitdash.settings.experiment import Experiment
from fitdash.settings.fit import FitArgs
from fitdash.settings.validation_data import HoldOut
from fitdash.ui.form.controls import FormContext, draw_control, draw_controls
from fitdash.ui.session.identity import visitor_id
from fitdash.ui.session.server_resources import server_resources
from fitdash.ui.view_models.formatting import escape_markdown, format_number

ASKED_HERE = ("name", "features", "target", "task")
HELD, WEIGHTS = "fit.validation_data", "fit.sample_weight"
IN_LINK = tuple(f"{part}.{name}" for part in ("data", HELD, WEIGHTS) for name in ("content", "filename"))
"""Query parameters without a widget: hash of a file's content, and its name."""


@dataclass(frozen=True, kw_only=True)
class DatasetSummary:
    """What the form needs to know of the data; only problems (and columns) if the data cannot be read.

    Attributes:
        target_only: The `Dataset` with the target as its only column, enough for the preview of a split.
    """

    facts: DataFacts | None = None
    target: str = ""
    columns: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    line: str = ""
    target_only: Any = None
    problems: tuple[str, ...] = ()


def summarize_dataset(args: DatasetArgs) -> DatasetSummary:
    """Summary of the data that these settings name; read once for each choice."""
    if problems_in(args):
        return DatasetSummary()
    return _look(repr(args), args)


@st.cache_resource(show_spinner=False, max_entries=16)
def _look(key: str, _args: DatasetArgs) -> DatasetSummary:
    from fitdash.data.tables.catalogue import dataset_of

    try:
        dataset = dataset_of(_args, home() / "uploads")
        facts = facts_of(dataset)
    except FitdashError as error:
        return DatasetSummary(problems=tuple(str(error).splitlines()), columns=_columns_of(_args))
    columns = tuple(str(name) for name in dataset.table.columns)
    features = tuple(name for name in columns if name not in dataset.predicted)
    alone = replace(dataset, table=dataset.table[[dataset.target_name]], inputs=())
    return DatasetSummary(
        facts=facts,
        target=dataset.target_name,
        columns=columns,
        features=features,
        line=dataset.line,
        target_only=alone,
    )


def _columns_of(args: DatasetArgs) -> tuple[str, ...]:
    """Columns of an uploaded file whose chosen target cannot be learned, so that another one can be chosen."""
    from fitdash.data.tables.upload import read_upload

    try:
        table = read_upload(args.content or "", home() / "uploads", args.filename or "The file")
    except FitdashError:
        return ()
    return tuple(str(name) for name in table.frame.columns)


def restore() -> None:
    """Reads the uploaded file's hash and name from the URL: after a reload the session state lacks them."""
    for key in IN_LINK:
        if key in st.query_params:
            st.session_state.setdefault(key, st.query_params[key])


def dataset_line(args: DatasetArgs, facts: DataFacts | None) -> str:
    """The data in one line, for the title of the section."""
    name = args.filename or "your file" if args.name == "upload" else args.name
    if facts is None:
        return escape_markdown(str(name))
    kind = f"{facts.class_count} classes" if facts.classes else f"{len(facts.outputs)} numbers"
    kind = kind if facts.classes or facts.outputs else "a number"
    kind += f" at each of {facts.steps} steps" if facts.steps else ""
    rows, columns = format_number(facts.rows), format_number(len(facts.features))
    return f"{escape_markdown(str(name))} · {rows} rows · {columns} columns → {kind}"


def draw(args: DatasetArgs, around: FormContext) -> None:
    """Draws the widgets of the data; settings that this kind of data does not have are left out."""
    declared = settings_of(DatasetArgs)
    draw_control(declared["name"], "data.name", around)
    st.file_uploader(
        "CSV file",
        type=["csv", "tsv", "txt"],
        key="data.file",
        on_change=_keep_upload,
        max_upload_size=server_resources().settings.upload_megabytes,
        help="A table with a header: one row per sample, one column to predict. It stays on this machine.",
    )
    for text in (*around.problems.get("data.content", ()), *st.session_state.get("data.refused", ())):
        st.error(escape_markdown(text))
    made = [n for n in declared if n not in (*ASKED_HERE, "content", "filename") and not around.is_off(f"data.{n}")]
    draw_controls(DatasetArgs, "data", made, around)
    for name in ("features", "target", "task"):
        if name == "features" or not around.is_off(f"data.{name}"):
            draw_control(declared[name], f"data.{name}", around)


UPLOADS = {
    HELD: ("CSV file to validate on", "A table with the same columns as the data.", "validates on", 2),
    WEIGHTS: ("CSV file of weights", "One row for each row of the data, in its order.", "weighs by", 1),
}
"""For each file beside the data: title, what it must hold, what fitdash does with it, minimum number of columns."""


def draw_uploader(key: str, problems: Sequence[str] = ()) -> None:
    """Draws the uploader of a second file: validation data or row weights."""
    title, rule, does, _ = UPLOADS[key]
    st.file_uploader(
        title,
        type=["csv", "tsv", "txt"],
        key=f"{key}.file",
        on_change=_keep,
        max_upload_size=server_resources().settings.upload_megabytes,
        args=[key],
        help=f"{rule} It stays on this machine.",
    )
    name = st.session_state.get(f"{key}.filename")
    if name:
        st.caption(f"{does} {escape_markdown(name)}")
    for text in (*problems, *st.session_state.get(f"{key}.refused", ())):
        st.error(escape_markdown(text))


def add_validation_file(loaded: DatasetSummary, experiment: Experiment) -> tuple[DataFacts | None, tuple[str, ...]]:
    """The facts of the data with those of the validation file, and the problems of that file."""
    held = experiment.fit.validation_data
    if loaded.facts is None or not isinstance(held, HoldOut) or held.kind != "upload" or problems_in(held):
        return loaded.facts, ()
    key = repr((experiment.data, held.content, experiment.fit.sample_weight))
    return _with_file(key, experiment.data, replace_invalid_values(experiment.fit), loaded.facts)


@st.cache_resource(show_spinner=False, max_entries=16)
def _with_file(key: str, _data: DatasetArgs, _fit: FitArgs, _facts: DataFacts) -> tuple[DataFacts, tuple[str, ...]]:
    from fitdash.data.tables.catalogue import dataset_of
    from fitdash.data.tables.validation_file import add_validation_facts

    uploads = home() / "uploads"
    try:
        return add_validation_facts(_facts, dataset_of(_data, uploads), _fit, uploads), ()
    except FitdashError as error:
        return _facts, tuple(str(error).splitlines())


def _keep(part: str) -> None:
    """Saves the file that the user dropped; a file that cannot be read changes nothing but the error shown."""
    from fitdash.data.tables.upload import save_upload

    state: Any = st.session_state
    file = state[f"{part}.file"]
    state[f"{part}.refused"] = ()
    if file is None:
        return
    try:
        # The uploader's own limit is checked in the browser only.
        most = server_resources().settings.upload_megabytes * 1_000_000
        check_disk_quota(
            server_resources().store, server_resources().settings, visitor_id(server_resources()), more_bytes=file.size
        )
        least = UPLOADS[part][-1] if part in UPLOADS else 2
        folder = home() / "uploads"
        content = save_upload(file.getvalue(), folder, file.name, most_bytes=most, least_columns=least)
        state[f"{part}.content"] = content
    except FitdashError as error:
        state[f"{part}.refused"] = tuple(str(error).splitlines())
        return
    state[f"{part}.filename"] = file.name
    st.query_params.update({key: state[key] for key in (f"{part}.content", f"{part}.filename")})


def _keep_upload() -> None:
    """Saves the file that the user dropped, and selects it as the data."""
    _keep("data")
    state: Any = st.session_state
    if state["data.file"] is None or state["data.refused"]:
        return
    state["data.name"] = "upload"
    for key in ("data.target", "data.features", "fit.sample_weight"):
        state.pop(key, None)
