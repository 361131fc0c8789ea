"""Deliveries come into being: rows for matched webhooks, and spreads for events with too many of them.

Who subscribed is read here, inside the transaction that owes; who of them wants the event is left to
`subscriptions/matching.py`, when to do it to `intake.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from delivery.lifecycle import State
from delivery.settings import Settings
from delivery.tickets import Errand, Kind, Nudge, Ticket
from subscriptions import journal
from subscriptions.database import Raw

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

PUT_SPREADS = """
INSERT INTO spreads (event, workspace_id, type, due_at, fence)
SELECT event, workspace_id, type, $4, 0 FROM unnest($1::uuid[], $2::text[], $3::text[]) AS t (event, workspace_id, type)
ON CONFLICT DO NOTHING
"""


class Way(StrEnum):
    """How a delivery begins, as its webhook's row says inside the owing transaction."""

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


def times(now: datetime, settings: Settings) -> Times:
    """The due times of what is owed now."""
    return Times(
        now=now,
        first_due=now + timedelta(seconds=settings.first_due),
        batch_due=now + timedelta(seconds=settings.batch_wait),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A webhook subscribed to a type in a workspace, as the owing transaction sees it."""

    webhook: UUID
    #: How its deliveries begin.
    way: Way
    #: Of its subscription; empty for every event of the type.
    event_filter: str = ""


#: Before all webhooks.
START = UUID(int=0)

Topic = tuple[str, str]  # (workspace id, event type)


async def candidates(
    connection: Raw, topics: Sequence[Topic], limit: int, *, after: UUID = START
) -> dict[Topic, list[Candidate]]:
    """The first `limit` webhooks past `after`, in order of id, for each topic; a topic nobody subscribed to is absent."""
    rows = await connection.fetch(CANDIDATES, [t[0] for t in topics], [t[1] for t in topics], limit, after)
    found: dict[Topic, list[Candidate]] = {}
    for workspace_id, kind, webhook, way, event_filter in rows:
        candidate = Candidate(webhook=webhook, way=Way(way), event_filter=event_filter)
        found.setdefault((workspace_id, kind), []).append(candidate)
    return found


async def owe(connection: Raw, pairs: Sequence[tuple[UUID, Candidate]], times: Times) -> list[Nudge]:
    """Inserts the deliveries; answers tickets for those that may be sent at once, and nudges for batches that may be full."""
    await connection.execute(
        OWE,
        [event for event, _ in pairs],
        [candidate.webhook for _, candidate in pairs],
        [STATES[candidate.way] for _, candidate in pairs],
        [times.due(candidate.way) for _, candidate in pairs],
    )
    collecting = {candidate.webhook for _, candidate in pairs if candidate.way is Way.COLLECT}
    tickets: list[Nudge] = [Ticket(event, c.webhook, 0, 0) for event, c in pairs if c.way is Way.SEND]
    return tickets + [Errand(kind=Kind.BATCH, key=webhook, fence=0) for webhook in collecting]


async def put_spreads(connection: Raw, events: Sequence[tuple[UUID, Topic]], due_at: datetime) -> None:
    """Writes the events down as spreads, to be continued by `jobs.py`."""
    await connection.execute(
        PUT_SPREADS,
        [event for event, _ in events],
        [topic[0] for _, topic in events],
        [topic[1] for _, topic in events],
        due_at,
    )
