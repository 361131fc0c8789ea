"""What was never owed to a webhook that is subscribed to it now: found page by page, as `finding.py` finds deliveries.

A webhook that was registered after an event is asked by its filter of today whether it wants it (protocol.md 11.3).
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

import asyncpg
import msgspec

from delivery.delivery_filter import DeliveryId
from delivery.ledger.days import day_statement
from delivery.ledger.owing import filtering
from delivery.ledger.owing.deliveries import START, SubscribedWebhook, Way
from delivery.ledger.replays import finding
from delivery.ledger.replays.finding import FoundPage, Pair, Sought
from subscriptions.ground import event_keys
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import Row, Statement
from subscriptions.webhooks.matching import Steps

#: Pairs of an event and a webhook that a page comes to, about; and its events at least.
PAIRS, FEW = 10_000, 20
#: Events of a page whose filters are asked together: their bodies are in memory.
TOGETHER = 20
#: Steps of filters after which a page ends, with the event that it is at.
ROOM = 2_000_000


class EventsAfter(msgspec.Struct, frozen=True, kw_only=True):
    """What `events_after.sql` is given."""

    after: UUID
    before: UUID
    read: int


class Lacking(msgspec.Struct, frozen=True, kw_only=True):
    """What `lacking.sql` is given."""

    workspace_id: str
    webhooks: list[UUID]
    types: list[str]
    after: UUID
    until: UUID


class BodiesOf(msgspec.Struct, frozen=True, kw_only=True):
    """What `bodies.sql` is given."""

    events: list[UUID]


EVENTS = day_statement(__package__, "events_after", EventsAfter)
LACKING = day_statement(__package__, "lacking", Lacking)
BODIES = day_statement(__package__, "bodies", BodiesOf)

MANY = """
SELECT count(*) FROM (
    SELECT FROM webhooks WHERE workspace_id = $1 AND deleted_at IS NULL AND (cardinality($2::uuid[]) = 0 OR id = ANY($2::uuid[]))
    LIMIT $3
) AS few
"""

SPREADING = "SELECT event FROM spreads WHERE workspace_id = $1 ORDER BY event LIMIT 1"


async def settled(connection: Raw, sought: Sought) -> Sought:
    """The same up to the oldest event that is being spread.

    What a spread has passed by before a webhook subscribed it owes nobody, and what it is to come to it owes by itself: which of
    the two, is seen when it has ended.
    """
    oldest = await connection.fetchval(SPREADING, sought.workspace_id)
    return sought if oldest is None else replace(sought, before=min(sought.before, event_keys.time_of(oldest)))


async def page(
    connection: Raw, sought: Sought, after: DeliveryId | None, *, steps: int, read: int = PAIRS
) -> FoundPage:
    """The next events that a webhook wants and was never owed, of `read` events at most; `steps` is what one filter may take of
    one event."""
    wanted = sought.wanted
    hooks = await connection.fetchval(MANY, sought.workspace_id, list(wanted.webhooks), PAIRS)
    read = min(read, max(FEW, PAIRS // max(1, hooks)))
    begin, before = finding.first(sought) if after is None else after.event, finding.last(sought)
    for day in await finding.days(connection, "events", begin, before):
        with suppress(asyncpg.UndefinedTableError):  # dropped by age since
            found = await EVENTS.on(day).fetchrow(connection, EventsAfter(after=begin, before=before, read=read))
            if found is not None and found["last"] is not None:
                given = Lacking(
                    workspace_id=sought.workspace_id,
                    webhooks=list(wanted.webhooks),
                    types=list(wanted.types),
                    after=begin,
                    until=found["last"],
                )
                rows = await LACKING.on(day).fetch(connection, given)
                pairs, at = await _asked(connection, BODIES.on(day), rows, Steps(steps))
                return FoundPage(pairs=pairs, read=found["read"], cursor=DeliveryId(at or found["last"], START, 0))
    return FoundPage()


async def _asked(
    connection: Raw, bodies: Statement[BodiesOf], rows: Sequence[Row], steps: Steps
) -> tuple[list[Pair], UUID | None]:
    """Those whose filter says yes; and the event behind which to go on, where the steps were used up before the end."""
    by_event: dict[UUID, list[SubscribedWebhook]] = {}
    for row in rows:
        candidate = SubscribedWebhook(webhook=row["webhook"], way=Way.SEND, event_filter=row["event_filter"])
        by_event.setdefault(row["event"], []).append(candidate)
    pairs: list[Pair] = []
    events = list(by_event)
    for few in (events[n : n + TOGETHER] for n in range(0, len(events), TOGETHER)):
        filtered = [event for event in few if any(each.event_filter for each in by_event[event])]
        found = await bodies.fetch(connection, BodiesOf(events=filtered)) if filtered else []
        body_of: dict[UUID, bytes | None] = dict.fromkeys(filtered) | {r["key"]: r["body"] for r in found}
        for event in few:
            body, candidates = body_of.get(event, b""), by_event[event]
            if body is None:  # erased since
                continue
            if body:
                candidates = (await filtering.asked(body, candidates, steps, room=float("inf"))).wanted
            pairs += [(event, each.webhook) for each in candidates]
            if steps.taken > ROOM:
                return pairs, event
    return pairs, None
