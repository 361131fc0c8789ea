"""How many bytes of documents and schemas a workspace keeps, and whether that is too many."""

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from subscriptions.catalogue.tables import event_apis, event_type_versions
from subscriptions.ground.errors import Issue, LimitReached
from subscriptions.ground.tables import event_types

LIMIT = "HOOKLAKE_MAX_SCHEMA_BYTES_PER_WORKSPACE"
#: When nobody says another number.
DEFAULT = 64 * 1024 * 1024
_SAID = ("payload", "headers", "examples", "attributes", "details")


def size() -> ColumnElement[int]:
    """The bytes of one row of `event_type_versions`; they are known without unpacking what they are of."""
    lengths = [func.coalesce(func.octet_length(event_type_versions.c[name]), 0) for name in _SAID]
    return sum(lengths[1:], start=lengths[0])


async def check_room(connection: AsyncConnection, by: str | None, most: int) -> None:
    """Raises LimitReached where the workspace's documents, and what is said of its types, have more bytes; after it was written.

    Operators (None) may keep any number.
    """
    if by is None:
        return
    versions = select(func.sum(size())).join(event_types, event_types.c.type == event_type_versions.c.event_type)
    documents = select(func.sum(func.octet_length(event_apis.c.document))).where(event_apis.c.workspace_id == by)
    kept = await connection.scalar(versions.where(event_types.c.workspace_id == by)) or 0
    kept += await connection.scalar(documents) or 0
    if kept > most:
        said = f"with it the workspace's documents, schemas and examples would have {kept:,} bytes; {most:,} are kept ({LIMIT})"
        raise LimitReached(Issue(subject="document", description=said))
