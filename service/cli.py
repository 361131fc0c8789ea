"""The command line: starts each process alone, as a cluster would, migrates, and looks after clients and keys.

What the processes do is left to their roots; several of them together are `deploy/local.py`'s matter.
"""

import argparse
import asyncio
import json
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
import uvicorn
from alembic import command
from alembic.config import Config

from delivery.upkeep import PARTITIONED
from service.settings import Settings
from subscriptions import clients, partitions, schema
from subscriptions.clients import Client, Draft, Role
from subscriptions.database import Database
from subscriptions.errors import HooklakeError, Misconfigured
from subscriptions.keyring import Keyring
from subscriptions.settings import Settings as Ground
from subscriptions.settings import read
from subscriptions.vault import Vault

MIGRATIONS = Path(__file__).resolve().parent.parent / "deploy" / "migrations"
#: Seconds that one statement of a migration may take, at a quarter each: tables may be large by then.
MIGRATION_WAIT = 900.0
#: Seconds that requests under way get when an API process is stopped.
GRACE = 10

Environ = Mapping[str, str]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and answers its exit status; whatever goes wrong is one sentence on standard error."""
    arguments = parser().parse_args(argv)
    try:
        arguments.run(arguments, os.environ)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        print(f"hooklake: {sentence(error)}", file=sys.stderr)
        return 1
    return 0


def sentence(error: Exception) -> str:
    """What to tell of an error, on one line; of one that nobody expected, also its kind."""
    text = " ".join(str(error).split()) or "no details"
    known = isinstance(error, HooklakeError | OSError)
    return (text if known else f"{type(error).__name__}: {text}").rstrip(".") + "."


def parser() -> argparse.ArgumentParser:
    """All commands; settings come from the environment (deploy/env.example)."""
    root = argparse.ArgumentParser(prog="hooklake", description="Settings are HOOKLAKE_* environment variables.")
    commands = root.add_subparsers(required=True, metavar="COMMAND")
    _command(commands, "api", api, "serve the HTTP API")
    _command(commands, "worker", worker, "carry deliveries")
    _command(commands, "beat", beat, "start what is due by the clock; one in a deployment")
    _command(commands, "migrate", migrate, "bring the database to the newest revision")
    keys = commands.add_parser("keys", help="the keys that tokens are signed with").add_subparsers(required=True)
    _command(keys, "rotate", rotate_keys, "sign with a new key from now on")
    _clients(commands.add_parser("clients", help="programs that may call").add_subparsers(required=True))
    return root


def _clients(commands: Any) -> None:
    create = _command(commands, "create", create_client, "make a client; its secret is shown this once")
    create.add_argument("--name", required=True, help="shown as createdBy")
    create.add_argument("--workspace", default=uuid4().hex, help="32 hexadecimal digits; a new one if absent")
    create.add_argument(
        "--role", action="append", required=True, choices=[role.value for role in Role], help="may be given repeatedly"
    )
    create.add_argument("--any-workspace", action="store_true", help="may publish for other workspaces")
    _command(commands, "list", list_clients, "show all clients, also revoked ones")
    for name, run, words in (
        ("rotate", rotate_client, "replace a client's secret; the new one is shown this once"),
        ("revoke", revoke_client, "give a client no more tokens"),
    ):
        _command(commands, name, run, words).add_argument("client", type=UUID, help="its id")
    first = _command(commands, "first", first_clients, "make one client per role, if there is no client at all")
    first.add_argument("--file", type=Path, required=True, help="written with mode 0600")
    first.add_argument("--base-url", required=True, help="noted in the file")


def _command(commands: Any, name: str, run: Callable[[Any, Environ], None], words: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(name, help=words, description=words)
    made.set_defaults(run=run)
    return made


def api(_arguments: Any, environ: Environ) -> None:
    """Serves until it is told to stop."""
    settings = read(Settings, environ)
    # Built here once so that what is misconfigured is one sentence, not a traceback out of the server.
    import service.asgi  # noqa: F401, PLC0415  a process root: importing it reads the environment

    _vacant(settings.host, settings.port)
    uvicorn.run(
        "service.asgi:app",
        host=settings.host,
        port=settings.port,
        workers=settings.api_processes,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        access_log=False,
        server_header=False,
        log_config=logging_of(settings.log_level),
        timeout_graceful_shutdown=GRACE,
    )


def _vacant(host: str, port: int) -> None:
    """Raises Misconfigured where nobody could listen; the server would tell it in several lines."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise Misconfigured(f"HOOKLAKE_PORT: {host} port {port} cannot be listened on: {error.strerror}") from None


def worker(_arguments: Any, _environ: Environ) -> None:
    """Carries deliveries until it is told to stop."""
    from workers import main as root  # noqa: PLC0415  a process root: importing it reads the environment

    root.app.start(argv=list(root.WORKER_ARGV[1:]))


