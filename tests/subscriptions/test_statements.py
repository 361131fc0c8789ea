"""Statements in files: found in the package, named parameters, fragments in their places, and nothing that does not agree."""

import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from subscriptions.ground import statements
from subscriptions.ground.database import Database
from subscriptions.ground.statements import Statement, statement


class Sum(msgspec.Struct, frozen=True, kw_only=True):
    """Two numbers."""

    first: int
    second: int = 2


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where a package of its own, `room_of_tests`, has its statements."""
    (tmp_path / "room_of_tests" / "sql").mkdir(parents=True)
    (tmp_path / "room_of_tests" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "room_of_tests" / "sql"
    sys.modules.pop("room_of_tests", None)


def read(fragments: dict[str, object] | None = None) -> Statement[Sum]:
    """The statement `sum` of that package."""
    return statement("room_of_tests", "sum", Sum, fragments)


async def test_given_by_name(package: Path, database: Database) -> None:
    """The server gets `$1`, `$2`, each as often as it is named, and what the fields of those names hold."""
    (package / "sum.sql").write_text(
        "-- Adds $up.\nSELECT $second::int * 10 + $first::int AS sum, $first::int AS first\n"
    )

    asked = read()
    async with database.raw() as connection:
        row = await asked.fetchrow(connection, Sum(first=1))
        sums = await asked.fetch(connection, Sum(first=3, second=4))

    assert asked.text == "SELECT $2::int * 10 + $1::int AS sum, $1::int AS first"
    assert (dict(row or {}), [each["sum"] for each in sums]) == ({"sum": 21, "first": 1}, [43])


def test_fragments_within_fragments(package: Path) -> None:
    """A fragment may have holes of its own, and parameters of the statement that it is put into."""
    (package / "sum.sql").write_text("-- Asks.\nSELECT {both} -- of them\n")

    asked = read({"both": "{one} + $second::int", "one": "$first::int", "unused": 1})

    assert asked.text == "SELECT $1::int + $2::int"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT $first::int", "second"),
        ("SELECT $first::int + $second::int + $third::int", "third"),
        ("SELECT $first::int + $second::int + {third}", "third"),
    ],
    ids=["given and not asked for", "asked for and not given", "no such fragment"],
)
def test_what_does_not_agree_is_not_loaded(package: Path, text: str, said: str) -> None:
    """A program whose statement and parameters differ does not start, and is told where and in which."""
    (package / "sum.sql").write_text(f"-- Asks.\n{text}\n")

    with pytest.raises(ValueError, match=rf"room_of_tests/sql/sum\.sql.*{said}"):
        read()


def test_a_hole_for_later(package: Path) -> None:
    """Only a hole that is said to be filled later may stay."""
    (package / "sum.sql").write_text("-- Asks.\nSELECT $first::int + $second::int FROM {deliveries}\n")

    text = statements.text("room_of_tests", "sum", Sum, later=["deliveries"])

    assert text.endswith("FROM {deliveries}")
