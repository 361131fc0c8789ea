"""The members of a batch end as their parcel ends, round by round: a replay of the parcel is one of each member.

What collects, and how a parcel is closed, is left to `ledger/owing/batches.py`.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from uuid import UUID

import asyncpg
import msgspec

from delivery.ledger.days import by_day, day_statement, on_day
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import Row, statement

ENDED = """
SELECT p.members, d.webhook, d.round, d.state, d.status, d.reason, d.ended_at, d.attempts
FROM unnest($1::uuid[]) AS t (id) JOIN {parcels} p ON p.id = t.id CROSS JOIN LATERAL (
    SELECT webhook, round, state, status, reason, ended_at, attempts FROM {deliveries}
    WHERE event = p.id AND webhook = p.webhook AND state || '' IN ('delivered', 'failed', 'cancelled', 'expired') OFFSET 0
) AS d
"""


class Follow(msgspec.Struct, frozen=True, kw_only=True):
    """What `follow.sql` is given: of each member how it ended."""

    event: list[UUID]
    webhook: list[UUID]
    round: list[int]
    state: list[str]
    status: list[int | None]
    reason: list[str | None]
    ended_at: list[datetime]
    attempts: list[int]


class MembersRound(msgspec.Struct, frozen=True, kw_only=True):
    """What `replay.sql` is given."""

    parcel: UUID
    round: int


FOLLOW = day_statement(__package__, "follow", Follow)
REPLAY = statement(__package__, "replay", MembersRound)

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


async def settle(connection: Raw, parcels: Sequence[UUID]) -> None:
    """Ends the members of the parcels that have ended, events that are no parcels being passed over; may be said again."""
    for day, of_day in by_day(parcels, lambda parcel: parcel).items():
        with suppress(asyncpg.UndefinedTableError):  # dropped by age since
            ended = await connection.fetch(on_day(ENDED, day), of_day)
            await _follow(connection, ended)
            if ended:
                await connection.execute(on_day(SETTLED, day), of_day)


async def _follow(connection: Raw, ended: Sequence[Row]) -> None:
    members = [(member, batch) for batch in ended for member in batch["members"]]
    for day, of_day in by_day(members, lambda each: each[0]).items():
        given = Follow(
            event=[member for member, _ in of_day],
            webhook=[batch["webhook"] for _, batch in of_day],
            round=[batch["round"] for _, batch in of_day],
            state=[batch["state"] for _, batch in of_day],
            status=[batch["status"] for _, batch in of_day],
            reason=[batch["reason"] for _, batch in of_day],
            ended_at=[batch["ended_at"] for _, batch in of_day],
            attempts=[batch["attempts"] for _, batch in of_day],
        )
        # A replay may outlive the day of a member that came before midnight; what is around it stands.
        with suppress(asyncpg.UndefinedTableError):
            async with connection.transaction():
                await FOLLOW.on(day).execute(connection, given)


async def unsettled(connection: Raw, *, at_most: int) -> list[UUID]:
    """Parcels that have ended and whose members have not, oldest first."""
    return [row["id"] for row in await connection.fetch(UNSETTLED, at_most)]


async def replay(connection: Raw, parcel: UUID, delivery_round: int) -> None:
    """The members of a parcel that is owed again are under way again, in the same round as the parcel."""
    await REPLAY.execute(connection, MembersRound(parcel=parcel, round=delivery_round))
