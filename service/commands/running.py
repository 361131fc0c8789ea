"""What all commands stand on: how one is declared, a migrated database to run on, and files that nobody else reads.

What the commands do is left to their modules.
"""

import argparse
import asyncio
import getpass
import os
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from delivery import assembly
from delivery.assembly import StoreAssembly
from subscriptions.ground import audit, schema
from subscriptions.ground.audit import Actor, ActorKind
from subscriptions.ground.errors import Misconfigured
from subscriptions.ground.settings import GroundSettings, read

Environ = Mapping[str, str]


def command(commands: Any, name: str, run: Callable[[Any, Environ], None], words: str) -> argparse.ArgumentParser:
    """Adds one command and what runs it."""
    made: argparse.ArgumentParser = commands.add_parser(name, help=words, description=words)
    made.set_defaults(run=run)
    return made


def uuid(text: str) -> UUID:
    """An id on the command line, of which argparse says what it is not."""
    try:
        return UUID(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a UUID") from None


def write_private(path: Path, content: str) -> None:
    """Writes a file that its owner alone may read, whole or not at all."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def with_database(
    environ: Environ, work: Callable[[StoreAssembly, datetime], Awaitable[None]], *, sealing: bool = False
) -> None:
    """Runs the work on a migrated database, with the database's time; work that is `sealing` needs the vault."""

    async def run() -> None:
        stores = assembly.stores(read(GroundSettings, environ))
        try:
            if sealing:
                _ = stores.base.vault  # a key that cannot be read is told as what it is, before the database is asked
            look = await schema.look(stores.database)
            if not look.serves:
                raise Misconfigured("the database is not migrated yet: run `hooklake migrate`")
            with audit.acting(_command(look.now)):
                await work(stores, look.now)
        finally:
            await stores.close()

    asyncio.run(run())


def _command(now: datetime) -> Actor:
    """Who runs a command: the user of this machine, as far as it has a name."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError, ImportError):
        name = str(os.getuid())
    return Actor(
        kind=ActorKind.COMMAND, id=name, name=f"hooklake, run by {name}", workspace_id="", roles=(), address="", at=now
    )
