"""One delivery with all that is known of it: how it stands, why it waits, each attempt with what was sent and answered.

Searches are left to `delivery_search.py`, moves by hand to `upkeep/by_hand.py`; who may see what is the entrance's to say.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from delivery.delivery_filter import DeliveryId
from delivery.judgement.breaker import Status
from delivery.kept_answers import uncut
from delivery.ledger.owing.batches import BATCH
from delivery.ledger.records import cancellations
from delivery.lifecycle import State
from delivery.reports import waiting
from delivery.reports.waiting import Wait, WaitFacts
from delivery.wire import notes, parcels, signing
from delivery.wire.notes import WireNotes
from subscriptions.ground import event_keys
from subscriptions.ground.database import Clock, Database, Raw
from subscriptions.ground.errors import Absent, HooklakeError
from subscriptions.ground.statements import Row, statement
from subscriptions.webhooks.webhook_store import WebhookStore

#: Attempts that are shown, the newest of them.
SHOWN = 50
#: Seconds of silence after which a worker counts as gone.
SILENCE = timedelta(seconds=15)
#: What a signature was made with: a secret that its webhook has, or one that it has no more.
PRIMARY, SECONDARY, REPLACED = "primary", "secondary", "replaced"

Pairs = tuple[tuple[str, str], ...]


class AskedDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """What `one_delivery.sql` is given."""

    event: UUID
    webhook: UUID
    round: int
    workspace: str | None
    workers_since: datetime


ONE = statement(__package__, "one_delivery", AskedDelivery, {"batch": BATCH})

ATTEMPTS = f"""
SELECT * FROM attempts WHERE webhook = $1 AND event = $2 AND round = $3 ORDER BY fence DESC LIMIT {SHOWN}
"""
ROUNDS = """
SELECT round, state, attempts, ended_at FROM deliveries WHERE event = $1 AND webhook = $2 ORDER BY round DESC LIMIT 100
"""


@dataclass(frozen=True, kw_only=True)
class OneAttempt:
    """One attempt that ended, with what was sent and answered."""

    #: From 1 on, within its round.
    number: int
    started_at: datetime
    milliseconds: int
    success: bool
    #: HTTP status of the answer, None where there was none.
    status: int | None
    reason: str
    #: As sent, credentials masked.
    request_headers: Pairs
    response_headers: Pairs
    response_body: bytes
    #: Less is kept of the answer than came.
    cut: bool
    #: Where it went and how long each step took; None where it was made by a release that noted nothing.
    wire: WireNotes | None
    #: For each signature what it was made with; empty where that cannot be known (no secrets, no payload any more).
    signed_with: tuple[str, ...]
    #: Nothing of it is left out for a page that is full.
    truncated: bool = False


@dataclass(frozen=True, kw_only=True)
class DeliveryRound:
    """One of the rounds in which an event was owed to a webhook."""

    id: DeliveryId
    state: State
    attempts: int
    ended_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class OneDelivery:
    """A delivery, and what it says of its event and webhook."""

    id: DeliveryId
    workspace_id: str
    event_id: str
    source: str
    #: Empty for a batch.
    type: str
    #: The structured JSON, of a batch the array; None once erased.
    body: bytes | None
    state: State
    attempt_count: int
    lost: int
    status: int | None
    reason: str
    first_try_at: datetime | None
    due_at: datetime | None
    ended_at: datetime | None
    webhook_name: str
    #: As it is now; what an attempt went to stands with it.
    destination: str
    content_mode: str
    webhook_status: Status
    deleted: bool
    #: The events that it carries as a batch; None for a single one.
    members: tuple[UUID, ...] | None
    #: The batch that carries it.
    batch: DeliveryId | None
    #: Why it has not arrived; None where it has ended.
    wait: Wait | None
    #: The newest, in their order.
    attempts: Sequence[OneAttempt]
    #: The newest first.
    rounds: Sequence[DeliveryRound]

    @property
    def accepted_at(self) -> datetime:
        """When the event was accepted, or the batch closed."""
        return event_keys.time_of(self.id.event)


class DeliveryDetails:
    """Reads one delivery."""

    def __init__(self, database: Database, clock: Clock, webhook_store: WebhookStore) -> None:
        self._database = database
        self._clock = clock
        self._webhook_store = webhook_store

    async def read(self, workspace_id: str | None, id: DeliveryId) -> OneDelivery:
        """The delivery, if its webhook is of the workspace (None: of any). Raises Absent."""
        now = self._clock()
        given = AskedDelivery(
            event=id.event, webhook=id.webhook, round=id.round, workspace=workspace_id, workers_since=now - SILENCE
        )
        async with self._database.raw() as connection:
            row = await ONE.fetchrow(connection, given)
            if row is None:
                raise Absent("Delivery", str(id))
            rows = await connection.fetch(ATTEMPTS, id.webhook, id.event, id.round)
            secrets = await self._secrets(connection, id.webhook) if rows else ()
            rounds = await connection.fetch(ROUNDS, id.event, id.webhook)
            alone = row["first_try_at"] is not None or row["type"] == BATCH
            batch = None if alone else await cancellations.batch_of(connection, id.event, id.webhook)
        # Once for all attempts: a batch may be long.
        known = signatures_of(row, secrets)
        attempts = [_attempt(each, row["attempts"] - place, known) for place, each in enumerate(rows)][::-1]
        return _one(id, row, now, attempts=attempts, rounds=rounds, batch=batch)

    async def _secrets(self, connection: Raw, webhook: UUID) -> tuple[str, ...]:
        hook = (await self._webhook_store.hooks(connection, [webhook])).get(webhook)
        return () if hook is None else hook.secrets


def facts_of(row: Row, *, last_status: int | None) -> WaitFacts:
    """What `waiting.why` asks of a row of `one_delivery.sql`."""
    return WaitFacts(
        state=State(row["state"]),
        due_at=row["due_at"],
        leased_until=row["leased_until"],
        attempts=row["attempts"],
        reason=row["reason"] or "",
        lost=row["lost"],
        unanswered=row["attempts"] > 0 and last_status is None,
        webhook_status=Status(row["webhook_status"]),
        state_reason=row["state_reason"],
        rate=row["rate"],
        question_at=row["question_at"],
        last_failure_at=row["last_failure_at"],
        workers=row["workers"],
    )


def _one(id: DeliveryId, row: Row, now: datetime, **more: Any) -> OneDelivery:
    batch: UUID | None = more["batch"]
    return OneDelivery(
        id=id,
        workspace_id=row["workspace_id"],
        event_id=row["id"],
        source=row["source"],
        type=row["type"],
        body=row["body"],
        state=State(row["state"]),
        attempt_count=row["attempts"],
        lost=row["lost"],
        status=row["status"],
        reason=row["reason"] or "",
        first_try_at=row["first_try_at"],
        due_at=row["due_at"],
        ended_at=row["ended_at"],
        webhook_name=row["webhook_name"],
        destination=row["destination"],
        content_mode=row["content_mode"],
        webhook_status=Status(row["webhook_status"]),
        deleted=row["deleted_at"] is not None,
        members=None if row["members"] is None else tuple(row["members"]),
        batch=None if batch is None else DeliveryId(batch, id.webhook, id.round),
        wait=waiting.why(facts_of(row, last_status=row["status"]), now),
        attempts=more["attempts"],
        rounds=[
            DeliveryRound(
                id=id._replace(round=each["round"]),
                state=State(each["state"]),
                attempts=each["attempts"],
                ended_at=each["ended_at"],
            )
            for each in more["rounds"]
        ],
    )


def _attempt(row: Row, number: int, known: Mapping[str, str]) -> OneAttempt:
    sent = _pairs(row["request_headers"])
    came, cut = uncut(_pairs(row["response_headers"] or b"[]"))
    return OneAttempt(
        number=max(number, 1),
        started_at=row["started_at"],
        milliseconds=row["milliseconds"],
        success=row["success"],
        status=row["status"],
        reason=row["reason"],
        request_headers=sent,
        response_headers=came,
        response_body=row["response_body"] or b"",
        cut=cut,
        wire=notes.read(row["wire"]),
        signed_with=signed_with(sent, known),
    )


def signed_with(sent: Pairs, known: Mapping[str, str]) -> tuple[str, ...]:
    """What each of HPE's signatures among the headers was made with; `known` are those that the delivery may have."""
    given = [value for name, value in sent if name in signing.HPE_HEADERS]
    return tuple(known.get(value, REPLACED) for value in given) if known else ()


def signatures_of(of: Row, secrets: Sequence[str]) -> dict[str, str]:
    """HPE's signatures of a row's `body` in each content mode, with what makes them: they cover the body alone.

    Empty where nothing can be known, for want of a body or of secrets.
    """
    body: bytes | None = of["body"]
    if body is None or not secrets:
        return {}
    payloads = [body]
    with suppress(HooklakeError):
        payloads = parcels.bodies(of["event"], body, batch_of_events=of["type"] == BATCH)
    return {
        signing.hpe(secret, payload): word
        for word, secret in zip((PRIMARY, SECONDARY), secrets, strict=False)
        for payload in payloads
    }


def _pairs(text: bytes) -> Pairs:
    return msgspec.json.decode(text, type=Pairs)
