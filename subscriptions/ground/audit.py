"""The audit log as it is written: who changed what, in the transaction that changes it.

What is worth an entry is said where it is changed; how entries are read is left to `subscriptions/access/audit_log.py`, how
they become events to `delivery/upkeep/audit_events.py`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from subscriptions.ground import event_keys
from subscriptions.ground.database import Raw, raw_of
from subscriptions.ground.statements import statement

#: What stands for a secret that is another one now, that is new, and that is gone.
CHANGED, SET, REMOVED = "changed", "set", "removed"


class _Written(msgspec.Struct, frozen=True, kw_only=True):
    """What `audit_write.sql` is given: who acts, and the entries, part by part."""

    kind: str
    actor: str
    actor_name: str
    actor_workspace: str
    roles: list[str]
    address: str
    ids: list[UUID]
    workspaces: list[str | None]
    actions: list[str]
    subjects: list[str]
    names: list[str]
    befores: list[str]
    afters: list[str]


WRITE = statement(__package__, "audit_write", _Written)


class ActorKind(StrEnum):
    """Who may change something."""

    #: A program, by its token.
    CLIENT = "client"
    #: Somebody who is signed in to the dashboard, or signs in.
    PERSON = "person"
    #: Whoever may run `hooklake` beside the database.
    COMMAND = "command"


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """Who changes something now."""

    kind: ActorKind
    #: A client's or a person's id, or the `sub` of an outside token.
    id: str
    name: str
    workspace_id: str
    roles: tuple[str, ...]
    #: Where the request came from; empty for a command.
    address: str
    #: When it came.
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditChange:
    """One thing that changes: made (without `before`), changed, or gone (without `after`).

    The two hold what JSON can say, by the names of the API, and no secret: one that changes is `CHANGED`, `SET` or `REMOVED`.
    """

    #: `<kind of thing>.<past participle>`, as in `webhook.registered`.
    action: str
    #: Its id.
    subject: str
    #: What people call it; its id where they do not.
    name: str
    #: Whose it is; None: nobody's in particular.
    workspace_id: str | None
    before: Mapping[str, object] = field(default_factory=dict)
    after: Mapping[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class Acting:
    """Who acts, and how many entries that has left, or what else counts as so many."""

    actor: Actor
    entries: int = 0


#: In the task that serves their request.
_acting: ContextVar[Acting | None] = ContextVar("acting", default=None)


@contextmanager
def acting(actor: Actor) -> Iterator[Acting]:
    """Within the block changes are this one's; what is yielded counts them."""
    made = Acting(actor)
    before = _acting.set(made)
    try:
        yield made
    finally:
        _acting.reset(before)


def tried(size: int) -> None:
    """Counts a document or a schema of so many bytes that was refused, one entry for each 64 KiB begun: it was work as well."""
    acting = _acting.get()
    if acting is not None:
        acting.entries += 1 + size // 65536


async def note(connection: AsyncConnection | Raw, *changes: AuditChange) -> None:
    """Writes an entry for each, in the caller's transaction; none where nobody acts, as where workers do their work.

    Of a thing that was changed, what stayed as it was is left out; without anything else there is no entry.
    """
    acting = _acting.get()
    if acting is None:
        return
    worth = [each for each in map(_reduced, changes) if each is not None]
    if not worth:
        return
    actor, first = acting.actor, acting.entries
    acting.entries += len(worth)
    raw = await raw_of(connection) if isinstance(connection, AsyncConnection) else connection
    written = _Written(
        kind=actor.kind,
        actor=actor.id,
        actor_name=actor.name,
        actor_workspace=actor.workspace_id,
        roles=list(actor.roles),
        address=actor.address,
        ids=[event_keys.numbered(actor.at, first + index) for index in range(len(worth))],
        workspaces=[each.workspace_id for each in worth],
        actions=[each.action for each in worth],
        subjects=[each.subject for each in worth],
        names=[each.name for each in worth],
        befores=[_text(each.before) for each in worth],
        afters=[_text(each.after) for each in worth],
    )
    await WRITE.execute(raw, written)


def _reduced(change: AuditChange) -> AuditChange | None:
    if not change.before or not change.after:
        return change
    before = {name: value for name, value in change.before.items() if change.after.get(name, ...) != value}
    after = {name: value for name, value in change.after.items() if change.before.get(name, ...) != value}
    if not before and not after:
        return None
    return AuditChange(
        action=change.action,
        subject=change.subject,
        name=change.name,
        workspace_id=change.workspace_id,
        before=before,
        after=after,
    )


def _text(values: Mapping[str, object]) -> str:
    return msgspec.json.encode(values).decode()
