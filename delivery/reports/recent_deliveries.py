"""The door to what was tried: a webhook's recent deliveries with what was sent and answered, and their retry by hand.

How they are spelled on the wire is left to `service/api/deliveries.py`; what a whole event came to, to `traces.py`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from delivery import lifecycle
from delivery.kept_answers import uncut
from delivery.ledger.owing import parking
from delivery.ledger.owing.batches import BATCH
from delivery.ledger.records import replays
from delivery.ledger.records.replays import NewestRound
from delivery.lifecycle import State, final
from delivery.reports.attempt_history import AttemptSummary, of
from delivery.tickets import Nudge
from subscriptions.ground import audit, event_keys
from subscriptions.ground.audit import AuditChange
from subscriptions.ground.database import Clock, Database, Raw, still_asked
from subscriptions.ground.errors import Absent, Issue, Refused
from subscriptions.ground.statements import Row, statement

#: What asking for a retry came to.
Retried = replays.RetryResult

#: How many deliveries of a webhook the list covers (greenlake.md D.14).
COVERED = 1000
#: Bytes of headers and bodies in a page, beyond which they are cut: of those after it, and what stays of an answer's body then.
WHOLE, CUT = 1 << 20, 1024
#: Bytes of headers that stay.
HEADERS = 4096

WEBHOOK = """
SELECT workspace_id FROM webhooks WHERE id = $1 AND ($2::text IS NULL OR workspace_id = $2 AND deleted_at IS NULL)
"""

# Walks the attempts' key backwards and stops after the last delivery that is covered.
RECENT = (
    f"SELECT DISTINCT event, round FROM attempts WHERE webhook = $1 ORDER BY event DESC, round DESC LIMIT {COVERED}"
)


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What `items.sql` is given: the deliveries of a page."""

    webhook: UUID
    events: list[UUID]
    rounds: list[int]


ITEMS = statement(__package__, "items", Page, {"headers": HEADERS, "cut": CUT, "whole": WHOLE, "batch": BATCH})

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class RecentDelivery:
    """One delivery that was tried at least once, showing its last attempt."""

    webhook: UUID
    workspace_id: str
    #: Our own id of the event or the batch; what a retry names.
    key: UUID
    #: With key and webhook, the delivery.
    round: int
    #: The CloudEvent's id, or that of the batch.
    id: str
    #: The CloudEvent's type; of a batch nothing to show.
    type: str
    #: How many events a batch has; None for a single event.
    members: int | None
    #: When the event was accepted, or the batch closed.
    created_at: datetime
    #: When the attempt ended.
    updated_at: datetime
    #: Attempts so far.
    attempt_count: int
    success: bool
    #: HTTP status of the answer, None where there was none.
    status: int | None
    #: What the attempt came to, in words.
    reason: str
    #: Another attempt of the event at this webhook is still to come.
    retrying: bool
    #: Neither it nor a later round of it arrived.
    undelivered: bool
    #: As sent, credentials masked.
    request_headers: Pairs
    #: The structured JSON, of a batch the array; None once erased.
    request_body: bytes | None
    response_headers: Pairs
    response_body: bytes
    #: The page is full: the request's body is left out, and so are long headers; the answer's body is cut.
    truncated: bool = False
    #: Less is kept of the answer than came (`delivery/kept_answers.py`), or it broke off.
    cut: bool = False
    #: All of them, in their order.
    attempts: Sequence[AttemptSummary] = ()


#: Of a failure that is not there: an event's id of the publisher's is none.
LISTED = "the webhook's recent deliveries (GET .../recent-deliveries) show the failureId of each that has not arrived"


