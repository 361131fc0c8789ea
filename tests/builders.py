"""Rows as the ledger would have made them: events, what they owe, and attempts that ended.

What follows from them is left to the tests.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID, uuid4

import msgspec

from delivery.ledger.claims import claiming
from delivery.ledger.owing import deliveries
from delivery.ledger.owing.deliveries import SubscribedWebhook, Times, Way
from delivery.ledger.records import outcomes
from delivery.ledger.records.outcomes import Record
from delivery.lifecycle import State
from delivery.tickets import Ticket
from subscriptions.events.event import Event
from subscriptions.ground import event_keys
from subscriptions.ground.database import Database
from subscriptions.ground.vault import Vault
from subscriptions.webhooks.webhook import Owner, Registration, Webhook
from subscriptions.webhooks.webhook_store import WebhookStore
from tests.clock import Clock

WORKSPACE = "3009de2825f211ec8a84fedebcb4a754"
OWNER = Owner(workspace_id=WORKSPACE, principal="user:1", created_by="a program")


@dataclass(frozen=True, kw_only=True)
class Result:
    """What an attempt came to."""

    state: State = State.DELIVERED
    #: None: no answer came.
    status: int | None = 200
    reason: str = "200 OK"
    due_at: datetime | None = None
    request_headers: bytes = b"[]"
    response_headers: bytes | None = b"[]"
    response_body: bytes | None = b""
    #: What a failure is alike by; empty: it is not noted.
    cause: str = ""
    #: `delivery/wire/notes.py`, as JSON.
    wire: bytes | None = None


class Builder:
    """Makes rows over a database, at the time that a clock tells."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def event(self, *, workspace_id: str = WORKSPACE, **attributes: str) -> Event:
        """An event accepted now; `attributes` stand in its envelope beside the required ones."""
        key = event_keys.new(self._clock())
        named = {"id": str(key), "source": "//global.test/things", "type": "com.test.v1.things.changed"} | attributes
        body = msgspec.json.encode({"specversion": "1.0", **named, "data": {"n": 1.5}})
        return Event(
            key=key,
            id=named["id"],
            source=named["source"],
            type=named["type"],
            workspace_id=workspace_id,
            time=None,
            body=body,
            digest=b"",
            given_id="id" in attributes,
        )

    async def webhook(self, *, owner: Owner = OWNER) -> Webhook:
        """A webhook that is ACTIVE from the start."""
        name = str(uuid4())
        asked = Registration(
            name=name, destination="https://example.com/", secret="s3cr3tKey", challenge_request_enabled=False
        )
        async with self._database.transaction() as connection:
            webhook_store = WebhookStore(Vault([("test", b"0" * 32)]), most=1000)
            return await webhook_store.insert(connection, asked, owner, now=self._clock())

    async def owe(self, made: Event, to: UUID, *, sendable: bool = True) -> None:
        """The event in the journal, and its delivery to a webhook, due now or parked."""
        async with self._database.raw() as connection:
            way = Way.SEND if sendable else Way.PARK
            times = Times(now=self._clock(), first_due=self._clock(), batch_due=self._clock())
            await deliveries.accept(connection, [made], [(made.key, SubscribedWebhook(webhook=to, way=way))], [], times)

    async def claim(self, ticket: Ticket) -> int:
        """Claims the delivery that the ticket names, with a lease of 20 s, and answers the fence of the claim."""
        async with self._database.raw() as connection:
            claim = await claiming.by_ticket(connection, [ticket], now=self._clock(), lease=20)
        [taken] = claim.taken
        return taken.fence

    async def end(self, ticket: Ticket, result: Result) -> None:
        """An attempt under the claim whose fence the ticket has ends now, after 250 ms."""
        record = Record(
            event=ticket.event,
            webhook=ticket.webhook,
            round=ticket.round,
            fence=ticket.fence,
            state=result.state,
            due_at=result.due_at,
            counts=1,
            delivery_failed=False,
            started_at=self._clock(),
            milliseconds=250,
            status=result.status,
            reason=result.reason,
            request_headers=result.request_headers,
            response_headers=result.response_headers,
            response_body=result.response_body,
            cause=result.cause,
            wire=result.wire,
        )
        async with self._database.raw() as connection:
            await outcomes.write(connection, [record], now=self._clock())

    async def tried(self, made: Event, to: UUID, *results: Result) -> None:
        """The event's delivery to a webhook, with attempts that came to these results, one after the other."""
        await self.owe(made, to)
        for result in results:
            ticket = Ticket(made.key, to, 0, await self.fence(made.key, to))
            claimed = await self.claim(ticket)
            due_at = self._clock() if result.state is State.OWED and result.due_at is None else result.due_at
            await self.end(ticket._replace(fence=claimed), replace(result, due_at=due_at))

    async def fence(self, key: UUID, to: UUID, number: int = 0) -> int:
        """The fence of a delivery as it stands."""
        async with self._database.raw() as connection:
            found: int = await connection.fetchval(
                "SELECT fence FROM deliveries WHERE event = $1 AND webhook = $2 AND round = $3", key, to, number
            )
        return found