def beat(_arguments: Any, _environ: Environ) -> None:
    """Starts what is due until it is told to stop."""
    from workers import main as root  # noqa: PLC0415  as above

    root.app.start(argv=list(root.BEAT_ARGV[1:]))


def migrate(_arguments: Any, environ: Environ) -> None:
    """Brings the database to the newest revision and makes the partitions of the days ahead."""
    if not MIGRATIONS.is_dir():
        raise Misconfigured(f"the migrations are not at {MIGRATIONS}: run this from a checkout or the image")
    settings = read(Ground, environ)
    config = Config(attributes={"settings": msgspec.structs.replace(settings, database_wait=MIGRATION_WAIT / 4)})
    config.set_main_option("script_location", str(MIGRATIONS))
    command.upgrade(config, "head")

    async def ahead(database: Database, now: datetime) -> None:
        async with database.raw() as connection:
            await partitions.ahead(connection, PARTITIONED, now)

    _with_database(environ, ahead)


def rotate_keys(_arguments: Any, environ: Environ) -> None:
    """A new signing key; processes use it within a minute, the old one verifies for an hour more."""
    vault = Vault.parse(read(Ground, environ).vault_keys)

    async def rotate(database: Database, now: datetime) -> None:
        print(await Keyring(database, vault).rotate(now))

    _with_database(environ, rotate)


def create_client(arguments: Any, environ: Environ) -> None:
    """Prints the new client as JSON."""
    draft = Draft(
        workspace_id=arguments.workspace,
        name=arguments.name,
        roles=frozenset(Role(role) for role in arguments.role),
        any_workspace=arguments.any_workspace,
    )

    async def create(database: Database, now: datetime) -> None:
        async with database.transaction() as connection:
            client, secret = await clients.create(connection, draft, now=now)
        print(json.dumps({"workspaceId": client.workspace_id, **_credentials(client, secret)}))

    _with_database(environ, create)


def list_clients(_arguments: Any, environ: Environ) -> None:
    """Prints a line per client: id, workspace, roles, since when, name."""

    async def every(database: Database, _now: datetime) -> None:
        async with database.transaction() as connection:
            found = await clients.every(connection)
        for client in found:
            roles = ",".join(sorted(client.roles)) + ("+any-workspace" if client.any_workspace else "")
            state = "live" if client.revoked_at is None else f"revoked {client.revoked_at:%Y-%m-%d}"
            print(client.id, client.workspace_id, roles, f"{client.created_at:%Y-%m-%d}", state, client.name, sep="  ")

    _with_database(environ, every)


def rotate_client(arguments: Any, environ: Environ) -> None:
    """Prints the new secret."""

    async def rotate(database: Database, _now: datetime) -> None:
        async with database.transaction() as connection:
            secret = await clients.rotate(connection, arguments.client)
        print(secret)

    _with_database(environ, rotate)


def revoke_client(arguments: Any, environ: Environ) -> None:
    """Says nothing where it went well."""

    async def revoke(database: Database, now: datetime) -> None:
        async with database.transaction() as connection:
            await clients.revoke(connection, arguments.client, now=now)

    _with_database(environ, revoke)


def first_clients(arguments: Any, environ: Environ) -> None:
    """One client per role in a workspace of their own, written to the file; nothing where there are clients already."""
    workspace = uuid4().hex
    drafts = [
        Draft(workspace_id=workspace, name=role, roles=frozenset({role}), any_workspace=role is Role.PUBLISHER)
        for role in Role
    ]

    async def first(database: Database, now: datetime) -> None:
        async with database.transaction() as connection:
            made = await clients.first(connection, drafts, now=now)
            if made:
                # Before the commit: secrets that no file holds would be lost, a file too many is written over.
                listed = [{"role": client.name, **_credentials(client, secret)} for client, secret in made]
                content = {"baseUrl": arguments.base_url, "workspaceId": workspace, "clients": listed}
                _write_private(arguments.file, json.dumps(content, indent=2) + "\n")

    _with_database(environ, first)


def _credentials(client: Client, secret: str) -> dict[str, str]:
    return {"clientId": str(client.id), "clientSecret": secret}


def _write_private(path: Path, content: str) -> None:
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _with_database(environ: Environ, work: Callable[[Database, datetime], Awaitable[None]]) -> None:
    """Runs the work on a migrated database, with the database's time."""

    async def run() -> None:
        database = Database(read(Ground, environ))
        try:
            look = await schema.look(database)
            if not look.serves:
                raise Misconfigured("the database is not migrated yet: run `hooklake migrate`")
            await work(database, look.now)
        finally:
            await database.close()

    asyncio.run(run())


def logging_of(level: str) -> dict[str, Any]:
    """One line per fact on standard error."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
        "handlers": {"line": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["line"], "level": level.upper()},
    }


if __name__ == "__main__":
    sys.exit(main())
