"""One event: who it went to, who not, and why not, as far as that can be known afterwards.

What is kept of subscriptions is how they are today: where one has been changed or taken back since, that is said, and nothing
is claimed of what it asked for then. One delivery is left to `one_delivery.py`.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

from delivery.delivery_filter import DeliveryId
from delivery.ledger.owing.batches import BATCH
from delivery.lifecycle import State
from subscriptions.ground import event_keys
from subscriptions.ground.database import Database, Raw
from subscriptions.ground.errors import Absent
from subscriptions.ground.statements import Row, statement
from subscriptions.webhooks.filters import event_filter, explaining
from subscriptions.webhooks.filters.explaining import FailedCondition, Verdict

#: Webhooks of a page, and of those that an event was not owed to.
SHOWN, OTHERS = 100, 100
_NIL = UUID(int=0)

EVENT = "SELECT key, id, source, type, workspace_id, body FROM events WHERE key = $1"
SPREADING = "SELECT EXISTS (SELECT FROM spreads WHERE event = $1)"
RETIRED = "SELECT retired_at FROM event_types WHERE type = $1"


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


class WhyNot(StrEnum):
    """Why an event did not go to a webhook."""

    #: It does not subscribe to the type today; whether it did then is not kept.
    UNSUBSCRIBED = "UNSUBSCRIBED"
    #: It was registered after the event was accepted.
    REGISTERED_LATER = "REGISTERED_LATER"
    #: It subscribed after the event was accepted.
    SUBSCRIBED_LATER = "SUBSCRIBED_LATER"
    #: Its filter says no.
    FILTERED = "FILTERED"
    #: Its filter says no today, and was changed since.
    FILTERED_TODAY = "FILTERED_TODAY"
    #: Its filter says yes today, and was changed since.
    CHANGED = "CHANGED"
    #: The event has more webhooks than one transaction writes: it may still come.
    SPREADING = "SPREADING"
    #: Its filter cannot be asked: the payload is gone.
    ERASED = "ERASED"
    #: Nothing that is kept says why.
    UNKNOWN = "UNKNOWN"


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
class NotDelivered:
    """A webhook that the event was not owed to."""

    webhook: UUID
    webhook_name: str
    webhook_status: str
    why: WhyNot
    #: A sentence.
    text: str
    #: What it asks for today; empty for every event of the type, or for none.
    event_filter: str = ""
    #: The conditions that say no, with what the data have there.
    failed: Sequence[FailedCondition] = ()
    #: It would be owed to it, if the event were published now.
    now: bool = False


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
            others=await self._explained(row, others[:OTHERS], spreading=spreading),
            others_cut=len(others) > OTHERS,
        )

    async def _others(self, connection: Raw, event: Row) -> list[Row]:
        given = NotOwedTo(event=event["key"], workspace=event["workspace_id"], type=event["type"], limit=OTHERS + 1)
        return await NOT_OWED.fetch(connection, given)

    async def _explained(self, event: Row, others: Sequence[Row], *, spreading: bool) -> list[NotDelivered]:
        asks = any(row["event_filter"] for row in others) and event["body"] is not None
        data = event_filter.data_of(event["body"]) if asks else None
        accepted = event_keys.time_of(event["key"])
        known = _Known(accepted=accepted, erased=event["body"] is None, data=data, spreading=spreading)
        explained = []
        for row in others:
            explained.append(self._not_delivered(row, known))
            # Each filter may take milliseconds: others on the loop get their turns between two.
            await asyncio.sleep(0)
        return explained

    def _not_delivered(self, row: Row, known: "_Known") -> NotDelivered:
        text, erased = row["event_filter"] or "", known.erased
        verdict = Verdict(passes=False)
        if row["subscription"] is not None and not (erased and text):
            verdict = explaining.explain(text, known.data, steps=self._steps)
        why = _why(row, known, verdict)
        return NotDelivered(
            webhook=row["id"],
            webhook_name=row["name"],
            webhook_status=row["status"],
            why=why,
            text=_said(why, row),
            event_filter=text,
            failed=verdict.failed,
            now=row["subscription"] is not None and verdict.passes,
        )


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What is known of the event."""

    accepted: datetime
    erased: bool
    data: Any
    spreading: bool


def _why(row: Row, known: _Known, verdict: Verdict) -> WhyNot:
    accepted = known.accepted
    if row["registered_at"] > accepted:
        return WhyNot.REGISTERED_LATER
    if row["subscription"] is None:
        return WhyNot.UNSUBSCRIBED
    if row["created_at"] > accepted:
        return WhyNot.SUBSCRIBED_LATER
    if known.erased and row["event_filter"]:
        return WhyNot.ERASED
    changed = row["updated_at"] > accepted and row["generation"] > 1
    if not verdict.passes:
        return WhyNot.FILTERED_TODAY if changed else WhyNot.FILTERED
    if changed:
        return WhyNot.CHANGED
    return WhyNot.SPREADING if known.spreading else WhyNot.UNKNOWN


def _said(why: WhyNot, row: Row) -> str:
    return {
        WhyNot.UNSUBSCRIBED: "It does not subscribe to this type today; whether it did then is not kept.",
        WhyNot.REGISTERED_LATER: "It was registered after the event was accepted.",
        WhyNot.SUBSCRIBED_LATER: "It subscribed to this type after the event was accepted.",
        WhyNot.FILTERED: "Its filter says no.",
        WhyNot.FILTERED_TODAY: "Its filter says no today; the subscription was changed since, and what it said then is not kept.",
        WhyNot.CHANGED: "Its filter says yes today; the subscription was changed since, and what it said then is not kept.",
        WhyNot.SPREADING: "The event has many webhooks, and its deliveries are still being written.",
        WhyNot.ERASED: "Its filter cannot be asked any more, for the payload was erased.",
        WhyNot.UNKNOWN: "It subscribes to this type, and nothing that is kept says why it was not owed to it.",
    }[why]


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
