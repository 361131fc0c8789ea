"""One event: who it went to, who not, and why not, as far as that can be known afterwards.

What is kept of subscriptions is how they are today: where one has been changed or taken back since, that is said, and nothing
is claimed of what it asked for then. One delivery is left to `one_delivery.py`.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from delivery.delivery_filter import DeliveryId
from delivery.ledger.owing.batches import BATCH
from delivery.lifecycle import State
from delivery.reports import why_not
from delivery.reports.why_not import EventFacts, NotDelivered
from subscriptions.ground import event_keys
from subscriptions.ground.database import Database, Raw
from subscriptions.ground.errors import Absent
from subscriptions.ground.statements import Row, statement
from subscriptions.webhooks.filters import event_filter

#: Webhooks of a page, and of those that an event was not owed to.
SHOWN, OTHERS = 100, 100
_NIL = UUID(int=0)

EVENT = "SELECT key, id, source, type, workspace_id, body FROM events WHERE key = $1"
SPREADING = "SELECT EXISTS (SELECT FROM spreads WHERE event = $1)"
RETIRED = "SELECT retired_at FROM event_types WHERE type = $1"
#: Of an event that names no `dataschema` it is the current one (`subscriptions/catalogue/deprecation.py`).
VERSION = """
    SELECT version FROM event_type_versions WHERE event_type = $1 AND $2 IN ('', dataschema)
    ORDER BY deprecated, created_at DESC, revision DESC LIMIT 1
"""


class OwedTo(msgspec.Struct, frozen=True, kw_only=True):
    """What `owed_to.sql` is given."""

    event: UUID
    after: UUID
    limit: int


class NotOwedTo(msgspec.Struct, frozen=True, kw_only=True):
    """What `not_owed_to.sql` is given."""

    event: UUID
    workspace: str
    type: str
    limit: int


OWED = statement(__package__, "owed_to", OwedTo)
NOT_OWED = statement(__package__, "not_owed_to", NotOwedTo)


@dataclass(frozen=True, kw_only=True)
class EventDelivery:
    """A webhook that the event was owed to."""

    id: DeliveryId
    webhook_name: str
    webhook_status: str
    deleted: bool
    state: State
    attempts: int
    status: int | None
    reason: str
    due_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class OneEvent:
    """An event, to the byte."""

    key: UUID
    id: str
    source: str
    type: str
    workspace_id: str
    #: The structured JSON, exactly as it is sent; None once erased.
    body: bytes | None
    #: It is a batch: a body that carries events, and no event of its own.
    batch: bool
    #: More deliveries are still being written.
    spreading: bool
    #: Since when its type takes no publications any more.
    retired_at: datetime | None
    #: In order of webhook; `more` is where the next page begins.
    owed: Sequence[EventDelivery]
    more: UUID | None
    others: Sequence[NotDelivered]
    #: There are others that are not shown.
    others_cut: bool

    @property
    def accepted_at(self) -> datetime:
        """When it was accepted."""
        return event_keys.time_of(self.key)


class EventDetails:
    """Reads one event; a filter is asked in `steps` at most, as matching asks it."""

    def __init__(self, database: Database, *, steps: int) -> None:
        self._database = database
        self._steps = steps

    async def read(self, workspace_id: str | None, key: UUID, *, after: UUID | None = None) -> OneEvent:
        """The event, if it is of the workspace (None: of any), its webhooks from one on. Raises Absent."""
        async with self._database.raw() as connection:
            row = await connection.fetchrow(EVENT, key)
            if row is None or workspace_id not in (None, row["workspace_id"]):
                raise Absent("Event", str(key))
            spreading = await connection.fetchval(SPREADING, key)
            retired_at = await connection.fetchval(RETIRED, row["type"])
            given = OwedTo(event=key, after=after or _NIL, limit=SHOWN + 1)
            owed = [_owed(key, each) for each in await OWED.fetch(connection, given)]
            others = await self._others(connection, row) if row["type"] != BATCH and after is None else []
            version = await self._version(connection, row, others)
        return OneEvent(
            key=key,
            id=row["id"],
            source=row["source"],
            type=row["type"],
            workspace_id=row["workspace_id"],
            body=row["body"],
            batch=row["type"] == BATCH,
            spreading=spreading,
            retired_at=retired_at,
            owed=owed[:SHOWN],
            more=owed[SHOWN - 1].id.webhook if len(owed) > SHOWN else None,
            others=await self._explained(row, others[:OTHERS], version=version, spreading=spreading),
            others_cut=len(others) > OTHERS,
        )

    async def _others(self, connection: Raw, event: Row) -> list[Row]:
        given = NotOwedTo(event=event["key"], workspace=event["workspace_id"], type=event["type"], limit=OTHERS + 1)
        return await NOT_OWED.fetch(connection, given)

    async def _version(self, connection: Raw, event: Row, others: Sequence[Row]) -> str:
        """The version that the event is of; asked where somebody understands one alone."""
        if event["body"] is None or not any(row["version"] for row in others):
            return ""
        return await connection.fetchval(VERSION, event["type"], why_not.dataschema(event["body"])) or ""

    async def _explained(
        self, event: Row, others: Sequence[Row], *, version: str, spreading: bool
    ) -> list[NotDelivered]:
        body = event["body"]
        asks = body is not None and any(row["event_filter"] for row in others)
        known = EventFacts(
            accepted=event_keys.time_of(event["key"]),
            erased=body is None,
            data=event_filter.data_of(body) if asks else None,
            dataschema=why_not.dataschema(body),
            version=version,
            spreading=spreading,
        )
        explained = []
        for row in others:
            explained.append(why_not.explained(row, known, steps=self._steps))
            # Each filter may take milliseconds: others on the loop get their turns between two.
            await asyncio.sleep(0)
        return explained


def _owed(key: UUID, row: Row) -> EventDelivery:
    return EventDelivery(
        id=DeliveryId(key, row["webhook"], row["round"]),
        webhook_name=row["name"],
        webhook_status=row["webhook_status"],
        deleted=row["deleted_at"] is not None,
        state=State(row["state"]),
        attempts=row["attempts"],
        status=row["status"],
        reason=row["reason"] or "",
        due_at=row["due_at"],
        ended_at=row["ended_at"],
    )
