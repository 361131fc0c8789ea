"""Whether what a document says of its types goes together with what was said of them before."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from subscriptions.catalogue import type_rows
from subscriptions.catalogue.preparing import PreparedType
from subscriptions.catalogue.schemas import compatibility
from subscriptions.catalogue.schemas.dialects import Dialect
from subscriptions.catalogue.schemas.schema import Schema
from subscriptions.catalogue.tables import event_type_versions
from subscriptions.ground.errors import Conflicting, Issue

#: Issues of one answer.
MOST = 20
_versions = event_type_versions
_JSON_SCHEMAS = {dialect.value: dialect for dialect in Dialect}

Rows = Mapping[str, RowMapping]


async def said_by(connection: AsyncConnection, api: UUID) -> dict[str, RowMapping]:
    """What an API says of its types, by their names."""
    found = await connection.execute(select(_versions).where(_versions.c.event_api == api))
    return {row["event_type"]: row for row in found.mappings()}


async def check_others(connection: AsyncConnection, prepared: Sequence[PreparedType], api: Mapping[str, Any]) -> None:
    """Raises Conflicting where another API describes one of the types otherwise, and calls its version the same."""
    names = [each.entry.type for each in prepared]
    others = (
        _versions.c.event_type.in_(names),
        _versions.c.event_api != api["id"],
        _versions.c.version == api["version"],
    )
    found = (await connection.execute(select(_versions).where(*others))).mappings().all()
    if found:
        standing = {row["event_type"]: row for row in found}
        advice = f"another event API describes the version {api['version']} of it: give this one another version"
        await asyncio.to_thread(check, prepared, standing, advice)


def check(prepared: Iterable[PreparedType], standing: Rows, advice: str) -> None:
    """Raises Conflicting, each issue with a pointer into the document, for what consumers of before would not understand."""
    issues: list[Issue] = []
    for each in prepared:
        before = standing.get(each.entry.type)
        if before is not None and len(issues) < MOST:
            issues += _issues(each, before, "payload", advice)
            issues += _issues(each, before, "headers", advice)
    if issues:
        raise Conflicting(*issues[:MOST])


def same(prepared: PreparedType, standing: RowMapping | None) -> bool:
    """Whether a document says of a type what is said of it already."""
    if standing is None:
        return False
    return all(standing[name] == value for name, value in type_rows.said(prepared).items())


def _issues(prepared: PreparedType, before: RowMapping, part: str, advice: str) -> list[Issue]:
    old = before[part]
    new = prepared.payload if part == "payload" else prepared.headers
    text = None if new is None else new.text.decode()
    pointer = f"{prepared.event.pointer}/{part}"
    if text == old:
        return []
    dialect = _JSON_SCHEMAS.get(before["dialect"]) if part == "payload" else None
    if part == "headers" and new is not None:
        dialect = new.dialect
    if old is None:
        # Whoever was told nothing could rely on nothing.
        return []
    if new is None or dialect is None:
        return [
            Issue(subject=pointer, description=f"{prepared.entry.type} had a schema here, and has none now; {advice}")
        ]
    found = compatibility.changes(Schema(old.encode(), dialect), new)
    return [
        Issue(subject=pointer + one.pointer, description=f"{one.why} ({prepared.entry.type}); {advice}")
        for one in found
    ]
