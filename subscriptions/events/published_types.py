"""Types that join the catalogue with their first event, for doors whose publishers know no catalogue (Kyma's).

Everywhere else a type that is not in the catalogue is a publisher's slip, and refused. What of events is taken is left to the
entrance; the rule, and whose such a type is, are decision 21's.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from subscriptions.events import catalogue, nearest
from subscriptions.events.catalogue import EventType
from subscriptions.events.event_type_rows import (
    OFF,
    PUBLISHED,
    CatalogueEntry,
    held,
    make_room,
    noted,
    put,
    standing_entry,
    write_entry,
)
from subscriptions.events.event_types import FRESH
from subscriptions.ground.audience import NobodyWaits
from subscriptions.ground.database import Database, repeating
from subscriptions.ground.errors import Issue, LimitReached, Refused


class PublishedTypes:
    """Makes types of which an event is published, each for the workspace that publishes the first.

    `most` is how many types a workspace may have, these among them; `prefix` what types of ours begin with.
    """

    def __init__(
        self, database: Database, *, most: int, prefix: str, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._most = most
        self._prefix = prefix
        self._steady = steady
        #: Workspaces that have no room, and until when they are believed to have none: a publisher that calls each event
        #: otherwise goes on doing so.
        self._full: dict[str, tuple[float, tuple[Issue, ...]]] = {}
        #: By workspace and type: what is being made.
        self._making: dict[tuple[str, str], asyncio.Task[bool]] = {}

    async def make(self, event_type: str, *, by: str, now: datetime) -> bool:
        """The type is in the catalogue, whoever made it: for the workspace `by` where nobody had. Answers whether this call did.

        Who asks while a type is made waits for that, and for no connection. Raises Refused (subject `type`) for a name that no
        type can have and for a type that was retired, LimitReached.
        """
        entry = catalogue.entry(event_type, prefix=self._prefix)
        until, issues = self._full.get(by, (0.0, ()))
        if issues and self._steady() < until:
            raise LimitReached(*issues)
        key = by, event_type
        while (others := self._making.get(key)) is not None:
            try:
                await asyncio.shield(others)
            except NobodyWaits:
                # Whoever began it has gone; others have not.
                continue
            return False
        mine = self._making[key] = asyncio.create_task(self._make(entry, by, now))
        mine.add_done_callback(lambda _: self._making.pop(key, None))
        return await asyncio.shield(mine)

    @repeating
    async def _make(self, entry: EventType, by: str, now: datetime) -> bool:
        async with self._database.transaction() as connection:
            # Locks are for those who find nothing.
            standing = await standing_entry(connection, entry.type, lock=False)
            if standing is None or _nobodys(standing, by):
                standing = await held(connection, entry.type, by)
            if standing is None or _nobodys(standing, by):
                try:
                    await make_room(connection, by, self._most)
                except LimitReached as error:
                    issues = tuple(replace(issue, subject="type") for issue in error.issues)
                    self._keep(by, issues)
                    raise LimitReached(*issues) from None
                if standing is None:
                    await put(connection, entry, by=by, now=now, origin=PUBLISHED)
                else:
                    await _made_again(connection, standing, by, now)
                return True
            if standing.retired_at is not None:
                said = (await nearest.retired(connection, [entry.type]))[entry.type]
                raise Refused(Issue(subject="type", description=said))
        return False

    def _keep(self, by: str, issues: tuple[Issue, ...]) -> None:
        now = self._steady()
        self._full = {each: kept for each, kept in self._full.items() if now < kept[0]} | {by: (now + FRESH, issues)}


def _nobodys(standing: CatalogueEntry, by: str) -> bool:
    """Whether another workspace has retired it: these doors' publishers cannot choose its name, and one workspace's end is not
    everybody's. What operators retire is theirs, and so is nobody's to bring back."""
    return standing.retired_at is not None and standing.workspace_id not in (None, by)


async def _made_again(connection: AsyncConnection, retired: CatalogueEntry, by: str, now: datetime) -> None:
    """As a new one: what was asked of its events is asked no more."""
    values = {"retired_at": None, "workspace_id": by, "validation": OFF, "origin": PUBLISHED}
    await noted(connection, f"event-type.{PUBLISHED}", retired, await write_entry(connection, retired, values, now))
