"""The schemas of event types that are registered one by one: kept by revision, each with a URI of its own.

An event API's stand in the same table (`tables.py`); what events are held to is `judging.py`'s matter.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, RowMapping, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from subscriptions.catalogue import schema_room, type_rows
from subscriptions.catalogue.schemas import compatibility
from subscriptions.catalogue.schemas.dialects import Dialect
from subscriptions.catalogue.schemas.schema import Schema
from subscriptions.catalogue.tables import event_type_versions, schema_misfits
from subscriptions.events.event_type_rows import (
    CatalogueEntry,
    live_entry,
    owned_entry,
)
from subscriptions.ground import audit
from subscriptions.ground.apart import Apart
from subscriptions.ground.audit import AuditChange
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Absent, Conflicting, Issue, LimitReached

#: Revisions that are kept of a type's own schema, over all its versions.
MAX_REVISIONS = 100

_versions = event_type_versions
_described = _versions.c.payload.is_not(None)


@dataclass(frozen=True, kw_only=True, slots=True)
class EventSchema:
    """What the data of a type's events is to be, in one version of it."""

    id: UUID
    event_type: str
    #: The name of the version: schemas of one are compatible, each with those before it.
    version: str
    #: Counts what was said of the type, from 1.
    revision: int
    #: What events that follow it have as `dataschema`.
    dataschema: str
    #: As `Dialect`, or another schema language's own name.
    dialect: str
    #: JSON.
    text: bytes
    deprecated: bool
    created_at: datetime
    #: And what else events that follow it may have: a document may list several.
    others: tuple[str, ...] = ()

    @property
    def schema(self) -> Schema | None:
        """What judges; None where it is of a language that is not read here."""
        known = next((each for each in Dialect if each.value == self.dialect), None)
        return None if known is None else Schema(self.text, known)


@dataclass(frozen=True, kw_only=True, slots=True)
class SchemaDraft:
    """A schema as it is given."""

    schema: Schema
    #: None: the newest there is.
    version: str | None
    #: None: the URL that it will be served at.
    dataschema: str | None
    #: What comes before the id in that.
    served_at: str

    def uri(self, identifier: UUID) -> str:
        """What names it, under an id."""
        return self.dataschema or f"{self.served_at}/{identifier}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Misfits:
    """How many events of a type did not fit, since its own schema was changed."""

    #: Taken all the same.
    warned: int
    #: Refused.
    rejected: int
    since: datetime
    last_at: datetime
    #: JSON: `id` and `source` of one of the newest, `at`, and its `faults`.
    sample: bytes


class EventSchemaStore:
    """Schemas by type, and by id."""

    def __init__(
        self, database: Database, apart: Apart, *, most: int = MAX_REVISIONS, most_bytes: int = schema_room.DEFAULT
    ) -> None:
        self._database = database
        self._apart = apart
        self._most = most
        self._most_bytes = most_bytes

    async def put(
        self, event_type: str, draft: SchemaDraft, *, by: str | None, now: datetime
    ) -> tuple[EventSchema, bool]:
        """The type's own schema from now on, and whether it is another one than before.

        Raises Absent, Forbidden; Conflicting, naming each place, where it is not compatible with the version's last one;
        LimitReached.
        """
        compared: UUID | None = None
        while True:
            async with self._database.transaction() as connection:
                entry = await owned_entry(connection, event_type, by)
                own = await _rows(connection, event_type, _versions.c.event_api.is_(None))
                named = draft.version or (own[0].version if own else "1")
                before = next((each for each in own if each.version == named), None)
                if (
                    before is not None
                    and before.text == draft.schema.text
                    and before.dataschema == draft.uri(before.id)
                ):
                    return before, False
                if before is None or before.id == compared:
                    if len(own) >= self._most:
                        said = (
                            f"{event_type} has {self._most} revisions of its schema, which are the most that are kept"
                        )
                        raise LimitReached(Issue(subject="eventType", description=said))
                    made = _made(event_type, draft, named, await _last_revision(connection, event_type) + 1, now)
                    await connection.execute(insert(_versions).values(**_columns(made)))
                    await schema_room.check_room(connection, by, self._most_bytes)
                    await type_rows.settle(connection, [event_type], now=now)
                    await _begin_again(connection, event_type)
                    await _note(connection, "event-type.schema-set", entry, before, made)
                    return made, True
            # Nobody waits for it in a transaction; where another one has come meanwhile, that is compared as well.
            size = len(before.text) + len(draft.schema.text)
            await self._apart.work(by, size, _check, before, draft.schema)
            compared = before.id

    async def newest(self, event_type: str, version: str | None = None) -> EventSchema:
        """The schema that was given last, of any version or of this one; raises Absent."""
        async with self._database.transaction() as connection:
            await live_entry(connection, event_type, lock=False)
            found = await _rows(connection, event_type, _described)
        listed = [each for each in found if version in (None, each.version)]
        if not listed:
            hint = f"{event_type} has none" if not found else f"{event_type} has none of version {version}"
            raise Absent("Schema", event_type, hint=hint)
        return listed[0]

    async def find(self, identifier: UUID) -> EventSchema:
        """The schema of this id; raises Absent."""
        async with self._database.transaction() as connection:
            found = await connection.execute(select(_versions).where(_versions.c.id == identifier, _described))
            row = found.mappings().one_or_none()
        if row is None:
            raise Absent("Schema", str(identifier))
        return _schema(row)

    async def remove(self, event_type: str, *, by: str | None, now: datetime) -> None:
        """The type has no schema of its own any more; raises Absent, Forbidden, Conflicting while events are held to it."""
        async with self._database.transaction() as connection:
            entry = await owned_entry(connection, event_type, by)
            own = await _rows(connection, event_type, _versions.c.event_api.is_(None))
            if not own:
                raise Absent("Schema", event_type, hint=f"{event_type} has none of its own")
            if entry.validation != "off" and len(own) == len(await _rows(connection, event_type, _described)):
                said = f"events of {event_type} are held to it: set validation to off first"
                raise Conflicting(Issue(subject="validation", description=said))
            await connection.execute(
                delete(_versions).where(_versions.c.event_type == event_type, _versions.c.event_api.is_(None))
            )
            await type_rows.settle(connection, [event_type], now=now)
            await _begin_again(connection, event_type)
            await _note(connection, "event-type.schema-removed", entry, own[0], None)

    async def misfits(self, event_type: str, workspace_id: str | None) -> Misfits | None:
        """How many did not fit of those that a workspace published, or all; None: none that anybody knows of.

        Whose a type is may say what fits: what others publish under it is told to operators alone.
        """
        of = schema_misfits.c
        wanted = select(schema_misfits).where(of.event_type == event_type).order_by(of.last_at.desc())
        if workspace_id is not None:
            wanted = wanted.where(of.workspace_id == workspace_id)
        async with self._database.transaction() as connection:
            rows = (await connection.execute(wanted)).all()
        if not rows:
            return None
        return Misfits(
            warned=sum(row.warned for row in rows),
            rejected=sum(row.rejected for row in rows),
            since=min(row.since for row in rows),
            last_at=rows[0].last_at,
            sample=rows[0].sample.encode(),
        )

    async def of_types(self, types: list[str]) -> list[EventSchema]:
        """All schemas of these types, of each the one that was given last first."""
        wanted = select(_versions).where(_versions.c.event_type.in_(types), _described)
        async with self._database.transaction() as connection:
            rows = await connection.execute(wanted.order_by(_versions.c.revision.desc()))
            return [_schema(row) for row in rows.mappings()]


