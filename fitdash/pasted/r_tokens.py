"""Splits R into tokens: names, numbers, strings, operators, ends of lines."""

import ast
import re
from dataclasses import dataclass
from typing import Any

WORD = re.compile(
    r"""
    (?P<space>[ \t\r\f\v\u00a0]+|\#[^\n]*)
  | (?P<end>\n|;)
  | (?P<text>[rR]?"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
  | (?P<number>0[xX][0-9a-fA-F]+L?|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?L?)
  | (?P<name>(?:[^\W\d]|\.(?!\d))[\w.]*|`[^`\n]*`)
  | (?P<sign>%[^%\n]*%|<<-|<-|->>|->|\|>|:::|::|==|!=|<=|>=|&&|\|\||[-+*/^<>=!&|~?:$@()\[\]{},\\])
  | (?P<strange>.)
    """,
    re.VERBOSE | re.DOTALL,
)
R_CONSTANTS: dict[str, Any] = {"TRUE": True, "T": True, "FALSE": False, "F": False, "NULL": None, "NA": None}
R_CONSTANTS |= {"NA_integer_": None, "NA_real_": None, "NA_character_": None, "Inf": float("inf"), "NaN": float("nan")}


@dataclass(frozen=True)
class RToken:
    """One token of R.

    Attributes:
        kind: "text" (a string), "number", "name", "sign", "end" (of a line or statement) or "strange".
        text: The token as written.
        value: Of a string or number.
        line: From 1.
    """

    kind: str
    text: str
    value: Any = None
    line: int = 1


def tokenize_r(text: str) -> list[RToken]:
    """The tokens of a text; an end of line only where it may end a statement."""
    words: list[RToken] = []
    brackets: list[str] = []
    line = 1
    for found in WORD.finditer(text):
        kind, written = str(found.lastgroup), found.group()
        inside = bool(brackets) and brackets[-1] != "{"
        if kind not in ("space", "end") or (kind == "end" and not inside):
            words.append(RToken(kind, written, _value(kind, written), line))
        if kind == "sign" and written in "([{":
            brackets.append(written)
        elif kind == "sign" and written in ")]}" and brackets:
            brackets.pop()
        line += written.count("\n")
    return words


def _value(kind: str, written: str) -> Any:
    if kind == "text":
        try:
            return ast.literal_eval(written)
        except (SyntaxError, ValueError):
            return written.strip("rR")[1:-1]
    if kind == "number":
        digits = written.removesuffix("L")
        if digits[:2] in ("0x", "0X"):
            return int(digits[:14], 16)
        return int(float(digits)) if written != digits and abs(float(digits)) < 1e18 else float(digits)
    return None
