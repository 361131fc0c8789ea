"""Which revision of the tables this code stands on, and which one the database has.

Making them is left to `deploy/migrations`.
"""

from dataclasses import dataclass
from datetime import datetime

import asyncpg
from sqlalchemy import exc

from subscriptions.ground.database import Database, Raw
from subscriptions.ground.errors import Unavailable

#: The newest of `deploy/migrations/versions`; a test holds the two together. Numbers, so that they can be compared.
REVISION = "0028"


@dataclass(frozen=True, kw_only=True, slots=True)
class SchemaState:
    """What one round trip tells of the database."""

    #: Its time.
    now: datetime
    #: The revision that it was migrated to; empty where it was never migrated.
    revision: str

    @property
    def serves(self) -> bool:
        """Whether this code can stand on it; a newer one serves too, for an upgrade migrates before it replaces."""
        return self.revision >= REVISION


async def look(database: Database) -> SchemaState:
    """The database's time and revision; raises Unavailable, also where PostgreSQL lets nobody in."""
    try:
        async with database.raw() as connection:
            return await _look(connection)
    except (asyncpg.PostgresError, exc.DBAPIError) as error:
        raise Unavailable("PostgreSQL", str(getattr(error, "orig", error))) from error


async def _look(connection: Raw) -> SchemaState:
    try:
        row = await connection.fetchrow("SELECT clock_timestamp() AS now, version_num FROM alembic_version")
    except asyncpg.UndefinedTableError:
        row = None
    if row is not None:
        return SchemaState(now=row["now"], revision=row["version_num"])
    return SchemaState(now=await connection.fetchval("SELECT clock_timestamp()"), revision="")


# Of the cluster, the database in it and the schema in that: what is restored from a dump elsewhere is another one.
IDENTITY = """
SELECT left(md5(concat_ws('/', c.system_identifier, d.oid, current_schema())), 8)
FROM pg_control_system() AS c, pg_database AS d WHERE d.datname = current_database()
"""


async def identity(database: Database) -> str:
    """Eight hexadecimal digits that are this database's, and hardly another's; raises Unavailable."""
    async with database.raw() as connection:
        return str(await connection.fetchval(IDENTITY))
