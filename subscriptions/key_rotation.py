"""The rotation of the vault's keys: all that is sealed is sealed again with the first one, while everybody goes on.

Which keys there are is left to the setting, what a seal is to `ground/vault.py`.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from subscriptions.access import keyring
from subscriptions.catalogue import api_access
from subscriptions.ground import audit
from subscriptions.ground.audit import AuditChange
from subscriptions.ground.database import Database, Raw
from subscriptions.ground.errors import Sealed
from subscriptions.ground.statements import Row
from subscriptions.ground.vault import Vault
from subscriptions.webhooks import origins, webhook, webhook_store

#: Rows that one statement reads.
CHUNK = 500
#: Texts by which a key is judged.
SAMPLES = 3


@dataclass(frozen=True, kw_only=True)
class SealedTable:
    """A table with sealed columns."""

    table: str
    #: Its primary key.
    key: str
    #: A value before all of its keys.
    start: UUID | str
    #: The columns that hold a sealed text, nothing, or no bytes.
    columns: tuple[str, ...]
    #: What the text of a row's column is bound to, by its key, the column and `beside`; the last, if not the first, of old.
    places: Callable[[Any, str, Mapping[str, str]], Sequence[bytes]]
    #: The columns that say so too.
    beside: tuple[str, ...] = ()


WEBHOOKS = SealedTable(
    table="webhooks",
    key="id",
    start=UUID(int=0),
    columns=webhook.SECRETS,
    places=origins.places,
    beside=("destination", "issuer_url"),
)
SIGNING = SealedTable(
    table="signing_keys", key="kid", start="", columns=("private_key",), places=lambda kid, *_: (keyring.place(kid),)
)
EVENT_APIS = SealedTable(
    table="event_apis",
    key="id",
    start=UUID(int=0),
    columns=("access_sealed",),
    places=lambda api, *_: (api_access.place(api),),
)
#: All that is sealed; a test holds it against the schema.
SHELVES = (WEBHOOKS, SIGNING, EVENT_APIS)


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """What a rotation came to."""

    #: Texts that were sealed again.
    resealed: int
    #: Texts that stand sealed afterwards, by the id of their key.
    in_use: Mapping[str, int]
    #: Of each text that cannot be unsealed, where it is and why.
    shut: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Text:
    """One sealed text as it was found."""

    shelf: SealedTable
    #: The primary key of its row.
    key: UUID | str
    column: str
    sealed: bytes
    #: What it may be bound to.
    places: Sequence[bytes]


async def reseal(database: Database, vault: Vault, *, chunk: int = CHUNK) -> Rotation:
    """Seals with the vault's first key what another one sealed, or what is bound as of old, and opens all the rest.

    Safe to interrupt and to run twice or twice at once. It changes a text only if it is still the one that was found, and
    neither generation nor epoch: for receivers nothing has changed. Rows that were written meanwhile by a process that
    seals with another key are gone through again. Raises Unavailable.
    """
    resealed, again = 0, True
    while again:
        shut: list[str] = []
        before = resealed
        for shelf in SHELVES:
            async for text in texts(database, shelf, chunk=chunk):
                try:
                    resealed += await replace(database, vault, text)
                except Sealed as error:
                    shut.append(f"{shelf.table} {text.key} {text.column}: {error}")
        again = resealed > before
    async with database.raw() as connection:
        if resealed:
            await audit.note(connection, _entry("vault.resealed", vault.sealing, resealed))
        return Rotation(resealed=resealed, in_use=await in_use(connection), shut=tuple(shut))


async def replace(database: Database, vault: Vault, text: Text) -> bool:
    """Whether the text was sealed again: not if it is sealed as it should be, nor if it has changed since it was found.

    Each row by itself, so that nothing waits for a lock while it holds another. Raises Sealed, Unavailable.
    """
    shelf, place = text.shelf, text.places[0]
    plain, bound = webhook_store.opened(vault, text.sealed, text.places)
    if bound == place and not vault.needs_resealing(text.sealed):
        return False
    statement = f"UPDATE {shelf.table} SET {text.column} = $1 WHERE {shelf.key} = $2 AND {text.column} = $3"
    async with database.raw() as connection:
        done = await connection.execute(statement, vault.seal(plain, context=place), text.key, text.sealed)
    return bool(done == "UPDATE 1")


async def in_use(connection: Raw) -> dict[str, int]:
    """How many texts each key has sealed, by the key's id."""
    counted: Counter[str] = Counter()
    for shelf in SHELVES:
        rows = await connection.fetch(f"SELECT mark, count(*) AS texts FROM {_marked(shelf)} GROUP BY mark")
        counted.update({_id(row): row["texts"] for row in rows})
    return dict(sorted(counted.items()))


