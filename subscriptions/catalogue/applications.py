"""Applications: the named publishers of a workspace, each with the URL that it posts its events to.

A name is unique in its workspace, and says nothing of other workspaces'. Who publishes under it, and what becomes of that, is
left to the entrance; telling an application its event URL, to delivery.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import RowMapping, Select, and_, delete, func, insert, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from subscriptions.catalogue.tables import applications, event_apis
from subscriptions.ground import audit, tables
from subscriptions.ground.audit import AuditChange
from subscriptions.ground.database import Database, Raw, raw_of
from subscriptions.ground.errors import Absent, Conflicting, Forbidden, Issue, LimitReached, Refused

LIMIT = "HOOKLAKE_MAX_APPLICATIONS_PER_WORKSPACE"
#: Characters of a name.
LONGEST = 100
#: What a segment of a path and a CloudEvents `source` may be, in the same letters.
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"
#: First segments of paths of ours, and of those that browsers and crawlers ask any host for, in small letters.
RESERVED = frozenset(
    {
        *("asyncapi.json", "audit-log", "authorization", "dashboard", "docs", "events", "graphql", "health"),
        *("openapi.json", "publish", "favicon.ico", "metrics", "robots.txt"),
    }
)
#: Event APIs that a refusal names.
_NAMED = 10

_table = applications
_hooks = tables.webhooks
_name = re.compile(NAME)


@dataclass(frozen=True, kw_only=True, slots=True)
class RegisteredApplication:
    """A named publisher of a workspace."""

    id: UUID
    workspace_id: str
    name: str
    description: str
    #: Its own webhook, which is told its event URL; None: it has none, or has no longer.
    webhook: UUID | None
    #: Rises with each change.
    generation: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class ApplicationDraft:
    """An application as somebody registers it."""

    workspace_id: str
    name: str
    description: str = ""
    #: Of the same workspace.
    webhook: UUID | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ApplicationChange:
    """What somebody changes of one; None: it stays. A name is for good: events have it as their source."""

    description: str | None = None
    webhook: UUID | None = None
    #: It has no webhook of its own from now on.
    without_webhook: bool = False


#: What is done with an application that has been given a webhook.
Given = Callable[[Raw, RegisteredApplication], Awaitable[None]]

#: What one is read from: a webhook that was deleted is none.
_SHOWN: Select[Any] = select(
    *(_table.c[name] for name in RegisteredApplication.__dataclass_fields__ if name != "webhook"),
    _hooks.c.id.label("webhook"),
).select_from(_table.outerjoin(_hooks, and_(_hooks.c.id == _table.c.webhook, _hooks.c.deleted_at.is_(None))))


def name_fault(name: str) -> str | None:
    """What is wrong with the name of an application, as the end of a sentence; None where nothing is."""
    if not _name.fullmatch(name):
        return (
            f"must be 1 to {LONGEST} of A-Z, a-z, 0-9, dot, underscore and hyphen, and begin with a letter or a digit"
        )
    if name.lower() in RESERVED:
        return f"is reserved: /{name.lower()} is a path of this service"
    return None


def event_url(base: str, application: str) -> str:
    """Where an application of this name posts its events; `base` is what clients call the API, without a slash at its end."""
    return f"{base}/{application}/v1/events"


class ApplicationStore:
    """Applications, each call one transaction. Who asks (`by`) is a workspace, or None for operators, who may do all of it.

    `most` is how many a workspace may have.
    """

    def __init__(self, database: Database, *, most: int = 100) -> None:
        self._database = database
        self._most = most

    async def register(
        self, draft: ApplicationDraft, *, by: str | None, now: datetime, then: Given | None = None
    ) -> RegisteredApplication:
        """The new application; where it has a webhook, `then` is done in the same transaction.

        Raises Refused for a name that cannot be one or is reserved, and for a webhook that is none of the workspace;
        Conflicting for a name in use there, LimitReached, Forbidden for another workspace.
        """
        if by not in (None, draft.workspace_id):
            raise Forbidden(Issue(subject="workspaceId", description="is not the caller's workspace"))
        if said := name_fault(draft.name):
            raise Refused(Issue(subject="name", description=said))
        values = {name: getattr(draft, name) for name in ApplicationDraft.__dataclass_fields__}
        row = {"id": uuid4(), **values, "generation": 1, "created_at": now, "updated_at": now}
        async with self._database.transaction() as connection:
            await _take_turns(connection, draft.workspace_id)
            await _free(connection, draft.workspace_id, draft.name)
            await self._make_room(connection, draft.workspace_id)
            await _check_webhook(connection, draft.workspace_id, draft.webhook)
            await connection.execute(insert(_table), [row])
            made = await _live(connection, _table.c.id == row["id"], str(row["id"]))
            await audit.note(connection, _audited("application.registered", None, made))
            if then is not None and made.webhook is not None:
                await then(await raw_of(connection), made)
        return made

    async def find(self, wanted: UUID, *, by: str | None) -> RegisteredApplication:
        """One of the caller's workspace; raises Absent."""
        async with self._database.transaction() as connection:
            return await _live(connection, and_(_table.c.id == wanted, _within(by)), str(wanted))

    async def named(self, workspace_id: str, name: str) -> RegisteredApplication | None:
        """The workspace's application of this name; None where it has none."""
        of = and_(_table.c.workspace_id == workspace_id, _table.c.name == name)
        async with self._database.transaction() as connection:
            row = (await connection.execute(_SHOWN.where(of))).mappings().one_or_none()
        return None if row is None else _read(row)

    async def webhooks(self, workspace_id: str) -> set[UUID]:
        """The webhooks that are an application's own."""
        async with self._database.transaction() as connection:
            found = _SHOWN.where(_table.c.workspace_id == workspace_id, _hooks.c.id.is_not(None))
            return {row.webhook for row in await connection.execute(found)}

    async def page(
        self, *, workspace_id: str | None, limit: int, offset: int, search: str = ""
    ) -> tuple[list[RegisteredApplication], int]:
        """A page by name, and how many there are, of a workspace (None: of all), with the text in name or description."""
        columns = (_table.c.name, _table.c.description)
        found = or_(*(func.strpos(func.lower(each), search.lower()) > 0 for each in columns)) if search else true()
        wanted = and_(_within(workspace_id), found)
        async with self._database.transaction() as connection:
            total = await connection.scalar(select(func.count()).select_from(_table).where(wanted))
            listed = _SHOWN.where(wanted).order_by(_table.c.name, _table.c.workspace_id)
            rows = (await connection.execute(listed.limit(limit).offset(offset))).mappings().all()
        return [_read(row) for row in rows], total or 0

    async def change(
        self,
        wanted: UUID,
        change: ApplicationChange,
        *,
        by: str | None,
        now: datetime,
        then: Given | None = None,
    ) -> RegisteredApplication:
        """The application with the change; where it has a webhook that it had not, `then` is done in the same transaction.

        Raises Absent, and Refused for a webhook that is none of its workspace.
        """
        values: dict[str, Any] = {} if change.description is None else {"description": change.description}
        if change.webhook is not None or change.without_webhook:
            values["webhook"] = change.webhook
        async with self._database.transaction() as connection:
            before = await _held(connection, wanted, by)
            changed = {name: value for name, value in values.items() if value != getattr(before, name)}
            if not changed:
                return before
            await _check_webhook(connection, before.workspace_id, changed.get("webhook"))
            more = {"generation": before.generation + 1, "updated_at": now}
            await connection.execute(update(_table).where(_table.c.id == wanted).values(**changed, **more))
            after = await _live(connection, _table.c.id == wanted, str(wanted))
            await audit.note(connection, _audited("application.changed", before, after))
            if then is not None and after.webhook not in (None, before.webhook):
                await then(await raw_of(connection), after)
        return after

    async def remove(self, wanted: UUID, *, force: bool, by: str | None) -> RegisteredApplication:
        """Ends it, and answers what it was; its event APIs stay as they are, and keep its name.

        Raises Absent, and Conflicting where it has some, unless `force`.
        """
        async with self._database.transaction() as connection:
            gone = await _held(connection, wanted, by)
            if not force:
                await _check_apis(connection, gone)
            await connection.execute(delete(_table).where(_table.c.id == wanted))
            await audit.note(connection, _audited("application.removed", gone, None))
        return gone

    async def _make_room(self, connection: AsyncConnection, workspace_id: str) -> None:
        counted = select(func.count()).select_from(_table).where(_table.c.workspace_id == workspace_id)
        if (await connection.scalar(counted) or 0) >= self._most:
            said = f"the workspace has {self._most} applications, and may not have more ({LIMIT}); remove one first"
            raise LimitReached(Issue(subject="name", description=said))


