"""Event types of a document as rows: taken into the catalogue by the hundred, and out of it again."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from subscriptions.catalogue import deprecation
from subscriptions.catalogue.asyncapi.described import AttributeRule, DescribedEvent
from subscriptions.catalogue.deprecation import TypeVersion
from subscriptions.catalogue.preparing import PreparedType
from subscriptions.catalogue.tables import event_apis, event_type_versions
from subscriptions.events import attributes
from subscriptions.events.event_type_rows import (
    ALONE,
    DETAILS,
    LIMIT,
    REGISTERED,
)
from subscriptions.ground import tables
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Conflicting, Issue, LimitReached

_types = tables.event_types
_versions = event_type_versions
#: Issues of one answer.
_MOST = 20
_rules = msgspec.json.Decoder(list[AttributeRule])
_LISTS = '"dataschema"'


async def adopt(
    connection: AsyncConnection, prepared: Sequence[PreparedType], *, by: str | None, most: int, now: datetime
) -> set[str]:
    """Makes the types that are not there, and answers which; raises Conflicting for those of somebody else, LimitReached."""
    wanted = {each.entry.type: each for each in prepared}
    rows = [
        {
            "type": each.entry.type,
            **{name: getattr(each.entry, name) for name in DETAILS},
            "generation": 1,
            "created_at": now,
            "updated_at": now,
            "workspace_id": by,
        }
        for each in sorted(prepared, key=lambda each: each.entry.type)
    ]
    columns = (_types.c.type, _types.c.workspace_id, _types.c.retired_at, _types.c.origin, _types.c.generation)
    found = select(*columns).where(_types.c.type.in_(wanted))
    standing = {row.type: row for row in await connection.execute(found.order_by(_types.c.type).with_for_update())}
    issues = [
        Issue(subject=wanted[name].event.pointer, description=_others(name))
        for name, row in standing.items()
        if by is not None and row.workspace_id != by
    ]
    if issues:
        raise Conflicting(*issues[:_MOST])
    fresh = [row for row in rows if row["type"] not in standing]
    if by is not None and fresh:
        await _make_room(connection, by, len(fresh), most)
    if fresh:
        await connection.execute(insert(_types), fresh)
    again = {name for name, row in standing.items() if row.retired_at is not None}
    risen = {"updated_at": now, "generation": _types.c.generation + 1}
    if again:
        await connection.execute(update(_types).where(_types.c.type.in_(again)).values(retired_at=None, **risen))
    unsaid = {name: row.generation == 1 for name, row in standing.items() if row.origin != REGISTERED}
    if unsaid:
        await _say(connection, unsaid, wanted, risen)
    return {str(row["type"]) for row in fresh} | again


async def _say(
    connection: AsyncConnection,
    unsaid: Mapping[str, bool],
    wanted: Mapping[str, PreparedType],
    risen: Mapping[str, Any],
) -> None:
    """Somebody says what these types are from now on; and in which words, of those whose words nobody chose: they were made of
    the type with its first event."""
    await connection.execute(update(_types).where(_types.c.type.in_(unsaid)).values(origin=REGISTERED))
    for name in (name for name, wordless in unsaid.items() if wordless):
        words = {each: getattr(wanted[name].entry, each) for each in DETAILS}
        await connection.execute(update(_types).where(_types.c.type == name).values(**words, **risen))


async def describe(
    connection: AsyncConnection, prepared: Sequence[PreparedType], api: Mapping[str, Any], made: Collection[str]
) -> None:
    """Writes what an API says of its types; each is the type's next revision."""
    names = [each.entry.type for each in prepared]
    counted = select(_versions.c.event_type, func.max(_versions.c.revision)).where(_versions.c.event_type.in_(names))
    last = {row[0]: row[1] for row in await connection.execute(counted.group_by(_versions.c.event_type))}
    mine = (_versions.c.event_api == api["id"], _versions.c.event_type.in_(names))
    await connection.execute(delete(_versions).where(*mine))
    rows = [
        {
            "id": uuid4(),
            "event_type": each.entry.type,
            "event_api": api["id"],
            "version": api["version"],
            "revision": last.get(each.entry.type, 0) + 1,
            "deprecated": api["deprecated"] or each.event.deprecated,
            "deprecated_since": _since(each.event) or api["deprecated_since"],
            "made_type": each.entry.type in made,
            "created_at": api["updated_at"],
            **said(each),
        }
        for each in prepared
    ]
    if rows:
        await connection.execute(insert(_versions), rows)


