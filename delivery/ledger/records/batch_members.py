"""The members of a batch end as their parcel ends, round by round: a replay of the parcel is one of each member.

What collects, and how a parcel is closed, is left to `ledger/owing/batches.py`.
"""

from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import asyncpg

from delivery.ledger.days import by_day, on_day
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import Row

ENDED = """
SELECT p.members, d.webhook, d.round, d.state, d.status, d.reason, d.ended_at, d.attempts
FROM unnest($1::uuid[]) AS t (id) JOIN {parcels} p ON p.id = t.id CROSS JOIN LATERAL (
    SELECT webhook, round, state, status, reason, ended_at, attempts FROM {deliveries}
    WHERE event = p.id AND webhook = p.webhook AND state || '' IN ('delivered', 'failed', 'cancelled', 'expired') OFFSET 0
) AS d
"""

# A late success overrides, as it did for the parcel. The state is hidden from the planner, as in `ledger/claims/claiming.py`.
FOLLOW = """
UPDATE {deliveries} AS m
SET state = o.state, status = o.status, reason = o.reason, ended_at = o.ended_at, attempts = o.attempts, due_at = NULL
FROM unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::text[], $5::smallint[], $6::text[], $7::timestamptz[], $8::smallint[])
    AS o (event, webhook, round, state, status, reason, ended_at, attempts)
WHERE m.event = o.event AND m.webhook = o.webhook AND m.round = o.round
    AND (m.state || '' = 'bundled' OR (m.state || '' = 'failed' AND o.state = 'delivered'))
"""

SETTLED = """
UPDATE {parcels} AS p SET settled = true WHERE p.id = ANY($1::uuid[]) AND NOT p.settled AND NOT EXISTS (
    SELECT 1 FROM {deliveries} d WHERE d.event = p.id AND d.webhook = p.webhook AND d.state || '' IN ('owed', 'parked')
)
"""

# Those that have ended: thousands may wait for a webhook that is halted.
UNSETTLED = """
SELECT p.id FROM parcels p WHERE NOT p.settled AND NOT EXISTS (
    SELECT 1 FROM deliveries d WHERE d.event = p.id AND d.webhook = p.webhook AND d.state || '' IN ('owed', 'parked')
) ORDER BY p.id LIMIT $1
"""

# A member whose day has been dropped has no row before this one.
REPLAY = """
WITH replayed AS (
    UPDATE parcels SET settled = false WHERE id = $1 RETURNING webhook, members
)
INSERT INTO deliveries (event, webhook, round, state, fence, attempts, lost)
SELECT m.event, m.webhook, $2::smallint, 'bundled', 0, 0, 0
FROM replayed r CROSS JOIN LATERAL unnest(r.members) AS k (event)
JOIN deliveries m ON m.event = k.event AND m.webhook = r.webhook AND m.round = $2::smallint - 1
ON CONFLICT DO NOTHING
"""


async def settle(connection: Raw, parcels: Sequence[UUID]) -> None:
    """Ends the members of the parcels that have ended, events that are no parcels being passed over; may be said again."""
    for day, of_day in by_day(parcels, lambda parcel: parcel).items():
        with suppress(asyncpg.UndefinedTableError):  # dropped by age since
            ended = await connection.fetch(on_day(ENDED, day), of_day)
            await _follow(connection, ended)
            if ended:
                await connection.execute(on_day(SETTLED, day), of_day)


async def _follow(connection: Raw, ended: Sequence[Row]) -> None:
    rows = [
        (member, e["webhook"], e["round"], e["state"], e["status"], e["reason"], e["ended_at"], e["attempts"])
        for e in ended
        for member in e["members"]
    ]
    for day, of_day in by_day(rows, _member).items():
        # A replay may outlive the day of a member that came before midnight; what is around it stands.
        with suppress(asyncpg.UndefinedTableError):
            async with connection.transaction():
                await connection.execute(on_day(FOLLOW, day), *map(list, zip(*of_day, strict=True)))


def _member(row: tuple[UUID, ...]) -> UUID:
    return row[0]


async def unsettled(connection: Raw, *, at_most: int) -> list[UUID]:
    """Parcels that have ended and whose members have not, oldest first."""
    return [row["id"] for row in await connection.fetch(UNSETTLED, at_most)]


async def replay(connection: Raw, parcel: UUID, delivery_round: int) -> None:
    """The members of a parcel that is owed again are under way again, in the same round as the parcel."""
    await connection.execute(REPLAY, parcel, delivery_round)
