"""The journal: which events were accepted, and the receipts that make a publication idempotent (protocol.md 1.6).

Statements only; which requests share a transaction, and what happens when it fails, is left to `delivery/publishing/intake.py`.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TypedDict
from uuid import UUID

import msgspec

from subscriptions.events.event import Event
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import fragment, statement

TABLES = ("events",)


class ClaimReceipts(msgspec.Struct, frozen=True, kw_only=True):
    """What `claim.sql` is given: the receipts, part by part."""

    keys: list[bytes]
    digests: list[bytes]
    events: list[UUID]
    now: datetime
    #: What is older is free again.
    since: datetime


class EventColumns(TypedDict):
    """What `WRITE` is given: the events, part by part."""

    keys: list[UUID]
    ids: list[str]
    sources: list[str]
    types: list[str]
    workspace_ids: list[str]
    bodies: list[bytes]


CLAIM = statement(__package__, "claim", ClaimReceipts)

#: Writes event rows, as a part of a greater statement.
WRITE = fragment(__package__, "write")


class JournalEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What the journal keeps of an id that was given."""

    #: SHA-256 of the occurrence as it was first given, to the letter.
    digest: bytes
    #: The event that was made of it.
    event: UUID


def receipt_key(event: Event) -> bytes:
    """What its receipt is found by."""
    return receipt_key_of(event.workspace_id, event.source, event.id)


def receipt_key_of(workspace_id: str, source: str, event_id: str) -> bytes:
    """16 bytes for (workspace, source, id): small enough for an index that every publication touches."""
    named = "\0".join((workspace_id, source, event_id))
    return hashlib.blake2b(named.encode(errors="surrogatepass"), digest_size=16).digest()


async def claim_receipts(
    connection: Raw, wanted: Mapping[bytes, Event], now: datetime, since: datetime
) -> dict[bytes, JournalEntry]:
    """Inserts the receipts that do not exist (or are from before `since`), and answers what now stands for every key.

    In key order, so that two groups that share keys wait for each other instead of deadlocking.
    """
    ordered = sorted(wanted.items())
    keys = [key for key, _ in ordered]
    given = ClaimReceipts(
        keys=keys, digests=[e.digest for _, e in ordered], events=[e.key for _, e in ordered], now=now, since=since
    )
    await CLAIM.execute(connection, given)
    rows = await connection.fetch("SELECT key, digest, event FROM receipts WHERE key = ANY($1::bytea[])", keys)
    return {row["key"]: JournalEntry(digest=row["digest"], event=row["event"]) for row in rows}


async def bodies(connection: Raw, keys: Collection[UUID]) -> dict[UUID, bytes | None]:
    """What is kept of these events, None for what was erased; those whose day is gone are missing."""
    rows = await connection.fetch("SELECT key, body FROM events WHERE key = ANY($1::uuid[])", list(keys))
    return {row["key"]: row["body"] for row in rows}


async def withdraw_receipts(connection: Raw, events: Sequence[Event]) -> None:
    """Takes out the receipts that these events, and no earlier ones, put in."""
    await connection.execute(
        "DELETE FROM receipts WHERE key = ANY($1::bytea[]) AND event = ANY($2::uuid[])",
        [receipt_key(event) for event in events],
        [event.key for event in events],
    )


def columns(events: Sequence[Event]) -> EventColumns:
    """What `WRITE` is given for these events."""
    return {
        "keys": [e.key for e in events],
        "ids": [e.id for e in events],
        "sources": [e.source for e in events],
        "types": [e.type for e in events],
        "workspace_ids": [e.workspace_id for e in events],
        "bodies": [e.body for e in events],
    }


async def prune_receipts(connection: Raw, before: datetime, at_most: int = 5000) -> int:
    """Deletes receipts whose window has passed, oldest first, and answers how many; many short statements, not one long."""
    done: str = await connection.execute(
        "DELETE FROM receipts WHERE key IN (SELECT key FROM receipts WHERE accepted_at < $1 ORDER BY accepted_at LIMIT $2)",
        before,
        at_most,
    )
    return int(done.rpartition(" ")[2])
