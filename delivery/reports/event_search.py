"""The search for events, newest first, at a bounded cost: the journal is read by its key, and each event looked at.

What is shown of one event is left to `one_event.py`.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from delivery.ledger.owing.batches import BATCH
from delivery.reports import search_steps
from delivery.reports.search_steps import DATA, Reach, SearchPage, Step
from subscriptions.events import journal
from subscriptions.ground import event_keys
from subscriptions.ground.database import Database, Raw
from subscriptions.ground.statements import Row, fragment, statement

#: Webhooks of an event that are counted in a list.
COUNTED = 101
#: How the types of questions to destinations end, and how one without a body is called.
QUESTION, OPTIONS = ".webhooks.verification", "OPTIONS"

_LAST = UUID(int=(1 << 128) - 1)
_NIL = UUID(int=0)

RECEIPT = "SELECT event FROM receipts WHERE key = $1"


class EventSearch(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for; every field narrows, and what is empty does not."""

    #: None: of any.
    workspace_id: str | None
    #: As its publisher gave it, or our own key of it.
    id: str = ""
    source: str = ""
    types: tuple[str, ...] = ()
    #: When it was accepted: from then on, and before then.
    since: datetime | None = None
    until: datetime | None = None
    #: CloudEvents attributes that publishers set, all of them.
    tags: tuple[tuple[str, str], ...] = ()
    #: A part of its data, to the letter.
    text: str = ""
    #: Where the page before ended.
    after: UUID | None = None
    limit: int = 50


class FoundEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One of them."""

    key: UUID
    id: str
    source: str
    type: str
    workspace_id: str
    #: Bytes of its structured JSON; None once erased.
    size: int | None
    #: How many webhooks it is owed to, counted up to 101.
    webhooks: int

    @property
    def accepted_at(self) -> datetime:
        """When it was accepted."""
        return event_keys.time_of(self.key)


class EventStep(msgspec.Struct, frozen=True, kw_only=True):
    """What `search_events.sql` is given; what is empty narrows nothing."""

    after: UUID
    #: The smallest key that is read.
    floor: UUID
    #: Rows to read, and to find.
    chunk: int
    wanted: int
    workspace: str | None
    types: list[str]
    id: str
    origin: str
    #: Looks into payloads.
    opens: bool
    texts: list[bytes]
    tag_texts: list[bytes]
    tag_values: list[bytes]


_PARTS = {
    "batch": BATCH,
    "options": OPTIONS,
    "question": QUESTION,
    "counted": COUNTED,
    "data": DATA.decode(),
    "tagged": fragment(__package__, "tagged"),
}
SEARCH = statement(__package__, "search_events", EventStep, _PARTS)


class Events:
    """Finds events."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(self, asked: EventSearch) -> SearchPage[UUID, FoundEvent]:
        """A page of what is wanted; an event that is new since the page before stands before it."""
        async with self._database.raw() as connection:
            key = await key_of(connection, asked.workspace_id, asked.source, asked.id) if asked.id else None
            given = _given(asked, key)

            async def step(after: UUID | None, rows: int, wanted: int) -> Step[UUID, FoundEvent]:
                here = {"after": after or given.after, "chunk": rows, "wanted": wanted}
                return _step(await SEARCH.fetch(connection, msgspec.structs.replace(given, **here)), wanted)

            effort = Reach(after=asked.after, limit=asked.limit, opens=given.opens)
            return await search_steps.walk(step, lambda found: found.key, effort)


async def key_of(connection: Raw, workspace_id: str | None, source: str, id: str) -> UUID | None:
    """The key of the event of this id, where that can be known without a search: by its receipt, or because it is the key."""
    if workspace_id is not None and source:
        found: UUID | None = await connection.fetchval(RECEIPT, journal.receipt_key_of(workspace_id, source, id))
        if found is not None:
            return found
    try:
        key = UUID(id)
    except ValueError:
        return None
    there = await connection.fetchval("SELECT EXISTS (SELECT FROM events WHERE key = $1)", key)
    return key if there else None


def _given(asked: EventSearch, key: UUID | None) -> EventStep:
    texts, values = search_steps.tagged(asked.tags)
    floor = _NIL if asked.since is None else event_keys.floor(asked.since)
    until = _LAST if asked.until is None else event_keys.floor(asked.until)
    return EventStep(
        after=until if key is None else min(until, UUID(int=key.int + 1)),
        floor=floor if key is None else max(floor, key),
        chunk=0,
        wanted=0,
        workspace=asked.workspace_id,
        types=list(asked.types),
        id="" if key is not None else asked.id,
        origin=asked.source,
        opens=bool(asked.text or asked.tags),
        texts=search_steps.spelled(asked.text) if asked.text else [],
        tag_texts=texts,
        tag_values=values,
    )


def _step(rows: Sequence[Row], wanted: int) -> Step[UUID, FoundEvent]:
    found = [_found(row) for row in rows if row["key"] is not None]
    return Step(items=found, read=rows[0]["read"], last=rows[0]["last"], cut=len(found) == wanted)


def _found(row: Row) -> FoundEvent:
    return FoundEvent(
        key=row["key"],
        id=row["id"],
        source=row["source"],
        type=row["type"],
        workspace_id=row["workspace_id"],
        size=row["size"],
        webhooks=row["webhooks"],
    )
