"""Webhooks whose event filter let an event pass because it took too many steps: their rows say so.

Who they are is found by `subscriptions/webhooks/matching.py`; a change of the filter takes the words away
(`subscriptions/webhooks/subscription_store.py`).
"""

import logging
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from uuid import UUID

from subscriptions.ground.database import Database
from subscriptions.webhooks import subscription_store

log = logging.getLogger("hooklake.delivery")

# Of a webhook that has something worse to say nothing is taken away, and nobody waits for a row that others hold: the next
# event says it again.
TELL = """
UPDATE webhooks SET state_reason = $2 WHERE id IN (
    SELECT id FROM webhooks WHERE id = ANY($1::uuid[]) AND status = 'ACTIVE' AND state_reason <> $2 AND deleted_at IS NULL
    ORDER BY id FOR UPDATE SKIP LOCKED
)
"""
#: How often one process says it of a webhook, and of how many at most until then.
AGAIN, MOST = timedelta(minutes=1), 1000


class ExhaustedFilters:
    """Says so of a webhook at once, and again every minute in which it happens."""

    def __init__(self, database: Database, clock: Callable[[], datetime], *, steps: int) -> None:
        self._database = database
        self._clock = clock
        self._said = subscription_store.EXHAUSTED.format(steps=f"{steps:,}")
        self._told: set[UUID] = set()
        self._until: datetime | None = None

    async def tell(self, webhooks: Collection[UUID]) -> None:
        """Writes it to their rows and to the log; raises Unavailable."""
        now = self._clock()
        if self._until is None or now >= self._until:
            self._told, self._until = set(), now + AGAIN
        new = [webhook for webhook in webhooks if webhook not in self._told][: MOST - len(self._told)]
        if not new:
            return
        self._told.update(new)
        for webhook in new:
            log.warning("filter.exhausted webhook=%s said=%r", webhook, self._said)
        async with self._database.raw() as connection:
            await connection.execute(TELL, new, self._said)
