"""The house's own sources, for tests that read them.

What is demanded of them is left to the tests.
"""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("service", "workers", "delivery", "subscriptions")

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


def fail_on(offenders: Iterable[object]) -> None:
    """Fails the test where there are any, with a line for each: what breaks its rule, and where."""
    lines = [str(each) for each in offenders]
    if lines:
        pytest.fail("\n".join([f"{len(lines)} against this rule:", *lines]), pytrace=False)
