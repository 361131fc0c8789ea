"""Whether what a document says of its types goes together with what was said of them before."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from subscriptions.catalogue import type_rows
from subscriptions.catalogue.asyncapi import sources
from subscriptions.catalogue.preparing import PreparedApi, PreparedType
from subscriptions.catalogue.schemas import compatibility
from subscriptions.catalogue.schemas.dialects import Dialect
from subscriptions.catalogue.schemas.schema import Schema
from subscriptions.catalogue.tables import event_type_versions
from subscriptions.ground.errors import Conflicting, Issue

#: What is to be done about an incompatible change of an API.
NEW_VERSION = "give the API another version, or register it beside this one in the same group"
#: Issues of one answer.
MOST = 20
_versions = event_type_versions
_JSON_SCHEMAS = {dialect.value: dialect for dialect in Dialect}


@dataclass(frozen=True, kw_only=True, slots=True)
class SaidBefore:
    """What was said of a type, and still holds for its consumers."""

    #: Of the row: what is said anew has another.
    id: UUID
    event_type: str
    dialect: str
    payload: str | None
    headers: str | None
    #: What to do where what is said now contradicts it.
    advice: str

    def __len__(self) -> int:
        return len(self.payload or "") + len(self.headers or "")


async def said_by(connection: AsyncConnection, api: UUID) -> dict[str, RowMapping]:
    """What an API says of its types, by their names."""
    found = await connection.execute(select(_versions).where(_versions.c.event_api == api))
    return {row["event_type"]: row for row in found.mappings()}


async def before(
    connection: AsyncConnection, prepared: Sequence[PreparedType], api: Mapping[str, Any], *, kept: str | None = None
) -> list[SaidBefore]:
    """What a document has to go together with: what other APIs say of its types in the same version, and the API itself did.

    `kept` is the API's version until now, None for a new one; with another version it may say what it likes.
    """
    others = f"another event API describes the version {api['version']} of it: give this one another version"
    columns = (_versions.c[name] for name in ("id", "event_type", "dialect", "payload", "headers", "event_api"))
    names = [each.entry.type for each in prepared]
    found = select(*columns).where(
        _versions.c.event_type.in_(names),
        _versions.c.event_api.is_not(None),
        or_(
            and_(_versions.c.event_api != api["id"], _versions.c.version == api["version"]),
            and_(_versions.c.event_api == api["id"], kept == api["version"]),
        ),
    )
    return [
        SaidBefore(
            id=row.id,
            event_type=row.event_type,
            dialect=row.dialect,
            payload=row.payload,
            headers=row.headers,
            advice=NEW_VERSION if row.event_api == api["id"] else others,
        )
        for row in await connection.execute(found)
    ]


def check(prepared: PreparedApi, said: Iterable[SaidBefore]) -> None:
    """Raises Conflicting, each issue with a pointer and a line, for what consumers of before would not understand."""
    by_type = {each.entry.type: each for each in prepared.types}
    issues: list[Issue] = []
    for each in said:
        if len(issues) < MOST:
            issues += _issues(by_type[each.event_type], each, "payload")
            issues += _issues(by_type[each.event_type], each, "headers")
    if issues:
        # Read once more for its lines: only a document that is refused costs that.
        source = sources.read(prepared.text, media_type=f"application/{prepared.document.format.lower()}")
        placed = ((each, source.issue(sources.steps(each.subject), each.description)) for each in issues[:MOST])
        raise Conflicting(*(replace(each, description=at.description) for each, at in placed))


def same(prepared: PreparedType, standing: RowMapping | None) -> bool:
    """Whether a document says of a type what is said of it already."""
    if standing is None:
        return False
    return all(standing[name] == value for name, value in type_rows.said(prepared).items())


def _issues(prepared: PreparedType, said: SaidBefore, part: str) -> list[Issue]:
    old, new = (said.payload, prepared.payload) if part == "payload" else (said.headers, prepared.headers)
    # Whoever was told nothing could rely on nothing.
    if old is None or (new is not None and new.text.decode() == old):
        return []
    dialect = _JSON_SCHEMAS.get(said.dialect) if part == "payload" else None if new is None else new.dialect
    pointer = f"{prepared.event.pointer}/{part}"
    if new is None or dialect is None:
        gone = f"{prepared.entry.type} had a schema here, and has none now; {said.advice}"
        return [Issue(subject=pointer, description=gone)]
    found = compatibility.changes(Schema(old.encode(), dialect), new)
    return [
        Issue(subject=pointer + one.pointer, description=f"{one.why} ({prepared.entry.type}); {said.advice}")
        for one in found
    ]
