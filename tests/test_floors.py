"""The floors of the package: imports go downwards only, those inside functions too."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = [
    {"settings", "options", "errors", "__init__"},
    {"data", "nn", "random_state", "pasted"},
    {"engine", "optimizers"},
    {"runs", "charts", "callbacks"},
    {"model", "export"},
    {"jobs", "sweeps"},
    {"ui", "cli", "__main__"},
]
FLOOR_OF = {name: floor for floor, names in enumerate(FLOORS) for name in names}
FILES = sorted((ROOT / "fitdash").rglob("*.py"))


def imports(path):
    """Every module that a file imports at run time, as (dotted name, imported names)."""
    for node in _running(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, ()) for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            yield node.module, tuple(alias.name for alias in node.names)


def _running(tree):
    """All nodes, but those under `if TYPE_CHECKING`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        yield from _running(node)


def part_of(dotted, names):
    """The parts of fitdash that an import reaches: data for `fitdash.data.batches.rows`."""
    pieces = dotted.split(".")
    if pieces[0] != "fitdash":
        return []
    return [pieces[1]] if len(pieces) > 1 else [name if name in FLOOR_OF else "__init__" for name in names]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_downwards(path):
    own = path.relative_to(ROOT / "fitdash").parts[0].removesuffix(".py")
    if own == "__init__":
        return
    for dotted, names in imports(path):
        for part in part_of(dotted, names):
            assert FLOOR_OF[part] <= FLOOR_OF[own], (
                f"{own} (floor {FLOOR_OF[own]}) imports {part} (floor {FLOOR_OF[part]})"
            )


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_ui_imports_streamlit(path):
    used = {dotted.split(".")[0] for dotted, _ in imports(path)}

    assert "streamlit" not in used or "ui" in path.relative_to(ROOT / "fitdash").parts


@pytest.mark.parametrize("path", sorted((ROOT / "fitdash/settings").rglob("*.py")), ids=lambda path: path.name)
def test_the_settings_need_the_standard_library_alone(path):
    import sys

    outside = {dotted.split(".")[0] for dotted, _ in imports(path)} - set(sys.stdlib_module_names) - {"fitdash"}

    assert not outside


@pytest.mark.parametrize(
    "path",
    [*FILES, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "pages").glob("*.py")), ROOT / "app.py"],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_files_stay_short(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())

    assert lines <= (700 if path.relative_to(ROOT).parts[0] in ("fitdash", "tests") else 60)
