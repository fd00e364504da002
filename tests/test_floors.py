"""The floors of the package: imports go downwards only, at every depth, those inside functions too.

A folder is a room; `fitdash/` itself counts as two, the modules that every room may use at the bottom (`errors`,
`options`, `private_names`, `random_state`, `version`) and the public face on top.
"""

import ast
import importlib
import re
import sys
from collections import defaultdict
from functools import cache
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "fitdash"
BOTTOM = {"errors", "options", "private_names", "random_state", "version"}
FLOORS = [
    {"(bottom)", "settings"},
    {"data", "nn", "pasted"},
    {"engine"},
    {"runs", "charts"},
    {"model", "export"},
    {"jobs", "sweeps"},
    {"ui", "cli"},
    {"(face)"},
]
FLOOR_OF = {name: floor for floor, names in enumerate(FLOORS) for name in names}
MOST_FLOORS = 10
"""The longest import path over the parts of the package and what stands on it."""
MOST_NESTED_FLOORS = 17
"""The same over all folders, however deep: losses, metrics, objective, step, recording and training are six of them."""
MOST_LINES = 700
MOST_PAGE_LINES = 60
MOST_MODULES = 30
"""In one folder, its `__init__` left out."""

FILES = sorted(PACKAGE.rglob("*.py"))
PAGES = [*sorted((ROOT / "pages").glob("*.py")), ROOT / "app.py"]
EVERYWHERE = [*FILES, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "benchmarks").glob("*.py"))]


def dotted(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {dotted(path): path for path in FILES}


@cache
def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def running(node):
    """All nodes below, but those under `if TYPE_CHECKING`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from running(child)


@cache
def imports(path):
    """The modules that a file imports at run time; those of the package in full."""
    found = []
    for node in running(tree_of(path)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.append(full if full in MODULES else str(node.module))
    return found


def room(module):
    """The folder of a module: "engine/losses"; "(bottom)" or "(face)" for those of `fitdash/` itself."""
    folder = MODULES[module].relative_to(PACKAGE).parent.as_posix()
    if folder != ".":
        return folder
    return "(bottom)" if module.rpartition(".")[2] in BOTTOM else "(face)"


def arrows():
    """Which rooms import which, and by which imports."""
    found = defaultdict(lambda: defaultdict(list))
    for module, path in MODULES.items():
        for other in imports(path):
            if other in MODULES and room(other) != room(module):
                found[room(module)][room(other)].append(f"{module} imports {other}")
    return found


def test_imports_go_downwards():
    floor = {name: FLOOR_OF[name.partition("/")[0]] for name in map(room, MODULES)}
    upwards = [made for start, ends in arrows().items() for end, made in ends.items() if floor[end] > floor[start]]

    assert not upwards


def longest(found):
    """How many rooms the longest way down leads through.

    Raises:
        AssertionError: a way comes back to where it was.
    """
    lengths = {}

    def length(name, path):
        assert name not in path, f"a circle: {[found[a][b][0] for a, b in pairwise((*path, name))]}"
        if name not in lengths:
            lengths[name] = 1 + max((length(end, (*path, name)) for end in found.get(name, ())), default=0)
        return lengths[name]

    return max(length(name, ()) for name in list(found))


def test_no_two_folders_import_each_other_and_no_way_down_is_long():
    nested, parts = arrows(), defaultdict(lambda: defaultdict(list))
    for start, ends in nested.items():
        for end, made in ends.items():
            if start.partition("/")[0] != end.partition("/")[0]:
                parts[start.partition("/")[0]][end.partition("/")[0]] += made

    assert longest(nested) <= MOST_NESTED_FLOORS
    assert longest(parts) <= MOST_FLOORS


def test_no_two_files_import_each_other():
    graph = {module: {other for other in imports(path) if other in MODULES} for module, path in MODULES.items()}
    done = set()

    def visit(module, path):
        assert module not in path, f"a circle of files: {' → '.join((*path, module))}"
        if module not in done:
            for other in graph[module] - {module}:
                visit(other, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def test_only_the_dashboard_imports_streamlit_and_what_it_shows_does_not():
    wrong = [
        str(path.relative_to(ROOT))
        for path in FILES
        if any(name.partition(".")[0] == "streamlit" for name in imports(path))
        and ("ui" not in path.relative_to(PACKAGE).parts or "view_models" in path.parts)
    ]

    assert not wrong


def test_the_settings_need_the_standard_library_alone():
    needed = {name.partition(".")[0] for path in (PACKAGE / "settings").rglob("*.py") for name in imports(path)}

    assert needed - set(sys.stdlib_module_names) == {"fitdash"}


def test_a_class_name_stands_for_one_class():
    places = defaultdict(list)
    for path in FILES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(dotted(path))

    assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_names_are_imported_from_where_they_are_defined():
    """Every import that is passed on (`X as X`), but those of the public face."""
    passed_on = [
        f"{path.relative_to(ROOT)}: {alias.name}"
        for path in FILES
        if path.parent != PACKAGE
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        if alias.asname == alias.name
    ]

    assert not passed_on


def quoted(pattern, skipped=()):
    """What a pattern finds in the texts of the code, with where it stands."""
    for path in EVERYWHERE:
        if path in skipped:
            continue
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for match in re.finditer(pattern, node.value):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", match


def is_there(name):
    """Whether a dotted name leads to a module or to something in one."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        if ".".join(parts[:end]) in MODULES:
            found = importlib.import_module(".".join(parts[:end]))
            for part in parts[end:]:
                if not hasattr(found, part):
                    return False
                found = getattr(found, part)
            return True
    return False


def test_quoted_module_paths_lead_somewhere():
    """What fails in silence when a file moves: `python -m fitdash.…`, monkeypatched paths, programs of tests."""
    files = {"fitdash.toml"}
    wrong = [
        f"{where} {match[0]}"
        for where, match in quoted(r"(?<![\w/.])fitdash(?:\.\w+)+")
        if match[0] not in files and not is_there(match[0])
    ]
    wrong += [
        f"{where} {match[0]}"
        for where, match in quoted(r"from (fitdash[\w.]*) import (\w+(?:, \w+)*)")
        for name in match[2].split(", ")
        if not is_there(f"{match[1]}.{name}")
    ]

    assert not wrong


def test_files_and_folders_stay_small():
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in EVERYWHERE}
    pages = {
        path: path.read_text(encoding="utf-8").splitlines()
        for path in [*(ROOT / "pages").glob("*.py"), ROOT / "app.py"]
    }
    modules = defaultdict(int)
    for path in FILES:
        modules[path.parent] += path.name != "__init__.py"

    assert {str(path): lines for path, lines in lengths.items() if lines > MOST_LINES} == {}
    assert {str(path): len(lines) for path, lines in pages.items() if len(lines) > MOST_PAGE_LINES} == {}
    assert {str(path): count for path, count in modules.items() if count > MOST_MODULES} == {}