def said(prepared: PreparedType) -> dict[str, Any]:
    """What a document says of an event, as columns of `event_type_versions`."""
    event = prepared.event
    details = {
        # First, so that it is seen from the text.
        "deprecated": event.deprecated,
        "name": event.name,
        "title": event.title,
        "summary": event.summary,
        "description": event.description,
        "tags": event.tags,
        "correlationId": event.correlation_id,
        "channel": event.channel,
        "bindings": msgspec.Raw(event.bindings) if event.bindings is not None else None,
    }
    return {
        "dataschema": prepared.dataschema,
        "content_type": event.content_type or "",
        "dialect": prepared.payload.dialect.value if prepared.payload else event.payload_dialect,
        "payload": prepared.payload.text.decode() if prepared.payload else None,
        "headers": prepared.headers.text.decode() if prepared.headers else None,
        "examples": (b"[" + b",".join(event.examples) + b"]").decode(),
        "attributes": msgspec.json.encode(event.attributes).decode(),
        "details": msgspec.json.encode({name: value for name, value in details.items() if value}).decode(),
    }


async def release(
    connection: AsyncConnection, api: UUID, names: Collection[str], *, force: bool, now: datetime
) -> None:
    """An API says nothing more of these types: those that it made, and nobody else describes, are retired.

    Raises Conflicting, naming them, where some would be retired that webhooks have subscribed to, unless `force`.
    """
    gone = (_versions.c.event_api == api, _versions.c.event_type.in_(names))
    made = set(await connection.scalars(select(_versions.c.event_type).where(*gone, _versions.c.made_type)))
    await connection.execute(delete(_versions).where(*gone))
    others = select(_versions.c.event_type, func.min(_versions.c.revision)).where(_versions.c.event_type.in_(made))
    heirs = {row[0]: row[1] for row in await connection.execute(others.group_by(_versions.c.event_type))}
    for name, revision in heirs.items():
        heir = (_versions.c.event_type == name, _versions.c.revision == revision)
        await connection.execute(update(_versions).where(*heir).values(made_type=True))
    ending = made - heirs.keys()
    if ending and not force:
        await _check_subscribers(connection, ending)
    if ending:
        retired = update(_types).where(_types.c.type.in_(ending), _types.c.retired_at.is_(None))
        await connection.execute(retired.values(retired_at=now, updated_at=now, generation=_types.c.generation + 1))


async def alone(connection: AsyncConnection) -> None:
    """Until the transaction ends nobody else changes which types there are."""
    await connection.execute(select(func.pg_advisory_xact_lock(ALONE)))


async def part_alone(database: Database, event_type: str, *, now: datetime) -> None:
    """`part` for one type, in a transaction of its own."""
    async with database.transaction() as connection:
        await alone(connection)
        await part(connection, _versions.c.event_type == event_type, now=now)


async def part(connection: AsyncConnection, those: ColumnElement[bool], *, now: datetime) -> None:
    """Takes from event APIs what they said of types that are another workspace's by now: it is the type's own from then on.

    `those` are rows of `event_type_versions`. Types keep their owners until the transaction ends; operators' APIs describe
    types of anybody.
    """
    said = select(_versions.c.id, _versions.c.event_type, event_apis.c.workspace_id.label("by"), _types.c.workspace_id)
    joined = _versions.join(event_apis, event_apis.c.id == _versions.c.event_api)
    joined = joined.join(_types, _types.c.type == _versions.c.event_type)
    found = said.select_from(joined).where(those, event_apis.c.workspace_id.is_not(None)).order_by(_types.c.type)
    # Subscriptions are made meanwhile: they refer to the type.
    rows = (await connection.execute(found.with_for_update(of=_types, key_share=True))).all()
    gone = [row for row in rows if row.by != row.workspace_id]
    if not gone:
        return
    theirs = _versions.c.id.in_([row.id for row in gone])
    # What has no schema says nothing that could be a type's own.
    await connection.execute(delete(_versions).where(theirs, _versions.c.payload.is_(None)))
    await connection.execute(update(_versions).where(theirs).values(event_api=None, made_type=False))
    await settle(connection, {row.event_type for row in gone}, now=now)


