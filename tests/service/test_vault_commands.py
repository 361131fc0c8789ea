"""The vault's commands, and processes without the key they need: a rotation by hand, and refusals in one sentence."""

import asyncio
import base64
import io
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from service import cli
from service.commands import vault
from subscriptions import key_rotation
from subscriptions.access.keyring import Keyring
from subscriptions.ground import schema
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Misconfigured
from subscriptions.ground.settings import GroundSettings
from subscriptions.ground.vault import Vault
from tests import canaries
from tests.clock import Clock
from tests.conftest import VAULT_KEYS

ROOT = Path(__file__).parents[2]
NOWHERE = "postgresql://a:b@127.0.0.1:1/c"
NEW = "new:" + base64.b64encode(b"n" * 32).decode()
OTHER = "test:" + base64.b64encode(b"o" * 32).decode()


async def hooklake(url: str, *words: str, **settings: str) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of one command, run in a thread."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = await asyncio.to_thread(cli.main, words, environment(url, settings))
    canaries.nothing(canaries.in_text(out.getvalue() + err.getvalue(), " ".join(words)))
    return status, out.getvalue(), err.getvalue()


async def process(url: str, *words: str, **settings: str) -> tuple[int, str, str]:
    """The same of a process of its own."""
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service.cli", *words),
        cwd=ROOT,
        env=environment(url, settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await started.communicate()
    canaries.nothing(canaries.in_text(out + err, " ".join(words)))
    assert started.returncode is not None
    return started.returncode, out.decode(), err.decode()


def environment(url: str, settings: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HOOKLAKE_")}
    return kept | {"HOOKLAKE_DATABASE_URL": url, "HOOKLAKE_BROKER_URL": "redis://127.0.0.1:1/0"} | settings


@pytest.fixture
async def migrated(database: Database) -> Database:
    """The database as a migration leaves it, where `with_database` looks."""

    async with database.raw() as connection:
        await connection.execute("CREATE TABLE IF NOT EXISTS alembic_version (version_num text)")
        await connection.execute("DELETE FROM alembic_version")
        await connection.execute("INSERT INTO alembic_version VALUES ($1)", schema.REVISION)
    return database


async def test_reseal_tells_which_keys_are_in_use(migrated: Database, database_url: str, clock: Clock) -> None:
    """It says how many texts were sealed again, which keys are in use and which no longer; a second run finds nothing to do."""
    await Keyring(migrated, Vault.parse(VAULT_KEYS)).signing(clock())
    both = f"{NEW},{VAULT_KEYS}"

    first = await hooklake(database_url, "vault", "reseal", HOOKLAKE_VAULT_KEYS=both)
    second = await hooklake(database_url, "vault", "reseal", HOOKLAKE_VAULT_KEYS=both)

    said = "in use: new (1)\nno longer in use: test\n"
    assert first == (0, f"sealed again with new: 1\n{said}", "")
    assert second == (0, f"sealed again with new: 0\n{said}", "")


async def test_a_lost_key(migrated: Database, database_url: str, clock: Clock) -> None:
    """What a missing key sealed is told, with status 1; it can be forgotten, but not while the key is at hand."""
    await Keyring(migrated, Vault.parse(VAULT_KEYS)).signing(clock())

    told = await hooklake(database_url, "vault", "reseal", HOOKLAKE_VAULT_KEYS=NEW)
    kept = await hooklake(database_url, "vault", "forget", "test", HOOKLAKE_VAULT_KEYS=VAULT_KEYS)
    nobodys = await hooklake(database_url, "vault", "forget", "abc", HOOKLAKE_VAULT_KEYS=NEW)
    gone = await hooklake(database_url, "vault", "forget", "test", HOOKLAKE_VAULT_KEYS=NEW)

    assert told[:2] == (1, "sealed again with new: 0\nin use: test (1)\n")
    assert told[2].startswith("hooklake: 1 cannot be unsealed, the first of them: signing_keys ")
    assert kept == (1, "", "hooklake: the key test is in HOOKLAKE_VAULT_KEYS, and so is not lost.\n")
    assert nobodys == (1, "", "hooklake: no secret is sealed with a key abc; in use: test.\n")
    assert gone == (0, "emptied: 1\n", "")
    async with migrated.raw() as connection:
        assert await key_rotation.in_use(connection) == {}


ABSENT = "HOOKLAKE_VAULT_KEYS holds no key: it is `id:base64(32 bytes)`, comma-separated; `openssl rand -base64 32` makes one."
MALFORMED = "HOOKLAKE_VAULT_KEYS: the key 'one' is not base64; `openssl rand -base64 32` makes one."


@pytest.mark.parametrize(("keys", "said"), [("", ABSENT), ("one:short", MALFORMED)], ids=["absent", "malformed"])
async def test_without_a_key(keys: str, said: str) -> None:
    """Whatever seals or unseals does not start without a key: one sentence that says how to make one, and status 1."""
    roots = await asyncio.gather(*(process(NOWHERE, name, HOOKLAKE_VAULT_KEYS=keys) for name in ("api", "worker")))
    commands = [
        await hooklake(NOWHERE, *words, HOOKLAKE_VAULT_KEYS=keys) for words in (("keys", "rotate"), ("vault", "reseal"))
    ]

    # Celery's command line ends with the sentence as it is.
    told = [(status, out, err.rstrip(".\n")) for status, out, err in [*roots, *commands]]
    assert told == [(1, "", f"hooklake: {said[:-1]}")] * 4


async def test_a_key_that_opens_nothing(migrated: Database, database_url: str, clock: Clock) -> None:
    """An API process that could not unseal what is there does not start: what it sealed would be lost on the others."""
    await Keyring(migrated, Vault.parse(VAULT_KEYS)).signing(clock())

    for keys in (NEW, OTHER):
        with pytest.raises(Misconfigured, match="lacks, or has others of, the keys that secrets are sealed with: test"):
            await vault.check(GroundSettings(database_url=database_url, vault_keys=keys))
    await vault.check(GroundSettings(database_url=database_url, vault_keys=f"{NEW},{VAULT_KEYS}"))
    await vault.check(GroundSettings(database_url=NOWHERE, vault_keys=NEW))


async def test_what_needs_no_key(migrated: Database, database_url: str) -> None:
    """Clients are listed, and the database migrated, without a key."""
    status, listed, err = await hooklake(database_url, "clients", "list")
    assert (status, listed.count("\n"), err) == (0, 1, "")
    assert (await hooklake(NOWHERE, "migrate"))[2].startswith("hooklake: PostgreSQL is not available")
