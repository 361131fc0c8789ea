"""Event APIs as rows: how they are read, what of a document stands in them, and how they are told to the audit log."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import RowMapping, Select, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from subscriptions.catalogue import api_access
from subscriptions.catalogue.api_access import AUTH, BUSES, FETCH
from subscriptions.catalogue.preparing import PreparedApi
from subscriptions.catalogue.tables import event_apis, event_type_versions
from subscriptions.ground.audit import AuditChange
from subscriptions.ground.errors import Absent, Conflicting, Issue, TooLarge

_apis = event_apis
#: Characters of a name and a version, and of a description.
LONGEST, PROSE = 200, 2000
#: Characters of what a document says of its servers and their security, as it is kept: lists read it of each API.
DETAILS = 64 * 1024
#: Types that an audit entry names.
_NAMED = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiVersion:
    """A version of an event API, and what is to become of it."""

    value: str
    deprecated: bool = False
    deprecated_since: datetime | None = None
    #: Since which version, as Kyma says it; empty: nobody said.
    deprecated_in: str = ""
    #: When it goes.
    sunset: datetime | None = None
    #: A URI: where to go instead; empty: nobody said.
    migration: str = ""
    #: Whether it is gone in the next version.
    for_removal: bool = False

    def columns(self) -> dict[str, Any]:
        """As columns of `event_apis`."""
        return {"version": self.value, **{name: value for name, value in asdict(self).items() if name != "value"}}


@dataclass(frozen=True, kw_only=True, slots=True)
class FetchState:
    """Where a document is fetched from, and how that went."""

    #: As JSON with `***` for secrets: `url`, `mode`, `filter`, `auth`, `namedBy`.
    request: Mapping[str, Any]
    #: `INITIAL` until it was tried, `SUCCEEDED`, `FAILED`.
    condition: str
    #: Why it failed, as a sentence; empty where it did not.
    message: str
    #: When its condition became what it is.
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class EventApi:
    """An event API as the catalogue has it, but for its document."""

    id: UUID
    #: Whose it is; None: the operators'.
    workspace_id: str | None
    application: str
    name: str
    description: str
    #: What its versions have in common; empty: it stands alone.
    group: str
    version: ApiVersion
    #: `JSON` or `YAML`.
    format: str
    #: The version of AsyncAPI.
    asyncapi: str
    #: Servers and security as JSON.
    details: str
    origin: str
    generation: int
    created_at: datetime
    updated_at: datetime
    #: SHA-256 of the document, in hexadecimal digits.
    digest: str
    #: Why its text is no AsyncAPI document, as a sentence; empty where it is one, or none came yet.
    error: str
    #: How one authenticates to it (`api_auth.py`), as JSON with `***` for secrets; None: nothing is said, or it is one of many.
    auth: Mapping[str, Any] | None
    #: The buses outside that carry its events, likewise.
    external_subscriptions: Sequence[Mapping[str, Any]]
    #: Where its document is fetched from; None: nowhere.
    fetch: "FetchState | None"
    #: How many types it describes.
    type_count: int
    #: Which, in alphabetical order; empty where it is one of many.
    types: tuple[str, ...] = ()

    @property
    def closed(self) -> bool:
        """Whether its text is for its own workspace and operators alone: it is none that a catalogue could tell, or a credential
        was needed to come by it."""
        return bool(self.error) or _closed.decode(self.details.encode()).closed


class _Closed(msgspec.Struct, frozen=True):
    """Of `details`, whether a credential was needed to come by the document."""

    closed: bool = False


_closed = msgspec.json.Decoder(_Closed)
_VERSION = ("deprecated", "deprecated_since", "deprecated_in", "sunset", "migration", "for_removal")
_OWN = ("id", "workspace_id", "application", "name", "description", "format", "asyncapi", "details", "origin", "error")
_FETCHING = ("fetch_condition", "fetch_message", "fetched_at")
_TIMES = ("generation", "created_at", "updated_at")
#: What fields of a server are called in JSON.
_WIRE = {"protocol_version": "protocolVersion"}
_COLUMNS = (
    *(_apis.c[name] for name in (*_OWN, *_TIMES, *_VERSION, *_FETCHING)),
    _apis.c.api_group,
    _apis.c.version,
    func.encode(func.sha256(_apis.c.document), "hex").label("digest"),
    select(func.count())
    .select_from(event_type_versions)
    .where(event_type_versions.c.event_api == _apis.c.id)
    .scalar_subquery()
    .label("type_count"),
)
#: What an API is read from; in a list without what is said beside its document, which may be 64 KiB of each.
SHOWN: Select[Any] = select(*_COLUMNS, _apis.c.access)
LISTED: Select[Any] = select(*_COLUMNS, literal("{}").label("access"))


def read(row: RowMapping) -> EventApi:
    """The API of a row, but for the names of its types."""
    access = msgspec.json.decode(row["access"])
    return EventApi(
        **{name: row[name] for name in (*_OWN, *_TIMES, "digest", "type_count")},
        group=row["api_group"],
        version=ApiVersion(value=row["version"], **{name: row[name] for name in _VERSION}),
        auth=access.get(AUTH),
        external_subscriptions=tuple(access.get(BUSES, ())),
        fetch=_fetch(access.get(FETCH), row),
    )


async def live(connection: AsyncConnection, wanted: UUID) -> EventApi:
    """One with the names of its types; raises Absent."""
    row = (await connection.execute(SHOWN.where(_apis.c.id == wanted))).mappings().one_or_none()
    if row is None:
        raise Absent("Event API", str(wanted))
    mine = select(event_type_versions.c.event_type).where(event_type_versions.c.event_api == wanted)
    return replace(read(row), types=tuple(await connection.scalars(mine.order_by(event_type_versions.c.event_type))))


def document_columns(prepared: PreparedApi, *, closed: bool = False) -> dict[str, Any]:
    """What of a document stands in a row; `closed`: it was fetched by a credential."""
    read = prepared.document
    servers = [{_WIRE.get(name, name): value for name, value in asdict(each).items()} for each in read.servers]
    for each in servers:
        # What a scheme is said to be stands once, beside them: a document names it as often as it likes.
        each["security"] = [{**one, "description": ""} for one in each["security"]]
    details = {
        "title": read.title,
        "version": read.version,
        "servers": servers,
        "closed": closed,
        "security": [asdict(each) for each in read.security],
    }
    text = msgspec.json.encode(details).decode()
    if len(text) > DETAILS:
        said = f"what it says of its servers and their security has {len(text):,} characters; at most {DETAILS:,} are taken"
        raise TooLarge(Issue(subject="document", description=said))
    return {
        "document": prepared.text,
        "format": read.format,
        "asyncapi": read.asyncapi,
        "details": text,
        "error": prepared.error,
    }


def deprecated_now(version: ApiVersion, now: datetime) -> ApiVersion:
    """A version with the time since when it is deprecated: that of the request, where nobody says another."""
    if version.deprecated and version.deprecated_since is None:
        return replace(version, deprecated_since=now)
    return version if version.deprecated else replace(version, deprecated_since=None)


async def check_version(connection: AsyncConnection, row: Mapping[str, Any]) -> None:
    """Raises Conflicting where another API of the owner's has this group and this version."""
    # Whose document has not come yet, or is none, may have no version.
    if not row["api_group"] or not row["version"]:
        return
    same = (_apis.c.api_group == row["api_group"], _apis.c.version == row["version"], _apis.c.id != row["id"])
    owner = _apis.c.workspace_id.is_not_distinct_from(row["workspace_id"])
    other = await connection.scalar(select(_apis.c.id).where(*same, owner).limit(1))
    if other is not None:
        said = f"the group {row['api_group']} has the version {row['version']} already: the event API {other}"
        raise Conflicting(Issue(subject="version.value", description=said))


