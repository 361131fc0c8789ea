"""Events that did not fit the schema of their type, counted by each process and written a few at a time.

What comes of such an event is `judging.py`'s matter.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from subscriptions.catalogue.schemas.faults import Fault
from subscriptions.events.event import Event
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Unavailable

log = logging.getLogger("hooklake.subscriptions")

#: Seconds from an event that does not fit to the statement that tells of it, and of all others of that time.
WRITTEN_WITHIN = 2.0
#: Faults of a sample, and types of which counts wait while the database is away.
FAULTS, MOST_TYPES = 5, 1000

#: A type that is gone meanwhile has no counts.
_WRITE = """
INSERT INTO schema_misfits AS kept (event_type, workspace_id, warned, rejected, since, last_at, sample)
SELECT types.type, new.workspace, new.warned, new.rejected, new.at, new.at, new.sample
FROM jsonb_to_recordset($1::jsonb)
    AS new (type text, workspace text, warned bigint, rejected bigint, at timestamptz, sample text)
JOIN event_types types ON types.type = new.type
ORDER BY types.type, new.workspace
ON CONFLICT (event_type, workspace_id) DO UPDATE SET
    warned = kept.warned + excluded.warned,
    rejected = kept.rejected + excluded.rejected,
    last_at = greatest(kept.last_at, excluded.last_at),
    sample = excluded.sample
"""


@dataclass(slots=True)
class _Count:
    warned: int = 0
    rejected: int = 0
    at: datetime | None = None
    #: JSON.
    sample: str = ""


class MisfitCounts:
    """The counts of one process that are not written yet."""

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock
        #: By event type and workspace.
        self._counts: dict[tuple[str, str], _Count] = {}
        self._writing: asyncio.Task[None] | None = None

    def wants_sample(self, event: Event) -> bool:
        """Whether the event is shown to people if it does not fit."""
        return (event.type, event.workspace_id) not in self._counts

    def note(self, event: Event, faults: Sequence[Fault], *, rejected: bool) -> None:
        """Counts an event; of the first of its type and workspace in a while what was wrong is kept, and nothing of its data."""
        key = (event.type, event.workspace_id)
        count = self._counts.get(key)
        if count is None:
            if len(self._counts) >= MOST_TYPES:
                return
            count = self._counts[key] = _Count(sample=_sample(event, faults, self._clock()))
        count.warned += not rejected
        count.rejected += rejected
        count.at = self._clock()
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_soon())

    async def write(self) -> None:
        """Writes what was counted; where PostgreSQL is away it is kept for the next time."""
        counts, self._counts = self._counts, {}
        if not counts:
            return
        rows = [
            {
                "type": name,
                "workspace": workspace,
                "warned": each.warned,
                "rejected": each.rejected,
                "at": each.at,
                "sample": each.sample,
            }
            for (name, workspace), each in counts.items()
        ]
        try:
            async with self._database.raw() as connection:
                await connection.execute(_WRITE, msgspec.json.encode(rows).decode())
        except Unavailable as away:
            log.info("misfits.kept types=%d cause=%r", len(counts), str(away))
            self._take_back(counts)

    async def close(self) -> None:
        """Writes the rest."""
        if self._writing is not None:
            self._writing.cancel()
        await self.write()

    def _take_back(self, counts: dict[tuple[str, str], _Count]) -> None:
        for key, each in counts.items():
            newer = self._counts.setdefault(key, each)
            if newer is not each:
                newer.warned, newer.rejected = newer.warned + each.warned, newer.rejected + each.rejected

    async def _write_soon(self) -> None:
        while True:
            await asyncio.sleep(WRITTEN_WITHIN)
            await self.write()
            if not self._counts:
                self._writing = None
                return


def _sample(event: Event, faults: Sequence[Fault], at: datetime) -> str:
    listed = [{"pointer": each.pointer, "message": each.message} for each in faults[:FAULTS]]
    return msgspec.json.encode({"id": event.id, "source": event.source, "at": at, "faults": listed}).decode()