def _within(workspace_id: str | None) -> Any:
    return true() if workspace_id is None else _table.c.workspace_id == workspace_id


def _read(row: RowMapping) -> RegisteredApplication:
    return RegisteredApplication(**row)


async def _live(connection: AsyncConnection, those: Any, wanted: str) -> RegisteredApplication:
    row = (await connection.execute(_SHOWN.where(those))).mappings().one_or_none()
    if row is None:
        raise Absent("Application", wanted)
    return _read(row)


async def _held(connection: AsyncConnection, wanted: UUID, by: str | None) -> RegisteredApplication:
    """The application, its row held until the transaction ends; raises Absent."""
    those = and_(_table.c.id == wanted, _within(by))
    await connection.execute(select(_table.c.id).where(those).with_for_update())
    return await _live(connection, those, str(wanted))


async def _take_turns(connection: AsyncConnection, workspace_id: str) -> None:
    """Registrations of one workspace wait for each other until the transaction ends: there is no row to lock for a count."""
    key = func.hashtextextended(f"applications:{workspace_id}", 0)
    await connection.execute(select(func.pg_advisory_xact_lock(key)))


async def _free(connection: AsyncConnection, workspace_id: str, name: str) -> None:
    taken = select(_table.c.id).where(_table.c.workspace_id == workspace_id, _table.c.name == name)
    if other := await connection.scalar(taken):
        said = f"{name!r} is the name of another application of the workspace, /events/v1beta1/applications/{other}"
        raise Conflicting(Issue(subject="name", description=said))


