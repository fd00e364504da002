"""The names and objects that a Python function uses, read from its bytecode; refuses those that a replay cannot repeat.

Example: a method whose global is watched, and one that is refused:

    scale = 1.0

    def forward(self, x):
        return self.head(x) * scale       # `find_reachable` yields ("scale", 1.0): recorded anew if it changes

    def forward(self, x):
        print(x.shape)                    # "eager: the step calls print()"
        return self.head(x)
"""

import builtins
import dis
import functools
import importlib.util
import sys
import types
from collections.abc import Iterator
from typing import Any

TRUSTED = ("torch", "fitdash.engine", "fitdash.data", "fitdash.nn", "numpy", "builtins")
"""Packages whose functions are assumed to have no state of their own; their tensor operations are traced anyway."""

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
"""Modules of the standard library that do no input or output and read no clock; their state is watched."""

WORLDLY = frozenset(
    ["print", "open", "input", "exec", "eval", "compile", "globals", "__import__", "breakpoint", "id", "hash"]
)
"""Built-in functions that do input or output, or that hide which objects the code reaches."""

HIDDEN = frozenset(
    ["__globals__", "__builtins__", "__subclasses__", "__closure__", "__code__", "f_globals", "f_locals", "f_back"]
    + ["_C", "to_dlpack", "SystemRandom", "grad_fn"]
)
"""Attributes through which code reaches or reads objects that no check here can see."""

UNREPEATED = frozenset(
    ["torch.cond", "torch.while_loop", "torch.compile", "torch.load", "torch.initial_seed", "torch.seed"]
    + ["numpy.load", "numpy.loadtxt", "numpy.genfromtxt", "numpy.fromfile", "numpy.memmap"]
)
"""Functions of trusted modules that read files or seeds, or that fail or change while a mode of torch observes them."""

COMPUTES = frozenset(
    ["getattr", "hasattr", "setattr", "delattr", "vars", "dir", "attrgetter", "methodcaller", "getmembers"]
    + ["getattr_static", "__dict__", "__getattribute__", "__mro__", "mro", "format", "format_map", "MATCH_CLASS"]
)
"""Functions and attributes that look up attributes by computed names."""

CHANGES = frozenset(
    ["append", "appendleft", "extend", "insert", "pop", "popleft", "popitem", "remove", "discard", "clear", "update"]
    + ["setdefault", "sort", "reverse", "write", "writelines", "put", "put_nowait", "send", "setattr", "delattr"]
    + ["register_buffer", "register_parameter", "add_module", "register_module", "next", "vars", "data", "grad"]
)
"""Names of methods that usually change their object, beside names that end in one underscore."""


class UnwatchableState(Exception):
    """Python state that cannot be watched cheaply; the text completes "the step …"."""


class Used:
    """The names that one code object uses, nested functions included.

    Attributes:
        globals, attributes: Names that it loads or assigns.
        members: Pairs of a global name and an attribute loaded from it, such as ("torch", "load").
        imports: Modules that it imports itself, as `importlib.util.resolve_name` takes them.
        writes_globals: True if it assigns to globals.
        writes: True if it assigns to attributes, items or variables of an enclosing function.
        prefixes: Beginnings of the names that it computes to look up attributes of `self`.
        computes_anywhere: True if it looks up computed names in another object, which could be a module.
    """

    def __init__(self, code: types.CodeType) -> None:
        self.globals: set[str] = set()
        self.attributes: set[str] = set()
        self.members: set[tuple[str, str]] = set()
        self.imports: set[str] = set()
        self.prefixes: set[str] = set()
        self.writes_globals = self.writes = self.computes_anywhere = False
        stack = [code]
        while stack:
            part = stack.pop()
            stack += [constant for constant in part.co_consts if isinstance(constant, types.CodeType)]
            lines = [line for line in dis.get_instructions(part) if line.opname not in ("EXTENDED_ARG", "PUSH_NULL")]
            for place, line in enumerate(lines):
                self._note(line.opname, line.argval, lines, place)

    def _note(self, name: str, value: Any, lines: list[dis.Instruction], place: int) -> None:
        if name in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"):
            self.globals.add(value)
            if value in COMPUTES:
                self._note_lookup(lines[place + 1 : place + 12])
        elif name in ("LOAD_ATTR", "LOAD_METHOD", "LOAD_SUPER_ATTR", "IMPORT_FROM"):
            self.attributes.add(value)
            self.computes_anywhere |= value in COMPUTES
            if place and lines[place - 1].opname == "LOAD_GLOBAL":
                self.members.add((lines[place - 1].argval, value))
        elif name == "IMPORT_NAME":
            level = lines[place - 2].argval  # the names that are imported come between
            self.imports.add("." * level + value if isinstance(level, int) else value)
        elif name in ("STORE_GLOBAL", "DELETE_GLOBAL"):
            self.writes_globals = True
        elif name in ("STORE_ATTR", "DELETE_ATTR"):
            self.attributes.add(value)
            self.writes = True
        elif name in ("STORE_SUBSCR", "DELETE_SUBSCR", "STORE_DEREF", "STORE_SLICE"):
            self.writes = True
        elif name.startswith(("FORMAT_", "CONVERT_")) or (name == "BINARY_OP" and "%" in lines[place].argrepr):
            self.attributes.add("str")
        elif name == "MATCH_CLASS":
            self.computes_anywhere = True

    def _note_lookup(self, lines: list[dis.Instruction]) -> None:
        """Note the name that `getattr(x, "name")` looks up, or that it is not a constant."""
        rest = lines[1:]
        while rest and rest[0].opname == "LOAD_ATTR":
            rest = rest[1:]
        loads = [line for line in rest[:2] if line.opname.startswith(SIMPLE) and not isinstance(line.argval, tuple)]
        following = rest[len(loads) :][:1]
        is_called = bool(following) and following[0].opname in ("PRECALL", "CALL")
        first = lines[0].argval[0] if isinstance(lines[0].argval, tuple) else lines[0].argval  # two loads in one
        if lines[0].opname.startswith("LOAD_") and loads and is_called and loads[0].opname == "LOAD_CONST":
            self.attributes.add(str(loads[0].argval))
        elif first == "self" and rest == lines[1:]:
            self.prefixes.add(_prefix(rest))
        else:
            self.computes_anywhere = True


