"""The door for what people make of issues: they know of one, want it back later, or take that back.

What resolves an issue is left to `issue_watch.py`, reading to `reports/issues.py`. The rules are protocol.md 12.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from delivery.issue_kinds import IssueState
from delivery.ledger.issues import issue_rows
from delivery.ledger.issues.issue_rows import Act, IssueBefore
from delivery.reports.issues import IssueReport, ListedIssue
from subscriptions.ground import audit, errors
from subscriptions.ground.audit import AuditChange
from subscriptions.ground.database import Clock, Database
from subscriptions.ground.errors import Conflicting, Refused

#: What is done, as the audit log calls it.
DONE = {IssueState.ACKNOWLEDGED: "acknowledged", IssueState.SNOOZED: "snoozed", IssueState.OPEN: "reopened"}
#: The longest that an issue is set aside for a moment, and characters of what is said to it.
LONGEST, WORDS = timedelta(days=366), 500


@dataclass(frozen=True, kw_only=True)
class Handled:
    """Who acts on which issue."""

    id: UUID
    #: Whose it has to be; None: anybody's.
    workspace_id: str | None
    #: The name of whoever acts.
    by: str
    #: What they say to it.
    said: str = ""


class IssueHandling:
    """Writes what people say; each may be said again, and then in other words."""

    def __init__(self, database: Database, clock: Clock, report: IssueReport) -> None:
        self._database = database
        self._clock = clock
        self._report = report

    async def acknowledge(self, of: Handled, until: datetime | None = None) -> ListedIssue:
        """Somebody knows of it, until then or for good. Raises Refused, Absent, Conflicting where it is resolved."""
        if until is not None:
            self._vet(until)
        return await self._act(of, IssueState.ACKNOWLEDGED, until)

    async def snooze(self, of: Handled, until: datetime) -> ListedIssue:
        """It is open again then. Raises as `acknowledge` does."""
        self._vet(until)
        return await self._act(of, IssueState.SNOOZED, until)

    async def reopen(self, of: Handled) -> ListedIssue:
        """It asks for attention again. Raises as `acknowledge` does."""
        return await self._act(of, IssueState.OPEN, None)

    async def _act(self, of: Handled, state: IssueState, until: datetime | None) -> ListedIssue:
        if len(of.said) > WORDS or "\0" in of.said:
            raise Refused(
                errors.Issue(subject="note", description=f"must have at most {WORDS} characters, none of them NUL")
            )
        act = Act(
            id=of.id,
            workspace_id=of.workspace_id,
            state=state,
            by=of.by,
            until=until,
            said=of.said.strip(),
            now=self._clock(),
        )
        async with self._database.raw() as connection, connection.transaction():
            before = await issue_rows.act(connection, act)
            if before is not None:
                await audit.note(connection, _entry(act, before))
        found = await self._report.one(of.workspace_id, of.id)
        if before is None:
            said = "is resolved: nothing is left to be done about it; it would be a new issue if it came back"
            raise Conflicting(errors.Issue(subject="state", description=said))
        return found

    def _vet(self, until: datetime) -> None:
        now = self._clock()
        said = ""
        if until.tzinfo is None:
            said = "needs its offset from UTC, such as Z"
        elif until <= now:
            said = "has to lie ahead"
        elif until > now + LONGEST:
            said = f"may lie {LONGEST.days} days ahead at most"
        if said:
            raise Refused(errors.Issue(subject="until", description=said))


def _entry(act: Act, before: IssueBefore) -> AuditChange:
    return AuditChange(
        action=f"issue.{DONE[act.state]}",
        subject=str(act.id),
        name=f"{before.kind}: {before.cause}" if before.cause else str(before.kind),
        workspace_id=before.workspace_id or None,
        before=_shown(before.state, before.until, before.said),
        after=_shown(act.state, act.until, act.said),
    )


def _shown(state: IssueState, until: datetime | None, said: str) -> dict[str, object]:
    return {"state": str(state), "until": None if until is None else until.isoformat(), "note": said}
