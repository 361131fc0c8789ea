"""The door for the clock's look at what is wrong: failures become issues, conditions are looked at, what is over is resolved.

What people make of an issue is left to `issue_handling.py`, when this runs to `workers/schedule.py`; the rules, protocol.md 12.
"""

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from delivery.issue_kinds import IssueKind
from delivery.ledger.issues import conditions, failures, issue_rows, late_rows, resolving
from delivery.ledger.upkeep import sweeps
from delivery.settings import DeliverySettings
from delivery.upkeep import issue_events
from delivery.upkeep.jobs import FailurePublisher
from subscriptions.ground.database import Clock, Database, Raw

log = logging.getLogger("hooklake.delivery")

#: Advisory lock: one process at a time changes issues by what it sees, over all processes.
ISSUES = 0x6C616B04
#: Notes that one transaction folds, and issues that one deletes.
FOLDED, CHUNK = 2000, 1000


class IssueWatch:
    """Keeps the issues; each call safe to make twice, and from several processes."""

    def __init__(self, database: Database, clock: Clock, settings: DeliverySettings, notify: FailurePublisher) -> None:
        self._notify = notify
        self._database = database
        self._clock = clock
        self._settings = settings

    async def fold(self) -> None:
        """Puts all failures that were recorded to their issues, opens what was set aside until now, and sees who stands still."""
        while await self._fold() >= FOLDED:
            pass
        await self._alone(self._stand)
        await issue_events.publish(self._database, self._notify)

    async def _fold(self) -> int:
        async with self._database.raw() as connection, sweeps.alone(connection, ISSUES) as mine:
            if not mine:
                return 0
            now = self._clock()
            await issue_rows.come_due(connection, now=now)
            return await failures.fold(connection, now=now, at_most=FOLDED)

    async def look(self) -> None:
        """Looks at what waits and at what nobody takes, and resolves what is over."""
        await self._alone(self._look)
        await issue_events.publish(self._database, self._notify)

    async def look_at_certificates(self) -> None:
        """Looks when certificates of webhooks end."""
        await self._alone(self._look_at_certificates)

    async def forget(self) -> None:
        """Deletes issues that were resolved longer ago than records are kept."""
        before = self._clock() - timedelta(seconds=self._settings.keep_records)
        while True:
            async with self._database.raw() as connection:
                if await issue_rows.forget(connection, before, CHUNK) < CHUNK:
                    return

    async def _alone(self, look: Callable[[Raw], Awaitable[None]]) -> None:
        async with self._database.raw() as connection, sweeps.alone(connection, ISSUES) as mine:
            if mine:
                await look(connection)

    async def _stand(self, connection: Raw) -> None:
        now = self._clock()
        seen = await conditions.standing_still(connection, halt_failures=self._settings.halt_failures, now=now)
        await issue_rows.settle(connection, conditions.OF_STATUS, seen, now=now)

    async def _look(self, connection: Raw) -> None:
        now, settings = self._clock(), self._settings
        seen = [*await conditions.growing(connection, now=now), *await late_rows.stuck(connection, now=now)]
        await issue_rows.settle(connection, (IssueKind.BACKLOG, IssueKind.STUCK), seen, now=now)
        quiet_since = now - timedelta(seconds=settings.issue_quiet)
        await resolving.resolve(connection, before=quiet_since, now=now)
        for each in seen:
            if each.kind is IssueKind.STUCK:
                log.warning("issue.stuck webhook=%s reason=%r", each.webhook, each.reason)

    async def _look_at_certificates(self, connection: Raw) -> None:
        now = self._clock()
        before = now + timedelta(seconds=self._settings.certificate_notice)
        seen = await conditions.certificates_ending(connection, before=before, now=now)
        await issue_rows.settle(connection, [IssueKind.CERTIFICATE], seen, now=now)
