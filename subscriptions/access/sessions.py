"""Who is signed in: sessions as rows, each known by a token of 256 bits of which the hash alone is kept.

Who a person is is left to `people.py`, how the token travels to the entrance.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self, cast
from uuid import UUID, uuid4

import msgspec
from sqlalchemy import ColumnElement, RowMapping, and_, delete, insert, or_, select, true, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from subscriptions.access import people as persons
from subscriptions.access.people import Person
from subscriptions.ground.database import Raw
from subscriptions.ground.errors import Absent
from subscriptions.ground.statements import Row, statement
from subscriptions.ground.tables import people, sessions, sign_in_links

TOKEN_BYTES = 32
#: Of what a browser says of itself.
LONGEST_AGENT = 200
#: Sessions of one person; with one more the oldest ends.
MOST = 50
#: How exactly it is kept when a session was last used: a page that is read need not write.
SEEN = timedelta(minutes=1)

Place = persons.Place


@dataclass(frozen=True, kw_only=True, slots=True)
class SessionLimits:
    """When a session ends by itself."""

    #: After so long without a request.
    idle: timedelta
    #: After so long in any case.
    lifetime: timedelta

    @classmethod
    def of_seconds(cls, idle: float, lifetime: float) -> Self:
        """The limits as settings have them."""
        return cls(idle=timedelta(seconds=idle), lifetime=timedelta(seconds=lifetime))


@dataclass(frozen=True, kw_only=True, slots=True)
class Browser:
    """Where somebody signs in from."""

    address: str
    #: What the browser says of itself.
    agent: str
    #: How often passwords from there were wrong lately: whoever has less of it is let in first where many wait.
    doubt: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """A part of the list of all sessions, newest first."""

    #: How many.
    limit: int
    #: Behind which one.
    after: Place | None = None
    #: Whose; None: everybody's.
    of: UUID | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DashboardSession:
    """One session of a person."""

    id: UUID
    person: Person
    created_at: datetime
    #: To the minute.
    seen_at: datetime
    address: str
    agent: str
    #: When it ends in any case.
    ends_at: datetime


class _OfToken(msgspec.Struct, frozen=True, kw_only=True):
    """What `session_of.sql` is given."""

    token_hash: bytes
    seen_after: datetime
    begun_after: datetime


class _Noted(msgspec.Struct, frozen=True, kw_only=True):
    """What `session_seen.sql` is given."""

    id: UUID
    seen_at: datetime


OF_TOKEN = statement(__package__, "session_of", _OfToken)
NOTED = statement(__package__, "session_seen", _Noted)

_COLUMNS = (*sessions.c, *(column.label(f"p_{column.name}") for column in people.c))
_JOINED = sessions.join(people, people.c.id == sessions.c.person)


async def begin(
    connection: AsyncConnection, person: Person, browser: Browser, *, limits: SessionLimits, now: datetime
) -> str:
    """A new session's token, which is kept nowhere. Sessions that have ended by themselves go meanwhile."""
    over = or_(sessions.c.seen_at <= now - limits.idle, sessions.c.created_at <= now - limits.lifetime)
    await connection.execute(delete(sessions).where(over))
    token = secrets.token_urlsafe(TOKEN_BYTES)
    values = {
        "id": uuid4(),
        "token_hash": _hash(token),
        "person": person.id,
        "created_at": now,
        "seen_at": now,
        "address": browser.address,
        "agent": "".join(filter(str.isprintable, browser.agent))[:LONGEST_AGENT],
    }
    await connection.execute(insert(sessions).values(values))
    newest = (
        select(sessions.c.id).where(sessions.c.person == person.id).order_by(sessions.c.created_at.desc()).offset(MOST)
    )
    await connection.execute(delete(sessions).where(sessions.c.id.in_(newest)))
    await connection.execute(update(people).where(people.c.id == person.id).values(signed_in_at=now))
    return token


