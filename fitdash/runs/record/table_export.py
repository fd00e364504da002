"""A table of runs as a file: CSV, JSON, Parquet, LaTeX."""

import io
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fitdash.errors import SettingError
from fitdash.runs.protocol.json_codec import to_plain
from fitdash.runs.record.run_text import to_strict_json
from fitdash.settings.declaration import describe_unknown_name

if TYPE_CHECKING:
    import pandas as pd

_LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    **{sign: "\\" + sign for sign in "&%$#_{}"},
}


def export_table(frame: "pd.DataFrame", kind: str, *, columns: Sequence[str] | None = None) -> bytes:
    """The table as a file.

    Args:
        frame: The table of `compare_runs`, or any other.
        kind: "csv", "json", "parquet" or "latex".
        columns: Only these, in this order.

    Raises:
        SettingError: the kind or a column is unknown.
    """
    if kind not in KINDS:
        raise SettingError(describe_unknown_name("kind of file", kind, tuple(KINDS)))
    for name in columns or ():
        if name not in frame:
            raise SettingError(describe_unknown_name("column", name, tuple(map(str, frame.columns))))
    return KINDS[kind](frame if columns is None else frame[list(columns)])


def latex(frame: "pd.DataFrame") -> str:
    """The table as LaTeX with booktabs; numbers with four digits, aligned right."""
    aligns = "".join("r" if frame[name].dtype.kind in "iuf" else "l" for name in frame)
    rows = [" & ".join(_tex(value) for value in row) + r" \\" for row in frame.itertuples(index=False)]
    head = " & ".join(_tex(name) for name in frame) + r" \\"
    lines = [rf"\begin{{tabular}}{{{aligns}}}", r"\toprule", head, r"\midrule", *rows, r"\bottomrule", r"\end{tabular}"]
    return "\n".join(lines) + "\n"


def _tex(value: Any) -> str:
    if _is_missing(value):
        return "--"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return "".join(_LATEX.get(sign, sign) for sign in " ".join(str(value).split()))


def _parquet(frame: "pd.DataFrame") -> bytes:
    """The table as Parquet; a column of mixed types, such as "batch" beside True, becomes texts."""
    mixed = {
        name: frame[name].map(lambda value: None if value is None else str(value))
        for name in frame
        if frame[name].dtype == object and len({type(value) for value in frame[name] if value is not None}) > 1
    }
    file = io.BytesIO()
    frame.assign(**mixed).to_parquet(file, index=False)
    return file.getvalue()


def _rows(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    times = {name: frame[name].map(lambda value: value.isoformat()) for name in frame if frame[name].dtype.kind == "M"}
    return [
        {str(name): None if _is_missing(value) else to_plain(value) for name, value in row.items()}
        for row in frame.assign(**times).astype(object).to_dict("records")
    ]


def _is_missing(value: Any) -> bool:
    """True for None, NaN and the missing values of pandas."""
    import pandas as pd

    return pd.api.types.is_scalar(value) and bool(pd.isna(value))


KINDS: dict[str, Callable[["pd.DataFrame"], bytes]] = {
    "csv": lambda frame: frame.to_csv(index=False).encode(),
    "json": lambda frame: to_strict_json(_rows(frame)).encode(),
    "parquet": _parquet,
    "latex": lambda frame: latex(frame).encode(),
}
