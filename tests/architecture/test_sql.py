"""SQL has a home: text of it stands in the rooms that own tables, long statements in files that say what they are for."""

import ast
import re
import tomllib
from pathlib import Path

from tests.architecture.sources import ROOMS, ROOT, every, fail_on, read, sql_files, sql_texts

#: The rooms that own tables, and the one that only reads what they hold.
OWNERS = ("subscriptions", "delivery/ledger")
READERS = ("delivery/reports",)
#: Parameters that a statement in a module may have, which are told apart by their places.
COUNTED = 4
#: What many statements ask of a row, and where that is written. An index of the schema says it by itself.
OWNED = {
    r"leased_until IS NULL\s+OR": "delivery/ledger/predicates.py",
    r"IN \('collecting', 'bundled'\)": "delivery/ledger/predicates.py",
    r"IN \('PENDING', 'DISABLED'\)": "delivery/ledger/predicates.py",
    r"IN \('ACTIVE', 'WARNING'\)": "subscriptions/webhooks/predicates.py",
}
SCHEMA = ("delivery/tables.py", "subscriptions/ground/tables.py")


def test_sql_stands_in_the_rooms_that_own_tables() -> None:
    """Nobody else writes statements, and who only reads writes none that change anything."""
    found = []
    for path in every(*ROOMS):
        if str(path).startswith(OWNERS):
            continue
        reads = str(path).startswith(READERS)
        found += [
            f"{path}:{text.lineno}"
            for text in sql_texts(read(path))
            if not reads or any(word in ast.unparse(text) for word in ("INSERT INTO", "UPDATE ", "DELETE FROM"))
        ]
    found += [str(path) for path in sql_files() if not str(path).startswith(OWNERS + READERS)]

    fail_on(found)


def test_a_file_of_sql_says_what_it_is_for() -> None:
    """Its first line is a sentence."""
    fail_on(path for path in sql_files() if not (ROOT / path).read_text().startswith("-- "))


def test_parameters_that_are_many_have_names() -> None:
    """A statement with more than four stands in a file, where each is called by its name."""
    fail_on(
        f"{path}:{text.lineno}"
        for path in every(*ROOMS)
        for text in sql_texts(read(path))
        if any(int(number) > COUNTED for number in re.findall(r"\$(\d+)", ast.unparse(text)))
    )


def test_a_condition_that_many_statements_ask_is_written_once() -> None:
    """Where its meaning changes, all of them change."""
    fail_on(
        f"{path}: {condition}"
        for path in (*every(*ROOMS), *sql_files())
        for condition, owner in OWNED.items()
        if str(path) not in (owner, *SCHEMA) and re.search(condition, (ROOT / path).read_text())
    )


def test_every_file_of_sql_is_used() -> None:
    """A module beside its folder calls it by name."""
    unused = []
    for path in sql_files():
        beside = [module for module in every(str(path.parent.parent)) if module.parent == path.parent.parent]
        named = {node.value for module in beside for node in ast.walk(read(module)) if isinstance(node, ast.Constant)}
        if path.stem not in named:
            unused.append(path)

    fail_on(unused)


def test_files_of_sql_are_installed() -> None:
    """They are data of their packages, or an installed program would not start."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    data = project["tool"]["setuptools"]["package-data"]
    packaged = {found for room, names in data.items() for name in names for found in (ROOT / room).glob(name)}

    fail_on(path for path in sql_files() if ROOT / path not in packaged)


def test_some_sql_is_found() -> None:
    """What the other rules ask is asked of something."""
    assert Path("delivery/ledger/claims/sql/take_due.sql") in sql_files()
    assert len(list(sql_texts(read(Path("delivery/ledger/jobs/erasures.py"))))) > 5
