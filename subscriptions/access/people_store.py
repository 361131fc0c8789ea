"""People and their sessions, as use cases: each method is one transaction.

What is checked before a name and a password are looked at, how often and from where, is left to the entrance.
"""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from subscriptions.access import people, sessions
from subscriptions.access.clients import Role
from subscriptions.access.passwords import Passwords
from subscriptions.access.people import OutsidePerson, Person, PersonDraft, Place
from subscriptions.access.saved_views import SavedViews
from subscriptions.access.sessions import Browser, DashboardSession, SessionLimits, Stretch
from subscriptions.ground import audit
from subscriptions.ground.audit import Actor, ActorKind
from subscriptions.ground.database import Connection, Database
from subscriptions.ground.errors import Absent, Unauthorized

#: Two first starts at once make one person.
FIRST = 0x6C616B67
#: How long a link signs somebody in.
LINK = timedelta(hours=1)
WRONG = "the name or the password is wrong"


class PeopleStore:
    """Who may sign in, and who is."""

    def __init__(self, database: Database, passwords: Passwords, limits: SessionLimits) -> None:
        self._database = database
        self._passwords = passwords
        self._limits = limits
        #: Views of lists that they have saved.
        self.views = SavedViews(database)

    async def create(self, draft: PersonDraft, password: str | None, *, now: datetime) -> Person:
        """A new person, with a password or without; raises Refused, Conflicting where the name is taken."""
        people.vet(draft)
        kept = None if password is None else await self._passwords.hashed(password)
        async with self._database.transaction() as connection:
            return await people.create(connection, draft, password=kept, now=now)

    async def first(self, draft: PersonDraft, *, now: datetime) -> Person | None:
        """Creates the draft if there is nobody at all; None: there is somebody."""
        async with self._database.transaction() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": FIRST})
            if await people.page(connection, limit=1):
                return None
            return await people.create(connection, draft, password=None, now=now)

    async def page(self, *, within: str | None = None, after: Place | None = None, limit: int) -> list[Person]:
        """People of all workspaces or one, newest first, also removed ones, from behind the place on."""
        async with self._database.transaction() as connection:
            return await people.page(connection, within=within, after=after, limit=limit)

    async def find(self, person_id: UUID) -> Person:
        """One person, also a removed one; raises Absent."""
        async with self._database.transaction() as connection:
            return await people.find(connection, person_id)

    async def named(self, name: str) -> Person:
        """Who signs in with this name; raises Absent."""
        async with self._database.transaction() as connection:
            return (await people.named(connection, name))[0]

    async def set_password(self, person_id: UUID, password: str, *, but: UUID | None = None) -> Person:
        """Another password; all the person's sessions end, but the one that is named. Raises Absent, Refused."""
        kept = await self._passwords.hashed(password)
        async with self._database.transaction() as connection:
            person = await people.change(connection, person_id, {"password": kept})
            await sessions.end_all(connection, person_id, but=but)
            await audit.note(connection, people.entry("person.password-set", person, after={"password": audit.CHANGED}))
            return person

    async def change_password(self, person_id: UUID, current: str, password: str, *, but: UUID | None = None) -> Person:
        """The same of who knows the current one, if there is one; raises Unauthorized where it is wrong."""
        async with self._database.transaction() as connection:
            kept = await people.password(connection, person_id)
        if kept is not None and not await self._passwords.right(kept, current):
            raise Unauthorized("the password is wrong")
        return await self.set_password(person_id, password, but=but)

    async def set_roles(self, person_id: UUID, roles: frozenset[Role]) -> Person:
        """Other roles, from the next request on; raises Absent, and Refused for none."""
        async with self._database.transaction() as connection:
            before = await people.live(connection, person_id)
            person = await people.change(connection, person_id, people.roles(roles))
            said = {"before": {"roles": sorted(before.roles)}, "after": {"roles": sorted(person.roles)}}
            await audit.note(connection, people.entry("person.roles-changed", person, **said))
            return person

    async def remove(self, person_id: UUID, *, now: datetime) -> Person:
        """They may not sign in any more, and their sessions end; raises Absent."""
        async with self._database.transaction() as connection:
            person = await people.change(connection, person_id, {"removed_at": now})
            await sessions.end_all(connection, person_id)
            await audit.note(connection, people.entry("person.removed", person, after={"removedAt": now}))
            return person

    async def sign_in(self, name: str, password: str, browser: Browser, *, now: datetime) -> str:
        """The token of a new session; raises Unauthorized, which does not tell what is wrong, and Busy."""
        person, kept = await self._known(name)
        if not await self._passwords.right(kept, password, doubt=browser.doubt) or person is None or kept is None:
            raise Unauthorized(WRONG)
        anew = await self._passwords.hashed(password) if self._passwords.dated(kept) else None
        async with self._database.transaction() as connection:
            # Meanwhile it may have been changed, or the person removed.
            if not await people.still(connection, person.id, kept):
                raise Unauthorized(WRONG)
            if anew is not None:
                await people.change(connection, person.id, {"password": anew})
            return await self._begin(connection, person, browser, by="password", now=now)

    async def vouched(self, outside: OutsidePerson, browser: Browser, *, now: datetime) -> str:
        """The token of a new session of whom an issuer vouches for; raises Refused, Absent for a removed one."""
        async with self._database.transaction() as connection:
            person = await people.vouched(connection, outside, now=now)
            return await self._begin(connection, person, browser, by=outside.issuer, now=now)

    async def link(self, person_id: UUID, *, now: datetime) -> str:
        """The token of a link that signs the person in once, within the hour (`LINK`); raises Absent."""
        async with self._database.transaction() as connection:
            person = await people.live(connection, person_id)
            await audit.note(connection, people.entry("person.link-made", person, after={"until": now + LINK}))
            return await sessions.link(connection, person, until=now + LINK, now=now)

    async def linked(self, token: str, *, now: datetime) -> Person | None:
        """Whom a link would sign in; None: nobody any more."""
        async with self._database.transaction() as connection:
            return await sessions.linked(connection, token, now=now, use=False)

    async def sign_in_by_link(self, token: str, browser: Browser, *, now: datetime) -> str:
        """The token of a new session; the link is used up. Raises Unauthorized."""
        async with self._database.transaction() as connection:
            person = await sessions.linked(connection, token, now=now, use=True)
            if person is None:
                raise Unauthorized("the link was used, or is too old")
            return await self._begin(connection, person, browser, by="link", now=now)

    async def session(self, token: str, *, now: datetime, used: bool = True) -> DashboardSession | None:
        """The session that a token names, as long as it lasts; not `used`: that somebody only looks keeps it no longer."""
        async with self._database.raw() as connection:
            return await sessions.of_token(connection, token, limits=self._limits, now=now, used=used)

    async def sessions(self, stretch: Stretch, *, now: datetime) -> list[DashboardSession]:
        """Live sessions, newest first."""
        async with self._database.transaction() as connection:
            return await sessions.page(connection, stretch, limits=self._limits, now=now)

    async def end(self, session_id: UUID, *, of: UUID | None) -> None:
        """Ends one session of a person, or of anybody; raises Absent."""
        async with self._database.transaction() as connection:
            ended = await sessions.end(connection, session_id, of=of)
            person = await people.find(connection, ended)
            await audit.note(connection, people.entry("session.ended", person, after={"sessions": 1}))

    async def end_all(self, person_id: UUID, *, but: UUID | None = None) -> int:
        """Ends all sessions of a person, but the one that is named; how many there were."""
        async with self._database.transaction() as connection:
            person, ended = (
                await people.find(connection, person_id),
                await sessions.end_all(connection, person_id, but=but),
            )
            if ended:
                await audit.note(connection, people.entry("session.ended", person, after={"sessions": ended}))
            return ended

    def close(self) -> None:
        """Ends the threads that check passwords."""
        self._passwords.close()

    async def _known(self, name: str) -> tuple[Person | None, str | None]:
        try:
            async with self._database.transaction() as connection:
                return await people.named(connection, name)
        except Absent:
            return None, None

    async def _begin(self, connection: Connection, person: Person, browser: Browser, *, by: str, now: datetime) -> str:
        actor = Actor(
            kind=ActorKind.PERSON,
            id=str(person.id),
            name=person.name,
            workspace_id=person.workspace_id,
            roles=tuple(sorted(person.roles)),
            address=browser.address,
            at=now,
        )
        with audit.acting(actor):
            await audit.note(connection, people.entry("person.signed-in", person, after={"by": by}))
        return await sessions.begin(connection, person, browser, limits=self._limits, now=now)