async def carry_version(connection: AsyncConnection, row: Mapping[str, Any]) -> None:
    """Puts the version of an API, and whether it is deprecated, where its types' versions stand."""
    mine = update(event_type_versions).where(event_type_versions.c.event_api == row["id"])
    await connection.execute(mine.values(version=row["version"]))
    # What a document itself calls deprecated stays so.
    itself = event_type_versions.c.details.startswith('{"deprecated":true', autoescape=True)
    values = {name: row[name] for name in ("deprecated", "deprecated_since")}
    await connection.execute(mine.where(~itself).values(**values))


def audited(action: str, before: EventApi | None, after: EventApi | None) -> AuditChange:
    """The entry of a change."""
    api = after or before
    assert api is not None
    return AuditChange(
        action=action,
        subject=str(api.id),
        name=api.name,
        workspace_id=api.workspace_id,
        before={} if before is None else _told(before),
        after={} if after is None else _told(after),
    )


def _fetch(request: Mapping[str, Any] | None, row: RowMapping) -> FetchState | None:
    if request is None:
        return None
    said = {"condition": row["fetch_condition"], "message": row["fetch_message"]}
    return FetchState(request=request, **said, at=row["fetched_at"] or row["updated_at"])


def _told(api: EventApi) -> dict[str, object]:
    return {
        "name": api.name,
        "description": api.description,
        "group": api.group,
        "version": {name: value for name, value in api.version.columns().items() if value},
        "document": api.digest,
        **api_access.audited(_access(api)),
        "types": [*api.types[:_NAMED], *([f"and {len(api.types) - _NAMED} more"] if len(api.types) > _NAMED else [])],
    }


def _access(api: EventApi) -> dict[str, Any]:
    """As `api_access` has it."""
    found = {AUTH: api.auth, BUSES: api.external_subscriptions, FETCH: api.fetch and api.fetch.request}
    return {name: value for name, value in found.items() if value}
