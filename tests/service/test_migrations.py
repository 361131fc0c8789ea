"""The migrations hold together with what the rooms declare."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

import delivery.tables  # noqa: F401  registers its tables with the metadata
from subscriptions.events import catalogue
from subscriptions.ground import schema, tables
from subscriptions.ground.database import Database
from subscriptions.ground.settings import GroundSettings
from tests.conftest import VAULT_KEYS
from tests.service.test_cli import hooklake

PARTITION = re.compile(r"_\d{8}$")

# Everything about a schema that statements could notice.
COLUMNS = """
SELECT table_name, column_name, data_type, udt_name, is_nullable, column_default
FROM information_schema.columns WHERE table_schema = $1
"""
INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = $1"
CONSTRAINTS = """
SELECT c.relname, k.conname, pg_get_constraintdef(k.oid) FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE k.connamespace = $1::text::regnamespace AND k.contype <> 'n'
"""
PARTITIONED = """
SELECT c.relname, pg_get_partkeydef(c.oid) FROM pg_class c WHERE c.relnamespace = $1::text::regnamespace AND c.relkind = 'p'
"""


@pytest.fixture(scope="module")
def migrated(database_url: str) -> Iterator[str]:
    """The URL of a migrated database."""
    server = database_url.rpartition("/")[0]
    url = f"{server}/migrated"

    async def administer(statement: str) -> None:
        administrator = await asyncpg.connect(f"{server}/postgres")
        await administrator.execute(statement)
        await administrator.close()

    asyncio.run(administer("CREATE DATABASE migrated"))
    said = f"migrated: the database is at revision {schema.REVISION}\n"
    assert asyncio.run(hooklake(url, "migrate")) == (0, said, "")
    yield url
    asyncio.run(administer("DROP DATABASE migrated WITH (FORCE)"))


async def test_metadata_and_database_agree(migrated: str) -> None:
    """Alembic finds nothing to do between the declared tables and the migrated ones."""

    def differences(connection: Connection) -> list[Any]:
        ours = {"include_object": lambda _o, name, *_: name != "alembic_version" and not PARTITION.search(name or "")}
        context = MigrationContext.configure(connection, opts={"compare_server_default": True, **ours})
        return list(compare_metadata(context, tables.metadata))

    database = Database(GroundSettings(database_url=migrated, vault_keys=VAULT_KEYS))
    async with database.transaction() as connection:
        found = await connection.run_sync(differences)
    await database.close()

    assert found == []


async def test_every_definition_agrees(migrated: str) -> None:
    """Columns, defaults, constraints, partition keys and indexes, partial ones with their conditions, are the declared."""
    database = Database(GroundSettings(database_url=migrated, vault_keys=VAULT_KEYS))
    async with database.transaction() as connection:
        await connection.exec_driver_sql("CREATE SCHEMA declared")
        await connection.exec_driver_sql("SET LOCAL search_path TO declared")
        await connection.run_sync(tables.metadata.create_all, checkfirst=False)
    seen = {}
    async with database.raw() as raw:
        for name in ("public", "declared"):
            seen[name] = {
                tuple(str(part).replace(f"{name}.", "") for part in row.values())
                for query in (COLUMNS, INDEXES, CONSTRAINTS, PARTITIONED)
                for row in await raw.fetch(query, name)
                if (table := next(iter(row.values()))) != "alembic_version" and not PARTITION.search(table)
            }
        await raw.execute("DROP SCHEMA declared CASCADE")
    await database.close()

    assert seen["public"] == seen["declared"]
    assert len(seen["declared"]) > 100


async def test_documented_types(migrated: str) -> None:
    """A new database knows the documented event types."""
    connection = await asyncpg.connect(migrated)
    rows = await connection.fetch(
        "SELECT type, api_group, service_manager, friendly_name, description FROM event_types"
    )
    await connection.close()

    assert {tuple(row) for row in rows} == {
        (entry.type, entry.api_group, entry.service_manager, entry.friendly_name, entry.description)
        for entry in catalogue.DOCUMENTED
    }


def test_newest_revision() -> None:
    """The revision that processes ask for is the newest there is."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[2] / "deploy" / "migrations"))

    assert ScriptDirectory.from_config(config).get_current_head() == schema.REVISION
