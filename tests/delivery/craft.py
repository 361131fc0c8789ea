"""The doors of delivery over a real database, with a told clock and a wire that answers by script.

Broker and processes are left to the tests of the carriers; here nudges are collected in `announced`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import insert

from delivery.assembly import Assembly
from delivery.attempts.claims import FreeShares
from delivery.attempts.endings import ClaimedDelivery, EndedAttempt
from delivery.foundation import WiredFoundation
from delivery.publishing.receipts import Receipt
from delivery.settings import DeliverySettings
from delivery.tickets import Job, JobKind, Nudge, Ticket
from delivery.wire.guard import Guard
from delivery.wire.parcels import Failure, Reply
from subscriptions.events.event import Event, digest
from subscriptions.ground import event_keys, tables
from subscriptions.ground.clock import DatabaseClock
from subscriptions.ground.database import Database
from subscriptions.ground.settings import GroundSettings
from subscriptions.ground.vault import Vault
from subscriptions.webhooks.webhook import Owner
from tests.clock import Clock
from tests.conftest import VAULT_KEYS
from tests.delivery.destinations import SECRET, Wire

WORKSPACE = "3009de2825f211ec8a84fedebcb4a754"
TYPE = "com.hpe.greenlake.compute.v1.servers.updated"
OWNER = Owner(workspace_id=WORKSPACE, principal="user:test", created_by="a test")
_VAULT = Vault.parse(VAULT_KEYS)
#: How long ids are remembered, in seconds.
REMEMBERED = 7 * 86400.0

Announce = Callable[[Sequence[Nudge]], None]


class Told(DatabaseClock):
    """The told clock in the place of the database's, which it does not follow; `followed` is what it was told."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(wall=lambda: clock.now.timestamp(), steady=lambda: clock.now.timestamp())
        self.followed: list[datetime] = []
        self._told = clock

    def __call__(self) -> datetime:
        return self._told.now

    def follow(self, database_now: datetime, _asked: float | None = None) -> None:
        self.followed.append(database_now)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A delivery as it stands."""

    state: str
    due_at: datetime | None
    leased_until: datetime | None
    fence: int
    attempts: int
    lost: int
    status: int | None
    reason: str | None
    ended_at: datetime | None


class Craft:
    """One process's doors; several of them over one database and clock are several processes."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        announce: Announce | None = None,
        chance: float = 0.5,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        **settings: Any,
    ) -> None:
        """`announce` takes nudges in place of `announced`, `chance` is what every draw comes to; a turn waits by `sleep`."""
        self.database, self.clock, self.chance = database, clock, chance
        self.told = Told(clock)
        self.settings = DeliverySettings(allow_destinations=("127.0.0.0/8",), allow_http=True, **settings)
        self.announced: list[Nudge] = []
        announce = announce or self.announced.extend
        self.wire = Wire(clock)
        base = WiredFoundation(
            ground=GroundSettings(database_url="", vault_keys=VAULT_KEYS, max_webhooks_per_workspace=10_000),
            settings=self.settings,
            database=database,
            clock=self.told,
            announce=announce,
            guard=Guard(self.settings.allow_destinations, allow_http=True),
            sender=self.wire,
            chance=lambda: chance,
            sleep=sleep,
        )
        self.assembly = Assembly(base)
        self.intake, self.rounds, self.jobs = self.assembly.intake, self.assembly.rounds, self.assembly.jobs
        self.webhook_lifecycle, self.upkeep = self.assembly.webhook_lifecycle, self.assembly.upkeep
        self.counting = self.assembly.counting

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Ends what runs; the database is who opened it's to close."""
        await self.assembly.end()

    # What is there before the test acts.

    async def hook(self, *, workspace: str = WORKSPACE, subscribed: str | None = TYPE, **columns: Any) -> UUID:
        """A webhook, ACTIVE unless said otherwise, subscribed to the type."""
        [made] = await self.hooks(1, workspace=workspace, subscribed=subscribed, **columns)
        return made

    async def hooks(
        self, count: int, *, workspace: str = WORKSPACE, subscribed: str | None = TYPE, **columns: Any
    ) -> list[UUID]:
        """Many of them, in order of id; columns go into the rows as they are."""
        ids = sorted(uuid4() for _ in range(count))
        async with self.database.transaction() as connection:
            await connection.execute(
                insert(tables.webhooks), [_hook_row(key, workspace, self.clock()) | columns for key in ids]
            )
        if subscribed is not None:
            await self.subscribe(ids, subscribed, workspace=workspace)
        return ids

    async def subscribe(self, webhooks: Sequence[UUID], kind: str, *, workspace: str = WORKSPACE) -> None:
        await self.know(kind)
        now = self.clock()
        by = {
            "hpe_principal": "user:test",
            "created_by": "a test",
            "created_at": now,
            "updated_by": "",
            "updated_at": now,
        }
        rows = [{"id": uuid4(), "workspace_id": workspace, "webhook": w, "event_type": kind} | by for w in webhooks]
        async with self.database.transaction() as connection:
            await connection.execute(insert(tables.subscriptions), rows)

    async def know(self, kind: str) -> None:
        """The catalogue has the type."""
        await self.sql(
            "INSERT INTO event_types VALUES ($1, '', '', '', '', 1, $2, $2) ON CONFLICT DO NOTHING", kind, self.clock()
        )

    def event(self, number: int = 0, *, id: str | None = None, kind: str = TYPE) -> Event:
        """An event made now; `number` is its content, `id` one that the producer chose."""
        key = event_keys.new(self.clock())
        body = msgspec.json.encode({"specversion": "1.0", "id": id or str(key), "data": {"number": number}})
        return Event(
            key=key,
            id=id or str(key),
            source="//here",
            type=kind,
            workspace_id=WORKSPACE,
            time=None,
            body=body,
            digest=digest(b"%d" % number),
            given_id=id is not None,
        )

    async def publish(self, count: int = 1) -> list[Receipt]:
        """So many new events, through the door."""
        return await self.intake.publish([self.event(number) for number in range(count)])

    async def owe(
        self, webhook: UUID, count: int = 1, *, state: str = "owed", due_in: float = 0.0, **row: Any
    ) -> list[UUID]:
        """Rows as if they had been there for long: answers the keys of their events, in order."""
        made = sorted(event_keys.new(self.clock()) for _ in range(count))
        due_at = self.clock() + timedelta(seconds=due_in) if state == "owed" else None
        columns = {"state": state, "due_at": due_at, "fence": 0, "attempts": 0, "lost": 0} | row
        names, places = ", ".join(columns), ", ".join(f"${n}" for n in range(3, len(columns) + 3))
        await self.sql(
            "INSERT INTO events (key, id, source, type, workspace_id, body) "
            "SELECT key, key::text, '//here', $2, $3, $4 FROM unnest($1::uuid[]) AS key",
            *(made, TYPE, WORKSPACE, b'{"data":{}}'),
        )
        await self.sql(
            f"INSERT INTO deliveries (event, webhook, round, {names}) SELECT key, $2, 0, {places} FROM unnest($1::uuid[]) AS key",
            *(made, webhook, *columns.values()),
        )
        return made

    # What stands when it has acted.

    async def row(self, event: UUID, webhook: UUID) -> Row:
        found = await self.fetch(
            "SELECT * FROM deliveries WHERE event = $1 AND webhook = $2 AND round = 0", event, webhook
        )
        return Row(**{name: found[0][name] for name in Row.__dataclass_fields__})

    async def states(self, webhook: UUID | None = None) -> dict[str, int]:
        """How many deliveries there are by state."""
        found = await self.fetch(
            "SELECT state, count(*) FROM deliveries WHERE $1::uuid IS NULL OR webhook = $1 GROUP BY state", webhook
        )
        return {row["state"]: row["count"] for row in found}

    async def status(self, webhook: UUID) -> str:
        return str(await self.value("SELECT status FROM webhooks WHERE id = $1", webhook))

    async def fetch(self, statement: str, *arguments: Any) -> list[Any]:
        async with self.database.raw() as connection:
            return list(await connection.fetch(statement, *arguments))

    async def value(self, statement: str, *arguments: Any) -> Any:
        async with self.database.raw() as connection:
            return await connection.fetchval(statement, *arguments)

    async def sql(self, statement: str, *arguments: Any) -> None:
        async with self.database.raw() as connection:
            await connection.execute(statement, *arguments)

    # What a worker does, without its engine.

    async def claim(self, *tickets: Ticket) -> list[ClaimedDelivery]:
        return await self.rounds.claims.by_ticket(tickets)

    async def drain(self, wanted: int = 200, share: int = 64, retries: int = 0, **shares: int) -> list[ClaimedDelivery]:
        """Day by day as the engine does it; `shares` by the hexadecimal digits of the webhook."""
        held: list[ClaimedDelivery] = []
        for day in await self.rounds.claims.days_due():
            free = {UUID(webhook): (room, None) for webhook, room in shares.items()}
            left = wanted - len(held)
            held += await self.rounds.claims.drain(day, wanted=left, retries=retries, free=FreeShares(share, free))
        return held

    async def attempt(self, held: ClaimedDelivery, *answers: Reply | Failure) -> EndedAttempt:
        self.wire.answers.extend(answers)
        return await self.rounds.attempts.make(held)

    async def queued_jobs(self) -> list[Job]:
        """All that is due and in nobody's hands, as the sweep finds it."""
        return list((await self.upkeep.sweep(0)).jobs)

    async def run_jobs(self) -> None:
        """Carries out every job that is due."""
        for queued_job in await self.queued_jobs():
            if queued_job.kind is not JobKind.CHALLENGE:
                await self.jobs.run(queued_job)

    async def challenge(self, webhook: UUID, probe: Callable[[UUID], Awaitable[bool | None]] | None = None) -> None:
        """Carries out the webhook's challenge, whatever its due time."""
        fence = await self.value("SELECT fence FROM challenges WHERE webhook = $1", webhook)
        await self.webhook_lifecycle.challenge_jobs.carry(
            Job(kind=JobKind.CHALLENGE, key=webhook, fence=fence), probe or self.probe
        )

    async def probe(self, webhook: UUID) -> bool | None:
        """As the engine does it."""
        held = await self.rounds.claims.probe(webhook)
        if held is None:
            return None
        ended = await self.rounds.attempts.make(held)
        await self.rounds.outcomes.record([ended])
        return ended.result.ok


def _hook_row(key: UUID, workspace: str, now: datetime) -> dict[str, Any]:
    return {
        "id": key,
        "workspace_id": workspace,
        "name": str(key),
        "description": "",
        "destination": "http://127.0.0.1:9/hook",
        "secret": _VAULT.seal(SECRET, context=f"webhook:{key}:secret".encode()),
        "auth_type": "",
        "client_id": "",
        "issuer_url": "",
        "batching": False,
        "challenge_request_enabled": True,
        "content_mode": "json",
        "paused": False,
        "status": "ACTIVE",
        "hpe_principal": "user:test",
        "created_by": "a test",
        "created_at": now,
        "updated_at": now,
    }
