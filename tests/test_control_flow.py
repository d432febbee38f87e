"""The program has no control flow that is hard to read."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = [file for folder in ("gatelab", "service", "worker", "migrations", "scripts", "benchmarks", "examples")
         for file in (ROOT / folder).rglob("*.py") if "node_modules" not in file.parts]  # fmt: skip


def conditionals(text: str) -> Iterator[int]:
    """The lines of conditional expressions that have another one as one of their three parts."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.IfExp) and any(isinstance(part, ast.IfExp) for part in ast.iter_child_nodes(node)):
            yield node.lineno


def finalizers(text: str) -> Iterator[int]:
    """The lines where another method is called `__del__` as well."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assign) and any(ast.unparse(target) == "__del__" for target in node.targets):
            yield node.lineno


@pytest.mark.parametrize("found", [conditionals, finalizers])
def test_no_file_has_it(found: object) -> None:
    assert callable(found)
    assert {
        f"{file.relative_to(ROOT)}:{at}" for file in FILES for at in found(file.read_text(encoding="utf-8"))
    } == set()


def test_they_are_found_where_they_are() -> None:
    assert list(conditionals("x = 1 if a else 2 if b else 3\ny = 1 if a else (2, 3)")) == [1]
    assert list(finalizers("class A:\n    def close(self): ...\n    __del__ = close")) == [3]
