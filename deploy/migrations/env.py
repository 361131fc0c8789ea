"""What Alembic runs: all pending revisions in one transaction, by one process at a time.

`service.cli migrate` hands over the settings as `config.attributes["settings"]`; the revisions themselves stand in `versions`.
"""

import asyncio

from alembic import context
from sqlalchemy import Connection, text

import delivery.tables  # noqa: F401  stands beside the ground's tables once it is imported
from subscriptions.ground import tables
from subscriptions.ground.database import Database
from subscriptions.ground.settings import GroundSettings

#: Two migrations started at once: the second waits here and finds nothing left to do.
ONE_AT_A_TIME = 0x6C616B6D


def migrate(connection: Connection) -> None:
    """Brings the database to the newest revision, or leaves it as it was."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ONE_AT_A_TIME})
    context.configure(connection=connection, target_metadata=tables.metadata)
    with context.begin_transaction():
        context.run_migrations()


async def run(settings: GroundSettings) -> None:
    """Opens the transaction; raises Unavailable where PostgreSQL is away."""
    database = Database(settings)
    try:
        async with database.transaction() as connection:
            await connection.run_sync(migrate)
    finally:
        await database.close()


asyncio.run(run(context.config.attributes["settings"]))
