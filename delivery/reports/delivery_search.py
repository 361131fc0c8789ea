"""The search for deliveries: filters of any combination, newest first, at a bounded cost.

Each search reads rows of one source, in the order of (event, webhook, round), and looks at them one by one; which source has
the fewest to read follows from the filter. What is shown of one delivery is left to `one_delivery.py`.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from delivery.delivery_filter import DeliveryFilter, DeliveryId
from delivery.ledger.owing.batches import BATCH
from delivery.ledger.predicates import PREDICATES
from delivery.lifecycle import FINAL, State
from delivery.reports import search_steps
from delivery.reports.event_search import key_of
from delivery.reports.search_steps import DATA, Reach, SearchPage, Step
from subscriptions.ground import event_keys
from subscriptions.ground.database import Database, Raw
from subscriptions.ground.statements import Row, Statement, fragment, statement

#: Webhooks whose deliveries are read one by one; of more those of all are.
FEW = 10
#: Waiting deliveries that are read at once.
WAITING = 5000

_UNMET = frozenset({State.FAILED, State.CANCELLED, State.EXPIRED})
_LAST = UUID(int=(1 << 128) - 1)
_NIL = UUID(int=0)

WEBHOOKS = "SELECT id FROM webhooks WHERE workspace_id = $1 AND deleted_at IS NULL ORDER BY id LIMIT $2"

OWN = "SELECT id FROM webhooks WHERE workspace_id = $1 AND id = ANY ($2::uuid[])"


class DeliverySearch(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for."""

    #: None: of any.
    workspace_id: str | None
    filter: DeliveryFilter = DeliveryFilter()
    #: The event's id as its publisher gave it, or our own key of it.
    event_id: str = ""
    source: str = ""
    #: HTTP statuses of the last attempt, any of them.
    statuses: tuple[int, ...] = ()
    #: CloudEvents attributes that publishers set, all of them.
    tags: tuple[tuple[str, str], ...] = ()
    #: A part of the event's data, to the letter.
    text: str = ""
    #: Where the page before ended.
    after: DeliveryId | None = None
    limit: int = 50


class FoundDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """One of them."""

    id: DeliveryId
    workspace_id: str
    webhook_name: str
    #: The CloudEvent's, or of a batch its own.
    event_id: str
    source: str
    #: Empty for a batch.
    type: str
    #: How many events a batch has; None for a single one.
    members: int | None
    state: State
    #: Attempts that ended.
    attempts: int
    #: HTTP status of the last one, None where there was no answer, or none was made.
    status: int | None
    #: What the last one came to, or how it ended; empty before.
    reason: str
    first_try_at: datetime | None
    #: When it is due, while it waits.
    due_at: datetime | None
    ended_at: datetime | None
    #: Its payload is gone.
    erased: bool

    @property
    def accepted_at(self) -> datetime:
        """When the event was accepted, or the batch closed."""
        return event_keys.time_of(self.id.event)


class DeliveryStep(msgspec.Struct, frozen=True, kw_only=True):
    """What `search_deliveries.sql` is given; what is empty narrows nothing."""

    event: UUID
    webhook: UUID
    round: int
    #: The smallest key that is read.
    floor: UUID
    #: Rows to read, and to find.
    chunk: int
    wanted: int
    workspace: str | None
    webhooks: list[UUID]
    events: list[UUID]
    ids: list[str]
    states: list[str]
    classes: list[int]
    statuses: list[int]
    reason: str
    ended_since: datetime | None
    #: What was tried and did not fail: of states that have indexes, none of that has to be read.
    tried: bool
    #: What a batch carries, too.
    members: bool
    #: Looks into payloads.
    opens: bool
    types: list[str]
    id: str
    origin: str
    texts: list[bytes]
    tag_texts: list[bytes]
    tag_values: list[bytes]


def _source(name: str) -> Statement[DeliveryStep]:
    parts = {
        **PREDICATES,
        "most": WAITING,
        "batch": BATCH,
        "data": DATA.decode(),
        "source": fragment(__package__, name),
        "tagged": fragment(__package__, "tagged"),
    }
    return statement(__package__, "search_deliveries", DeliveryStep, parts)


BY_TIME, UNMET, NAMED = _source("search_by_time"), _source("search_unmet"), _source("search_named")
OF_WEBHOOKS, OF_WAITING = _source("search_of_webhooks"), _source("search_waiting")


class States(msgspec.Struct, frozen=True):
    """What `waiting_many.sql` is given."""

    states: list[str]


