"""Deliveries come into being: rows for matched webhooks, and spreads for events with too many of them (protocol.md 2.4).

Who subscribed is read here, after the publication began; who of them wants the event is left to
`subscriptions/webhooks/matching.py`, when to do it to `publishing/intake.py`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TypedDict
from uuid import UUID

import msgspec

from delivery.ledger.predicates import PREDICATES
from delivery.lifecycle import State
from delivery.settings import DeliverySettings
from delivery.tickets import Job, JobKind, Nudge, Ticket
from subscriptions.events import journal
from subscriptions.events.event import Event
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import fragment, statement

TABLES = ("deliveries", "attempts", "parcels")
#: All tables with partitions of a day, the journal's too.
PARTITIONED = journal.TABLES + TABLES


class Way(StrEnum):
    """How a delivery begins, as its webhook's row said at that time."""

    # Enum's is written in Python, and every delivery is asked for its way twice.
    __hash__ = str.__hash__

    #: Owed, with a ticket.
    SEND = "send"
    #: Owed, and left to the drains, which give the send times of a granted rate.
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


class Candidates(msgspec.Struct, frozen=True, kw_only=True):
    """What `candidates.sql` is given: the topics, part by part."""

    workspace_ids: list[str]
    types: list[str]
    #: The webhook behind which the first is.
    after: UUID
    #: Of each topic.
    at_most: int


class OweColumns(TypedDict):
    """What `owe.sql` is given: the deliveries, part by part."""

    events: list[UUID]
    webhooks: list[UUID]
    states: list[State]
    due_at: list[datetime | None]


class Owe(msgspec.Struct, frozen=True, kw_only=True):
    """The same, where it is a statement by itself."""

    events: list[UUID]
    webhooks: list[UUID]
    states: list[State]
    due_at: list[datetime | None]


class Accept(Owe, frozen=True, kw_only=True):
    """What `accept.sql` is given: deliveries, spreads, and events as `journal.WRITE` has them."""

    spread_events: list[UUID]
    spread_workspaces: list[str]
    spread_types: list[str]
    spread_due: datetime
    keys: list[UUID]
    ids: list[str]
    sources: list[str]
    types: list[str]
    workspace_ids: list[str]
    bodies: list[bytes]
    now: datetime


#: How what is sent to a webhook `w` begins, as a part of greater statements.
WAY = fragment(__package__, "way").format(**PREDICATES)

ONE = f"SELECT CASE WHEN w.batching THEN 'collect' ELSE {WAY} END FROM webhooks w WHERE w.id = $1 AND w.deleted_at IS NULL"

CANDIDATES = statement(__package__, "candidates", Candidates, {"way": WAY})
OWE = statement(__package__, "owe", Owe)
ACCEPT = statement(__package__, "accept", Accept, {"write_events": journal.WRITE, "owe": fragment(__package__, "owe")})


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
    given = Candidates(
        workspace_ids=[workspace_id for workspace_id, _ in topics],
        types=[event_type for _, event_type in topics],
        after=after,
        at_most=limit,
    )
    rows = await CANDIDATES.fetch(connection, given)
    found: dict[Topic, list[SubscribedWebhook]] = {}
    for row in rows:
        candidate = SubscribedWebhook(webhook=row["webhook"], way=Way(row["way"]), event_filter=row["event_filter"])
        found.setdefault((row["workspace_id"], row["type"]), []).append(candidate)
    return found


async def way_of(connection: Raw, webhook: UUID) -> Way | None:
    """How a delivery to this webhook begins; None where it is deleted."""
    way = await connection.fetchval(ONE, webhook)
    return None if way is None else Way(way)


async def accept(
    connection: Raw, events: Sequence[Event], pairs: Sequence[Pair], spread: Sequence[tuple[UUID, Topic]], times: Times
) -> NewDeliveries:
    """Writes events, the deliveries they are owed as, and those whose deliveries `upkeep/jobs.py` writes later, as spreads.

    All of it or nothing. What is to be announced is as `owe` has it, and jobs for the spreads.
    """
    given = Accept(
        **_owed(pairs, times),
        spread_events=[event for event, _ in spread],
        spread_workspaces=[workspace_id for _, (workspace_id, _) in spread],
        spread_types=[event_type for _, (_, event_type) in spread],
        spread_due=times.first_due,
        **journal.columns(events),
        now=times.now,
    )
    await ACCEPT.execute(connection, given)
    nudges = _nudges(pairs) + [Job(kind=JobKind.SPREAD, key=event, fence=0) for event, _ in spread]
    return NewDeliveries(nudges=nudges, parked=parked(pairs))


async def owe(connection: Raw, pairs: Sequence[Pair], times: Times) -> list[Nudge]:
    """Inserts the deliveries; answers tickets for those that may be sent at once, and nudges for batches that may be full."""
    await OWE.execute(connection, Owe(**_owed(pairs, times)))
    return _nudges(pairs)


def parked(pairs: Sequence[Pair]) -> set[UUID]:
    """The webhooks for which deliveries begin parked."""
    # To name a member of an enum takes as long as all else that is done here for a pair.
    park = Way.PARK
    return {candidate.webhook for _, candidate in pairs if candidate.way is park}


def _owed(pairs: Sequence[Pair], times: Times) -> OweColumns:
    due = {way: times.due(way) for way in Way}
    return {
        "events": [event for event, _ in pairs],
        "webhooks": [candidate.webhook for _, candidate in pairs],
        "states": [STATES[candidate.way] for _, candidate in pairs],
        "due_at": [due[candidate.way] for _, candidate in pairs],
    }


def _nudges(pairs: Sequence[Pair]) -> list[Nudge]:
    collect, send = Way.COLLECT, Way.SEND
    collecting = {candidate.webhook for _, candidate in pairs if candidate.way is collect}
    tickets: list[Nudge] = [Ticket(event, c.webhook, 0, 0) for event, c in pairs if c.way is send]
    return tickets + [Job(kind=JobKind.BATCH, key=webhook, fence=0) for webhook in collecting]
