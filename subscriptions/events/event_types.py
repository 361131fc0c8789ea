"""The catalogue as it is kept: which event types a deployment knows, and whose they are.

How a type is spelled is left to `catalogue.py`; who may add one, to the entrance.
"""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import and_, func, insert, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from subscriptions.events.catalogue import EventType
from subscriptions.events.nearest import nearest, retired, whose
from subscriptions.ground import audit
from subscriptions.ground.audit import AuditChange
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Absent, Conflicting, Forbidden, Issue, LimitReached
from subscriptions.ground.tables import event_types

#: What an entry says beside its type, and what the API calls it.
DETAILS = {
    "api_group": "apiGroup",
    "service_manager": "serviceManager",
    "friendly_name": "friendlyName",
    "description": "description",
}
#: Seconds that a process believes what it has seen of the catalogue: so soon a retirement reaches all of them.
FRESH = 5.0
#: What becomes of events that do not fit the schema of their type: nothing is checked; they are counted; they are refused.
OFF, WARN, REJECT = "off", "warn", "reject"
#: How a type came to be: somebody registered it, or an event of it was published where nothing has to be registered.
REGISTERED, PUBLISHED = "registered", "published"
#: The advisory lock of whoever registers types: shared by one type each, exclusive for the many of a document.
ALONE = 0x74797065
LIMIT = "HOOKLAKE_MAX_EVENT_TYPES_PER_WORKSPACE"
#: Unknown types within that time for which the one that was meant is looked for: that takes milliseconds.
HINTS = 50

_LIVE = event_types.c.retired_at.is_(None)


@dataclass(frozen=True, kw_only=True, slots=True)
class CatalogueEntry:
    """A type as the catalogue has it."""

    type: str
    service_manager: str
    api_group: str
    friendly_name: str
    description: str
    generation: int
    created_at: datetime
    updated_at: datetime
    #: The workspace that it belongs to; None: to operators.
    workspace_id: str | None = None
    #: Since when it takes neither publications nor subscriptions; None while it does.
    retired_at: datetime | None = None
    #: What its events get that are of a deprecated version, as the catalogue keeps it; None: nothing.
    deprecation: str | None = None
    #: `off`, `warn` or `reject`: what becomes of events that do not fit the type's schema.
    validation: str = OFF
    #: `registered`, or `published` while nobody has registered it (`published_types.py`).
    origin: str = REGISTERED


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
        self._stale_at = 0.0

    async def unknown(self, wanted: Iterable[str]) -> set[str]:
        """Those of the wanted types that are not in the catalogue; asks the database only for types not seen lately."""
        if self._steady() >= self._stale_at:
            self._known, self._meant, self._stale_at = set(), {}, self._steady() + FRESH
            self.judged, self.deprecated = {}, {}
        missing = set(wanted) - self._known
        if not missing:
            return missing
        async with self._database.raw() as connection:
            rows = await connection.fetch(
                "SELECT type, validation, deprecation FROM event_types WHERE type = ANY($1::text[]) AND retired_at IS NULL",
                list(missing),
            )
        found = {row["type"] for row in rows}
        self.judged |= {row["type"]: row["validation"] for row in rows if row["validation"] != OFF}
        self.deprecated |= {row["type"]: msgspec.json.decode(row["deprecation"]) for row in rows if row["deprecation"]}
        self._known |= found
        return missing - found

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


async def held(connection: AsyncConnection, event_type: str, by: str | None) -> CatalogueEntry | None:
    """What stands under the name, which nobody else registers until the transaction ends, nor `by` any other."""
    await connection.execute(select(func.pg_advisory_xact_lock_shared(ALONE)))
    if by is not None:
        await _take_turns(connection, by)
    await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"type:{event_type}", 0))))
    return await standing_entry(connection, event_type)


async def put(
    connection: AsyncConnection, entry: EventType, *, by: str | None, now: datetime, origin: str = REGISTERED
) -> CatalogueEntry:
    """A new entry under a name that is held and free."""
    details = {name: getattr(entry, name) for name in DETAILS}
    dated = {"generation": 1, "created_at": now, "updated_at": now}
    values = {"type": entry.type, **details, **dated, "workspace_id": by, "origin": origin}
    rows = await connection.execute(insert(event_types).values(**values).returning(event_types))
    made = CatalogueEntry(**rows.mappings().one())
    await noted(connection, f"event-type.{origin}", None, made)
    return made


async def make_room(connection: AsyncConnection, by: str | None, most: int) -> None:
    """Raises LimitReached where a workspace has as many types as it may; call it with a name held."""
    if by is None:
        return
    counted = select(func.count()).select_from(event_types).where(event_types.c.workspace_id == by)
    if (await connection.scalar(counted) or 0) >= most:
        said = f"the workspace has {most} event types, retired ones included, and may not have more ({LIMIT})"
        raise LimitReached(Issue(subject="eventType", description=said))


async def _take_turns(connection: AsyncConnection, workspace_id: str) -> None:
    """Registrations of one workspace wait for each other until the transaction ends: there is no row to lock for a count."""
    await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"types:{workspace_id}", 0))))


async def standing_entry(connection: AsyncConnection, event_type: str, *, lock: bool = True) -> CatalogueEntry | None:
    """What stands under the name, retired or not; None: nothing."""
    found = select(event_types).where(event_types.c.type == event_type)
    row = (await connection.execute(found.with_for_update() if lock else found)).mappings().one_or_none()
    return None if row is None else CatalogueEntry(**row)


async def live_entry(connection: AsyncConnection, event_type: str, *, lock: bool) -> CatalogueEntry:
    """The entry of a type that is not retired; raises Absent."""
    standing = await standing_entry(connection, event_type, lock=lock)
    if standing is None or standing.retired_at is not None:
        raise Absent("Event type", event_type)
    return standing


async def owned_entry(connection: AsyncConnection, event_type: str, by: str | None) -> CatalogueEntry:
    """The live entry, its row locked; raises Absent, and Forbidden where it is not theirs to change."""
    standing = await live_entry(connection, event_type, lock=True)
    if by not in (None, standing.workspace_id):
        said = f"{event_type} is not this workspace's: {whose(standing.workspace_id)} may change it"
        raise Forbidden(Issue(subject="eventType", description=said))
    return standing


async def write_entry(
    connection: AsyncConnection, standing: CatalogueEntry, values: Mapping[str, object], now: datetime
) -> CatalogueEntry:
    """The entry with these columns changed, a generation on."""
    changed = update(event_types).where(event_types.c.type == standing.type).returning(event_types)
    rows = await connection.execute(changed.values(**values, generation=standing.generation + 1, updated_at=now))
    return CatalogueEntry(**rows.mappings().one())


async def noted(connection: AsyncConnection, action: str, before: CatalogueEntry | None, after: CatalogueEntry) -> None:
    """Leaves the audit entry of it."""
    change = AuditChange(
        action=action,
        subject=after.type,
        name=after.type,
        workspace_id=after.workspace_id,
        before={} if before is None else _audited(before),
        after=_audited(after),
    )
    await audit.note(connection, change)


def _audited(entry: CatalogueEntry) -> dict[str, object]:
    return {
        "serviceManager": entry.service_manager,
        "apiGroup": entry.api_group,
        "friendlyName": entry.friendly_name,
        "description": entry.description,
        "workspaceId": entry.workspace_id,
        "retiredAt": entry.retired_at,
        "validation": entry.validation,
        "origin": entry.origin,
    }
