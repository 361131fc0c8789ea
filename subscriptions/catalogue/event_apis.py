"""Event APIs: AsyncAPI documents as the catalogue keeps them, and the event types that they bring.

Versions of one API live side by side: they are APIs of one owner that have a group in common. How a document is read and vetted
is left to `preparing.py`, types as rows to `type_rows.py`.
"""

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import accumulate
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, and_, delete, func, insert, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from subscriptions.catalogue import access_rows, api_drafts, api_rows, comparing, schema_room, type_rows
from subscriptions.catalogue.access_rows import FetchTarget
from subscriptions.catalogue.api_drafts import EventApiChange, EventApiDraft
from subscriptions.catalogue.api_rows import EventApi
from subscriptions.catalogue.comparing import SaidBefore
from subscriptions.catalogue.preparing import PreparedApi, nothing, prepare
from subscriptions.catalogue.tables import event_apis, event_type_versions
from subscriptions.events.nearest import whose
from subscriptions.ground import audit
from subscriptions.ground.apart import SMALL, Apart
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Conflicting, Forbidden, Issue, LimitReached, Refused, TooLarge
from subscriptions.ground.vault import Vault

_apis = event_apis
LIMIT = "HOOKLAKE_MAX_EVENT_APIS_PER_WORKSPACE"
#: Bytes of one page of what a document says of its events.
PAGE_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class CatalogueLimits:
    """How much one workspace may have; operators may have any number."""

    apis: int = 100
    types: int = 200
    #: Of all documents and schemas.
    schema_bytes: int = schema_room.DEFAULT


