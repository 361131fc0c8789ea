"""Issues as events: that one was opened or resolved is published to who has subscribed to it in its workspace (protocol.md 12.6).

What opens and resolves one is left to `issue_watch.py`.
"""

from delivery.issue_kinds import OPERATORS
from delivery.ledger.issues import untold
from delivery.reports.issue_members import members
from delivery.reports.issues import IssueReport, ListedIssue
from delivery.upkeep.jobs import FailurePublisher
from subscriptions.access import audit_log
from subscriptions.events import catalogue
from subscriptions.events.event import Naming
from subscriptions.events.sdk import SdkEvent
from subscriptions.ground.database import Database

#: Issues that are told of at once.
PAGE = 100
TYPES = {"opened": catalogue.ISSUE_OPENED, "resolved": catalogue.ISSUE_RESOLVED}


async def publish(database: Database, notify: FailurePublisher) -> None:
    """Publishes what has not been told; safe to do twice, by several processes, for an event published twice is one."""
    while await _publish_page(database, notify) == PAGE:
        pass


async def _publish_page(database: Database, notify: FailurePublisher) -> int:
    prefix, report = notify.naming.prefix, IssueReport(database)
    async with database.raw() as connection:
        found = await untold.some(connection, limit=PAGE)
        if not found:
            return 0
        workspaces = sorted({each.workspace_id for each in found} - {OPERATORS})
        asked = {word: await audit_log.subscribed(connection, prefix + TYPES[word], workspaces) for word in TYPES}
    for each in found:
        if each.workspace_id in asked[each.word]:
            event = _event(await report.one(None, each.id), each.word, notify.naming)
            await notify.one_of_many(event, workspace_id=each.workspace_id, what=f"issue.untold issue={each.id}")
    async with database.raw() as connection:
        await untold.told_of(connection, found)
    return len(found)


def _event(issue: ListedIssue, word: str, naming: Naming) -> SdkEvent:
    at = issue.opened_at if issue.resolved_at is None or word == "opened" else issue.resolved_at
    attributes = {
        "id": f"{issue.id}.{word}",
        "source": f"//global.{naming.host}/events",
        "type": naming.prefix + TYPES[word],
        "subject": issue.workspace_id,
        "datacontenttype": "application/json",
        "time": at.replace(microsecond=at.microsecond // 1000 * 1000),
    }
    return SdkEvent(attributes, members(issue))
