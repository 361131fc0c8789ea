"""The house's own sources, for tests that read them.

What is demanded of them is left to the tests.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("service", "workers", "delivery", "subscriptions")

#: How a statement begins, whatever it is put into; prose has no such words in capitals.
STATEMENT = re.compile(r"\b(SELECT (?!FOR\b)|INSERT INTO |DELETE FROM |UPDATE [\w?{]+ (AS )?(\w+ )?SET )")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def every(*folders: str) -> list[Path]:
    """All Python files under the folders, by their paths from the repository's root."""
    return sorted(path.relative_to(ROOT) for folder in folders for path in (ROOT / folder).rglob("*.py"))


@cache
def read(path: Path) -> ast.Module:
    """The file as a tree."""
    return ast.parse((ROOT / path).read_text(), str(path))


def functions(tree: ast.AST) -> Iterator[Function]:
    """All functions and methods, nested ones too."""
    for node in ast.walk(tree):
        if isinstance(node, Function):
            yield node


def sql_files() -> list[Path]:
    """All files of SQL, by their paths from the repository's root."""
    return sorted(path.relative_to(ROOT) for room in ROOMS for path in (ROOT / room).rglob("*.sql"))


def sql_texts(tree: ast.AST) -> Iterator[ast.Constant | ast.JoinedStr]:
    """Strings that are statements, or have some in them; docstrings are none."""
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in told and STATEMENT.search(_said(node)):
            yield node


def _said(node: ast.Constant | ast.JoinedStr) -> str:
    """The text, `?` where something is put in."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_said(part) if isinstance(part, ast.Constant) else "?" for part in node.values)
    return node.value if isinstance(node.value, str) else ""


def fail_on(offenders: Iterable[object]) -> None:
    """Fails the test where there are any, with a line for each: what breaks its rule, and where."""
    lines = [str(each) for each in offenders]
    if lines:
        pytest.fail("\n".join([f"{len(lines)} against this rule:", *lines]), pytrace=False)
