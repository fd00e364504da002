"""Names of parametrized tests, the same in every process: they are found again by them, and spread over several."""

import re

FUNCTION = re.compile(r"<function (\S+) at 0x[0-9a-f]+>")


def named(value: object) -> str:
    """How a value prints itself, functions inside it by their names."""
    return FUNCTION.sub(r"\1", str(value))