async def of_token(
    connection: Raw, token: str, *, limits: SessionLimits, now: datetime, used: bool
) -> DashboardSession | None:
    """The session of a token, as long as it lasts and its person may sign in; that it was `used` is noted.

    Every page asks for it: in one statement, and mostly no other.
    """
    given = _OfToken(token_hash=_hash(token), seen_after=now - limits.idle, begun_after=now - limits.lifetime)
    row = await OF_TOKEN.fetchrow(connection, given)
    if row is None:
        return None
    if used and now - row["seen_at"] >= SEEN:
        await NOTED.execute(connection, _Noted(id=row["id"], seen_at=now))
    return _session(row, limits)


async def page(
    connection: AsyncConnection, stretch: Stretch, *, limits: SessionLimits, now: datetime
) -> list[DashboardSession]:
    """Live sessions, newest first."""
    mine = true() if stretch.of is None else sessions.c.person == stretch.of
    older = true() if stretch.after is None else tuple_(sessions.c.created_at, sessions.c.id) < stretch.after
    query = select(*_COLUMNS).select_from(_JOINED).where(and_(mine, older, _live(limits, now)))
    ordered = query.order_by(sessions.c.created_at.desc(), sessions.c.id.desc()).limit(stretch.limit)
    return [_session(row, limits) for row in (await connection.execute(ordered)).mappings()]


async def end(connection: AsyncConnection, session_id: UUID, *, of: UUID | None) -> UUID:
    """Ends one session of a person, or of anybody; whose it was. Raises Absent."""
    mine = true() if of is None else sessions.c.person == of
    ended = delete(sessions).where(sessions.c.id == session_id, mine).returning(sessions.c.person)
    person = (await connection.execute(ended)).scalar_one_or_none()
    if person is None:
        raise Absent("Session", str(session_id))
    return cast(UUID, person)


async def end_all(connection: AsyncConnection, person: UUID, *, but: UUID | None = None) -> int:
    """Ends all sessions of a person, and their links; how many there were, without the one that stays."""
    await connection.execute(delete(sign_in_links).where(sign_in_links.c.person == person))
    others = true() if but is None else sessions.c.id != but
    return (await connection.execute(delete(sessions).where(sessions.c.person == person, others))).rowcount


async def link(connection: AsyncConnection, person: Person, *, until: datetime, now: datetime) -> str:
    """The token of a link that signs the person in once; links that have expired go meanwhile."""
    await connection.execute(delete(sign_in_links).where(sign_in_links.c.expires_at <= now))
    token = secrets.token_urlsafe(TOKEN_BYTES)
    values = {"token_hash": _hash(token), "person": person.id, "expires_at": until}
    await connection.execute(insert(sign_in_links).values(values))
    return token


async def linked(connection: AsyncConnection, token: str, *, now: datetime, use: bool) -> Person | None:
    """Whom a link signs in, while it is good; used, it is gone."""
    mine = sign_in_links.c.token_hash == _hash(token), sign_in_links.c.expires_at > now
    found = (await connection.execute(select(sign_in_links.c.person).where(*mine))).scalar_one_or_none()
    if found is None:
        return None
    # Of two at once one deletes it.
    if use and not (await connection.execute(delete(sign_in_links).where(*mine))).rowcount:
        return None
    person = await persons.find(connection, found)
    return person if person.removed_at is None else None


def _live(limits: SessionLimits, now: datetime) -> ColumnElement[bool]:
    fresh = and_(sessions.c.seen_at > now - limits.idle, sessions.c.created_at > now - limits.lifetime)
    return and_(fresh, people.c.removed_at.is_(None))


def _session(row: Row | RowMapping, limits: SessionLimits) -> DashboardSession:
    return DashboardSession(
        id=row["id"],
        person=persons.person_of(row, "p_"),
        created_at=row["created_at"],
        seen_at=row["seen_at"],
        address=row["address"],
        agent=row["agent"],
        ends_at=row["created_at"] + limits.lifetime,
    )


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()
