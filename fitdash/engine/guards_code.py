"""What a Python function can reach, and whether it does what no recording repeats."""

import builtins
import dis
import functools
import sys
import types
from collections.abc import Iterator
from typing import Any

TRUSTED = ("torch", "fitdash.engine", "fitdash.data", "fitdash.nn", "numpy", "builtins")
"""Packages whose functions are taken to have no state of their own; what they do to tensors is noted anyway."""

HARMLESS = frozenset(
    [
        "__future__",
        "abc",
        "cmath",
        "collections",
        "contextlib",
        "copy",
        "dataclasses",
        "enum",
        "fractions",
        "functools",
        "inspect",
        "itertools",
        "math",
        "numbers",
        "operator",
        "random",
        "re",
        "string",
        "types",
        "typing",
    ]
)
"""Modules of the standard library that neither look at the world nor change it, once their state is watched."""

WORLDLY = frozenset(
    ["print", "open", "input", "exec", "eval", "compile", "globals", "__import__", "breakpoint", "id", "hash"]
)
"""Built-in functions that do, or that hide what is reached."""


CHANGES = frozenset(
    ["append", "appendleft", "extend", "insert", "pop", "popleft", "popitem", "remove", "discard", "clear", "update"]
    + ["setdefault", "sort", "reverse", "write", "writelines", "put", "put_nowait", "send", "setattr", "delattr"]
    + ["register_buffer", "register_parameter", "add_module", "register_module", "next", "vars", "data", "grad"]
)
"""Names that hint at something which is changed by calling it, beside those that end in one underscore."""


class Unwatchable(Exception):
    """Python state that cannot be watched cheaply; the text completes "the step …"."""


class Used:
    """What one code object names, nested functions included.

    Attributes:
        globals, attributes: Names that it loads.
        imports: Modules that it imports itself.
        writes_globals: Whether it assigns to globals.
        writes: Whether it assigns to attributes, or to parts of something.
    """

    def __init__(self, code: types.CodeType) -> None:
        self.globals: set[str] = set()
        self.attributes: set[str] = set()
        self.imports: set[str] = set()
        self.writes_globals = self.writes = False
        stack = [code]
        while stack:
            part = stack.pop()
            stack += [constant for constant in part.co_consts if isinstance(constant, types.CodeType)]
            for line in dis.get_instructions(part):
                self._note(line.opname, line.argval)

    def _note(self, name: str, value: Any) -> None:
        if name in ("LOAD_GLOBAL", "LOAD_NAME"):
            self.globals.add(value)
        elif name in ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "IMPORT_FROM"):
            self.attributes.add(value)
        elif name == "IMPORT_NAME":
            self.imports.add(value)
        elif name in ("STORE_GLOBAL", "DELETE_GLOBAL"):
            self.writes_globals = True
        elif name in ("STORE_ATTR", "DELETE_ATTR", "STORE_SUBSCR", "DELETE_SUBSCR", "STORE_DEREF"):
            self.writes = True


used_by = functools.lru_cache(maxsize=4096)(Used)


def is_trusted(thing: Any) -> bool:
    """Whether a function, class or module belongs to torch, NumPy or this engine."""
    name = thing.__name__ if isinstance(thing, types.ModuleType) else getattr(thing, "__module__", None) or ""
    return isinstance(name, str) and any(name == known or name.startswith(known + ".") for known in TRUSTED)


def reached(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """Everything outside its arguments that a function can get at, with names.

    Raises:
        Unwatchable: it writes globals, or uses what looks at the world: clocks, files, printing.
    """
    used = used_by(function.__code__)
    if used.writes_globals:
        raise Unwatchable("writes global variables")
    for name in used.imports:
        refuse_module(name)
        yield from _members(sys.modules.get(name), used.attributes)
    for name in sorted(used.globals):
        if name in function.__globals__:
            value = function.__globals__[name]
            yield name, value
            if isinstance(value, types.ModuleType):
                refuse_module(value.__name__)
                yield from _members(value, used.attributes)
        elif name in WORLDLY and hasattr(builtins, name):
            raise Unwatchable(f"calls {name}()")
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not bound yet
            yield name, None
    yield "defaults", function.__defaults__
    yield "keyword defaults", function.__kwdefaults__
    yield from function.__dict__.items()


def refuse_module(name: str) -> None:
    """Refuse the modules of the standard library that look at the world.

    Raises:
        Unwatchable: it is one.
    """
    root = name.partition(".")[0]
    if root in sys.stdlib_module_names and root not in HARMLESS and root not in TRUSTED and root != "__main__":
        raise Unwatchable(f"uses the module {name}")


def _members(module: Any, names: set[str]) -> Iterator[tuple[str, Any]]:
    """What a function may take from a module that is neither torch's nor Python's."""
    if module is None or is_trusted(module) or module.__name__.partition(".")[0] in sys.stdlib_module_names:
        return
    for name in sorted(names & vars(module).keys()):
        yield name, vars(module)[name]
