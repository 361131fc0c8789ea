"""The command line: starts each process alone, as a cluster would, migrates, and looks after clients, people and keys.

What the processes do is left to their roots; several of them together are `deploy/local.py`'s matter.
"""

import argparse
import asyncio
import logging
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from alembic import command
from alembic.config import Config
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from delivery import assembly
from delivery.assembly import StoreAssembly
from delivery.settings import DeliverySettings
from delivery.upkeep.sweeping import PARTITIONED
from service.api import reading
from service.commands import clients, erasure, people, running, vault
from service.server import listeners
from service.server.connection_limits import KEEP_ALIVE, ConnectionLimits
from service.server.connections import ServerConnection
from service.settings import ServiceSettings
from subscriptions.ground import logs, partitions, process, schema
from subscriptions.ground.errors import HooklakeError, Misconfigured
from subscriptions.ground.settings import GroundSettings, names, read, unknown

log = logging.getLogger("hooklake.service")

MIGRATIONS = Path(__file__).resolve().parent.parent / "deploy" / "migrations"
#: The `database_wait` of a migration; a statement may take four times as long, for tables may be large by then.
MIGRATION_WAIT = 225.0
#: File descriptors of an API process beside those of its clients: its own, and of those that wait for a place or are leaving.
OWN_FILES = 200
#: Seconds that requests under way get when an API process is stopped.
GRACE = 10

Environ = Mapping[str, str]


def main(argv: Sequence[str] | None = None, environ: Environ = os.environ) -> int:
    """Runs one command and answers its exit status; whatever goes wrong is one sentence on standard error."""
    arguments = parser().parse_args(argv)
    for hint in unknown(environ, known()):
        print(f"hooklake: {hint}", file=sys.stderr)
    try:
        arguments.run(arguments, environ)
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        print(f"hooklake: {sentence(error)}", file=sys.stderr)
        return 1
    return 0


def known() -> set[str]:
    """Every variable that a process of Hooklake reads."""
    from workers.settings import WorkerSettings  # noqa: PLC0415  as the workers themselves, below

    # The embedded stack's own comes with what it starts.
    return names(ServiceSettings, WorkerSettings, DeliverySettings, GroundSettings, logs.LogSettings) | {
        "HOOKLAKE_DATA_DIR"
    }


def sentence(error: Exception) -> str:
    """What to tell of an error, on one line; of one that nobody expected, also its kind."""
    text = " ".join(str(error).split()) or "no details"
    known = isinstance(error, HooklakeError | OSError)
    return (text if known else f"{type(error).__name__}: {text}").rstrip(".") + "."


def parser() -> argparse.ArgumentParser:
    """All commands; settings come from the environment (deploy/env.example)."""
    root = argparse.ArgumentParser(prog="hooklake", description="Settings are HOOKLAKE_* environment variables.")
    root.add_argument("--version", action="version", version=f"hooklake {metadata.version('hooklake')}")
    commands = root.add_subparsers(required=True, metavar="COMMAND")
    running.command(commands, "api", api, "serve the HTTP API")
    running.command(commands, "worker", worker, "carry deliveries")
    running.command(commands, "beat", beat, "start what is due by the clock; one in a deployment")
    running.command(commands, "migrate", migrate, "bring the database to the newest revision")
    clients.declare(commands)
    people.declare(commands)
    vault.declare(commands)
    erasure.declare(commands)
    return root


def api(_arguments: Any, environ: Environ) -> None:
    """Serves until it is told to stop."""
    settings = read(ServiceSettings, environ)
    # Built here once so that what is misconfigured is one sentence, not a traceback out of the server.
    import service.asgi  # noqa: F401, PLC0415  a process root: importing it reads the environment

    asyncio.run(assembly.check_wire(read(DeliverySettings, environ)))
    asyncio.run(vault.check(read(GroundSettings, environ)))
    sockets = listeners.bound(settings.host, settings.port)
    process.room(settings.connections + OWN_FILES)
    config = uvicorn.Config(
        "service.asgi:app",
        host=settings.host,
        port=settings.port,
        workers=settings.api_processes,
        loop="uvloop",
        http=_connections(settings),
        # uvicorn believes those of its own machine unless it is told otherwise, and an address is what logins are counted by.
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        ws="none",
        lifespan="on",
        access_log=False,
        server_header=False,
        log_config=logs.described(read(logs.LogSettings, environ)),
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
    )
    log.info("api.starting host=%s port=%d processes=%d", settings.host, settings.port, settings.api_processes)
    _serve(config, sockets)


def _serve(config: uvicorn.Config, sockets: list[socket.socket]) -> None:
    """As `uvicorn.run`, which takes no sockets."""
    with suppress(KeyboardInterrupt):
        if config.workers > 1:
            Multiprocess(config, sockets).run()
            return
        server = uvicorn.Server(config)
        server.run(sockets)
    if not server.started:
        sys.exit(STARTUP_FAILURE)


def _connections(settings: ServiceSettings) -> Any:
    """What uvicorn makes connections with; a partial, for it travels to the processes that serve."""
    body = max(settings.publish_body_bytes, reading.BODY_BYTES)
    limits = ConnectionLimits(
        connections=settings.connections,
        timeout=settings.request_timeout,
        # A body in chunks is longer than what is in it.
        message_bytes=2 * body,
        share=settings.client_share,
        proxies=settings.trusted_proxies,
    )
    return partial(ServerConnection, limits)


def worker(_arguments: Any, _environ: Environ) -> None:
    """Carries deliveries until it is told to stop."""
    from workers import main as root  # noqa: PLC0415  a process root: importing it reads the environment

    sys.exit(root.run(root.WORKER_ARGV))


def beat(_arguments: Any, _environ: Environ) -> None:
    """Starts what is due until it is told to stop."""
    from workers import main as root  # noqa: PLC0415  as above

    sys.exit(root.run(root.BEAT_ARGV))


def migrate(_arguments: Any, environ: Environ) -> None:
    """Brings the database to the newest revision and makes the partitions of the days ahead."""
    if not MIGRATIONS.is_dir():
        raise Misconfigured(f"the migrations are not at {MIGRATIONS}: run this from a checkout or the image")
    settings = read(GroundSettings, environ)
    # The database's refusals are told here in one sentence, which Alembic would not.
    before = asyncio.run(_asked(settings))
    config = Config(attributes={"settings": msgspec.structs.replace(settings, database_wait=MIGRATION_WAIT)})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, "head")

    async def ahead(stores: StoreAssembly, now: datetime) -> None:
        async with stores.database.raw() as connection:
            await partitions.ahead(connection, PARTITIONED, now)

    running.with_database(environ, ahead)
    print(
        "nothing was to be done" if before else "migrated", f"the database is at revision {schema.REVISION}", sep=": "
    )


async def _asked(settings: GroundSettings) -> bool:
    """Whether there is nothing to migrate; raises Unavailable where the database cannot be used."""
    stores = assembly.stores(settings)
    try:
        return (await schema.look(stores.database)).serves
    finally:
        await stores.close()


if __name__ == "__main__":
    sys.exit(main())
