"""Views of lists that a person has saved: a name for the filters in a page's query.

What the filters mean is left to the pages; views go with the person whose they are.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import msgspec

from subscriptions.ground.database import Database
from subscriptions.ground.errors import Issue, LimitReached, Refused
from subscriptions.ground.statements import statement

#: Views that a person has of one page, and characters of a name and a query.
MOST, NAME, QUERY = 20, 60, 2000

OF = "SELECT id, name, query FROM saved_views WHERE person = $1 AND page = $2 ORDER BY name, id"
EVERY = "SELECT page, id, name, query FROM saved_views WHERE person = $1 ORDER BY name, id"
COUNT = "SELECT count(*) FROM saved_views WHERE person = $1 AND page = $2 AND name <> $3"
REMOVE = "DELETE FROM saved_views WHERE person = $1 AND id = $2 RETURNING page"


class ViewDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What `save_view.sql` is given."""

    id: UUID
    person: UUID
    #: The path of the list.
    page: str
    name: str
    #: As it stands behind the `?`.
    query: str
    now: datetime


SAVE = statement(__package__, "save_view", ViewDraft)


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedView:
    """One view."""

    id: UUID
    name: str
    query: str


class SavedViews:
    """Each person's own."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, person: UUID, page: str) -> list[SavedView]:
        """Those of one page, by name."""
        async with self._database.raw() as connection:
            rows = await connection.fetch(OF, person, page)
        return [SavedView(id=row["id"], name=row["name"], query=row["query"]) for row in rows]

    async def every(self, person: UUID) -> list[tuple[str, SavedView]]:
        """Those of all pages, by name, each with the path of its list."""
        async with self._database.raw() as connection:
            rows = await connection.fetch(EVERY, person)
        return [(row["page"], SavedView(id=row["id"], name=row["name"], query=row["query"])) for row in rows]

    async def save(self, person: UUID, page: str, view: SavedView, *, now: datetime) -> None:
        """Under its name, in the place of one of the same; raises Refused for what it cannot be called, LimitReached."""
        if not view.name or len(view.name) > NAME:
            raise Refused(Issue(subject="name", description=f"has to have 1 to {NAME} characters"))
        if not view.query or len(view.query) > QUERY:
            raise Refused(Issue(subject="query", description=f"has to have filters, of {QUERY} characters at most"))
        async with self._database.raw() as connection, connection.transaction():
            if await connection.fetchval(COUNT, person, page, view.name) >= MOST:
                said = f"a list has {MOST} saved views at most: remove one before"
                raise LimitReached(Issue(subject="name", description=said))
            draft = ViewDraft(id=view.id, person=person, page=page, name=view.name, query=view.query, now=now)
            await SAVE.execute(connection, draft)

    async def remove(self, person: UUID, view: UUID) -> str | None:
        """The path of the list that it was of; None where there is no such view of theirs."""
        async with self._database.raw() as connection:
            page: str | None = await connection.fetchval(REMOVE, person, view)
        return page


def drawn(name: str, query: str) -> SavedView:
    """A new view."""
    return SavedView(id=uuid4(), name=name, query=query)
