"""The audit log as it is read: entries by who, what, which thing and when, newest first.

How they are written is left to `subscriptions/ground/audit.py`; who may read which, to the entrance.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from subscriptions.ground import event_keys
from subscriptions.ground.audit import ActorKind
from subscriptions.ground.database import Database, Raw
from subscriptions.ground.errors import Absent
from subscriptions.ground.statements import Row, statement

#: Entries that one page reads at most; one that finds fewer than it was asked for says how far it has read.
READ = 20_000
#: Untold entries among which workspaces take turns: so many of the oldest.
WAITING = 5000
#: What stands for the fields of an entry that cannot be read, and the characters that are shown of it.
UNREADABLE, READABLE = "unreadable", 2000
#: A field with what it was and what it is; None where it was or is not there.
Change = tuple[str, object, object]
_FIRST, _LAST = UUID(int=0), UUID(int=(1 << 128) - 1)

#: Kinds of changed things, by which actions begin; each with the category of a GreenLake audit log entry.
CATEGORIES = {
    "webhook": "Unified Eventing",
    "subscription": "Unified Eventing",
    "event-type": "Unified Eventing",
    "event-api": "Unified Eventing",
    "application": "Unified Eventing",
    "delivery": "Unified Eventing",
    "replay": "Unified Eventing",
    "issue": "Unified Eventing",
    "event": "Unified Eventing",
    "workspace": "Unified Eventing",
    "client": "user_management",
    "person": "user_management",
    "session": "user_management",
    "signing-key": "user_management",
    "vault": "user_management",
}


class _Page(msgspec.Struct, frozen=True, kw_only=True):
    """What `audit_page.sql` is given; the empty text asks for nothing."""

    before: UUID
    since: UUID
    workspace: str
    subject: str
    action: str
    actor: str
    most: int
    limit: int


PAGE = statement(__package__, "audit_page", _Page)

UNTOLD = """
WITH oldest AS MATERIALIZED (
    SELECT id, workspace_id FROM audit_entries WHERE NOT told ORDER BY id LIMIT $2
), turns AS (
    SELECT id, row_number() OVER (PARTITION BY workspace_id ORDER BY id) AS turn FROM oldest ORDER BY turn, id LIMIT $1
)
SELECT e.* FROM turns JOIN audit_entries e USING (id) ORDER BY turns.turn, e.id
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditQuery:
    """Which entries; what is empty or None asks for nothing."""

    #: Of things of this workspace.
    workspace_id: str | None = None
    #: The changed thing's id.
    subject: str = ""
    #: An action, or the kind of thing that it begins with.
    action: str = ""
    #: Who: an id, or a part of a name, in any case.
    actor: str = ""
    since: datetime | None = None
    until: datetime | None = None
    #: The entry that the page follows.
    after: UUID | None = None
    limit: int = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditEntry:
    """Who changed what."""

    id: UUID
    at: datetime
    workspace_id: str | None
    action: str
    subject: str
    name: str
    actor_kind: ActorKind
    actor: str
    actor_name: str
    actor_workspace: str
    roles: tuple[str, ...]
    address: str
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)

    @property
    def category(self) -> str:
        """As GreenLake's audit log has one."""
        return CATEGORIES.get(self.action.partition(".")[0], "Unified Eventing")

    @property
    def changes(self) -> list[Change]:
        """Each field with what it was and what it is; None where it was or is not there."""
        names = dict.fromkeys([*self.before, *self.after])
        return [(name, self.before.get(name), self.after.get(name)) for name in names]

    @property
    def kind(self) -> str:
        """What kind of thing was changed."""
        return self.action.partition(".")[0].replace("-", " ")

    @property
    def done(self) -> str:
        """What was done with it, as a participle."""
        return self.action.partition(".")[2].replace("-", " ")

    @property
    def changed(self) -> bool:
        """It was there before, and is there still: what its fields were and are says it all."""
        return self.done == "changed"

    @property
    def description(self) -> str:
        """What happened, as a sentence without its end."""
        said = f"{self.kind.capitalize()} {self.name} {self.done} by {self.actor_name}"
        fields = ", ".join(name for name, _, _ in self.changes)
        return f"{said} ({fields})" if self.changed and fields else said


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditPage:
    """Some entries."""

    entries: Sequence[AuditEntry]
    #: What the next page follows; None where this is the last.
    next: UUID | None
    #: The page has read as many as a page may (`READ`) and found fewer than were asked for: there may be more behind.
    read_out: bool