def _made(event_type: str, draft: SchemaDraft, version: str, revision: int, now: datetime) -> EventSchema:
    identifier = uuid4()
    return EventSchema(
        id=identifier,
        event_type=event_type,
        version=version,
        revision=revision,
        dataschema=draft.uri(identifier),
        dialect=draft.schema.dialect.value,
        text=draft.schema.text,
        deprecated=False,
        created_at=now,
    )


def _check(before: EventSchema, after: Schema) -> None:
    old = before.schema
    found = () if old is None else compatibility.changes(old, after)
    advice = f"give it another version than {before.version}, with ?version="
    if found:
        raise Conflicting(
            *(Issue(subject=f"schema{each.pointer}"[:300], description=f"{each.why}; {advice}") for each in found)
        )


async def _rows(connection: AsyncConnection, event_type: str, condition: ColumnElement[bool]) -> list[EventSchema]:
    wanted = select(_versions).where(_versions.c.event_type == event_type, condition)
    rows = await connection.execute(wanted.order_by(_versions.c.revision.desc()))
    return [_schema(row) for row in rows.mappings()]


async def _last_revision(connection: AsyncConnection, event_type: str) -> int:
    counted = select(func.max(_versions.c.revision)).where(_versions.c.event_type == event_type)
    return await connection.scalar(counted) or 0


async def _begin_again(connection: AsyncConnection, event_type: str) -> None:
    """What was counted was counted by another schema."""
    await connection.execute(delete(schema_misfits).where(schema_misfits.c.event_type == event_type))


def _schema(row: RowMapping) -> EventSchema:
    names = ("id", "event_type", "version", "revision", "dataschema", "dialect", "deprecated", "created_at")
    others = tuple(filter(None, type_rows.named_by(row["dataschema"], row["attributes"])))
    return EventSchema(**{name: row[name] for name in names}, text=(row["payload"] or "").encode(), others=others)


def _columns(schema: EventSchema) -> dict[str, object]:
    values = {name: getattr(schema, name) for name in EventSchema.__slots__ if name not in ("text", "others")}
    return {**values, "payload": schema.text.decode(), "content_type": "application/json"}


async def _note(
    connection: AsyncConnection,
    action: str,
    entry: CatalogueEntry,
    before: EventSchema | None,
    after: EventSchema | None,
) -> None:
    change = AuditChange(
        action=action,
        subject=entry.type,
        name=entry.type,
        workspace_id=entry.workspace_id,
        before=_audited(before),
        after=_audited(after),
    )
    await audit.note(connection, change)


def _audited(schema: EventSchema | None) -> dict[str, object]:
    if schema is None:
        return {}
    said = {"version": schema.version, "revision": schema.revision, "dataschema": schema.dataschema}
    # No text of others stands in the log: which one it is, revision and digest say.
    digest = hashlib.sha256(schema.text).hexdigest()
    return {**said, "schema": {"dialect": schema.dialect, "sha256": digest, "bytes": len(schema.text)}}
