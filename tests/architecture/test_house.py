"""The house rules that a machine can check: contracts between rooms, names, docstrings, and who reads the environment."""

import ast
import builtins
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.sources import ROOMS, ROOT, Function, every, read

FORBIDDEN = {"utils", "util", "helpers", "helper", "common", "core", "manager", "managers", "misc"}
#: Where the environment may be read; tests and deploy may too.
ROOTS = {Path("service/asgi.py"), Path("service/cli.py"), Path("workers/main.py")}


def test_import_contracts() -> None:
    """The rooms import each other only as pyproject.toml says."""
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", every(*ROOMS, "deploy", "tests"), ids=str)
def test_names(path: Path) -> None:
    """Nothing is called by a word that says nothing."""
    words = {part.removesuffix(".py") for part in path.parts}

    assert words & FORBIDDEN == set()


@pytest.mark.parametrize("path", every(*ROOMS, "deploy", "tests"), ids=str)
def test_a_file_says_what_it_is_for(path: Path) -> None:
    """Every file opens with a docstring; an `__init__` holds nothing else."""
    tree = read(path)

    assert ast.get_docstring(tree)
    if path.name == "__init__.py":
        assert len(tree.body) == 1


@pytest.mark.parametrize("path", every(*ROOMS, "deploy"), ids=str)
def test_what_others_use_is_explained(path: Path) -> None:
    """Public classes, functions and methods of public classes have docstrings."""
    assert list(_unexplained(read(path).body)) == []


def _unexplained(body: list[ast.stmt], within: str = "") -> list[str]:
    found = []
    for node in body:
        if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
            continue
        name = within + node.name
        if ast.get_docstring(node) is None:
            found.append(name)
        if isinstance(node, ast.ClassDef):
            found += _unexplained(node.body, name + ".")
    return found


@pytest.mark.parametrize("path", [path for path in every(*ROOMS) if path not in ROOTS], ids=str)
def test_the_environment_is_read_in_process_roots(path: Path) -> None:
    """Nobody else asks for it: what they need is handed to them."""
    asked = [
        node.lineno
        for node in ast.walk(read(path))
        if (isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv"))
        or (isinstance(node, ast.ImportFrom) and {name.name for name in node.names} & {"environ", "getenv"})
    ]

    assert asked == []


def test_no_two_classes_share_a_name() -> None:
    """A name stands for one thing in the whole house; a private one may stand in several files."""
    places: dict[str, list[Path]] = {}
    for path in every(*ROOMS, "deploy"):
        for node in ast.walk(read(path)):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(path)

    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}


def test_no_module_shadows_another() -> None:
    """No file or folder is called as a builtin or a module of the standard library is."""
    taken = {*dir(builtins), *sys.stdlib_module_names}
    shadowing = [path for path in every(*ROOMS, "deploy") if taken & {part.removesuffix(".py") for part in path.parts}]

    assert shadowing == []
