"""Documents of event APIs that are fetched: when they are registered, when where they come from changes, and when somebody asks.

How one is read from elsewhere is left to whoever hands in `read`; what it may say, to the store. A fetch that fails leaves the
event API as it is, and says why.
"""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

from subscriptions.access import publish_quota
from subscriptions.access.publish_quota import QuotaShare
from subscriptions.catalogue.access_rows import FetchTarget
from subscriptions.catalogue.api_access import FETCH, FetchRequest
from subscriptions.catalogue.api_drafts import EventApiChange, EventApiDraft
from subscriptions.catalogue.api_rows import EventApi
from subscriptions.catalogue.event_apis import EventApiStore
from subscriptions.ground.database import Clock, Database
from subscriptions.ground.errors import Busy, HooklakeError, Refused, TooSoon
from subscriptions.ground.turns import Turns

#: Documents that one process fetches at once, and those of one workspace among them; others wait, so many and so many seconds.
PLACES, SHARE, WAITING, PATIENCE = 8, 2, 4, 5.0

#: Seconds that fetches are counted by, and the setting of how many.
MINUTE, LIMIT = 60, "HOOKLAKE_REGISTRATIONS_PER_MINUTE"


class Unfetched(HooklakeError):
    """No document came; the message says why, without secrets."""


class FetchMinute:
    """How many fetches of a minute each workspace has, counted over all processes; `limit` 0: any number."""

    def __init__(self, database: Database, *, limit: int) -> None:
        self._database = database
        self._limit = limit

    async def take(self, workspace_id: str, now: datetime) -> None:
        """Counts one; raises TooSoon. They are counted beside publications, under a name that no workspace has."""
        if not self._limit:
            return
        minute, passed = divmod(int(now.timestamp()), MINUTE)
        wanted = QuotaShare(workspace_id=f"fetches:{workspace_id}", minute=minute, events=1)
        async with self._database.raw() as connection:
            [drawn] = await publish_quota.draw(connection, [wanted], limit=self._limit)
        if drawn.quota_share.events < 1:
            said = (
                f"the workspace has had {self._limit} documents fetched within a minute, and may not have more "
                f"({LIMIT}): ask again in {MINUTE - passed} s"
            )
            raise TooSoon(said, limit=self._limit, seconds=MINUTE - passed)


class DocumentFetcher:
    """Registers and changes event APIs as their store does, and fetches what they do not bring themselves."""

    def __init__(
        self, store: EventApiStore, read: Callable[[FetchRequest], Awaitable[bytes]], clock: Clock, minute: FetchMinute
    ) -> None:
        """`read` answers within a bounded time, with a document of a bounded size; it raises Unfetched."""
        self._store = store
        self._read = read
        self._clock = clock
        self._minute = minute
        self._turns = Turns(PLACES, SHARE, waiting=WAITING, of="the fetching of documents")

    async def register(self, draft: EventApiDraft, *, by: str | None) -> EventApi:
        """The new event API, its document fetched where that is asked for; raises what `EventApiStore.register` does, and
        TooSoon and Busy where too many are being fetched: then nothing is changed."""
        if FETCH not in draft.access:
            return await self._store.register(draft, by=by, now=self._clock())
        async with self._place(by):
            made = await self._store.register(draft, by=by, now=self._clock())
            return await self._fetch(made.id, by=by)

    async def change(self, wanted: UUID, change: EventApiChange, *, by: str | None) -> EventApi:
        """The event API with the change; its document is fetched anew where the change says where from."""
        if change.access.get(FETCH) is None:
            return await self._store.change(wanted, change, by=by, now=self._clock())
        async with self._place(by):
            await self._store.change(wanted, change, by=by, now=self._clock())
            return await self._fetch(wanted, by=by, force=change.force)

    async def refetch(self, wanted: UUID, *, by: str | None, force: bool = False) -> EventApi:
        """The event API after its document was fetched again; raises Absent, Forbidden, and Refused where it is not fetched.

        `force`: types that the new document leaves out are retired with their subscriptions.
        """
        async with self._place(by):
            return await self._fetch(wanted, by=by, force=force)

    @asynccontextmanager
    async def _place(self, by: str | None) -> AsyncIterator[None]:
        await self._turns.take(by, PATIENCE)
        try:
            if by is not None:
                await self._minute.take(by, self._clock())
            yield
        finally:
            self._turns.give(by)

    async def _fetch(self, wanted: UUID, *, by: str | None, force: bool = False) -> EventApi:
        target = await self._store.fetch_target(wanted, by=by)
        if target.lost:
            return await self._ended(target, "its secrets are gone with the key that sealed them: give them again")
        try:
            text = await self._read(target.request)
        except Unfetched as error:
            return await self._ended(target, str(error))
        if target.digest == hashlib.sha256(text).digest():
            return await self._ended(target, "")
        return await self._take(target, text, by=by, force=force)

    async def _take(self, target: FetchTarget, text: bytes, *, by: str | None, force: bool) -> EventApi:
        """Puts what came in its place. What is no document is kept with the reason where there is none yet to be lost."""
        change = EventApiChange(
            text=text,
            by_channel=target.request.named_by == "channel",
            fetched=target.generation,
            lenient=target.digest is None,
            force=force,
        )
        try:
            return await self._store.change(target.api, change, by=by, now=self._clock())
        except (Refused, Busy, TooSoon) as error:
            return await self._ended(target, f"what came could not be taken: {error}")

    async def _ended(self, target: FetchTarget, said: str) -> EventApi:
        await self._store.fetch_ended(target, said, now=self._clock())
        return await self._store.find(target.api)
