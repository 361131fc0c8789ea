"""Switching shipped catalogues on: their types become the operators', as if somebody had registered them.

What the documents are is left to `shipped.py`.
"""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from subscriptions.catalogue.builtin.shipped import ShippedCatalogue
from subscriptions.events.catalogue import EventType
from subscriptions.events.event_types import DETAILS
from subscriptions.ground.database import Database
from subscriptions.ground.tables import event_types


async def switch_on(database: Database, catalogues: Sequence[ShippedCatalogue], *, now: datetime) -> list[str]:
    """Adds their types to the catalogue, and answers those that are new; the second time there is none.

    A type that is there, retired or somebody's, stays as it is. Processes that come at once wait for one another.
    """
    wanted = [entry for each in catalogues for entry in each.types]
    if not wanted:
        return []
    async with database.transaction() as connection:
        await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("catalogues", 0))))
        rows = [{"type": each.type, **_details(each), "created_at": now, "updated_at": now} for each in wanted]
        adding = insert(event_types).values([{**row, "generation": 1} for row in rows]).on_conflict_do_nothing()
        return sorted(await connection.scalars(adding.returning(event_types.c.type)))


def _details(entry: EventType) -> dict[str, str]:
    return {name: getattr(entry, name) for name in DETAILS}
