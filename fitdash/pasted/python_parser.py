"""Parses pasted Python with `ast`; a text with a syntax error is parsed statement by statement."""

import ast
import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from fitdash.pasted.syntax_tree import Argument, Call, Items, Name, Other, ParsedProgram, Statement

FAILURES = (SyntaxError, ValueError, RecursionError, MemoryError)
CLOSING = {"(": ")", "[": "]", "{": "}"}
MOST_UNREAD = 12
"""After this many pieces that cannot be parsed the rest is skipped."""


def read_python(text: str) -> ParsedProgram:
    """The statements of a Python text, those inside functions and blocks too."""
    text = _plain(text)
    complaints: list[str] = []
    statements: list[Statement] = []
    for piece in _pieces(text):
        if len(complaints) == MOST_UNREAD:
            complaints.append("And more that is not Python.")
            break
        try:
            tree, is_cut = _parsed(piece)
            statements += _statements(tree.body, piece)
        except FAILURES:
            complaints.append(f"Not Python: {_first_line(piece)}")
            continue
        if is_cut:
            complaints.append("A bracket is not closed; what stands before is read.")
    return ParsedProgram("Python", tuple(statements), tuple(complaints))


def _plain(text: str) -> str:
    """The text without prompts, notebook magics and a common indent."""
    lines = text.replace("\t", "    ").splitlines()
    if any(line.lstrip().startswith(">>> ") for line in lines):
        lines = [line.lstrip()[4:] for line in lines if line.lstrip().startswith((">>> ", "... "))]
    lines = [re.sub(r"^\s*(In|Out) ?\[\d*\]: ?", "", line) for line in lines]
    lines = ["" if re.match(r"\s*(!|%\w)", line) else line for line in lines]
    return textwrap.dedent("\n".join(lines)).strip("\n")


def _pieces(text: str) -> Iterator[str]:
    """The whole text if it can be read, else its statements one by one."""
    try:
        ast.parse(text)
        yield text
        return
    except FAILURES:
        pass
    piece: list[str] = []
    stack: list[str] = []
    for line in text.splitlines():
        begins = line[:1].strip() and not line.startswith((")", "]", "}", "#"))
        if begins and piece and not stack:
            yield "\n".join(piece)
            piece = []
        piece.append(line)
        stack = _open(line, stack)
    if "\n".join(piece).strip():
        yield "\n".join(piece)


def _parsed(piece: str) -> tuple[ast.Module, bool]:
    """The syntax tree of a piece, and whether brackets had to be closed to parse it."""
    try:
        return ast.parse(textwrap.dedent(piece)), False
    except SyntaxError:
        stack = _open(piece)
        if not stack or len(stack) > 50:
            raise
    return ast.parse(piece.rstrip().rstrip(",") + "".join(CLOSING[one] for one in reversed(stack))), True


def _open(text: str, before: Sequence[str] = ()) -> list[str]:
    """The brackets that are open at the end of a text, after those before; quotes and comments do not count."""
    bare = re.sub(r"\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'|#[^\n]*", "", text)
    stack = list(before)
    for sign in bare:
        if sign in CLOSING:
            stack.append(sign)
        elif stack and sign == CLOSING[stack[-1]]:
            stack.pop()
    return stack


def _statements(body: list[Any], source: str) -> Iterator[Statement]:
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            continue
        if isinstance(node, ast.FunctionDef):
            lines = source.splitlines()[node.body[0].lineno - 1 : node.end_lineno]
            yield Statement((node.name,), Other("\n".join(lines)))
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield Statement(tuple(_names(targets)), None if node.value is None else _value(node.value))
        elif hasattr(node, "value") and isinstance(node.value, ast.expr):
            yield Statement((), _value(node.value))
        for inner in ("body", "orelse", "finalbody"):
            if isinstance(getattr(node, inner, None), list):
                yield from _statements(getattr(node, inner), source)


def _names(targets: list[Any]) -> Iterator[str]:
    for target in targets:
        if isinstance(target, ast.Name):
            yield target.id
        elif isinstance(target, ast.Tuple | ast.List):
            yield from _names(target.elts)


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None as value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case ast.Name() | ast.Attribute() if (dotted := _dotted(node)) is not None:
            return Name(dotted)
        case ast.List() | ast.Tuple() | ast.Set():
            return Items(tuple(Argument(None, _value(one)) for one in node.elts))
        case ast.Dict():
            pairs = zip(node.keys, node.values, strict=True)
            return Items(tuple(Argument("**" if key is None else _value(key), _value(value)) for key, value in pairs))
        case ast.Call():
            return _call(node)
    parts = tuple(_value(child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr))
    return Other(ast.unparse(node), parts)


def _dotted(node: ast.expr) -> str | None:
    """The dotted name that a node is, if it is one."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join([node.id, *reversed(parts)]) if isinstance(node, ast.Name) else None


def _call(node: ast.Call) -> Any:
    given = [Argument(None, _value(one)) for one in node.args]
    given += [Argument(one.arg or "**", _value(one.value)) for one in node.keywords]
    function = node.func
    if isinstance(function, ast.Name):
        return Call(function.id, tuple(given))
    if isinstance(function, ast.Attribute):
        return Call(function.attr, tuple(given), _value(function.value))
    if isinstance(function, ast.Call):  # a layer that is called on another: Dense(64)(inputs)
        inner = _call(function)
        return Call(inner.name, inner.given, Items(tuple(given))) if isinstance(inner, Call) else inner
    return Other(ast.unparse(node), tuple(one.value for one in given))


def _first_line(piece: str) -> str:
    line = piece.strip().splitlines()[0] if piece.strip() else ""
    return line if len(line) <= 60 else f"{line[:59]}…"
