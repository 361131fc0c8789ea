"""People who may sign in to the dashboard, as rows; each has a workspace and roles, as a client has.

What a password is worth is left to `passwords.py`, who is signed in to `sessions.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID, uuid4

from sqlalchemy import RowMapping, and_, exc, insert, select, text, true, tuple_, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from subscriptions.access.clients import LONGEST_NAME, WORKSPACE, Role
from subscriptions.ground import audit
from subscriptions.ground.audit import AuditChange
from subscriptions.ground.errors import Absent, Conflicting, Issue, Refused
from subscriptions.ground.statements import Row
from subscriptions.ground.tables import people

#: A page's place: when the person was made, and its id.
Place = tuple[datetime, UUID]


@dataclass(frozen=True, kw_only=True, slots=True)
class PersonDraft:
    """A person to be made."""

    #: What they sign in with: 1 to 100 characters; upper and lower case are the same.
    name: str
    #: 32 lower-case hexadecimal digits.
    workspace_id: str
    #: At least one.
    roles: frozenset[Role]


@dataclass(frozen=True, kw_only=True, slots=True)
class OutsidePerson:
    """A person whom another issuer vouches for."""

    issuer: str
    #: Its name for them, which never changes.
    subject: str
    draft: PersonDraft


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """A person as they are kept, without the password."""

    id: UUID
    workspace_id: str
    name: str
    roles: frozenset[Role]
    #: Who vouches for them; empty: their password does.
    issuer: str
    has_password: bool
    created_at: datetime
    signed_in_at: datetime | None
    #: Since when they may not sign in; None while they may.
    removed_at: datetime | None


def folded(name: str) -> str:
    """A name as it is kept and compared."""
    return name.strip().casefold()


def vet(draft: PersonDraft) -> None:
    """Raises Refused for a draft that cannot be kept."""
    issues = []
    if not WORKSPACE.match(draft.workspace_id):
        issues.append(Issue(subject="workspaceId", description="must be 32 lower-case hexadecimal digits"))
    if not 1 <= len(folded(draft.name)) <= LONGEST_NAME or not draft.name.strip().isprintable():
        issues.append(Issue(subject="name", description=f"must be 1 to {LONGEST_NAME} printable characters"))
    issues += _of_roles(draft.roles)
    if issues:
        raise Refused(*issues)


async def create(connection: AsyncConnection, draft: PersonDraft, *, password: str | None, now: datetime) -> Person:
    """A new person; raises Refused for a draft that cannot be kept, Conflicting where the name is taken."""
    vet(draft)
    values: dict[str, Any] = {
        "id": uuid4(),
        "workspace_id": draft.workspace_id,
        "name": folded(draft.name),
        "roles": sorted(draft.roles),
        "password": password,
        "created_at": now,
    }
    try:
        row = (await connection.execute(insert(people).values(values).returning(people))).mappings().one()
    except exc.IntegrityError:
        said = f"{folded(draft.name)} is taken: people have names of their own"
        raise Conflicting(Issue(subject="name", description=said)) from None
    person = person_of(row)
    await audit.note(connection, entry("person.added", person, after=_shown(person)))
    return person


async def vouched(connection: AsyncConnection, outside: OutsidePerson, *, now: datetime) -> Person:
    """The person whom an issuer names, made or brought up to what it says of them now.

    Raises Absent where an operator removed them.
    """
    vet(outside.draft)
    said = {
        "workspace_id": outside.draft.workspace_id,
        "name": outside.draft.name,
        "roles": sorted(outside.draft.roles),
    }
    known = {"id": uuid4(), "issuer": outside.issuer, "subject": outside.subject, "created_at": now}
    made = postgresql.insert(people).values({**said, **known})
    kept = made.on_conflict_do_update(
        index_elements=[people.c.issuer, people.c.subject],
        index_where=text("issuer <> ''"),
        set_=said,
        where=people.c.removed_at.is_(None),
    )
    row = (await connection.execute(kept.returning(people))).mappings().one_or_none()
    if row is None:
        raise Absent("Person", outside.draft.name)
    return person_of(row)


def entry(
    action: str,
    person: Person,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> AuditChange:
    """What the audit log says of something that happened to a person."""
    return AuditChange(
        action=action,
        subject=str(person.id),
        name=person.name,
        workspace_id=person.workspace_id,
        before=before or {},
        after=after or {},
    )


def _shown(person: Person) -> dict[str, object]:
    return {"name": person.name, "workspaceId": person.workspace_id, "roles": sorted(person.roles)}


async def page(
    connection: AsyncConnection, *, within: str | None = None, after: Place | None = None, limit: int
) -> list[Person]:
    """People of all workspaces or one, newest first, also removed ones, from behind the place on."""
    mine = true() if within is None else people.c.workspace_id == within
    older = true() if after is None else tuple_(people.c.created_at, people.c.id) < after
    ordered = select(people).where(and_(mine, older)).order_by(people.c.created_at.desc(), people.c.id.desc())
    return [person_of(row) for row in (await connection.execute(ordered.limit(limit))).mappings()]


async def find(connection: AsyncConnection, person_id: UUID) -> Person:
    """One person, also a removed one; raises Absent."""
    row = (await connection.execute(select(people).where(people.c.id == person_id))).mappings().one_or_none()
    if row is None:
        raise Absent("Person", str(person_id))
    return person_of(row)


async def live(connection: AsyncConnection, person_id: UUID) -> Person:
    """One person who may sign in; raises Absent."""
    person = await find(connection, person_id)
    if person.removed_at is not None:
        raise Absent("Person", str(person_id))
    return person


async def still(connection: AsyncConnection, person_id: UUID, password: str) -> bool:
    """Whether the person may sign in with this kept password; from now on they may until the transaction has ended."""
    mine = (people.c.id == person_id) & people.c.removed_at.is_(None) & (people.c.password == password)
    return (await connection.execute(select(people.c.id).where(mine).with_for_update())).first() is not None


async def named(connection: AsyncConnection, name: str) -> tuple[Person, str | None]:
    """Who signs in with this name, and the kept password; raises Absent."""
    mine = (people.c.name == folded(name)) & people.c.removed_at.is_(None) & (people.c.issuer == "")
    row = (await connection.execute(select(people).where(mine))).mappings().one_or_none()
    if row is None:
        raise Absent("Person", name)
    return person_of(row), row["password"]


async def password(connection: AsyncConnection, person_id: UUID) -> str | None:
    """The kept password of one person, if there is one; raises Absent."""
    row = (await connection.execute(select(people.c.password).where(people.c.id == person_id))).one_or_none()
    if row is None:
        raise Absent("Person", str(person_id))
    return cast(str | None, row.password)


async def change(connection: AsyncConnection, person_id: UUID, values: Mapping[str, object]) -> Person:
    """The person with other values; raises Absent where nobody of this id may sign in."""
    live = update(people).where(people.c.id == person_id, people.c.removed_at.is_(None)).values(values)
    row = (await connection.execute(live.returning(people))).mappings().one_or_none()
    if row is None:
        raise Absent("Person", str(person_id))
    return person_of(row)


def roles(given: frozenset[Role]) -> Mapping[str, object]:
    """What `change` takes for other roles; raises Refused for none."""
    if issues := _of_roles(given):
        raise Refused(*issues)
    return {"roles": sorted(given)}


def _of_roles(given: frozenset[Role]) -> list[Issue]:
    return [] if given else [Issue(subject="roles", description=f"must be at least one of {', '.join(Role)}")]


def person_of(row: Row | RowMapping, prefix: str = "") -> Person:
    """A person from a row of the table."""
    return Person(
        id=row[f"{prefix}id"],
        workspace_id=row[f"{prefix}workspace_id"],
        name=row[f"{prefix}name"],
        roles=frozenset(Role(role) for role in row[f"{prefix}roles"]),
        issuer=row[f"{prefix}issuer"],
        has_password=row[f"{prefix}password"] is not None,
        created_at=row[f"{prefix}created_at"],
        signed_in_at=row[f"{prefix}signed_in_at"],
        removed_at=row[f"{prefix}removed_at"],
    )
