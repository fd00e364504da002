"""Parses pasted R with a small parser of fitdash's own, which continues after a line that it cannot parse."""

from typing import Any

from fitdash.pasted.r_tokens import R_CONSTANTS, RToken, tokenize_r
from fitdash.pasted.syntax_tree import Argument, Call, Items, Name, Other, ParsedProgram, Statement, number_text

PIPES = ("%>%", "|>", "%<>%")
LISTS = ("c", "list", "dict", "tuple")
STRENGTH = {"?": 1, "<-": 5, "<<-": 5, "=": 4, "->": 6, "->>": 6, "~": 8, "|": 10, "||": 10, "&": 12, "&&": 12}
STRENGTH |= dict.fromkeys(("==", "!=", "<", ">", "<=", ">="), 16) | dict.fromkeys("+-", 18) | dict.fromkeys("*/", 20)
STRENGTH |= {"|>": 22, ":": 24, "^": 28}
SPECIAL, SIGN, NOT = 22, 26, 14
DEEPEST = 60
MOST_UNREAD = 12
"""Further lines that cannot be parsed are skipped without a complaint."""


class Unreadable(Exception):
    """A token stands where the grammar does not allow it."""


def read_r(text: str) -> ParsedProgram:
    """The statements of an R text, those inside functions and blocks too."""
    lines = text.splitlines()
    if any(line.startswith("> ") for line in lines):
        lines = [line[2:] for line in lines if line.startswith(("> ", "+ "))]
    reader = _Reader(tokenize_r("\n".join(lines)))
    reader.block(None)
    return ParsedProgram("R", tuple(reader.statements), tuple(dict.fromkeys(reader.complaints)))


