"""Which types have events that did not fit their schema: for lists of types, and for what asks for attention.

What was wrong with one of them is told by `EventSchemaStore.misfits`; they are counted by `misfit_counts.py`.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, true

from subscriptions.catalogue.tables import schema_misfits
from subscriptions.ground import tables
from subscriptions.ground.database import Database

_types = tables.event_types


@dataclass(frozen=True, kw_only=True, slots=True)
class MisfitCount:
    """How many events of a type did not fit, since its schema was changed."""

    event_type: str
    friendly_name: str
    #: Taken all the same.
    warned: int
    #: Refused.
    rejected: int
    since: datetime
    last_at: datetime


class MisfitReport:
    """Counts by type. Who asks is a workspace, of whose types its own events are counted, or None for operators."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def counts(
        self, workspace_id: str | None, *, types: Collection[str] | None = None, after: datetime | None = None
    ) -> list[MisfitCount]:
        """Of these types (None: of all), those whose last one came after a moment, the newest first."""
        of = schema_misfits.c
        wanted = (
            true()
            if workspace_id is None
            else (of.workspace_id == workspace_id) & (_types.c.workspace_id == workspace_id),
            true() if types is None else of.event_type.in_(types),
            _types.c.retired_at.is_(None),
        )
        last = func.max(of.last_at)
        counted = (
            select(
                of.event_type,
                _types.c.friendly_name,
                func.sum(of.warned).label("warned"),
                func.sum(of.rejected).label("rejected"),
                func.min(of.since).label("since"),
                last.label("last_at"),
            )
            .join_from(schema_misfits, _types, _types.c.type == of.event_type)
            .where(*wanted)
            .group_by(of.event_type, _types.c.friendly_name)
            .order_by(last.desc(), of.event_type)
        )
        if after is not None:
            counted = counted.having(last > after)
        async with self._database.transaction() as connection:
            rows = (await connection.execute(counted)).mappings().all()
        return [MisfitCount(**{**row, "warned": int(row["warned"]), "rejected": int(row["rejected"])}) for row in rows]
