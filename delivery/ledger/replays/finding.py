"""What a replay means is found page by page, in the order of the keys: deliveries by a filter, or events that were never owed.

A page reads a bounded number of rows, whatever the filter leaves of them (protocol.md 11.2). Nothing is written here: a dry
run counts by the same pages.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec

from delivery.delivery_filter import DeliveryFilter, DeliveryId
from delivery.ledger.days import DayStatement, day_statement
from delivery.ledger.owing.deliveries import START
from delivery.ledger.predicates import UNMET
from delivery.lifecycle import State
from subscriptions.ground import event_keys, partitions
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import Row, fragment, statement

#: Deliveries that a page reads.
READ = 10_000
#: Webhooks whose deliveries are read one by one; of more those of all are.
FEW = 10
#: What a replay sends again where its filter names no state, and what it may be asked for: who cancelled one meant it.
LOST = (State.FAILED, State.EXPIRED)
STATES = (*LOST, State.CANCELLED, State.DELIVERED, State.OWED)
_NOBODY_HAS = frozenset((*LOST, State.CANCELLED))
#: A batch closes at most so long after an event of it came in, beyond the time for which undelivered events are kept.
CLOSING = timedelta(days=1)

Pair = tuple[UUID, UUID]  # (event, webhook)


@dataclass(frozen=True, kw_only=True)
class Sought:
    """What to look for, and where."""

    workspace_id: str
    wanted: DeliveryFilter
    #: Events that were accepted from then on are left out.
    before: datetime
    #: For how long (seconds) undelivered events are kept.
    kept: float


@dataclass(frozen=True, kw_only=True)
class FoundPage:
    """What a page came to."""

    #: (event, webhook) of what is meant, in order.
    pairs: Sequence[Pair] = ()
    #: Rows that were read for it.
    read: int = 0
    #: Where to go on; None at the end.
    cursor: DeliveryId | None = None


class Matched(msgspec.Struct, frozen=True, kw_only=True):
    """What `matching.sql` is given: what a delivery has to be."""

    workspace_id: str
    webhooks: list[UUID]
    states: list[State]
    classes: list[int]
    types: list[str]
    ended_since: datetime | None
    reason: str


class Find(Matched, frozen=True, kw_only=True):
    """What `find.sql` is given."""

    event: UUID
    webhook: UUID
    round: int
    before: UUID
    read: int


class FindNamed(Matched, frozen=True, kw_only=True):
    """What `find_named.sql` is given: deliveries one by one."""

    after: UUID
    before: UUID
    events: list[UUID]
    hooks: list[UUID]


class MembersOf(msgspec.Struct, frozen=True, kw_only=True):
    """What `members.sql` is given."""

    webhooks: list[UUID]
    events: list[UUID]
    first: UUID
    last: UUID


_MATCHING = fragment(__package__, "matching")


def _found(source: str, kind: str) -> DayStatement[Find]:
    parts = {"matching": _MATCHING, "page": fragment(__package__, source), "kind": kind}
    return day_statement(__package__, "find", Find, parts)


FIND = _found("page_by_time", "true")
# Of what nobody has there are two indexes: one in the same order, and one of each webhook. What arrived, which most did, is not
# read for it, and of a few webhooks what others lack is not.
FIND_UNMET, FIND_UNMET_OF = _found("page_by_time", UNMET), _found("page_of_webhooks", UNMET)
FIND_NAMED = statement(
    __package__, "find_named", FindNamed, {"matching": _MATCHING, "deliveries": "deliveries", "events": "events"}
)
MEMBERS = statement(__package__, "members", MembersOf)

UNKNOWN = """
SELECT id FROM unnest($1::uuid[]) AS t (id)
WHERE NOT EXISTS (SELECT FROM webhooks w WHERE w.id = t.id AND w.workspace_id = $2 AND w.deleted_at IS NULL)
"""


async def page(connection: Raw, sought: Sought, after: DeliveryId | None, *, read: int = READ) -> FoundPage:
    """The next deliveries that the filter means, behind `after`, of `read` rows at most."""
    if sought.wanted.ids:
        return await _named(connection, sought)
    at = after or DeliveryId(first(sought), START, 0)
    before = last(sought)
    find = _source(sought.wanted)
    for day in await days(connection, "deliveries", at.event, before):
        with suppress(asyncpg.UndefinedTableError):  # dropped by age since
            found = await find.on(day).fetchrow(connection, _find(sought, at, before, read))
            if found is not None and found["read"]:
                return FoundPage(
                    pairs=await _alone(connection, sought, found),
                    read=found["read"],
                    cursor=DeliveryId(found["last_event"], found["last_webhook"], found["last_round"]),
                )
    return FoundPage()


async def unknown(connection: Raw, workspace_id: str, webhooks: Sequence[UUID]) -> list[UUID]:
    """Those that are none of the workspace's webhooks."""
    return [row["id"] for row in await connection.fetch(UNKNOWN, list(webhooks), workspace_id)]