MANY_WAIT = statement(__package__, "waiting_many", States, {**PREDICATES, "most": WAITING})


class Deliveries:
    """Finds deliveries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def search(self, asked: DeliverySearch) -> SearchPage[DeliveryId, FoundDelivery]:
        """A page of what is wanted; a delivery that is new since the page before stands before it, and is not met on the way."""
        async with self._database.raw() as connection:
            given = await _given(connection, asked)
            source = await _chosen(connection, asked, given)

            async def step(after: DeliveryId | None, rows: int, wanted: int) -> Step[DeliveryId, FoundDelivery]:
                at = after or DeliveryId(given.event, given.webhook, given.round)
                here = {"event": at.event, "webhook": at.webhook, "round": at.round, "chunk": rows, "wanted": wanted}
                return _step(await source.fetch(connection, msgspec.structs.replace(given, **here)), wanted)

            effort = Reach(after=asked.after, limit=asked.limit, opens=given.opens)
            page = await search_steps.walk(step, lambda found: found.id, effort)
            page.own = asked.workspace_id is not None and source is OF_WEBHOOKS
            return page


async def _given(connection: Raw, asked: DeliverySearch) -> DeliveryStep:
    wanted = asked.filter
    texts, values = search_steps.tagged(asked.tags)
    events = sorted({each.event for each in wanted.ids})
    named = asked.event_id
    key = await key_of(connection, asked.workspace_id, asked.source, named) if named else None
    webhooks = list(wanted.webhooks)
    if asked.workspace_id is not None and webhooks:
        # Of others' webhooks not even a number of rows is told; that of none is one that there is not.
        rows = await connection.fetch(OWN, asked.workspace_id, webhooks)
        webhooks = [row["id"] for row in rows] or [_NIL]
    elif asked.workspace_id is not None:
        rows = await connection.fetch(WEBHOOKS, asked.workspace_id, FEW + 1)
        webhooks = ([row["id"] for row in rows] or [_NIL]) if len(rows) <= FEW else []
    return DeliveryStep(
        event=_LAST if wanted.until is None else event_keys.floor(wanted.until),
        webhook=_NIL,
        round=-1,
        floor=_NIL if wanted.since is None else event_keys.floor(wanted.since),
        chunk=0,
        wanted=0,
        workspace=asked.workspace_id,
        webhooks=webhooks,
        events=events if key is None else [key],
        ids=[str(each) for each in wanted.ids],
        states=list(wanted.states),
        classes=list(wanted.status_classes),
        statuses=list(asked.statuses),
        reason=wanted.reason,
        ended_since=wanted.ended_since,
        tried=not wanted.states or bool({State.DELIVERED, State.OWED} & {*wanted.states}),
        members=bool(wanted.ids or asked.event_id) or State.BUNDLED in wanted.states,
        opens=bool(asked.text or asked.tags),
        types=list(wanted.types),
        id="" if key is not None else asked.event_id,
        origin=asked.source,
        texts=search_steps.spelled(asked.text) if asked.text else [],
        tag_texts=texts,
        tag_values=values,
    )


async def _chosen(connection: Raw, asked: DeliverySearch, given: DeliveryStep) -> Statement[DeliveryStep]:
    """The source with the fewest rows to read."""
    states = frozenset(asked.filter.states)
    if given.events:
        return NAMED
    if 0 < len(given.webhooks) <= FEW:
        return OF_WEBHOOKS
    if states and states <= _UNMET:
        return UNMET
    if states and not states & FINAL and not await MANY_WAIT.fetchval(connection, States(given.states)):
        return OF_WAITING
    return BY_TIME


def _step(rows: Sequence[Row], wanted: int) -> Step[DeliveryId, FoundDelivery]:
    found = [_found(row) for row in rows if row["event"] is not None]
    last = rows[0]["last"]
    return Step(
        items=found,
        read=rows[0]["read"],
        last=None if last is None else DeliveryId.parse(last),
        cut=len(found) == wanted,
    )


def _found(row: Row) -> FoundDelivery:
    return FoundDelivery(
        id=DeliveryId(row["event"], row["webhook"], row["round"]),
        workspace_id=row["workspace_id"],
        webhook_name=row["name"],
        event_id=row["id"],
        source=row["source"],
        type=row["type"],
        members=row["members"],
        state=State(row["state"]),
        attempts=row["attempts"],
        status=row["status"],
        reason=row["reason"] or "",
        first_try_at=row["first_try_at"],
        due_at=row["due_at"],
        ended_at=row["ended_at"],
        erased=row["erased"],
    )
