"""Switching shipped catalogues on: their types become the operators', and their documents event APIs that describe them.

What the documents are is left to `shipped.py`, keeping them to the store of event APIs.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from subscriptions.catalogue.api_drafts import EventApiChange, EventApiDraft
from subscriptions.catalogue.builtin.shipped import ShippedCatalogue, ShippedDocument
from subscriptions.catalogue.event_apis import EventApiStore
from subscriptions.catalogue.tables import event_apis
from subscriptions.events.catalogue import EventType
from subscriptions.events.event_type_rows import (
    DETAILS,
)
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Conflicting, LimitReached, Refused
from subscriptions.ground.tables import event_types

log = logging.getLogger("hooklake.subscriptions")

#: How an event API came here that is shipped.
ORIGIN = "builtin"
_YAML = "application/yaml"


async def switch_on(
    database: Database, store: EventApiStore, catalogues: Sequence[ShippedCatalogue], *, now: datetime
) -> list[str]:
    """Adds their types to the catalogue, with what their documents say of them, and answers those types that are new.

    The second time nothing changes, but for a document that another release ships. A type that is there keeps its words and
    its owner. Processes that come at once wait for one another.
    """
    made: list[str] = []
    store = store.shipping()
    for each in catalogues:
        made += await _types(database, each.types, now)
        for document in each.documents:
            await _describe(database, store, each, document, now)
    return sorted(made)


async def _types(database: Database, wanted: Sequence[EventType], now: datetime) -> list[str]:
    async with database.transaction() as connection:
        await connection.execute(select(func.pg_advisory_xact_lock(func.hashtextextended("catalogues", 0))))
        rows = [{"type": each.type, **_details(each), "created_at": now, "updated_at": now} for each in wanted]
        adding = insert(event_types).values([{**row, "generation": 1} for row in rows]).on_conflict_do_nothing()
        return list(await connection.scalars(adding.returning(event_types.c.type)))


async def _describe(
    database: Database, store: EventApiStore, of: ShippedCatalogue, document: ShippedDocument, now: datetime
) -> None:
    """Keeps a document as an event API; what stands in its way is logged, for the types are of use without it."""
    kept = await _kept(database, of.name, document.read.version)
    try:
        if kept is None:
            draft = EventApiDraft(text=document.text, media_type=_YAML, group=of.name, origin=ORIGIN)
            await store.register(draft, by=None, now=now)
        elif kept[1] != document.text:
            change = EventApiChange(text=document.text, media_type=_YAML)
            await store.change(kept[0], change, by=None, now=now)
    except Conflicting as error:
        # Of two processes the one that came second; or what an earlier release shipped has consumers.
        log.info("catalogues.stands document=%s cause=%s", document.name, error)
    except (LimitReached, Refused) as error:
        log.warning("catalogues.not_described document=%s cause=%s", document.name, error)


async def _kept(database: Database, group: str, version: str) -> tuple[UUID, bytes] | None:
    mine = (event_apis.c.origin == ORIGIN, event_apis.c.api_group == group, event_apis.c.version == version)
    async with database.transaction() as connection:
        row = (await connection.execute(select(event_apis.c.id, event_apis.c.document).where(*mine))).first()
    return None if row is None else (row.id, bytes(row.document))


def _details(entry: EventType) -> dict[str, str]:
    return {name: getattr(entry, name) for name in DETAILS}
