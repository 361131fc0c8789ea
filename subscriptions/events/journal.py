"""The journal: which events were accepted, and the receipts that make a publication idempotent (protocol.md 1.6).

Statements only; which requests share a transaction, and what happens when it fails, is left to `delivery/publishing/intake.py`.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from subscriptions.events.event import Event
from subscriptions.ground.database import Raw

TABLES = ("events",)

KINDS = ("uuid", "text", "text", "text", "text", "bytea")

# An id whose window has passed is free again: its old receipt is written over.
CLAIM = """
INSERT INTO receipts AS r (key, digest, event, accepted_at)
SELECT key, digest, event, $4 FROM unnest($1::bytea[], $2::bytea[], $3::uuid[]) AS t (key, digest, event) ORDER BY key
ON CONFLICT (key) DO UPDATE SET digest = excluded.digest, event = excluded.event, accepted_at = excluded.accepted_at
WHERE r.accepted_at < $5
"""


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
    await connection.execute(CLAIM, keys, [e.digest for _, e in ordered], [e.key for _, e in ordered], now, since)
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


def writing(first: int) -> str:
    """The statement that writes event rows, with parameters from `first` on, for a greater one to hold; see `columns`.

    A row that stands already, from a first attempt whose answer was lost, is left as it is.
    """
    arrays = ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(KINDS, first))
    return (
        "INSERT INTO events (key, id, source, type, workspace_id, body)"
        f" SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING"
    )


def columns(events: Sequence[Event]) -> tuple[list[object], ...]:
    """What the parameters of `writing` are given for these events."""
    return (
        [e.key for e in events],
        [e.id for e in events],
        [e.source for e in events],
        [e.type for e in events],
        [e.workspace_id for e in events],
        [e.body for e in events],
    )


async def prune_receipts(connection: Raw, before: datetime, at_most: int = 5000) -> int:
    """Deletes receipts whose window has passed, oldest first, and answers how many; many short statements, not one long."""
    done: str = await connection.execute(
        "DELETE FROM receipts WHERE key IN (SELECT key FROM receipts WHERE accepted_at < $1 ORDER BY accepted_at LIMIT $2)",
        before,
        at_most,
    )
    return int(done.rpartition(" ")[2])
