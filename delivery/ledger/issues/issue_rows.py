"""Rows of issues: what was seen is put to them, what is seen no more is resolved, and people's word is written.

What there is to see is found by the modules beside this one; how an issue is said to people is left to `reports`.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from delivery.issue_kinds import NO_WEBHOOK, IssueKind, IssueState
from delivery.ledger.records.outcomes import AFFECTED
from subscriptions.ground import event_keys
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import statement

#: Characters that are kept of a reason.
LONGEST = 500


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is wrong, as it was seen once, or some times together."""

    kind: IssueKind
    webhook: UUID = NO_WEBHOOK
    #: Tells apart what is wrong with one webhook in several ways.
    cause: str = ""
    #: A sentence.
    reason: str
    #: HTTP status of the last answer; None where there was none, or it is not about answers.
    status: int | None = None
    #: Attempts that failed so, and deliveries that were given up with one.
    attempts: int = 0
    given_up: int = 0
    first_at: datetime
    last_at: datetime
    #: A few that are affected, by their keys.
    events: tuple[UUID, ...] = ()


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """What `note.sql` is given: the fields of sightings, one by one."""

    id: list[UUID]
    webhook: list[UUID]
    kind: list[str]
    cause: list[str]
    rank: list[int]
    reason: list[str]
    status: list[int | None]
    attempts: list[int]
    given_up: list[int]
    first_at: list[datetime]
    last_at: list[datetime]
    #: Each with commas between.
    events: list[str]


class Settle(msgspec.Struct, frozen=True, kw_only=True):
    """What `settle.sql` is given: the kinds that were looked at, and what was seen of them."""

    kinds: list[str]
    webhook: list[UUID]
    kind: list[str]
    cause: list[str]
    now: datetime


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody makes of an issue."""

    id: UUID
    #: Whose it has to be; None: anybody's.
    workspace_id: str | None
    state: IssueState
    by: str
    until: datetime | None
    said: str
    now: datetime


class IssueBefore(msgspec.Struct, frozen=True, kw_only=True):
    """How an issue was before somebody acted."""

    workspace_id: str
    kind: IssueKind
    cause: str
    state: IssueState
    until: datetime | None
    said: str


NOTE = statement(__package__, "note", Note, {"no_webhook": NO_WEBHOOK, "affected": AFFECTED})
SETTLE = statement(__package__, "settle", Settle)
ACT = statement(__package__, "act", Act)

FORGET = """
DELETE FROM issues WHERE id = ANY (ARRAY(SELECT id FROM issues WHERE resolved_at < $1 ORDER BY resolved_at LIMIT $2)) RETURNING id
"""
DUE_AGAIN = """
UPDATE issues SET state = 'open', until = NULL
WHERE resolved_at IS NULL AND state IN ('acknowledged', 'snoozed') AND until <= $1
"""


async def note(connection: Raw, seen: Sequence[Sighting], *, now: datetime) -> None:
    """Puts sightings to their issues; no two of them may be of one."""
    if not seen:
        return
    given = Note(
        id=[event_keys.new(now) for _ in seen],
        webhook=[each.webhook for each in seen],
        kind=[each.kind for each in seen],
        cause=[each.cause for each in seen],
        rank=[each.kind.rank for each in seen],
        reason=[each.reason[:LONGEST] for each in seen],
        status=[each.status for each in seen],
        attempts=[each.attempts for each in seen],
        given_up=[each.given_up for each in seen],
        first_at=[each.first_at for each in seen],
        last_at=[each.last_at for each in seen],
        events=[",".join(map(str, each.events)) for each in seen],
    )
    await NOTE.execute(connection, given)


async def settle(connection: Raw, kinds: Collection[IssueKind], seen: Sequence[Sighting], *, now: datetime) -> None:
    """Puts what was seen to its issues, and resolves those of the kinds that were looked at that were not seen."""
    await note(connection, seen, now=now)
    given = Settle(
        kinds=list(kinds),
        webhook=[each.webhook for each in seen],
        kind=[each.kind for each in seen],
        cause=[each.cause for each in seen],
        now=now,
    )
    await SETTLE.execute(connection, given)


async def act(connection: Raw, what: Act) -> IssueBefore | None:
    """Writes it, in the caller's transaction; answers how the issue was, or None where there is none, or it is resolved."""
    row = await ACT.fetchrow(connection, what)
    if row is None:
        return None
    return IssueBefore(
        workspace_id=row["workspace_id"],
        kind=IssueKind(row["kind"]),
        cause=row["cause"],
        state=IssueState(row["state"]),
        until=row["until"],
        said=row["said"],
    )


async def come_due(connection: Raw, *, now: datetime) -> None:
    """Opens what was acknowledged or snoozed until now."""
    await connection.execute(DUE_AGAIN, now)


async def forget(connection: Raw, before: datetime, chunk: int) -> int:
    """Deletes up to so many that were resolved before then; answers how many."""
    return len(await connection.fetch(FORGET, before, chunk))
