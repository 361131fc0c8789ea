"""What waits for webhooks, counted no further than anybody wants to know: index entries, not rows, and only so many of them.

What becomes of it is left to the drains and wakes.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from delivery.lifecycle import State
from subscriptions.ground import event_keys
from subscriptions.ground.database import Database

#: How far the backlog of one webhook is counted, and that of each in a list.
ONE, EACH = 10_000, 1000

_COUNTED = "(SELECT count(*) FROM (SELECT FROM deliveries WHERE webhook = w AND state = '{state}' LIMIT $2) AS found) AS {state}"
WAITING = (State.OWED, State.PARKED, State.COLLECTING)

BACKLOGS = f"""
SELECT w, {", ".join(_COUNTED.format(state=state) for state in WAITING)},
    (SELECT event FROM deliveries WHERE webhook = w AND state = 'parked' ORDER BY event LIMIT 1) AS oldest
FROM unnest($1::uuid[]) AS w
"""

PROBES = "SELECT webhook, due_at FROM challenges WHERE webhook = ANY($1::uuid[]) AND purpose = 'probe'"


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """Deliveries of a webhook that have not ended."""

    #: Under way, due, or waiting for their next attempt.
    owed: int
    #: Kept until the webhook may be sent to.
    parked: int
    #: Waiting for their batch to close.
    collecting: int
    #: One of the numbers is as far as was counted: there are more.
    more: bool
    #: When the oldest of those that are kept was accepted; None where none is.
    kept_since: datetime | None

    @property
    def any(self) -> bool:
        """Whether something waits."""
        return bool(self.owed or self.parked or self.collecting)


class Backlogs:
    """Reads what waits."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def probes(self, webhooks: Sequence[UUID]) -> Mapping[UUID, datetime]:
        """When each of these is probed next; absent where its probe waits for an event."""
        async with self._database.raw() as connection:
            return {row["webhook"]: row["due_at"] for row in await connection.fetch(PROBES, list(webhooks))}

    async def of(self, webhooks: Sequence[UUID], *, most: int) -> Mapping[UUID, Backlog]:
        """The backlog of each webhook, each state counted up to `most`."""
        async with self._database.raw() as connection:
            rows = await connection.fetch(BACKLOGS, list(webhooks), most + 1)
        return {
            row["w"]: Backlog(
                **{str(state): min(row[state], most) for state in WAITING},
                more=any(row[state] > most for state in WAITING),
                kept_since=None if row["oldest"] is None else event_keys.time_of(row["oldest"]),
            )
            for row in rows
        }
