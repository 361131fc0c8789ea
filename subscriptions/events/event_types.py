"""The catalogue as it is kept: which event types a deployment knows, and whose they are.

How a type is spelled is left to `catalogue.py`; who may add one, to the entrance.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime

import msgspec
from sqlalchemy import and_, func, or_, select, true

from subscriptions.events.catalogue import EventType
from subscriptions.events.event_type_rows import (
    DETAILS,
    OFF,
    PUBLISHED,
    REGISTERED,
    CatalogueEntry,
    held,
    live_entry,
    make_room,
    noted,
    owned_entry,
    put,
    write_entry,
)
from subscriptions.events.nearest import nearest, retired, whose
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Conflicting, Forbidden, Issue
from subscriptions.ground.tables import event_types

#: Seconds that a process believes what it has seen of the catalogue: so soon a retirement reaches all of them.
FRESH = 5.0
#: Unknown types within that time for which the one that was meant is looked for: that takes milliseconds.
HINTS = 50

_LIVE = event_types.c.retired_at.is_(None)


class EventTypeStore:
    """The catalogue's table, with the types that this process has seen in it lately.

    `most` is how many types a workspace may have, retired ones included. Who asks (`by`) is a workspace, or None for
    operators, who may do with any type what its workspace may, and are not counted.
    """

    def __init__(self, database: Database, *, most: int = 200, steady: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._most = most
        self._steady = steady
        self._known: set[str] = set()
        self._meant: dict[str, str | None] = {}
        #: Of the types that are known, those whose events are held to a schema, and whether that is to warn or to reject.
        self.judged: dict[str, str] = {}
        #: And those of which a version is deprecated: what its events get, by `dataschema`.
        self.deprecated: dict[str, dict[str, dict[str, object]]] = {}
        self._owners: dict[str, str | None] = {}
        self._stale_at = 0.0

    async def unknown(self, wanted: Iterable[str]) -> set[str]:
        """Those of the wanted types that are not in the catalogue; asks the database only for types not seen lately."""
        if self._steady() >= self._stale_at:
            self._known, self._meant, self._stale_at = set(), {}, self._steady() + FRESH
            self.judged, self.deprecated, self._owners = {}, {}, {}
        missing = set(wanted) - self._known
        if not missing:
            return missing
        async with self._database.raw() as connection:
            rows = await connection.fetch(
                "SELECT type, validation, deprecation, workspace_id FROM event_types"
                " WHERE type = ANY($1::text[]) AND retired_at IS NULL",
                list(missing),
            )
        found = {row["type"] for row in rows}
        self.judged |= {row["type"]: row["validation"] for row in rows if row["validation"] != OFF}
        self.deprecated |= {row["type"]: msgspec.json.decode(row["deprecation"]) for row in rows if row["deprecation"]}
        self._owners |= {row["type"]: row["workspace_id"] for row in rows}
        self._known |= found
        return missing - found

    def binds(self, event_type: str, workspace_id: str) -> bool:
        """Whether what is said of a type binds a workspace's events: operators' types bind everybody's, others their owner's."""
        return self._owners.get(event_type) in (None, workspace_id)

    async def meant(self, unknown: str) -> str | None:
        """The type that was probably meant by one that is unknown; None where none is near, or too many were asked lately."""
        if unknown not in self._meant and len(self._meant) < HINTS:
            async with self._database.transaction() as connection:
                self._meant[unknown] = await nearest(connection, unknown)
        return self._meant.get(unknown)

    async def retired(self, unknown: Collection[str]) -> dict[str, str]:
        """Those of unknown types that were retired, each with a sentence that says who may register it again."""
        async with self._database.transaction() as connection:
            return await retired(connection, unknown)

    async def register(
        self, entry: EventType, *, chosen: Collection[str], by: str | None, now: datetime
    ) -> tuple[CatalogueEntry, bool]:
        """The catalogue's entry of this type, and whether it is new, or was retired.

        `chosen` are the details that somebody chose, by their names in DETAILS. Raises Conflicting naming those in which an
        entry that stands already differs, and for a retired type of somebody else; LimitReached.
        """
        details = {name: getattr(entry, name) for name in DETAILS}
        async with self._database.transaction() as connection:
            standing = await held(connection, entry.type, by)
            if standing is None:
                await make_room(connection, by, self._most)
                return await put(connection, entry, by=by, now=now), True
            if standing.retired_at is not None:
                if by not in (None, standing.workspace_id):
                    said = f"the type {entry.type} was retired; {whose(standing.workspace_id)} may register it again"
                    raise Conflicting(Issue(subject="eventType", description=said))
                anew = {**details, "retired_at": None, "origin": REGISTERED}
                again = await write_entry(connection, standing, anew, now)
                await noted(connection, "event-type.registered", standing, again)
                return again, True
            if standing.origin == PUBLISHED and by in (None, standing.workspace_id):
                of_it = {name: details[name] for name in chosen}
                again = await write_entry(connection, standing, {**of_it, "origin": REGISTERED}, now)
                await noted(connection, "event-type.registered", standing, again)
                return again, False
        issues = [
            Issue(subject=DETAILS[name], description=f"the type is registered with {getattr(standing, name)!r}")
            for name in chosen
            if getattr(standing, name) != details[name]
        ]
        if issues:
            raise Conflicting(*issues)
        return standing, False

    async def find(self, event_type: str) -> CatalogueEntry:
        """One type; raises Absent, also for a retired one."""
        async with self._database.transaction() as connection:
            return await live_entry(connection, event_type, lock=False)

    async def change(
        self, event_type: str, values: Mapping[str, str | None], *, by: str | None, now: datetime
    ) -> CatalogueEntry:
        """The entry with these of its details, or with another `workspace_id`; raises Absent, Forbidden.

        Whose a type is, operators alone may change.
        """
        async with self._database.transaction() as connection:
            standing = await owned_entry(connection, event_type, by)
            if "workspace_id" in values and by is not None:
                raise Forbidden(Issue(subject="workspaceId", description="operators alone say whose an event type is"))
            if not values:
                return standing
            changed = await write_entry(connection, standing, values, now)
            await noted(connection, "event-type.changed", standing, changed)
        self._forget(event_type)
        return changed

    async def retire(self, event_type: str, *, by: str | None, now: datetime) -> None:
        """From now on nothing is published under it, and nobody subscribes to it; raises Absent, Forbidden.

        What an operator retires is the operators' then: its workspace cannot register it again.
        """
        async with self._database.transaction() as connection:
            standing = await owned_entry(connection, event_type, by)
            gone = await write_entry(connection, standing, {"retired_at": now, "workspace_id": by}, now)
            await noted(connection, "event-type.retired", standing, gone)
        self._forget(event_type)

    def _forget(self, event_type: str) -> None:
        self._known.discard(event_type)
        self.judged.pop(event_type, None)
        self.deprecated.pop(event_type, None)

    async def page(self, *, limit: int, offset: int, search: str = "") -> tuple[list[CatalogueEntry], int]:
        """One page of the catalogue in alphabetical order, and how many types there are; of those that have the text, if any."""
        columns = (event_types.c.type, event_types.c.friendly_name, event_types.c.description)
        found = or_(*(func.strpos(func.lower(column), search.lower()) > 0 for column in columns)) if search else true()
        wanted = and_(_LIVE, found)
        async with self._database.transaction() as connection:
            total = (await connection.execute(select(func.count()).select_from(event_types).where(wanted))).scalar_one()
            listed = select(event_types).where(wanted).order_by(event_types.c.type).limit(limit).offset(offset)
            rows = (await connection.execute(listed)).mappings().all()
        return [CatalogueEntry(**row) for row in rows], total
