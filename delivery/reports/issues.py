"""Issues as people look at them: what asks for attention, lists by filters, and one with what it affects.

Finding and resolving them is left to `upkeep/issue_watch.py`, words for them to `issue_words.py`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec

from delivery.issue_kinds import NO_WEBHOOK, PASSING, IssueKind, IssueState
from delivery.judgement.breaker import SENDABLE
from delivery.lifecycle import State
from delivery.reports import issue_words, set_aside
from delivery.reports.set_aside import SetAside
from subscriptions.ground import event_keys
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Absent
from subscriptions.ground.statements import Row, statement

#: How far issues are counted.
COUNTED = 10_000

COUNTS = """
SELECT state, count(*) AS many FROM (
    SELECT state FROM issues WHERE resolved_at IS NULL AND ($1::text IS NULL OR workspace_id = $1) LIMIT $2
) AS found GROUP BY state
"""

#: The newest round of each event, and its last attempt.
AFFECTED = """
SELECT d.event, d.round, d.state, d.attempts, d.due_at, d.ended_at, coalesce(a.status, d.status) AS status,
    coalesce(a.reason, d.reason) AS reason, a.started_at, a.milliseconds, a.response_headers, a.response_body, e.type, e.id
FROM unnest($2::uuid[]) AS k (event)
CROSS JOIN LATERAL (
    SELECT * FROM deliveries d WHERE d.event = k.event AND d.webhook = $1 ORDER BY d.round DESC LIMIT 1
) AS d
JOIN events e ON e.key = d.event
LEFT JOIN LATERAL (
    SELECT * FROM attempts a WHERE a.event = k.event AND a.webhook = $1 AND a.round >= 0
    ORDER BY a.round DESC, a.started_at DESC LIMIT 1
) AS a ON true
ORDER BY d.event DESC
"""


class ListedIssue(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is wrong, or was."""

    id: UUID
    #: Empty: the operators'.
    workspace_id: str
    #: None: of no webhook.
    webhook: UUID | None
    #: Empty where there is none (any more).
    webhook_name: str
    kind: IssueKind
    #: Of failures the sentence that they have in common.
    cause: str
    state: IssueState
    #: What was seen last, as a sentence, and its HTTP status.
    reason: str
    status: int | None
    #: Attempts that failed so, and deliveries that were given up with one, since the issue was opened.
    attempts: int
    given_up: int
    first_at: datetime
    last_at: datetime
    #: Keys of a few events that it affects, the newest first.
    events: Sequence[UUID]
    #: Who acknowledged or snoozed it, when, until when (None: for good), and what they said; empty before.
    acted_by: str
    acted_at: datetime | None
    until: datetime | None
    said: str
    resolved_at: datetime | None
    #: Open issues of the same webhook beside it, where it stands for all of them.
    others: int = 0
    #: Of its webhook the status, and attempts that failed since the last success; None where that was not asked for.
    webhook_status: str | None = None
    webhook_failures: int | None = None

    @property
    def opened_at(self) -> datetime:
        """When it became an issue."""
        return event_keys.time_of(self.id)

    @property
    def kind_name(self) -> str:
        """The kind in two words."""
        return issue_words.name(self.kind)

    @property
    def wrong(self) -> str:
        """What is wrong, as a sentence."""
        return issue_words.wrong(
            self.kind,
            webhook=self.webhook_name,
            said=(self.reason, self.cause),
            attempts=self.attempts,
            given_up=self.given_up,
        )

    @property
    def latest(self) -> str:
        """What its failures came to or, of other kinds, what was seen last."""
        return issue_words.latest(self.reason, self.cause if self.kind is IssueKind.FAILURES else "")

    @property
    def to_do(self) -> str:
        """The one thing to do."""
        return issue_words.to_do(self.kind)


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """When an issue resolves itself."""

    #: A sentence; empty where the two moments say it.
    text: str = ""
    #: Nothing has failed since then, and it resolves at that time unless something does.
    since: datetime | None = None
    at: datetime | None = None


class AffectedDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that an issue is about, in its newest round, with its last attempt."""

    event: UUID
    round: int
    #: The CloudEvent's.
    id: str
    type: str
    state: State
    attempts: int
    due_at: datetime | None
    ended_at: datetime | None
    status: int | None
    reason: str | None
    # None where it was not tried; headers are JSON, as they are kept.
    started_at: datetime | None
    milliseconds: int | None
    response_headers: bytes | None
    response_body: bytes | None


class After(NamedTuple):
    """The last issue of a page."""

    rank: int
    id: UUID


class IssueSearch(msgspec.Struct, frozen=True, kw_only=True):
    """What is looked for; what is empty narrows nothing. Also what `issues.sql` is made of."""

    #: None: of any.
    workspace_id: str | None
    webhook: UUID | None = None
    states: tuple[IssueState, ...] = ()
    kinds: tuple[IssueKind, ...] = ()
    after: After | None = None
    limit: int = 50


class IssuePage(NamedTuple):
    """A page of them, and what the next one is asked for with; None: this is the last."""

    items: Sequence[ListedIssue]
    after: After | None


class ListIssues(msgspec.Struct, frozen=True, kw_only=True):
    """What `issues.sql` is given."""

    workspace_id: str | None
    id: UUID | None
    webhook: UUID | None
    states: list[str]
    kinds: list[str]
    after_rank: int | None
    after_id: UUID | None
    limit: int


class WorstIssues(msgspec.Struct, frozen=True, kw_only=True):
    """What `attention.sql` is given."""

    workspace_id: str | None
    webhook: UUID | None
    limit: int


PARTS = {
    "no_webhook": NO_WEBHOOK,
    "passing": "{" + ",".join(sorted(PASSING)) + "}",
    "sendable": "{" + ",".join(sorted(SENDABLE)) + "}",
}

LIST = statement(__package__, "issues", ListIssues)
ATTENTION = statement(__package__, "attention", WorstIssues, PARTS)


class IssueReport:
    """Reads issues."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def attention(
        self, workspace_id: str | None, *, webhook: UUID | None = None, limit: int = 10
    ) -> Sequence[ListedIssue]:
        """What asks for attention, worst first: of each webhook its worst open issue; None: of all workspaces."""
        given = WorstIssues(workspace_id=workspace_id, webhook=webhook, limit=limit)
        async with self._database.raw() as connection:
            return [_issue(row) for row in await ATTENTION.fetch(connection, given)]

    async def aside(self, workspace_id: str | None) -> Mapping[UUID, SetAside]:
        """Webhooks with issues that are all acknowledged or snoozed."""
        async with self._database.raw() as connection:
            return await set_aside.read(connection, workspace_id)

    async def page(self, search: IssueSearch) -> IssuePage:
        """The worst kinds first, and of each the newest."""
        rank, last = search.after or (None, None)
        given = ListIssues(
            workspace_id=search.workspace_id,
            id=None,
            webhook=search.webhook,
            states=list(search.states),
            kinds=list(search.kinds),
            after_rank=rank,
            after_id=last,
            limit=search.limit + 1,
        )
        async with self._database.raw() as connection:
            found = [_issue(row) for row in await LIST.fetch(connection, given)]
        items = found[: search.limit]
        more = len(found) > search.limit
        return IssuePage(items, After(items[-1].kind.rank, items[-1].id) if more else None)

    async def one(self, workspace_id: str | None, key: UUID) -> ListedIssue:
        """One of the workspace's (None: anybody's); raises Absent."""
        given = ListIssues(
            workspace_id=workspace_id,
            id=key,
            webhook=None,
            states=[],
            kinds=[],
            after_rank=None,
            after_id=None,
            limit=1,
        )
        async with self._database.raw() as connection:
            rows = await LIST.fetch(connection, given)
        if not rows:
            raise Absent("Issue", str(key))
        return _issue(rows[0])

    async def counts(self, workspace_id: str | None) -> Mapping[IssueState, int]:
        """How many are not resolved, by state, counted up to `COUNTED` together."""
        async with self._database.raw() as connection:
            rows = await connection.fetch(COUNTS, workspace_id, COUNTED)
        return {IssueState(row["state"]): row["many"] for row in rows}

    async def affected(self, issue: ListedIssue) -> Sequence[AffectedDelivery]:
        """The few deliveries that the issue names, as far as they are kept, the newest event first."""
        if issue.webhook is None or not issue.events:
            return []
        async with self._database.raw() as connection:
            rows = await connection.fetch(AFFECTED, issue.webhook, list(issue.events))
        return [AffectedDelivery(**{**dict(row), "state": State(row["state"])}) for row in rows]


def ending(issue: ListedIssue, quiet: float) -> Ending:
    """By the rules of resolving (protocol.md 12); `quiet` are the seconds without a failure that they ask for."""
    if issue.kind in PASSING:
        if issue.webhook_status in SENDABLE and issue.webhook_failures == 0:
            return Ending(since=issue.last_at, at=issue.last_at + timedelta(seconds=quiet))
        return Ending(
            text=f"It resolves itself once a delivery has arrived and none has failed so for {quiet / 60:g} minutes."
        )
    return Ending(text=issue_words.over(issue.kind))


def _issue(row: Row) -> ListedIssue:
    known = dict(row)
    return ListedIssue(
        **{name: known[name] for name in ListedIssue.__struct_fields__ if name in known and name not in _MADE},
        webhook=None if known["webhook"] == NO_WEBHOOK else known["webhook"],
        webhook_name=known["webhook_name"] or "",
        kind=IssueKind(known["kind"]),
        state=IssueState(known["state"]),
    )


_MADE = frozenset({"webhook", "webhook_name", "kind", "state"})