async def settle(connection: AsyncConnection, names: Collection[str], *, now: datetime) -> None:
    """Writes what events of these types get, and what their pinned subscriptions ask for, as their versions stand now."""
    by_type = await versions(connection, names)
    standing = select(_types.c.type, _types.c.deprecation).where(_types.c.type.in_(names))
    for name, before in (await connection.execute(standing)).all():
        after = deprecation.kept(by_type.get(name, ()))
        if after != before:
            values = {"deprecation": after, "updated_at": now}
            await connection.execute(update(_types).where(_types.c.type == name).values(values))
    subscribed = tables.subscriptions
    pinned = select(subscribed.c.event_type, subscribed.c.version).where(
        subscribed.c.event_type.in_(names), subscribed.c.version != ""
    )
    for name, version in (await connection.execute(pinned.distinct())).all():
        asks = msgspec.json.encode(deprecation.accepted(by_type.get(name, ()), version)).decode()
        those = (subscribed.c.event_type == name, subscribed.c.version == version)
        await connection.execute(update(subscribed).where(*those).values(version_filter=asks))


async def versions(connection: AsyncConnection, names: Collection[str]) -> dict[str, list[TypeVersion]]:
    """The versions of these types in the order in which they were described; a type of which nobody said anything is absent."""
    columns = (
        _versions.c.event_type,
        _versions.c.version,
        _versions.c.dataschema,
        _versions.c.created_at,
        _versions.c.attributes,
    )
    deprecated = (_versions.c.deprecated, _versions.c.deprecated_since, event_apis.c.sunset, event_apis.c.migration)
    joined = _versions.outerjoin(event_apis, event_apis.c.id == _versions.c.event_api)
    found = select(*columns, *deprecated).select_from(joined).where(_versions.c.event_type.in_(names))
    found = found.order_by(_versions.c.created_at, _versions.c.revision)
    by_type: dict[str, list[TypeVersion]] = {}
    for row in await connection.execute(found):
        version = TypeVersion(
            version=row.version,
            dataschema=row.dataschema,
            deprecated=row.deprecated,
            since=row.deprecated_since,
            sunset=row.sunset,
            migration=row.migration or "",
            created_at=row.created_at,
        )
        listed = by_type.setdefault(row.event_type, [])
        listed += [replace(version, dataschema=uri) for uri in named_by(row.dataschema, row.attributes)]
    return by_type


def named_by(dataschema: str, rules: str) -> Iterable[str]:
    """The `dataschema`s that events of a version have: what it says, and what its document lists; empty: nothing is said."""
    known = _rules.decode(rules) if _LISTS in rules else []
    listed = [uri for each in known if each.name == "dataschema" for uri in each.enum]
    return dict.fromkeys([*filter(None, [dataschema]), *listed]) or (dataschema,)


def _since(event: DescribedEvent) -> datetime | None:
    """Since when a document says that an event is deprecated: the one value that its attribute may have."""
    said = next((rule.const for rule in event.attributes if rule.name == "deprecationfrom"), None)
    if not event.deprecated or said is None or attributes.instant(said) is None:
        return None
    return datetime.fromisoformat(said)


async def _check_subscribers(connection: AsyncConnection, names: Collection[str]) -> None:
    subscribed = tables.subscriptions.c.event_type
    counted = select(subscribed, func.count()).where(subscribed.in_(names)).group_by(subscribed).order_by(subscribed)
    issues = [
        Issue(subject="eventType", description=f"{name} has {count} subscriptions; force=true retires it all the same")
        for name, count in await connection.execute(counted.limit(_MOST))
    ]
    if issues:
        raise Conflicting(*issues)


async def _make_room(connection: AsyncConnection, by: str, more: int, most: int) -> None:
    counted = select(func.count()).select_from(_types).where(_types.c.workspace_id == by)
    there = await connection.scalar(counted) or 0
    if there + more > most:
        said = f"the workspace has {there} event types, retired ones included, and {more} more are over its {most} ({LIMIT})"
        raise LimitReached(Issue(subject="document", description=said))


def _others(name: str) -> str:
    return f"the event type {name} is not this workspace's: only whoever it belongs to describes it"