class EventApiStore:
    """Event APIs, each call one transaction. Who asks (`by`) is a workspace, or None for operators.

    A change of one holds back every other change of types for as long as it takes: a second or two for thousands.
    """

    def __init__(self, database: Database, apart: Apart, *, prefix: str, limits: CatalogueLimits, vault: Vault) -> None:
        """`vault` keeps the secrets of what they say beside their documents."""
        self._database = database
        self._apart = apart
        self._ours = False
        self._prefix = prefix
        self._limits = limits
        self._vault = vault

    def shipping(self) -> "EventApiStore":
        """A store of the same that takes documents of this service's own, with the types that nobody else may describe."""
        store = copy(self)
        store._ours = True
        return store

    async def register(self, draft: EventApiDraft, *, by: str | None, now: datetime) -> EventApi:
        """The new API, its types in the catalogue.

        Raises Malformed, TooLarge, Refused with pointers into the document; Conflicting for a type of somebody else, for one
        that another API describes otherwise in the same version, and for a version that its group has; LimitReached.
        """
        prepared = await self._prepared(draft, by)
        row = api_drafts.new_row(draft, prepared, by=by, now=now)
        row |= access_rows.of_draft(draft, row["id"], self._vault, now)
        compared: set[UUID] = set()
        while True:
            async with self._database.transaction() as connection:
                await type_rows.alone(connection)
                await self._make_room(connection, by)
                await api_rows.check_version(connection, row)
                before = await comparing.before(connection, prepared.types, row)
                if compared.issuperset(each.id for each in before):
                    made = await type_rows.adopt(connection, prepared.types, by=by, most=self._limits.types, now=now)
                    await connection.execute(insert(_apis), [row])
                    await type_rows.describe(connection, prepared.types, row, made)
                    await schema_room.check_room(connection, by, self._limits.schema_bytes)
                    await type_rows.settle(connection, [each.entry.type for each in prepared.types], now=now)
                    kept = await api_rows.live(connection, row["id"])
                    await audit.note(connection, api_rows.audited("event-api.registered", None, kept))
                    return kept
            compared |= await self._compare(prepared, before, by)

    async def change(self, wanted: UUID, change: EventApiChange, *, by: str | None, now: datetime) -> EventApi:
        """The API with what was changed.

        A new document has to be compatible with the old one unless the version is another one: raises Conflicting naming the
        pointers. Else as `register`, and Absent, Forbidden; Conflicting where it leaves out types that webhooks have
        subscribed to.
        """
        prepared = None if change.text is None else await self._prepared(change, by)
        compared: set[UUID] = set()
        while True:
            async with self._database.transaction() as connection:
                await type_rows.alone(connection)
                before = await _theirs(connection, wanted, by, now)
                if change.fetched not in (None, before.generation):
                    return before
                if change.expected not in (None, before.generation):
                    raise Conflicting(Issue(subject="form", description="somebody has changed it meanwhile"))
                row = api_drafts.changed_row(before, change, prepared, now)
                columns, entries = await access_rows.of_change(connection, before, change, self._vault, now)
                row |= columns
                await api_rows.check_version(connection, row)
                said = await comparing.before(
                    connection, prepared.types if prepared else (), row, kept=before.version.value
                )
                if compared.issuperset(each.id for each in said):
                    for entry in entries:
                        await audit.note(connection, entry)
                    after = await self._written(connection, before, prepared, row, force=change.force)
                    await schema_room.check_room(connection, by, self._limits.schema_bytes)
                    return after
            assert prepared is not None
            compared |= await self._compare(prepared, said, by)

    async def find(self, wanted: UUID) -> EventApi:
        """One; raises Absent."""
        async with self._database.transaction() as connection:
            return await api_rows.live(connection, wanted)

    async def document(self, wanted: UUID, *, by: str | None) -> tuple[bytes, str]:
        """The document as it was given, and its format, both empty where it is not `by`'s to read; raises Absent."""
        async with self._database.transaction() as connection:
            found = await api_rows.live(connection, wanted)
            if found.closed and by not in (None, found.workspace_id):
                return b"", ""
            row = (await connection.execute(select(_apis.c.document, _apis.c.format).where(_apis.c.id == wanted))).one()
        return row.document, row.format

    async def page(
        self, *, limit: int, offset: int, group: str = "", event_type: str = "", search: str = ""
    ) -> tuple[list[EventApi], int]:
        """A page by name, then the newest first, and how many there are; of a group, and of those that describe a type."""
        describing = select(event_type_versions.c.event_api).where(event_type_versions.c.event_type == event_type)
        columns = (_apis.c.name, _apis.c.description, _apis.c.api_group)
        wanted = and_(
            _apis.c.api_group == group if group else true(),
            _apis.c.id.in_(describing) if event_type else true(),
            or_(*(func.strpos(func.lower(column), search.lower()) > 0 for column in columns)) if search else true(),
        )
        async with self._database.transaction() as connection:
            total = await connection.scalar(select(func.count()).select_from(_apis).where(wanted))
            listed = api_rows.LISTED.where(wanted).order_by(_apis.c.name, _apis.c.created_at.desc(), _apis.c.id)
            rows = (await connection.execute(listed.limit(limit).offset(offset))).mappings().all()
        return [api_rows.read(row) for row in rows], total or 0

    async def described(self, wanted: UUID, *, limit: int, offset: int) -> tuple[Sequence[RowMapping], int]:
        """A page of what it says of its types, as rows of `event_type_versions`, and how many there are; raises Absent.

        A page ends before its limit where it would have more than PAGE_BYTES, but has one row at least.
        """
        of = event_type_versions.c.event_api == wanted
        size = schema_room.size().label("size")
        sized = select(event_type_versions.c.id, size).where(of).order_by(event_type_versions.c.event_type)
        async with self._database.transaction() as connection:
            found = await api_rows.live(connection, wanted)
            sizes = (await connection.execute(sized.limit(limit).offset(offset))).all()
            so_far = accumulate(row.size for row in sizes)
            fitting = [row.id for row, upto in zip(sizes, so_far, strict=True) if upto <= PAGE_BYTES]
            chosen = event_type_versions.c.id.in_(fitting or [row.id for row in sizes[:1]])
            listed = select(event_type_versions).where(chosen).order_by(event_type_versions.c.event_type)
            rows = (await connection.execute(listed)).mappings().all()
        return rows, found.type_count

    async def remove(self, wanted: UUID, *, force: bool, by: str | None, now: datetime) -> None:
        """Ends it: types that it made, and no other API describes, are retired.

        Raises Absent, Forbidden, and Conflicting where webhooks have subscribed to some of them, unless `force`.
        """
        async with self._database.transaction() as connection:
            await type_rows.alone(connection)
            before = await _theirs(connection, wanted, by, now)
            await type_rows.release(connection, wanted, before.types, force=force, now=now)
            await connection.execute(delete(_apis).where(_apis.c.id == wanted))
            await type_rows.settle(connection, before.types, now=now)
            await audit.note(connection, api_rows.audited("event-api.removed", before, None))

    async def part(self, event_type: str, *, now: datetime) -> None:
        """The type may belong to another workspace by now: event APIs of others have nothing more to say of it."""
        await type_rows.part_alone(self._database, event_type, now=now)

    async def fetch_target(self, wanted: UUID, *, by: str | None) -> FetchTarget:
        """What is to be fetched for it; raises Absent, Forbidden, and Refused where its document is not fetched."""
        async with self._database.transaction() as connection:
            return await access_rows.target(connection, await _owned(connection, wanted, by), self._vault)

    async def fetch_ended(self, of: FetchTarget, said: str, *, now: datetime) -> None:
        """Notes that nothing new came (empty), or why nothing did that could be taken; unless the API changed meanwhile."""
        async with self._database.transaction() as connection:
            await access_rows.end(connection, of, said, now)

    async def _prepared(self, asked: EventApiDraft | EventApiChange, by: str | None) -> PreparedApi:
        """The text, vetted; where that is asked for, one that is no document with the reason."""
        text, named = asked.text, asked.media_type
        if text is None:
            return nothing()
        read = partial(prepare, media_type=named, by_channel=asked.by_channel, prefix=self._prefix, ours=self._ours)
        # What an alias stands for may be much; our own documents are read at every start, and hold nobody up.
        size = 0 if self._ours else max(len(text), SMALL + 1 if b"*" in text else 0)
        try:
            return await self._apart.work(by, size, read, text)
        except TooLarge:
            raise
        except Refused as refused:
            if not asked.lenient:
                raise
            return nothing(text, media_type=named, error=str(refused)[: api_rows.PROSE])

    async def _compare(self, prepared: PreparedApi, said: Sequence[SaidBefore], by: str | None) -> set[UUID]:
        """Beside transactions, so that nobody waits for it, and answers what was compared; raises Conflicting.

        What has come meanwhile is compared as well, before anything is written.
        """
        size = 0 if self._ours else sum(map(len, said)) + len(prepared.text)
        await self._apart.work(by, size, comparing.check, prepared, said)
        return {each.id for each in said}

    async def _written(
        self,
        connection: AsyncConnection,
        before: EventApi,
        prepared: PreparedApi | None,
        row: Mapping[str, Any],
        *,
        force: bool,
    ) -> EventApi:
        """Writes a change that was compared."""
        if prepared is not None:
            await self._document(connection, before, prepared, row, force=force)
        await connection.execute(update(_apis).where(_apis.c.id == before.id).values(row))
        await api_rows.carry_version(connection, row)
        brought = [each.entry.type for each in prepared.types] if prepared is not None else []
        await type_rows.settle(connection, {*before.types, *brought}, now=row["updated_at"])
        after = await api_rows.live(connection, before.id)
        await audit.note(connection, api_rows.audited("event-api.changed", before, after))
        return after

    async def _document(
        self,
        connection: AsyncConnection,
        before: EventApi,
        prepared: PreparedApi,
        row: Mapping[str, Any],
        *,
        force: bool,
    ) -> None:
        """Puts what another document says in the place of what was said."""
        standing = await comparing.said_by(connection, before.id)
        gone = set(before.types) - {each.entry.type for each in prepared.types}
        await type_rows.release(connection, before.id, gone, force=force, now=row["updated_at"])
        fresh = [each for each in prepared.types if each.entry.type not in standing]
        made = await type_rows.adopt(
            connection, fresh, by=before.workspace_id, most=self._limits.types, now=row["updated_at"]
        )
        made |= {name for name, each in standing.items() if each["made_type"]}
        changed = [each for each in prepared.types if not comparing.same(each, standing.get(each.entry.type))]
        await type_rows.describe(connection, changed, row, made)

    async def _make_room(self, connection: AsyncConnection, by: str | None) -> None:
        if by is None:
            return
        counted = select(func.count()).select_from(_apis).where(_apis.c.workspace_id == by)
        if (await connection.scalar(counted) or 0) >= self._limits.apis:
            said = f"the workspace has {self._limits.apis} event APIs, and may not have more ({LIMIT})"
            raise LimitReached(Issue(subject="document", description=said))


async def _theirs(connection: AsyncConnection, wanted: UUID, by: str | None, now: datetime) -> EventApi:
    """The API, with the types that are still its workspace's; raises Absent, and Forbidden where it is not theirs to change."""
    await _owned(connection, wanted, by)
    await type_rows.part(connection, event_type_versions.c.event_api == wanted, now=now)
    return await api_rows.live(connection, wanted)


async def _owned(connection: AsyncConnection, wanted: UUID, by: str | None) -> EventApi:
    standing = await api_rows.live(connection, wanted)
    if by not in (None, standing.workspace_id):
        said = f"the event API {wanted} is not this workspace's: {whose(standing.workspace_id)} may change it"
        raise Forbidden(Issue(subject="id", description=said))
    return standing