class AuditLog:
    """The log of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, query: AuditQuery) -> AuditPage:
        """A page of entries, newest first."""
        # What the indexes do not find is looked for; else as many are read as are shown.
        looked_for = bool(query.action or query.actor)
        before = _LAST if query.until is None else event_keys.floor(query.until)
        given = _Page(
            before=before if query.after is None else min(before, query.after),
            since=_FIRST if query.since is None else event_keys.floor(query.since),
            workspace=query.workspace_id or "",
            subject=query.subject,
            action=query.action,
            actor=query.actor,
            most=READ if looked_for else query.limit + 1,
            limit=query.limit + 1,
        )
        async with self._database.raw() as connection:
            rows = await PAGE.fetch(connection, given)
        looked_at, last = rows[0]["looked_at"], rows[0]["last_looked_at"]
        found = [_entry(row) for row in rows if row["id"] is not None]
        if len(found) > query.limit:
            return AuditPage(entries=found[: query.limit], next=found[query.limit - 1].id, read_out=False)
        read_out = looked_for and looked_at >= READ
        return AuditPage(entries=found, next=last if read_out else None, read_out=read_out)

    async def find(self, within: str | None, entry: UUID) -> AuditEntry:
        """One entry of a workspace's things, or of all for None; raises Absent."""
        async with self._database.raw() as connection:
            found = await read(connection, [entry])
        if not found or within not in (None, found[0].workspace_id):
            raise Absent("Audit log entry", str(entry))
        return found[0]


async def read(connection: Raw, ids: Sequence[UUID]) -> list[AuditEntry]:
    """The entries of these ids, in their order."""
    rows = await connection.fetch("SELECT * FROM audit_entries WHERE id = ANY($1::uuid[]) ORDER BY id", list(ids))
    return [_entry(row) for row in rows]


async def untold(connection: Raw, *, limit: int) -> list[AuditEntry]:
    """Entries that were not published yet, oldest first within a workspace; the workspaces by turns."""
    rows = await connection.fetch(UNTOLD, limit, WAITING)
    return [_entry(row) for row in rows]


async def oldest_untold(connection: Raw) -> datetime | None:
    """When the oldest was written that was not published yet; None: there is none."""
    found = await connection.fetchval("SELECT id FROM audit_entries WHERE NOT told ORDER BY id LIMIT 1")
    return None if found is None else event_keys.time_of(found)


async def tell(connection: Raw, ids: Sequence[UUID]) -> None:
    """They are published."""
    await connection.execute("UPDATE audit_entries SET told = true WHERE id = ANY($1::uuid[])", list(ids))


async def subscribed(connection: Raw, event_type: str, workspaces: Sequence[str]) -> set[str]:
    """Those of the workspaces in which a webhook has subscribed to the type."""
    rows = await connection.fetch(
        "SELECT DISTINCT workspace_id FROM subscriptions WHERE workspace_id = ANY($1::text[]) AND event_type = $2",
        list(workspaces),
        event_type,
    )
    return {row["workspace_id"] for row in rows}


async def prune(connection: Raw, before: datetime, *, limit: int) -> int:
    """Deletes the oldest of those from before then; how many there were."""
    rows = await connection.fetch(
        "DELETE FROM audit_entries WHERE id IN (SELECT id FROM audit_entries WHERE id < $1 ORDER BY id LIMIT $2) RETURNING id",
        event_keys.floor(before),
        limit,
    )
    return len(rows)


def _entry(row: Row) -> AuditEntry:
    return AuditEntry(
        id=row["id"],
        at=event_keys.time_of(row["id"]),
        workspace_id=row["workspace_id"],
        action=row["action"],
        subject=row["subject"],
        name=row["name"],
        actor_kind=ActorKind(row["actor_kind"]),
        actor=row["actor"],
        actor_name=row["actor_name"],
        actor_workspace=row["actor_workspace"],
        roles=tuple(row["roles"]),
        address=row["address"],
        before=_values(row["before"]),
        after=_values(row["after"]),
    )


def _values(text: str) -> dict[str, Any]:
    """The fields of an entry; what cannot be read stands in one of its own, as text, so that it hides no other entry."""
    try:
        found = msgspec.json.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {UNREADABLE: text[:READABLE]}
