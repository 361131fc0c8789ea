"""Clients: programs that may call, each with a secret that is shown once and kept as a hash.

What their tokens look like is left to `access_tokens.py`; what their roles permit, to the entrance.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import RowMapping, func, insert, select, text, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from subscriptions.ground import audit
from subscriptions.ground.audit import AuditChange
from subscriptions.ground.errors import Absent, Issue, Refused
from subscriptions.ground.tables import clients

#: Two first starts at once make one set of clients.
FIRST = 0x6C616B66
SECRET_BYTES = 32
LONGEST_NAME = 100
WORKSPACE = re.compile(r"[0-9a-f]{32}\Z")

#: Compared with when no client has the id, so that the answer takes as long as for a wrong secret.
_NOBODY = hashlib.sha256(secrets.token_bytes(SECRET_BYTES)).digest()


class Role(StrEnum):
    """What a client is for (greenlake.md D.16)."""

    PUBLISHER = "publisher"
    SUBSCRIBER = "subscriber"
    VIEWER = "viewer"
    OPERATOR = "operator"


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A client to be made."""

    #: 32 lower-case hexadecimal digits.
    workspace_id: str
    #: Shown as `createdBy` of what the client makes; 1 to 100 characters.
    name: str
    #: At least one.
    roles: frozenset[Role]
    #: Whether a publisher may name another workspace in an occurrence.
    any_workspace: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Client:
    """A client as it is kept, without its secret."""

    id: UUID
    workspace_id: str
    name: str
    roles: frozenset[Role]
    any_workspace: bool
    created_at: datetime
    #: Since when it gets no more tokens; None while it does.
    revoked_at: datetime | None


async def create(connection: AsyncConnection, draft: Draft, *, now: datetime) -> tuple[Client, str]:
    """A new client and its secret, which is kept nowhere; raises Refused for a draft that cannot be kept."""
    _vet(draft)
    secret = secrets.token_urlsafe(SECRET_BYTES)
    values: dict[str, Any] = {
        "id": uuid4(),
        "workspace_id": draft.workspace_id,
        "name": draft.name,
        "roles": sorted(draft.roles),
        "any_workspace": draft.any_workspace,
        "secret_hash": _hash(secret),
        "created_at": now,
    }
    row = (await connection.execute(insert(clients).values(values).returning(clients))).mappings().one()
    client = _client(row)
    after = {
        "name": client.name,
        "roles": sorted(client.roles),
        "anyWorkspace": client.any_workspace,
        "clientSecret": audit.SET,
    }
    await _note(connection, "client.created", client, after=after)
    return client, secret


async def every(connection: AsyncConnection) -> list[Client]:
    """All clients, also the revoked ones, oldest first."""
    rows = await connection.execute(select(clients).order_by(clients.c.created_at, clients.c.id))
    return [_client(row) for row in rows.mappings()]


async def page(
    connection: AsyncConnection, *, within: str | None = None, limit: int, offset: int
) -> tuple[list[Client], int]:
    """A page of all clients, or a workspace's, also the revoked ones, newest first, and how many there are."""
    mine = true() if within is None else clients.c.workspace_id == within
    total = await connection.scalar(select(func.count()).select_from(clients).where(mine))
    ordered = select(clients).where(mine).order_by(clients.c.created_at.desc(), clients.c.id)
    rows = await connection.execute(ordered.limit(limit).offset(offset))
    return [_client(row) for row in rows.mappings()], total or 0


async def find(connection: AsyncConnection, client_id: UUID) -> Client:
    """One client, also a revoked one; raises Absent."""
    row = (await connection.execute(select(clients).where(clients.c.id == client_id))).mappings().one_or_none()
    if row is None:
        raise Absent("Client", str(client_id))
    return _client(row)


async def rotate(connection: AsyncConnection, client_id: UUID) -> str:
    """A new secret in place of the old one, which stops working; raises Absent where no live client has the id."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    client = await _change(connection, client_id, secret_hash=_hash(secret))
    await _note(connection, "client.rotated", client, after={"clientSecret": audit.CHANGED})
    return secret


async def revoke(connection: AsyncConnection, client_id: UUID, *, now: datetime) -> None:
    """No more tokens for it; those it has end within 15 minutes. Raises Absent where no live client has the id."""
    client = await _change(connection, client_id, revoked_at=now)
    await _note(connection, "client.revoked", client, after={"revokedAt": now})


async def authenticated(connection: AsyncConnection, client_id: UUID, secret: str) -> Client | None:
    """The live client that has this id and this secret, or None."""
    found = select(clients).where(clients.c.id == client_id, clients.c.revoked_at.is_(None))
    row = (await connection.execute(found)).mappings().one_or_none()
    same = hmac.compare_digest(_hash(secret), _NOBODY if row is None else row["secret_hash"])
    return _client(row) if same and row is not None else None


async def first(connection: AsyncConnection, drafts: Sequence[Draft], *, now: datetime) -> list[tuple[Client, str]]:
    """Creates the drafts if there is no client at all, in one transaction; else an empty list."""
    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": FIRST})
    if (await connection.execute(select(clients.c.id).limit(1))).first() is not None:
        return []
    return [await create(connection, draft, now=now) for draft in drafts]


async def _change(connection: AsyncConnection, client_id: UUID, **values: object) -> Client:
    live = update(clients).where(clients.c.id == client_id, clients.c.revoked_at.is_(None)).values(values)
    row = (await connection.execute(live.returning(clients))).mappings().one_or_none()
    if row is None:
        raise Absent("Client", str(client_id))
    return _client(row)


async def _note(connection: AsyncConnection, action: str, client: Client, *, after: Mapping[str, object]) -> None:
    change = AuditChange(
        action=action, subject=str(client.id), name=client.name, workspace_id=client.workspace_id, after=after
    )
    await audit.note(connection, change)


def _vet(draft: Draft) -> None:
    issues = []
    if not WORKSPACE.match(draft.workspace_id):
        issues.append(Issue(subject="workspaceId", description="must be 32 lower-case hexadecimal digits"))
    if not 1 <= len(draft.name) <= LONGEST_NAME or not draft.name.isprintable():
        issues.append(Issue(subject="name", description=f"must be 1 to {LONGEST_NAME} printable characters"))
    if not draft.roles:
        issues.append(Issue(subject="roles", description=f"must be at least one of {', '.join(Role)}"))
    if issues:
        raise Refused(*issues)


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).digest()


def _client(row: RowMapping) -> Client:
    return Client(
        id=row["id"],
        workspace_id=row["workspace_id"],
        name=row["name"],
        roles=frozenset(Role(role) for role in row["roles"]),
        any_workspace=row["any_workspace"],
        created_at=row["created_at"],
        revoked_at=row["revoked_at"],
    )