async def _check_webhook(connection: AsyncConnection, workspace_id: str, webhook: UUID | None) -> None:
    if webhook is None:
        return
    # Not deleted before this is committed.
    live = select(_hooks.c.id).where(
        _hooks.c.id == webhook, _hooks.c.workspace_id == workspace_id, _hooks.c.deleted_at.is_(None)
    )
    if await connection.scalar(live.with_for_update(read=True)) is None:
        raise Refused(Issue(subject="webhookId", description=f"{webhook} is no webhook of the application's workspace"))


async def _check_apis(connection: AsyncConnection, application: RegisteredApplication) -> None:
    of = (event_apis.c.workspace_id == application.workspace_id, event_apis.c.application == application.name)
    found = select(event_apis.c.id, event_apis.c.name).where(*of).order_by(event_apis.c.name, event_apis.c.id)
    issues = [
        Issue(
            subject="application",
            description=f"has the event API {row.name} ({row.id}); force=true removes the application and leaves it",
        )
        for row in await connection.execute(found.limit(_NAMED))
    ]
    if issues:
        raise Conflicting(*issues)


def _audited(action: str, before: RegisteredApplication | None, after: RegisteredApplication | None) -> AuditChange:
    application = after or before
    assert application is not None
    return AuditChange(
        action=action,
        subject=str(application.id),
        name=application.name,
        workspace_id=application.workspace_id,
        before={} if before is None else _shown(before),
        after={} if after is None else _shown(after),
    )


def _shown(application: RegisteredApplication) -> dict[str, object]:
    webhook = None if application.webhook is None else str(application.webhook)
    return {"name": application.name, "description": application.description, "webhookId": webhook}
