"""Single statements and doors of the product, timed over one database: what `growth.py` compares.

How the databases differ is left to `seeding.py`.
"""

import itertools
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from delivery.ledger.claims import claiming, drains
from delivery.ledger.claims.claiming import ClaimedRow
from delivery.ledger.claims.drains import DrainRoom
from delivery.ledger.owing import deliveries
from delivery.ledger.owing.deliveries import SubscribedWebhook, Way
from delivery.ledger.records import outcomes
from delivery.ledger.records.outcomes import Record
from delivery.ledger.upkeep import sweeps
from delivery.lifecycle import State
from delivery.publishing.intake import Intake
from delivery.reports.recent_deliveries import History
from delivery.reports.traces import Traces
from delivery.settings import DeliverySettings
from delivery.tickets import Ticket
from subscriptions.events.event import Event, digest
from subscriptions.ground import event_keys
from subscriptions.ground.database import Database
from tests.clock import Clock

#: Webhooks that deliveries are owed to, and those of two workspaces of which one each matches.
HOOKS, MANY, FEW = 1000, 10_000, 10
BENCH, CROWDED, SMALL = "b" * 32, "c" * 32, "d" * 32
TYPE = "com.hpe.greenlake.bench.v1.grown.measured"
LEASE = 20.0
TOLD = DeliverySettings()


@dataclass(frozen=True, kw_only=True)
class Side:
    """One of the two databases."""

    name: str
    database: Database
    clock: Clock
    hooks: Sequence[UUID]
    #: One whose recent deliveries are read: it has over a thousand.
    reader: UUID
    numbers: "itertools.count[int]"

    def event(self, workspace: str = BENCH) -> Event:
        key, number = event_keys.new(self.clock()), next(self.numbers)
        body = b'{"specversion":"1.0","data":{"pad":"%b"}}' % (b"x" * 950)
        named: dict[str, Any] = {"source": "//global.bench/bench", "type": TYPE, "workspace_id": workspace}
        return Event(key=key, id=str(key), time=None, body=body, digest=digest(b"%d" % number), given_id=False, **named)


Measure = Callable[[Side], Awaitable[float]]


async def owed(side: Side, count: int, *, due: bool) -> list[Ticket]:
    """New events of today, each owed to a webhook of its own: due by now, or only with its ticket."""
    made = [side.event() for _ in range(count)]
    now = side.clock()
    times = deliveries.Times(now=now, first_due=now + timedelta(seconds=0 if due else 2), batch_due=now)
    first = next(side.numbers)
    pairs = [
        (event.key, SubscribedWebhook(webhook=side.hooks[(first + n) % len(side.hooks)], way=Way.SEND))
        for n, event in enumerate(made)
    ]
    async with side.database.raw() as connection:
        owed = await deliveries.accept(connection, made, pairs, [], times)
        return [nudge for nudge in owed.nudges if isinstance(nudge, Ticket)]


async def settle(side: Side, taken: Sequence[ClaimedRow]) -> float:
    """Records what was claimed as delivered; answers the milliseconds."""
    now = side.clock()
    ended = [_record(claimed, now) for claimed in taken]
    async with side.database.raw() as connection:
        began = time.perf_counter()
        await outcomes.write(connection, ended, now=now)
        return (time.perf_counter() - began) * 1000


def _record(claimed: ClaimedRow, now: datetime) -> Record:
    size = 20 + claimed.event.int % 200
    return Record(
        event=claimed.event,
        webhook=claimed.webhook,
        round=claimed.round,
        fence=claimed.fence,
        state=State.DELIVERED,
        due_at=None,
        counts=1,
        delivery_failed=False,
        started_at=now,
        milliseconds=5,
        status=200,
        reason="200 OK",
        request_headers=b'[["content-type","application/json"],["webhook-id","1"],["x","%b"]]' % (b"y" * size),
        response_headers=b'[["content-length","2"],["date","Sun, 22 Nov 2026 12:00:00 GMT"]]',
        response_body=b"ok",
    )


def by_ticket(count: int, *, record: bool = False) -> Measure:
    """A claim of so many tickets; or the record of what it took."""

    async def measure(side: Side) -> float:
        tickets = await owed(side, count, due=False)
        async with side.database.raw() as connection:
            began = time.perf_counter()
            claim = await claiming.by_ticket(connection, tickets, now=side.clock(), lease=LEASE)
            took = (time.perf_counter() - began) * 1000
        assert len(claim.taken) == count
        recorded = await settle(side, claim.taken)
        return recorded if record else took

    return measure


def drained(count: int) -> Measure:
    """Drains of today until so many due rows are taken."""

    async def measure(side: Side) -> float:
        await owed(side, count, due=True)
        now, taken = side.clock(), list[ClaimedRow]()
        async with side.database.raw() as connection:
            began = time.perf_counter()
            while len(taken) < count:
                left = count - len(taken)
                room = DrainRoom(wanted=left, retries=left // 5, share=64, shares={}, start=uuid4(), chance=0.5)
                taken += (await drains.drain(connection, room, day=now.date(), now=now, lease=LEASE)).taken
            took = (time.perf_counter() - began) * 1000
        await settle(side, taken)
        return took

    return measure


async def counted(side: Side) -> float:
    """The sweep's count, and the days that have something due."""
    async with side.database.raw() as connection:
        began = time.perf_counter()
        await sweeps.count_due(connection, now=side.clock(), at_most=2000)
        await drains.days_due(connection, now=side.clock())
        return (time.perf_counter() - began) * 1000


async def listed(side: Side) -> float:
    """A page of recent deliveries."""
    history = History(side.database, side.clock, lambda _nudges: None)
    began = time.perf_counter()
    items, total = await history.recent(None, side.reader, limit=50, offset=0)
    took = (time.perf_counter() - began) * 1000
    assert (len(items), total) == (50, 1000)
    return took


async def traced(side: Side) -> float:
    """What became of an event."""
    async with side.database.raw() as connection:
        key = await connection.fetchval("SELECT key FROM events WHERE type <> '' ORDER BY key LIMIT 1")
    began = time.perf_counter()
    assert await Traces(side.database).by_key(key, None)
    return (time.perf_counter() - began) * 1000


def published(workspace: str) -> Measure:
    """One publication with one match, in a workspace of few webhooks or of many."""

    async def measure(side: Side) -> float:
        intake = Intake(side.database, side.clock, TOLD, lambda _nudges: None, remembered=86400.0)
        event = side.event(workspace)
        began = time.perf_counter()
        await intake.publish([event])
        took = (time.perf_counter() - began) * 1000
        async with side.database.raw() as connection:
            await connection.execute(
                "UPDATE deliveries SET state = 'delivered', due_at = NULL WHERE event = $1", event.key
            )
        return took

    return measure


MEASURES: dict[str, Measure] = {
    "claim 64 by ticket": by_ticket(64),
    "claim 200 by ticket": by_ticket(200),
    "drain 64": drained(64),
    "drain 200": drained(200),
    "record 64": by_ticket(64, record=True),
    "record 200": by_ticket(200, record=True),
    "sweep's count, days due": counted,
    "recent deliveries": listed,
    "trace of an event": traced,
    f"publish, {FEW} webhooks": published(SMALL),
    f"publish, {MANY:,} webhooks": published(CROWDED),
}
