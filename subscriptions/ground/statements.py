"""Statements that stand in `.sql` files, and what they are run on: connections and rows, as far as this house uses them.

Which statements there are is left to the rooms that own tables. asyncpg publishes no types; `Raw` and `Row` are ours for it.
"""

import re
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from importlib import resources
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

import msgspec

P = TypeVar("P", bound=msgspec.Struct)

#: `$name`, a parameter of a statement in a file.
_PARAMETER = re.compile(r"\$([a-z_]+)\b")
#: `{name}`, where a fragment goes.
_HOLE = re.compile(r"\{(\w+)\}")
_COMMENT = re.compile(r"\s*--.*")


class Row(Protocol):
    """A row, read by name: it cannot be unpacked, nor asked for a place."""

    def __getitem__(self, name: str, /) -> Any: ...

    def keys(self) -> Iterable[str]:
        """The names of its columns."""

    def values(self) -> Iterable[Any]:
        """What is in them, in the same order."""


class Raw(Protocol):
    """An asyncpg connection, of which each call is a statement."""

    async def fetch(self, query: str, /, *args: object) -> list[Row]:
        """All rows."""

    async def fetchrow(self, query: str, /, *args: object) -> Row | None:
        """The first row."""

    async def fetchval(self, query: str, /, *args: object) -> Any:
        """The first column of the first row, or None."""

    async def execute(self, query: str, /, *args: object, timeout: float | None = None) -> str:
        """The statement's tag, `UPDATE 1`; without arguments there may be several statements."""

    def transaction(self) -> AbstractAsyncContextManager[object]:
        """One transaction for the statements within; within another one, a part of it that can be undone."""

    def add_query_logger(self, callback: Callable[[Any], object], /) -> None:
        """Calls it with each statement from now on, once it has run."""

    def is_in_transaction(self) -> bool:
        """Whether the next statement is part of one."""


class Statement(Generic[P]):
    """A statement whose parameters are the fields of `P`, by name: what is given and what is asked for cannot differ."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        #: As the server gets it: `$1` is the first field.
        self.text = text

    def fetch(self, connection: Raw, given: P) -> Awaitable[list[Row]]:
        """All rows."""
        return connection.fetch(self.text, *msgspec.structs.astuple(given))

    def fetchrow(self, connection: Raw, given: P) -> Awaitable[Row | None]:
        """The first row."""
        return connection.fetchrow(self.text, *msgspec.structs.astuple(given))

    def fetchval(self, connection: Raw, given: P) -> Awaitable[Any]:
        """The first column of the first row, or None."""
        return connection.fetchval(self.text, *msgspec.structs.astuple(given))

    def execute(self, connection: Raw, given: P) -> Awaitable[str]:
        """The statement's tag, `UPDATE 1`."""
        return connection.execute(self.text, *msgspec.structs.astuple(given))


class Ids(msgspec.Struct, frozen=True, kw_only=True):
    """What a statement is given that asks for rows by their ids."""

    ids: list[UUID]


def statement(package: str, name: str, of: type[P], fragments: Mapping[str, object] | None = None) -> Statement[P]:
    """The statement in `sql/NAME.sql` of the package. Raises ValueError where its parameters are not the fields of `of`."""
    return Statement(text(package, name, of, fragments))


def text(
    package: str,
    name: str,
    of: type[msgspec.Struct],
    fragments: Mapping[str, object] | None = None,
    *,
    later: Collection[str] = (),
) -> str:
    """The text of a statement, its fragments in their places, `$name` as `$1`; holes named in `later` stay open."""
    composed = _compose(fragment(package, name), fragments or {})
    where = f"{package}/sql/{name}.sql"
    if unknown := set(_HOLE.findall(composed)) - set(later):
        raise ValueError(f"{where}: no fragment is called {', '.join(sorted(unknown))}")
    named, given = set(_PARAMETER.findall(composed)), of.__struct_fields__
    if named != set(given):
        raise ValueError(f"{where} and {of.__name__} differ in parameters: {', '.join(sorted(named ^ set(given)))}")
    place = {parameter: f"${number}" for number, parameter in enumerate(given, 1)}
    return _PARAMETER.sub(lambda found: place[found[1]], composed)


def fragment(package: str, name: str) -> str:
    """What stands in `sql/NAME.sql` of the package, to be put into a greater statement; comments are left out."""
    source = (resources.files(package) / "sql" / f"{name}.sql").read_text(encoding="utf-8")
    return "\n".join(line for each in source.splitlines() if (line := _COMMENT.sub("", each)).strip())


def _compose(text: str, fragments: Mapping[str, object]) -> str:
    """The text with fragments in the holes of their names, and others in the holes of those."""
    while {*_HOLE.findall(text)} & fragments.keys():
        text = _HOLE.sub(lambda found: str(fragments.get(found[1], found[0])), text)
    return text
