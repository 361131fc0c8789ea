"""Rows of the catalogue's table: found, made, changed, and told of, within a transaction.

Which of them a process believes to know is left to `event_types.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from subscriptions.events.catalogue import EventType
from subscriptions.events.nearest import whose
from subscriptions.ground import audit
from subscriptions.ground.audit import AuditChange
from subscriptions.ground.errors import Absent, Forbidden, Issue, LimitReached
from subscriptions.ground.tables import event_types

#: What an entry says beside its type, and what the API calls it.
DETAILS = {
    "api_group": "apiGroup",
    "service_manager": "serviceManager",
    "friendly_name": "friendlyName",
    "description": "description",
}
#: What becomes of events that do not fit the schema of their type: nothing is checked; they are counted; they are refused.
OFF, WARN, REJECT = "off", "warn", "reject"
#: How a type came to be: somebody registered it, or an event of it was published where nothing has to be registered.
REGISTERED, PUBLISHED = "registered", "published"
#: The advisory lock of whoever registers types: shared by one type each, exclusive for the many of a document.
ALONE = 0x74797065
LIMIT = "HOOKLAKE_MAX_EVENT_TYPES_PER_WORKSPACE"


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
