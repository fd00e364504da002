"""Formats calls, literals and scripts as source text, in Python and in R."""

import json
from collections.abc import Mapping, Sequence
from textwrap import indent
from typing import Any

WIDTH = 100


def format_call(name: str, arguments: Sequence[str], *, last: str = ",", by: int = 4) -> str:
    """A call on one line if it fits, else with an argument on each line.

    Args:
        name: Name of the function.
        arguments: Source text of each argument.
        last: Written after the last argument of a call over several lines; R allows no comma there.
        by: Spaces per indent.
    """
    line = f"{name}({', '.join(arguments)})"
    if len(line) <= WIDTH and "\n" not in line:
        return line
    rows = ",\n".join(indent(argument, " " * by) for argument in arguments)
    return f"{name}(\n{rows}{last}\n)"


def format_list(items: Sequence[str]) -> str:
    """A Python list on one line if it fits, else an item on each line."""
    line = f"[{', '.join(items)}]"
    if len(line) <= WIDTH - 12 and "\n" not in line:
        return line
    return "[\n" + "".join(f"{indent(item, '    ')},\n" for item in items) + "]"


def python_literal(value: Any) -> str:
    """A value as a Python literal."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, tuple | list):
        return f"[{', '.join(python_literal(one) for one in value)}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{python_literal(key)}: {python_literal(one)}" for key, one in value.items()) + "}"
    return repr(value)


def r_literal(value: Any) -> str:
    """A value as an R literal: integers end in L, sequences and mappings are lists, keys are quoted."""
    if value is None or isinstance(value, bool):
        return {None: "NULL", True: "TRUE", False: "FALSE"}[value]
    if isinstance(value, int):
        return f"{value}L" if abs(value) < 2**31 else str(value)
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return f"list({', '.join(f'{r_literal(str(key))} = {r_literal(float(one))}' for key, one in value.items())})"
    return f"list({', '.join(r_literal(one) for one in value)})"


def format_keywords(values: Mapping[str, Any]) -> list[str]:
    """Keyword arguments in Python."""
    return [f"{name}={python_literal(value)}" for name, value in values.items()]


def format_r_keywords(values: Mapping[str, Any]) -> list[str]:
    """Named arguments in R."""
    return [f"{name} = {r_literal(value)}" for name, value in values.items()]


def join_script(
    *, imports: Sequence[str], functions: Sequence[str], sections: Sequence[Sequence[str]], notes: Sequence[str] = ()
) -> str:
    """A Python script: notes as comments, imports, functions with blank lines around them, the other sections."""
    head = "\n\n".join(filter(None, ["\n".join(f"# {note}" for note in notes), "\n".join(imports)]))
    body = "\n\n".join("\n".join(lines) for lines in sections)
    return "\n\n\n".join([head, *functions, body]) + "\n" if functions else f"{head}\n\n{body}\n"