async def missing_keys(connection: Raw, vault: Vault, *shelves: SealedTable) -> list[str]:
    """The ids of keys that sealed something here, and that this process does not have or has another of.

    Judged by a few texts of each: one that was damaged says nothing of its key.
    """
    opens: dict[str, bool] = {}
    for shelf in shelves:
        ranked = f"SELECT *, row_number() OVER (PARTITION BY mark) AS rank FROM {_marked(shelf)}"
        for row in await connection.fetch(f"SELECT * FROM ({ranked}) AS ranked WHERE rank <= {SAMPLES}"):
            found = _text(shelf, row, row["held_in"], row["sealed"])
            opens[_id(row)] = opens.get(_id(row), False) or _opens(vault, found)
    return sorted(key_id for key_id, opened in opens.items() if not opened)


async def forget(database: Database, key_id: str) -> int:
    """Empties what a key that is lost for good has sealed, and answers how many texts that were; raises Unavailable.

    Such a webhook is sent nothing until its owner gives it new secrets, and an event API has none until then. A signing key
    goes altogether: another is made.
    """
    forgotten, mark = 0, key_id.encode()
    async with database.raw() as connection, connection.transaction():
        for shelf, column in ((each, name) for each in (WEBHOOKS, EVENT_APIS) for name in each.columns):
            rows = await connection.fetch(
                f"UPDATE {shelf.table} SET {column} = '' WHERE (id, '{column}') IN"
                f" (SELECT key, held_in FROM {_marked(shelf)} WHERE mark = $1) RETURNING id",
                mark,
            )
            forgotten += len(rows)
        lost = f"SELECT key FROM {_marked(SIGNING)} WHERE mark = $1"
        forgotten += len(await connection.fetch(f"DELETE FROM signing_keys WHERE kid IN ({lost}) RETURNING kid", mark))
        if forgotten:
            await audit.note(connection, _entry("vault.key-forgotten", key_id, forgotten))
    return forgotten


def _entry(action: str, key_id: str, texts: int) -> AuditChange:
    return AuditChange(action=action, subject=key_id, name=key_id, workspace_id=None, after={"texts": texts})


async def texts(database: Database, shelf: SealedTable, *, chunk: int = CHUNK) -> AsyncIterator[Text]:
    """The sealed texts of a table, in order of keys, read in chunks; no connection is held between two. Raises Unavailable."""
    columns = ", ".join((*shelf.columns, *shelf.beside))
    statement = (
        f"SELECT {shelf.key} AS key, {columns} FROM {shelf.table} WHERE {shelf.key} > $1 ORDER BY 1 LIMIT {chunk}"
    )
    after = shelf.start
    while True:
        async with database.raw() as connection:
            rows = await connection.fetch(statement, after)
        for row in rows:
            for column in shelf.columns:
                if row[column]:
                    yield _text(shelf, row, column, row[column])
        if len(rows) < chunk:
            return
        after = rows[-1]["key"]


def _marked(shelf: SealedTable) -> str:
    """A subquery: the sealed texts with key, column and mark. They begin with the length of their key's id, and the id."""
    values = ", ".join(f"('{column}', {column})" for column in shelf.columns)
    beside = "".join(f", {column}" for column in shelf.beside)
    return (
        f"(SELECT {shelf.key} AS key{beside}, held_in, sealed, substring(sealed FROM 2 FOR get_byte(sealed, 0)) AS mark"
        f" FROM {shelf.table}, LATERAL (VALUES {values}) AS kept (held_in, sealed) WHERE length(sealed) > 0) AS marked"
    )


def _id(row: Row) -> str:
    return str(row["mark"].decode(errors="replace"))


def _text(shelf: SealedTable, row: Row, column: str, sealed: bytes) -> Text:
    places = shelf.places(row["key"], column, {name: row[name] for name in shelf.beside})
    return Text(shelf=shelf, key=row["key"], column=column, sealed=sealed, places=places)


def _opens(vault: Vault, text: Text) -> bool:
    try:
        webhook_store.opened(vault, text.sealed, text.places)
    except Sealed:
        return False
    return True