def _prefix(lines: list[dis.Instruction]) -> str:
    """The constant beginning of a computed name, "layer" of `f"layer{place}"`; empty if it cannot be told."""
    if lines[0].opname != "LOAD_CONST" or not isinstance(lines[0].argval, str):
        return ""
    joined = ("BUILD_STRING", "BINARY_OP")
    for line, following in zip(lines[1:], lines[2:], strict=False):
        if line.opname in joined and following.opname in ("PRECALL", "CALL"):
            return lines[0].argval if line.opname == "BUILD_STRING" or line.argrepr == "+" else ""
        is_simple = line.opname.startswith((*SIMPLE, "FORMAT_", "CONVERT_"))
        if not is_simple and not (line.opname == "BINARY_OP" and line.argrepr in ("+", "-")):
            break
    return ""


analyze_code = functools.lru_cache(maxsize=4096)(Used)


SIMPLE = ("LOAD_FAST", "LOAD_CONST", "LOAD_SMALL", "LOAD_GLOBAL", "LOAD_DEREF")
"""Instructions that only load one value."""

STOCK = dict(vars(builtins))
"""The built-in names as they were when this module was imported."""


def is_trusted(thing: Any) -> bool:
    """True if a function, class or module belongs to one of the `TRUSTED` packages."""
    if isinstance(thing, types.FunctionType):  # the module of its source, which no decorator hides
        name = thing.__globals__.get("__name__")
    elif isinstance(thing, types.ModuleType):
        name = vars(thing).get("__name__")
    else:
        name = getattr(thing, "__module__", None)
    return isinstance(name, str) and _is_known(name)


@functools.lru_cache(maxsize=4096)
def _is_known(name: str) -> bool:
    return any(name == known or name.startswith(known + ".") for known in TRUSTED)


def find_reachable(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """The objects outside its arguments that a function can reach, with names; modules as a whole.

    Raises:
        UnwatchableState: it writes globals, or uses clocks, files or printing.
    """
    used = analyze_code(function.__code__)
    if used.writes_globals:
        raise UnwatchableState("writes global variables")
    if hidden := HIDDEN & used.attributes:
        raise UnwatchableState(f"uses {min(hidden)}, behind which nothing is seen")
    for name, member in sorted(used.members):
        module = function.__globals__.get(name)
        if isinstance(module, types.ModuleType) and f"{module.__name__}.{member}" in UNREPEATED:
            raise UnwatchableState(f"calls {module.__name__}.{member}()")
    for name in sorted(used.imports):
        for full in _imported(name, function):
            yield full, sys.modules.get(full)
    for name in sorted(used.globals):
        if name in function.__globals__:
            yield name, function.__globals__[name]
        elif name in WORLDLY:
            raise UnwatchableState(f"calls {name}()")
        elif name in vars(builtins) and vars(builtins)[name] is not STOCK.get(name):
            yield name, vars(builtins)[name]
    yield from closure_values(function)
    yield "defaults", function.__defaults__
    yield "keyword defaults", function.__kwdefaults__
    yield from list(function.__dict__.items())


def closure_values(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """The variables of enclosing functions that a function uses, by name."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:  # not bound yet
            yield name, None


def _imported(name: str, function: types.FunctionType) -> list[str]:
    """The full names of a module that a function imports, and of the packages around it."""
    try:
        name = importlib.util.resolve_name(name, function.__globals__.get("__package__"))
    except ImportError as error:
        raise UnwatchableState(f"imports {name}") from error
    parts = name.split(".")
    names = [".".join(parts[: place + 1]) for place in range(len(parts))]
    refuse_module(name)
    return names


def refuse_module(name: str) -> None:
    """Refuse modules of the standard library that read clocks or files, or do other input and output.

    Raises:
        UnwatchableState: it is one.
    """
    root = name.partition(".")[0]
    if is_standard(name) and root not in HARMLESS and root not in TRUSTED and root != "__main__":
        raise UnwatchableState(f"uses the module {name}")


def is_standard(name: str) -> bool:
    """True if a module belongs to the standard library."""
    return name.partition(".")[0] in sys.stdlib_module_names
