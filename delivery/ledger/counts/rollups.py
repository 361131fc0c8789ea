"""Rollups: what came of deliveries in a minute, an hour, a day; of one webhook, of a workspace, of all (protocol.md 5.8).

Counting is done by the statements that record (`ledger/records/sql/write.sql`) and accept (`ledger/owing/sql/accept.sql`).
"""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from delivery.ledger.counts import histograms
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import fragment, statement

#: In the place of a webhook: the workspace, or all.
NOBODY = UUID(int=0)
#: In the place of a workspace: one webhook, or all.
NOWHERE = ""

MINUTE, HOUR, DAY = 1, 60, 1440
#: What a rollup may be of, in minutes, as the server calls it.
UNITS = {MINUTE: "minute", HOUR: "hour", DAY: "day"}

PARTS = {
    "items": fragment(__package__, "items"),
    "placed": fragment(__package__, "placed"),
    "totals": fragment(__package__, "totals"),
    "bucket": histograms.BUCKET,
    "shift": histograms.SHIFT,
    "nobody": NOBODY,
    "grains": ", ".join(f"({grain}, '{unit}')" for grain, unit in UNITS.items()),
}


#: So that what is folded of a thousand webhooks is not sorted on the disk.
ROOM = "SET LOCAL work_mem = '32MB'"


class Fold(msgspec.Struct, frozen=True, kw_only=True):
    """What `fold.sql` is given."""

    at_most: int


class Forget(msgspec.Struct, frozen=True, kw_only=True):
    """What `forget.sql` is given."""

    grain: int
    before: datetime
    at_most: int


FOLD = statement(
    __package__,
    "fold",
    Fold,
    PARTS | {name: histograms.MERGED.replace("{both}", f"r.{name} || excluded.{name}") for name in ("took", "arrived")},
)
FORGET = statement(__package__, "forget", Forget)


class Folded(msgspec.Struct, frozen=True, kw_only=True):
    """What one folding found."""

    #: None where nothing was counted.
    minute: datetime | None
    #: Rows of counts.
    rows: int


async def fold(connection: Raw, *, at_most: int) -> Folded:
    """Folds up to so many rows of counts of the oldest minute there is, in the caller's transaction. For one at a time."""
    await connection.execute(ROOM)
    row = await FOLD.fetchrow(connection, Fold(at_most=at_most))
    assert row is not None  # an aggregate
    return Folded(minute=row["minute"], rows=row["taken"])


async def forget(connection: Raw, grain: int, *, now: datetime, kept: float, at_most: int) -> int:
    """Deletes up to so many rollups of the grain that began longer than `kept` seconds ago; answers how many."""
    given = Forget(grain=grain, before=now - timedelta(seconds=kept), at_most=at_most)
    return int((await FORGET.execute(connection, given)).rpartition(" ")[2])
