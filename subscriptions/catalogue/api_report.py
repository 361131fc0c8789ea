"""What people read of an event API beside itself: its versions side by side, the types that it brings, and what ends with it.

Registering and changing one is left to `event_apis.py`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import exists, func, select

from subscriptions.catalogue import api_rows, deprecation, type_rows
from subscriptions.catalogue.api_rows import EventApi
from subscriptions.catalogue.deprecation import TypeVersion
from subscriptions.catalogue.tables import event_apis, event_type_versions
from subscriptions.ground import tables
from subscriptions.ground.database import Database

#: Versions of one API that are listed.
VERSIONS = 100
#: Types that are asked how they were named.
NAMED = 100
_said = event_type_versions
_types = tables.event_types


class _Named(msgspec.Struct, frozen=True):
    """What a message and its channel are called."""

    name: str = ""
    channel: str = ""


_named = msgspec.json.Decoder(_Named)


@dataclass(frozen=True, kw_only=True, slots=True)
class BroughtType:
    """An event type as an event API describes it."""

    event_type: str
    friendly_name: str
    #: What its events have as `dataschema`; empty: nothing is said.
    dataschema: str
    content_type: str
    #: `draft-04` to `2020-12`, or another schema language's own name; empty: there is no schema.
    dialect: str
    deprecated: bool
    deprecated_since: datetime | None
    #: Whether it takes no publications any more.
    retired: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ApiEnding:
    """What ends with an event API."""

    #: Types that it made and nobody else describes, in alphabetical order: they are retired.
    retired: Sequence[str]
    #: Of those, how many webhooks have subscribed to each, in any workspace; absent where none has.
    subscribed: Mapping[str, int]
    #: How many other types it describes, which stay.
    staying: int
    #: How many subscriptions to those understand its version alone, which nobody else describes of them: they get nothing.
    pinned: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Succession:
    """What becomes of the types of the version before, where another one stands beside it."""

    #: The version before.
    version: str
    #: How many types it describes, and those that the other one does not, in alphabetical order.
    types: int
    left_out: Sequence[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionChoice:
    """A version of a type, as a subscription may understand it alone."""

    version: str
    deprecated: bool
    #: Whether events that name no `dataschema` are of it.
    current: bool
    #: Whether its events can be told from those of others: it says a `dataschema`, or is the current one.
    distinct: bool
    #: When it goes, and where to read what to do instead, if that is said.
    sunset: datetime | None = None
    migration: str = ""


class ApiReport:
    """What is kept of event APIs, as pages show it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def versions(self, of: EventApi) -> list[EventApi]:
        """The API and those of its owner that have its group, the newest first; itself where it stands alone."""
        if not of.group:
            return [of]
        columns = event_apis.c
        mine = (columns.api_group == of.group, columns.workspace_id.is_not_distinct_from(of.workspace_id))
        listed = api_rows.LISTED.where(*mine).order_by(columns.created_at.desc(), columns.id).limit(VERSIONS)
        async with self._database.transaction() as connection:
            rows = (await connection.execute(listed)).mappings().all()
        return [api_rows.read(row) for row in rows]

    async def types(self, api: UUID, *, limit: int, offset: int) -> list[BroughtType]:
        """A page of the types that an API describes, in alphabetical order."""
        names = ("event_type", "dataschema", "content_type", "dialect", "deprecated", "deprecated_since")
        retired = _types.c.retired_at.is_not(None).label("retired")
        wanted = select(*(_said.c[name] for name in names), _types.c.friendly_name, retired)
        wanted = wanted.join_from(_said, _types, _types.c.type == _said.c.event_type).where(_said.c.event_api == api)
        async with self._database.transaction() as connection:
            rows = await connection.execute(wanted.order_by(_said.c.event_type).limit(limit).offset(offset))
            return [BroughtType(**row._mapping) for row in rows]

    async def succession(self, of: EventApi) -> Succession | None:
        """Beside the newest other version of its group; None where there is no other."""
        before = next((each for each in await self.versions(of) if each.id != of.id), None)
        if before is None:
            return None
        named = select(_said.c.event_type).where(_said.c.event_api == before.id).order_by(_said.c.event_type)
        async with self._database.transaction() as connection:
            types = list(await connection.scalars(named))
        left = [each for each in types if each not in set(of.types)]
        return Succession(version=before.version.value, types=len(types), left_out=left)

    async def by_channel(self, of: EventApi) -> bool:
        """Whether its types are named by their channels where their messages have names of their own."""
        wanted = select(_said.c.event_type, _said.c.details).where(_said.c.event_api == of.id).limit(NAMED)
        async with self._database.transaction() as connection:
            rows = [(row.event_type, _named.decode(row.details)) for row in await connection.execute(wanted)]
        telling = [(name, said) for name, said in rows if said.name and said.channel and said.name != said.channel]
        return any(name == said.channel for name, said in telling)

    async def ending(self, of: EventApi) -> ApiEnding:
        """What its removal would take along now."""
        subscribed, other = tables.subscriptions.c, _said.alias()
        heirs = exists().where(other.c.event_type == _said.c.event_type, other.c.id != _said.c.id)
        alone = select(_said.c.event_type).where(_said.c.event_api == of.id, _said.c.made_type, ~heirs)
        # All subscriptions are looked through once, whatever their number: no index begins with a type.
        counted = select(subscribed.event_type, func.count()).where(subscribed.event_type.in_(alone))
        same = heirs.where(other.c.version == _said.c.version)
        pins = select(func.count()).join_from(
            tables.subscriptions,
            _said,
            (subscribed.event_type == _said.c.event_type) & (subscribed.version == _said.c.version),
        )
        async with self._database.transaction() as connection:
            retired = list(await connection.scalars(alone.order_by(_said.c.event_type)))
            rows = await connection.execute(counted.group_by(subscribed.event_type).order_by(subscribed.event_type))
            many = {row[0]: row[1] for row in rows}
            pinned = await connection.scalar(pins.where(_said.c.event_api == of.id, heirs, ~same))
        return ApiEnding(retired=retired, subscribed=many, staying=of.type_count - len(retired), pinned=pinned or 0)

    async def pinnable(self, names: Collection[str]) -> Mapping[str, Sequence[VersionChoice]]:
        """The versions of each of these types, the newest first; absent where nobody said anything of it."""
        async with self._database.transaction() as connection:
            known = await type_rows.versions(connection, names)
        return {name: _choices(versions) for name, versions in known.items()}


def _choices(versions: Sequence[TypeVersion]) -> list[VersionChoice]:
    now = deprecation.current(versions)
    by_name: dict[str, list[TypeVersion]] = {}
    for each in reversed(versions):
        by_name.setdefault(each.version, []).append(each)
    return [
        VersionChoice(
            version=name,
            deprecated=all(each.deprecated for each in same),
            current=now is not None and now.version == name,
            distinct=bool(deprecation.accepted(versions, name)),
            sunset=next((each.sunset for each in same if each.sunset), None),
            migration=next((each.migration for each in same if each.migration), ""),
        )
        for name, same in by_name.items()
    ]