def states(wanted: DeliveryFilter) -> Sequence[State]:
    """What is meant: of what is named one by one whatever can be sent again, else what was lost, where no state is named."""
    return wanted.states or (STATES if wanted.ids else LOST)


def first(sought: Sought) -> UUID:
    """The key before all that is sought."""
    return START if sought.wanted.since is None else UUID(int=event_keys.floor(sought.wanted.since).int - 1)


def last(sought: Sought) -> UUID:
    """The key behind all that is sought."""
    until = sought.wanted.until
    return event_keys.floor(sought.before if until is None else min(until, sought.before))


async def days(connection: Raw, table: str, after: UUID, before: UUID) -> list[date]:
    """The days that have something behind `after` and before `before`, oldest first."""
    bounds = {day: partitions.bounds(day) for day in await partitions.kept(connection, table)}
    return [day for day, (begin, past) in bounds.items() if past > after and begin < before]


def _source(wanted: DeliveryFilter) -> DayStatement[Find]:
    """The source with the fewest rows to read."""
    if not _NOBODY_HAS.issuperset(states(wanted)):
        return FIND
    return FIND_UNMET_OF if 0 < len(wanted.webhooks) <= FEW else FIND_UNMET


def _find(sought: Sought, at: DeliveryId, before: UUID, read: int) -> Find:
    wanted = sought.wanted
    return Find(
        workspace_id=sought.workspace_id,
        webhooks=list(wanted.webhooks),
        states=list(states(wanted)),
        classes=list(wanted.status_classes),
        types=list(wanted.types),
        ended_since=wanted.ended_since,
        reason=wanted.reason,
        event=at.event,
        webhook=at.webhook,
        round=at.round,
        before=before,
        read=read,
    )


async def _named(connection: Raw, sought: Sought) -> FoundPage:
    """Of named ones there is one page."""
    wanted = sought.wanted
    given = FindNamed(
        workspace_id=sought.workspace_id,
        webhooks=list(wanted.webhooks),
        states=list(states(wanted)),
        classes=list(wanted.status_classes),
        types=list(wanted.types),
        ended_since=wanted.ended_since,
        reason=wanted.reason,
        after=first(sought),
        before=last(sought),
        events=[each.event for each in wanted.ids],
        hooks=[each.webhook for each in wanted.ids],
    )
    found = await FIND_NAMED.fetchrow(connection, given)
    if found is None:
        return FoundPage()
    return FoundPage(pairs=await _alone(connection, sought, found), read=found["read"])


async def _alone(connection: Raw, sought: Sought, found: Row) -> list[Pair]:
    """Without the members of batches: a batch is a delivery, and is found by itself."""
    pairs = list(zip(found["events"], found["webhooks"], strict=True))
    untried = [pair for pair, tried in zip(pairs, found["tried"], strict=True) if not tried]
    if not untried:
        return pairs
    events = sorted(event for event, _ in untried)
    closed = event_keys.time_of(events[-1]) + timedelta(seconds=sought.kept) + CLOSING
    given = MembersOf(
        webhooks=sorted({webhook for _, webhook in untried}),
        events=events,
        first=events[0],
        last=event_keys.floor(closed),
    )
    members = {(row["event"], row["webhook"]) for row in await MEMBERS.fetch(connection, given)}
    return [pair for pair in pairs if pair not in members]
