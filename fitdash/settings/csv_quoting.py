"""Quoting as in CSV: text in double quotes, in which a quote is written twice."""

import re

QUOTED = r'"(?:[^"]|"")*"'


def quote(text: str) -> str:
    """The text in quotes."""
    return '"' + text.replace('"', '""') + '"'


def unquote(text: str) -> str:
    """The text without its quotes; unquoted text unchanged."""
    return text[1:-1].replace('""', '"') if is_quoted(text) else text


def is_quoted(text: str) -> bool:
    """True if the whole text is quoted."""
    return re.fullmatch(QUOTED, text) is not None


def split_at_commas(text: str) -> list[str]:
    """The parts between commas outside quotes and parentheses, without surrounding spaces."""
    words, word, depth, is_open = [], "", 0, False
    for sign in text:
        if sign == '"' and (is_open or word.rstrip()[-1:] in ("", ",", "(")):
            is_open = not is_open
        elif not is_open:
            depth = max(0, depth + {"(": 1, ")": -1}.get(sign, 0))
        if sign == "," and not (is_open or depth):
            words.append(word.strip())
            word = ""
        else:
            word += sign
    return [*words, word.strip()]
