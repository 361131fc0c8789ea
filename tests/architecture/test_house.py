"""The house rules that a machine can check: contracts between rooms, names, docstrings, and who reads the environment."""

import ast
import builtins
import subprocess
import sys
from pathlib import Path

from tests.architecture.sources import ROOMS, ROOT, Function, every, fail_on, read

FORBIDDEN = {"utils", "util", "helpers", "helper", "common", "core", "manager", "managers", "misc"}
#: A word that was the name of too many things.
TOLD = "told"
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

    fail_on([done.stdout + done.stderr] if done.returncode else [])


def test_no_name_says_nothing() -> None:
    """No file or folder is called by a word that says nothing."""
    empty = [
        path
        for path in every(*ROOMS, "deploy", "tests")
        if FORBIDDEN & {part.removesuffix(".py") for part in path.parts}
    ]

    fail_on(empty)


def test_every_file_says_what_it_is_for() -> None:
    """Every file opens with a docstring; an `__init__` holds nothing else."""
    wrong = []
    for path in every(*ROOMS, "deploy", "tests"):
        tree = read(path)
        wrong += [] if ast.get_docstring(tree) else [f"{path} has no docstring"]
        wrong += [f"{path} holds more"] if path.name == "__init__.py" and len(tree.body) > 1 else []

    fail_on(wrong)


def test_what_others_use_is_explained() -> None:
    """Public classes, functions and methods of public classes have docstrings."""
    unexplained = [f"{path}: {name}" for path in every(*ROOMS, "deploy") for name in _unexplained(read(path).body)]

    fail_on(unexplained)


def _unexplained(body: list[ast.stmt], within: str = "") -> list[str]:
    names = []
    for node in body:
        if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
            continue
        name = within + node.name
        if ast.get_docstring(node) is None:
            names.append(name)
        if isinstance(node, ast.ClassDef):
            names += _unexplained(node.body, name + ".")
    return names


def test_the_environment_is_read_in_process_roots() -> None:
    """Nobody else asks for it: what they need is handed to them."""
    asked = [
        f"{path}:{node.lineno}"
        for path in every(*ROOMS)
        if path not in ROOTS
        for node in ast.walk(read(path))
        if (isinstance(node, ast.Attribute) and node.attr in ("environ", "environb", "getenv"))
        or (isinstance(node, ast.ImportFrom) and {name.name for name in node.names} & {"environ", "getenv"})
    ]

    fail_on(asked)


#: What a process is made of, and where it is made: a migration has no more than a database.
PARTS = {"Database", "DatabaseClock", "Guard", "Vault", "Vault.parse", "open_transport"}
BUILDERS = ("delivery/assembly.py", "delivery/foundation.py", "deploy/migrations/env.py")


def test_a_process_is_built_in_one_place() -> None:
    """Databases, clocks, vaults and transports are made by the assembly, for whoever needs them."""
    fail_on(
        f"{path}:{node.lineno}: {ast.unparse(node.func)}"
        for path in every(*ROOMS, "deploy")
        if str(path) not in BUILDERS
        for node in ast.walk(read(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in PARTS
    )


def test_no_two_classes_share_a_name() -> None:
    """A name stands for one thing in the whole house; a private one may stand in several files."""
    places: dict[str, list[Path]] = {}
    for path in every(*ROOMS, "deploy"):
        for node in ast.walk(read(path)):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(path)

    shared = [f"{name}: {', '.join(map(str, paths))}" for name, paths in places.items() if len(paths) > 1]
    fail_on(shared)


def test_no_module_shadows_another() -> None:
    """No file or folder is called as a builtin or a module of the standard library is."""
    taken = {*dir(builtins), *sys.stdlib_module_names}
    shadowing = [path for path in every(*ROOMS, "deploy") if taken & {part.removesuffix(".py") for part in path.parts}]

    fail_on(shadowing)


def test_no_name_is_told() -> None:
    """`told` has been the name of headers, words, times and fields: what is told has its own noun."""
    named = [
        f"{path}:{getattr(node, 'lineno', 0)}"
        for path in every(*ROOMS, "deploy")
        for node in ast.walk(read(path))
        if TOLD in (getattr(node, field, "") for field in ("id", "attr", "arg", "name"))
    ]

    fail_on(named)
