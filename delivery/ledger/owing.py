"""Deliveries come into being: rows for matched webhooks, and spreads for events with too many of them.

Who matches is read here from the subscriptions, inside the transaction that owes; when to do it is left to `intake.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from delivery.lifecycle import State
from delivery.tickets import Ticket
from subscriptions.database import Raw

TABLES = ("deliveries", "attempts")

CANDIDATES = """
SELECT t.workspace_id, t.type, c.webhook, c.sendable
FROM unnest($1::text[], $2::text[]) AS t (workspace_id, type), LATERAL (
    SELECT s.webhook, w.status IN ('ACTIVE', 'WARNING') AS sendable
    FROM subscriptions s JOIN webhooks w ON w.id = s.webhook
    WHERE s.workspace_id = t.workspace_id AND s.event_type = t.type AND w.deleted_at IS NULL
    ORDER BY s.webhook LIMIT $3
) AS c
"""

# Events of one type fan out to the same webhooks: the server multiplies, so that only the pairs' ends travel.
OWE = """
INSERT INTO deliveries (event, webhook, round, state, due_at, fence, attempts, lost)
SELECT event, webhook, 0, state, CASE WHEN state = 'owed' THEN $4::timestamptz END, 0, 0, 0
FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS t (event, webhook, state)
ON CONFLICT DO NOTHING
"""

PUT_SPREADS = """
INSERT INTO spreads (event, workspace_id, type, due_at, fence)
SELECT event, workspace_id, type, $4, 0 FROM unnest($1::uuid[], $2::text[], $3::text[]) AS t (event, workspace_id, type)
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A webhook subscribed to a type in a workspace, as the owing transaction sees it."""

    webhook: UUID
    #: Its status admits claims; otherwise its deliveries are parked from the start.
    sendable: bool


Topic = tuple[str, str]  # (workspace id, event type)


async def candidates(connection: Raw, topics: Sequence[Topic], limit: int) -> dict[Topic, list[Candidate]]:
    """The first `limit` webhooks, in order of id, for each topic; a topic nobody subscribed to is absent."""
    rows = await connection.fetch(CANDIDATES, [t[0] for t in topics], [t[1] for t in topics], limit)
    found: dict[Topic, list[Candidate]] = {}
    for workspace_id, kind, webhook, sendable in rows:
        found.setdefault((workspace_id, kind), []).append(Candidate(webhook=webhook, sendable=sendable))
    return found


async def owe(connection: Raw, pairs: Sequence[tuple[UUID, Candidate]], due_at: datetime) -> list[Ticket]:
    """Inserts the deliveries and answers tickets for those that may be sent at once."""
    await connection.execute(
        OWE,
        [event for event, _ in pairs],
        [candidate.webhook for _, candidate in pairs],
        [State.OWED if candidate.sendable else State.PARKED for _, candidate in pairs],
        due_at,
    )
    return [Ticket(event, candidate.webhook, 0, 0) for event, candidate in pairs if candidate.sendable]


async def put_spreads(connection: Raw, events: Sequence[tuple[UUID, Topic]], due_at: datetime) -> None:
    """Writes the events down as spreads, to be continued by `jobs.py`."""
    await connection.execute(
        PUT_SPREADS,
        [event for event, _ in events],
        [topic[0] for _, topic in events],
        [topic[1] for _, topic in events],
        due_at,
    )