class _Reader:
    """Parses the tokens (`words`) in one pass, by recursive descent with operator precedence."""

    def __init__(self, words: list[RToken]) -> None:
        self.words, self.place, self.depth = words, 0, 0
        self.statements: list[Statement] = []
        self.complaints: list[str] = []

    def block(self, end: str | None) -> None:
        """Statements up to a closing brace, or the end of the text."""
        while (word := self.here()) is not None:
            if word.text == end:
                self.place += 1
                return
            if word.kind == "end":
                self.place += 1
                continue
            before = self.place
            try:
                self.statement()
                if (after := self.here()) is not None and after.kind != "end" and after.text != end:
                    raise Unreadable(after.text)
            except (Unreadable, RecursionError):
                self.complain(self.words[min(self.place, len(self.words) - 1)])
                self.skip(before, end)
        if end is not None:
            self.complaints.append("A bracket is not closed; what stands before is read.")

    def statement(self) -> None:
        value = self.expression(0)
        if isinstance(value, Statement):
            self.statements.append(value)
        elif value is not None:
            self.statements.append(Statement((), value))

    def expression(self, least: int) -> Any:
        """A value with the binary operators after it that bind at least as strongly as `least`."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise Unreadable("too deep")
        try:
            value = self.behind(self.start())
            while (sign := self.sign()) is not None and (strength := _strength(sign.text)) >= max(least, 1):
                self.place += 1
                self.skip_ends()
                is_right = sign.text in ("<-", "<<-", "=", "^")
                value = _joined(value, sign.text, self.expression(strength + (not is_right)))
            return value
        finally:
            self.depth -= 1

    def start(self) -> Any:
        """The first operand of an expression, with its prefix operator."""
        word = self.take()
        if word.kind in ("text", "number"):
            return word.value
        if word.kind == "name":
            return self.named(word)
        if word.text in ("-", "+", "!", "~", "?"):
            value = self.expression(NOT if word.text == "!" else SIGN)
            if word.text == "-" and isinstance(value, int | float) and not isinstance(value, bool):
                return -value
            return Other(f"{word.text}…", (value,))
        if word.text == "(":
            value = self.expression(0)
            self.close(")")
            return value.value if isinstance(value, Statement) else value
        if word.text == "{":
            self.block("}")
            return Other("{…}")
        if word.text == "\\":
            return self.function(self.place - 1)
        raise Unreadable(word.text)

    def named(self, word: RToken) -> Any:
        """A name, a constant such as TRUE, or the expression that a keyword such as `if` begins."""
        if word.text in R_CONSTANTS:
            return R_CONSTANTS[word.text]
        if word.text == "function":
            return self.function(self.place - 1)
        if word.text in ("if", "while", "for"):
            head = self.given(")") if self.is_next("(") else ()
            self.skip_ends()
            parts = [*(one.value for one in head), self.expression(0)]
            if self.is_next("else") or self.is_else():
                parts.append(self.expression(0))
            return Other(f"{word.text}(…)", tuple(_bare(part) for part in parts))
        return Name(word.text.strip("`"))

    def function(self, begin: int) -> Any:
        """A function as its text; the statements in its body are collected like all others."""
        if self.is_next("("):
            self.given(")")
        self.skip_ends()
        value = _bare(self.expression(0))
        return Other(" ".join(word.text for word in self.words[begin : self.place]), (value,))

    def behind(self, value: Any) -> Any:
        """A value with the calls, indices and members after it: `f(x)`, `x[1]`, `x$name`."""
        while (word := self.here()) is not None:
            if word.text == "(" and not isinstance(value, int | float | str | None):
                self.place += 1
                value = _called(value, self.given(")"))
            elif word.text == "[":
                self.place += 1
                is_double = self.is_next("[")
                value = Other(f"{_name(value)}[…]", (value, *(one.value for one in self.given("]"))))
                if is_double:
                    self.close("]")
            elif word.text in ("$", "@", "::", ":::"):
                self.place += 1
                part = self.take().text.strip("`\"'")
                value = Name(part) if word.text.startswith("::") else Name(f"{_name(value)}${part}")
            else:
                break
        return value

    def given(self, end: str) -> tuple[Argument, ...]:
        """Arguments up to a closing bracket; empty ones are left out."""
        found = []
        while (word := self.here()) is not None and word.text != end:
            if word.text == ",":
                self.place += 1
                continue
            name = self.argument_name()
            if name is not None and (here := self.here()) is not None and here.text in (",", end):
                continue
            found.append(Argument(name, _bare(self.expression(5))))
            if not self.is_next("in") and (after := self.here()) is not None and after.text not in (",", end):
                raise Unreadable(after.text)
        self.close(end)
        return tuple(found)

    def argument_name(self) -> Any:
        """The name before an equals sign; None where there is none."""
        word = self.words[self.place]
        after = self.words[self.place + 1] if self.place + 1 < len(self.words) else None
        if after is None or after.text != "=" or word.kind not in ("name", "text"):
            return None
        self.place += 2
        return word.value if word.kind == "text" else word.text.strip("`")

    def close(self, end: str) -> None:
        """Consumes the closing bracket; at the end of the text it may be missing."""
        word = self.here()
        if word is None:
            self.complaints.append("A bracket is not closed; what stands before is read.")
        elif word.text != end:
            raise Unreadable(word.text)
        else:
            self.place += 1

    def sign(self) -> RToken | None:
        """The next binary operator, if there is one; a pipe may stand on the next line."""
        ahead = self.place
        while ahead < len(self.words) and self.words[ahead].text == "\n":
            ahead += 1
        if ahead < len(self.words) and self.words[ahead].text in PIPES:
            self.place = ahead
        word = self.here()
        return word if word is not None and word.kind == "sign" else None

    def is_next(self, text: str) -> bool:
        """Consumes this token if it comes next; true if it did."""
        word = self.here()
        if word is None or word.text != text:
            return False
        self.place += 1
        return True

    def is_else(self) -> bool:
        """Consumes `else` on a later line; true if it was there."""
        ahead = self.place
        while ahead < len(self.words) and self.words[ahead].text == "\n":
            ahead += 1
        if ahead < len(self.words) and self.words[ahead].text == "else":
            self.place = ahead + 1
            return True
        return False

    def take(self) -> RToken:
        word = self.here()
        if word is None:
            raise Unreadable("the end")
        self.place += 1
        return word

    def here(self) -> RToken | None:
        return self.words[self.place] if self.place < len(self.words) else None

    def skip_ends(self) -> None:
        while (word := self.here()) is not None and word.kind == "end":
            self.place += 1

    def complain(self, word: RToken) -> None:
        if len(self.complaints) < MOST_UNREAD:
            self.complaints.append(f"Not R: line {word.line} at {word.text.strip()[:20] or 'its end'}.")

    def skip(self, before: int, end: str | None) -> None:
        """Skips the rest of a line that cannot be parsed."""
        self.place = max(self.place, before + 1)
        while (word := self.here()) is not None and word.kind != "end" and word.text != end:
            self.place += 1


def _strength(sign: str) -> int:
    return SPECIAL if sign.startswith("%") else STRENGTH.get(sign, 0)


def _joined(left: Any, sign: str, right: Any) -> Any:
    if sign in ("<-", "<<-", "="):
        return Statement(_names(left), _bare(right))
    if sign in ("->", "->>"):
        return Statement(_names(right), _bare(left))
    if sign in PIPES:
        if isinstance(right, Call):
            return Call(right.name, right.given, _bare(left))
        if isinstance(right, Name):
            return Call(right.last, (), _bare(left))
    left, right = _bare(left), _bare(right)
    return Other(f"{_name(left)} {sign} {_name(right)}", (left, right))


def _called(value: Any, given: tuple[Argument, ...]) -> Any:
    if isinstance(value, Name):
        if value.text in LISTS:
            return Items(given)
        head, _, last = value.text.rpartition("$")
        return Call(last, given, Name(head) if head else None)
    return Other(f"{_name(value)}(…)", (value, *(one.value for one in given)))


def _names(value: Any) -> tuple[str, ...]:
    return (value.text,) if isinstance(value, Name) else (str(value),) if isinstance(value, str) else ()


def _name(value: Any) -> str:
    if isinstance(value, Name | Other):
        return value.text[:200]
    if isinstance(value, Call | Items):
        return f"{value.name}(…)" if isinstance(value, Call) else "…"
    return number_text(value) if isinstance(value, float) else str(value)[:200]


def _bare(value: Any) -> Any:
    """The assigned value where an assignment stands in place of a value; any other value as it is."""
    return value.value if isinstance(value, Statement) else value