class History:
    """Reads attempts, and sends again what did not arrive."""

    def __init__(self, database: Database, clock: Clock, announce: Callable[[Sequence[Nudge]], None]) -> None:
        self._database = database
        self._clock = clock
        self._announce = announce

    async def recent(
        self, workspace_id: str | None, webhook: UUID, *, limit: int, offset: int
    ) -> tuple[list[RecentDelivery], int]:
        """A page of the webhook's last 1,000 deliveries, latest event first, and how many there are (greenlake.md D.14).

        For operators (`workspace_id` None) those of a deleted webhook too. Raises Absent.
        """
        async with self._database.raw() as connection:
            owner = await _owner(connection, workspace_id, webhook)
            found = await connection.fetch(RECENT, webhook)
            still_asked()
            page = [(row["event"], row["round"]) for row in found[offset : offset + limit]]
            return await _items(connection, webhook, owner, page), len(found)

    async def retry(self, workspace_id: str | None, webhook: UUID, failure: UUID) -> tuple[RecentDelivery, Retried]:
        """Sends an undelivered event again, now (protocol.md 8): its last attempt, and what asking came to.

        Raises Absent for what was never tried at this webhook, Refused for what arrived or has no payload any more.
        """
        now = self._clock()
        async with self._database.raw() as connection:
            async with connection.transaction():
                owner = await _owner(connection, workspace_id, webhook)
                newest = await replays.newest(connection, failure, webhook, now=now)
                attempts_of = await connection.fetchval(
                    "SELECT max(round) FROM attempts WHERE webhook = $1 AND event = $2", webhook, failure
                )
                if newest is None or attempts_of is None:
                    raise Absent("Delivery failure", str(failure), hint=LISTED)
                _check(newest)
                retried, ticket = await replays.retry(connection, failure, webhook, newest, now=now)
                [item] = await _items(connection, webhook, owner, [(failure, attempts_of)])
                await audit.note(connection, _retried(item, newest, retried))
            waiting = [webhook] if retried is Retried.WAITING else []
            nudges: list[Nudge] = [*await parking.look_again(connection, waiting, now=now)]
        nudges += [] if ticket is None else [ticket]
        if nudges:
            self._announce(nudges)
        return item, retried


def _retried(item: RecentDelivery, newest: NewestRound, result: Retried) -> AuditChange:
    return AuditChange(
        action="delivery.retried",
        subject=f"{item.key}.{item.webhook}.{newest.round}",
        name=item.id,
        workspace_id=item.workspace_id,
        before={"state": newest.state},
        after={"state": result.name},
    )


def _check(newest: NewestRound) -> None:
    """Raises Refused where sending again would be for nothing."""
    if newest.state is State.DELIVERED:
        raise Refused(Issue(subject="failureId", description="was delivered meanwhile: there is nothing to retry"))
    if not newest.payload:
        raise Refused(Issue(subject="failureId", description="its payload was erased: there is nothing to send"))
    if newest.round >= replays.ROUNDS and lifecycle.final(newest.state):
        said = f"was sent again by hand {replays.ROUNDS} times, which is as often as is counted: publish the event anew"
        raise Refused(Issue(subject="failureId", description=said))


async def _owner(connection: Raw, workspace_id: str | None, webhook: UUID) -> str:
    owner: str | None = await connection.fetchval(WEBHOOK, webhook, workspace_id)
    if owner is None:
        raise Absent("Webhook", str(webhook))
    return owner


async def _items(
    connection: Raw, webhook: UUID, workspace_id: str, page: Sequence[tuple[UUID, int]]
) -> list[RecentDelivery]:
    given = Page(webhook=webhook, events=[event for event, _ in page], rounds=[number for _, number in page])
    rows = await ITEMS.fetch(connection, given)
    attempts_of = await of(connection, [(webhook, *each) for each in page])
    return [
        replace(_item(row, webhook, workspace_id), attempts=attempts_of.get((webhook, row["event"], row["round"]), ()))
        for row in rows
    ]


def _item(row: Row, webhook: UUID, workspace_id: str) -> RecentDelivery:
    # A success that came too late for its row, after a deletion or the retention time, arrived all the same.
    newest = None if row["newest"] is None else State(row["newest"])
    undelivered = newest is not None and not row["success"] and State.DELIVERED not in (row["state"], newest)
    response_headers, cut = uncut(_pairs(row["response_headers"] or b"[]"))
    return RecentDelivery(
        webhook=webhook,
        workspace_id=workspace_id,
        key=row["event"],
        round=row["round"],
        id=row["id"],
        type=row["type"],
        members=row["members"],
        created_at=event_keys.time_of(row["event"]),
        updated_at=row["started_at"] + timedelta(milliseconds=row["milliseconds"]),
        attempt_count=row["tries"],
        success=row["success"],
        status=row["status"],
        reason=row["reason"],
        retrying=newest is not None and undelivered and not final(newest),
        undelivered=undelivered,
        request_headers=_pairs(row["request_headers"]),
        request_body=row["body"],
        response_headers=response_headers,
        response_body=row["response_body"] or b"",
        truncated=not row["whole"],
        cut=cut,
    )


def _pairs(text: bytes) -> Pairs:
    return msgspec.json.decode(text, type=Pairs)
