"""The documents name files, functions and clauses that are there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = [*sorted((ROOT / "docs").glob("*.md")), *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING"))]
PATH = re.compile(
    r"`((?:fitdash|tests|benchmarks|docs|examples|pages|\.streamlit|\.ci)/[\w./*-]*|app\.py|pages/\w+\.py)`"
)
FOLDERS = "settings|ui|data|engine|model|nn|jobs|runs|charts|export|pasted|sweeps"
BEHIND = re.compile(rf"`((?:fitdash/)?(?:{FOLDERS})/[\w/]+\.py)`((?:,? `\w+(?:\.\w+)*`)+)")
"""A path and the names behind it: `fitdash/settings/fit.py` `FitArgs`."""
BEFORE = re.compile(rf"((?:`\w+(?:\.\w+)*`(?:, | and )?)+)\s+(?:in|of|\()\s?`((?:fitdash/)?(?:{FOLDERS})/[\w/]+\.py)`")
"""The names first: `FitArgs` in `fitdash/settings/fit.py`, or with the path in brackets."""
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)\)")
CONTRACT = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
CLAUSES = set(re.findall(r"\*\*(\d+\.\d+[a-z]?)\*\*", CONTRACT))
OTHER_NUMBERS = {"200_megabytes_are_refused_in_words"}
"""Tests whose names begin with a number that is no clause."""


def text_of(path):
    return path.read_text(encoding="utf-8")


@cache
def names_in(path):
    """Functions, classes, methods, fields and constants of a module."""
    found = set()
    for node in ast.walk(ast.parse(text_of(path))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        targets = [node.target] if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [])
        found |= {getattr(target, "id", None) or getattr(target, "attr", None) for target in targets}
    return found


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_paths_and_links_lead_somewhere(document):
    text = text_of(document)
    missing = [path for path in PATH.findall(text) if not list(ROOT.glob(path))]
    missing += [link for link in LINK.findall(text) if not (document.parent / link).exists()]

    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_names_beside_a_path_are_in_that_file(document):
    text = text_of(document)
    pairs = [*BEHIND.findall(text), *((path, names) for names, path in BEFORE.findall(text))]
    missing = []
    for short, listed in pairs:
        path = ROOT / (short if short.startswith("fitdash/") else f"fitdash/{short}")
        known = names_in(path) if path.exists() else set()
        words = [part for name in re.findall(r"`([\w.]+)`", listed) for part in name.split(".")]
        missing += [f"{short} {word}" for word in words if word not in known]

    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_tests_that_are_named_are_there(document):
    missing = [f"{path}::{name}" for path, name in TEST.findall(text_of(document)) if name not in names_in(ROOT / path)]

    assert not missing


def test_tests_point_to_clauses_that_are_there():
    missing = []
    for path in (ROOT / "tests").rglob("test_*.py"):
        for name in re.findall(r"def test_(\d\w*)", text_of(path)):
            clause, section = re.match(r"(\d+)_(\d+[a-z]?)_", name), re.match(r"(\d+)_", name)
            is_there = f"{clause[1]}.{clause[2]}" in CLAUSES if clause else f"\n## {section[1]}. " in CONTRACT
            if not is_there and name not in OTHER_NUMBERS:
                missing.append(f"{path.relative_to(ROOT)}: test_{name}")

    assert not missing
