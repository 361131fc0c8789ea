"""Deliveries come into being: rows for matched webhooks, and spreads for events with too many of them (protocol.md 2.4).

Who subscribed is read here, after the publication began; who of them wants the event is left to
`subscriptions/webhooks/matching.py`, when to do it to `publishing/intake.py`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from delivery.lifecycle import State
from delivery.settings import DeliverySettings
from delivery.tickets import Job, JobKind, Nudge, Ticket
from subscriptions.events import journal
from subscriptions.events.event import Event
from subscriptions.ground.database import Raw

TABLES = ("deliveries", "attempts", "parcels")
#: All tables with partitions of a day, the journal's too.
PARTITIONED = journal.TABLES + TABLES

# How what is sent to a webhook `w` begins, once it is not to collect any more.
WAY = """CASE WHEN w.status NOT IN ('ACTIVE', 'WARNING') THEN 'park' WHEN w.endpoint_rate_limit > 0 THEN 'pace' ELSE 'send' END"""

CANDIDATES = f"""
SELECT t.workspace_id, t.type, c.webhook, c.way, c.event_filter
FROM unnest($1::text[], $2::text[]) AS t (workspace_id, type), LATERAL (
    SELECT s.webhook, s.event_filter, CASE WHEN w.batching THEN 'collect' ELSE {WAY} END AS way
    FROM subscriptions s JOIN webhooks w ON w.id = s.webhook
    WHERE s.workspace_id = t.workspace_id AND s.event_type = t.type AND w.deleted_at IS NULL AND s.webhook > $4
    ORDER BY s.webhook LIMIT $3
) AS c
"""

# Events of one type fan out to the same webhooks: the server multiplies, so that only the pairs' ends travel.
OWE = """
INSERT INTO deliveries (event, webhook, round, state, due_at, fence, attempts, lost)
SELECT event, webhook, 0, state, due_at, 0, 0, 0
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[]) AS t (event, webhook, state, due_at)
ON CONFLICT DO NOTHING
"""

# All that a publication comes to is one statement, and so a transaction by itself: three round trips fewer than with BEGIN,
# a statement for each table, and COMMIT.
ACCEPT = f"""
WITH spread AS (
    INSERT INTO spreads (event, workspace_id, type, due_at, fence)
    SELECT event, workspace_id, type, $8, 0 FROM unnest($5::uuid[], $6::text[], $7::text[]) AS t (event, workspace_id, type)
    ON CONFLICT DO NOTHING
), written AS ({journal.writing(9)})
{OWE}"""


class Way(StrEnum):
    """How a delivery begins, as its webhook's row said at that time."""

    # Enum's is written in Python, and every delivery is asked for its way twice.
    __hash__ = str.__hash__

    #: Owed, with a ticket.
    SEND = "send"
    #: Owed, and left to the drains, which give the slots of a granted rate.
    PACE = "pace"
    #: Parked until the webhook may be sent to.
    PARK = "park"
    #: Collecting until the batch is closed.
    COLLECT = "collect"


STATES = {Way.SEND: State.OWED, Way.PACE: State.OWED, Way.PARK: State.PARKED, Way.COLLECT: State.COLLECTING}


@dataclass(frozen=True, kw_only=True)
class Times:
    """When new deliveries are due."""

    now: datetime
    #: Those with a ticket, to the sweep.
    first_due: datetime
    #: Those that collect, to be closed with what there is.
    batch_due: datetime

    def due(self, way: Way) -> datetime | None:
        """By how a delivery begins; None for one that is parked."""
        return {Way.SEND: self.first_due, Way.PACE: self.now, Way.COLLECT: self.batch_due}.get(way)


def times(now: datetime, settings: DeliverySettings) -> Times:
    """The due times of what is owed now."""
    return Times(
        now=now,
        first_due=now + timedelta(seconds=settings.first_due),
        batch_due=now + timedelta(seconds=settings.batch_wait),
    )


class SubscribedWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook subscribed to a type in a workspace, as it was when the publication had begun."""

    webhook: UUID
    #: How its deliveries begin.
    way: Way
    #: Of its subscription; empty for every event of the type.
    event_filter: str = ""


#: Before all webhooks.
START = UUID(int=0)

Topic = tuple[str, str]  # (workspace id, event type)
Pair = tuple[UUID, SubscribedWebhook]  # (event, who is owed it)


class NewDeliveries(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done once publications are committed."""

    #: To be announced.
    nudges: Sequence[Nudge] = ()
    #: The webhooks that are to be looked at again (`parking.py`).
    parked: Collection[UUID] = ()


async def candidates(
    connection: Raw, topics: Sequence[Topic], limit: int, *, after: UUID = START
) -> dict[Topic, list[SubscribedWebhook]]:
    """The first `limit` webhooks past `after`, in order of id, for each topic; a topic nobody subscribed to is absent."""
    rows = await connection.fetch(CANDIDATES, [t[0] for t in topics], [t[1] for t in topics], limit, after)
    found: dict[Topic, list[SubscribedWebhook]] = {}
    for row in rows:
        candidate = SubscribedWebhook(webhook=row["webhook"], way=Way(row["way"]), event_filter=row["event_filter"])
        found.setdefault((row["workspace_id"], row["type"]), []).append(candidate)
    return found


async def accept(
    connection: Raw, events: Sequence[Event], pairs: Sequence[Pair], spread: Sequence[tuple[UUID, Topic]], times: Times
) -> NewDeliveries:
    """Writes events, the deliveries they are owed as, and those whose deliveries `upkeep/jobs.py` writes later, as spreads.

    All of it or nothing. What is to be announced is as `owe` has it, and jobs for the spreads.
    """
    await connection.execute(
        ACCEPT,
        *_owed(pairs, times),
        [event for event, _ in spread],
        [topic[0] for _, topic in spread],
        [topic[1] for _, topic in spread],
        times.first_due,
        *journal.columns(events),
    )
    nudges = _nudges(pairs) + [Job(kind=JobKind.SPREAD, key=event, fence=0) for event, _ in spread]
    return NewDeliveries(nudges=nudges, parked=parked(pairs))


async def owe(connection: Raw, pairs: Sequence[Pair], times: Times) -> list[Nudge]:
    """Inserts the deliveries; answers tickets for those that may be sent at once, and nudges for batches that may be full."""
    await connection.execute(OWE, *_owed(pairs, times))
    return _nudges(pairs)


def parked(pairs: Sequence[Pair]) -> set[UUID]:
    """The webhooks for which deliveries begin parked."""
    # To name a member of an enum takes as long as all else that is done here for a pair.
    park = Way.PARK
    return {candidate.webhook for _, candidate in pairs if candidate.way is park}


def _owed(pairs: Sequence[Pair], times: Times) -> tuple[list[object], ...]:
    due = {way: times.due(way) for way in Way}
    return (
        [event for event, _ in pairs],
        [candidate.webhook for _, candidate in pairs],
        [STATES[candidate.way] for _, candidate in pairs],
        [due[candidate.way] for _, candidate in pairs],
    )


def _nudges(pairs: Sequence[Pair]) -> list[Nudge]:
    collect, send = Way.COLLECT, Way.SEND
    collecting = {candidate.webhook for _, candidate in pairs if candidate.way is collect}
    tickets: list[Nudge] = [Ticket(event, c.webhook, 0, 0) for event, c in pairs if c.way is send]
    return tickets + [Job(kind=JobKind.BATCH, key=webhook, fence=0) for webhook in collecting]
