"""Commands that look after clients and the keys of their tokens.

How they are told apart from the other commands, and what becomes of errors, is left to `cli.py`.
"""

import argparse
import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from delivery import assembly
from delivery.assembly import StoreAssembly
from subscriptions.access.client_store import Made
from subscriptions.access.clients import Client, Draft, Role
from subscriptions.access.keyring import Keyring
from subscriptions.ground import schema
from subscriptions.ground.errors import Misconfigured
from subscriptions.ground.settings import GroundSettings, read

Environ = Mapping[str, str]
KEPT = "the one before it verifies for an hour more"


def declare(commands: Any) -> None:
    """Adds `keys` and `clients` to the commands of a parser."""
    keys = commands.add_parser("keys", help="the keys that tokens are signed with").add_subparsers(required=True)
    rotate = command(keys, "rotate", rotate_keys, "sign with a new key from now on")
    rotate.add_argument("--now", action="store_true", help="a key was stolen: nothing that the old ones signed is good")
    _clients(commands.add_parser("clients", help="programs that may call").add_subparsers(required=True))


def command(commands: Any, name: str, run: Callable[[Any, Environ], None], words: str) -> argparse.ArgumentParser:
    """Adds one command and what runs it."""
    made: argparse.ArgumentParser = commands.add_parser(name, help=words, description=words)
    made.set_defaults(run=run)
    return made


def _clients(commands: Any) -> None:
    create = command(commands, "create", create_client, "make a client; its secret is shown this once")
    create.add_argument("--name", required=True, help="shown as createdBy")
    create.add_argument("--workspace", default=uuid4().hex, help="32 hexadecimal digits; a new one if absent")
    create.add_argument(
        "--role", action="append", required=True, choices=[role.value for role in Role], help="may be given repeatedly"
    )
    create.add_argument("--any-workspace", action="store_true", help="may publish for other workspaces")
    command(commands, "list", list_clients, "show all clients, also revoked ones")
    for name, run, words in (
        ("rotate", rotate_client, "replace a client's secret; the new one is shown this once"),
        ("revoke", revoke_client, "give a client no more tokens"),
    ):
        command(commands, name, run, words).add_argument("client", type=uuid, help="its id")
    first = command(commands, "first", first_clients, "make one client per role, if there is no client at all")
    first.add_argument("--file", type=Path, required=True, help="written with mode 0600")
    first.add_argument("--base-url", required=True, help="noted in the file")


def uuid(text: str) -> UUID:
    """An id on the command line, of which argparse says what it is not."""
    try:
        return UUID(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a UUID") from None


def rotate_keys(arguments: Any, environ: Environ) -> None:
    """A new signing key; processes use it within ten seconds, the old one verifies for an hour more, or not at all."""

    async def rotate(stores: StoreAssembly, now: datetime) -> None:
        kid = await Keyring(stores.database, stores.base.vault).rotate(now, at_once=arguments.now)
        print(
            f"tokens are signed with the key {kid} within ten seconds; {'no other verifies' if arguments.now else KEPT}"
        )

    with_database(environ, rotate, sealing=True)


def create_client(arguments: Any, environ: Environ) -> None:
    """Prints the new client as JSON."""
    draft = Draft(
        workspace_id=arguments.workspace,
        name=arguments.name,
        roles=frozenset(Role(role) for role in arguments.role),
        any_workspace=arguments.any_workspace,
    )

    async def create(stores: StoreAssembly, now: datetime) -> None:
        client, secret = await stores.clients.create(draft, now=now)
        print(json.dumps({"workspaceId": client.workspace_id, **_credentials(client, secret)}))

    with_database(environ, create)


def list_clients(_arguments: Any, environ: Environ) -> None:
    """Prints a head, and a line per client."""

    async def every(stores: StoreAssembly, _now: datetime) -> None:
        found = await stores.clients.every()
        print("ID", "WORKSPACE", "ROLES", "SINCE", "STATE", "NAME", sep="  ")
        for client in found:
            roles = ",".join(sorted(client.roles)) + ("+any-workspace" if client.any_workspace else "")
            state = "live" if client.revoked_at is None else f"revoked {client.revoked_at:%Y-%m-%d}"
            print(client.id, client.workspace_id, roles, f"{client.created_at:%Y-%m-%d}", state, client.name, sep="  ")

    with_database(environ, every)


def rotate_client(arguments: Any, environ: Environ) -> None:
    """Prints the new secret."""

    async def rotate(stores: StoreAssembly, _now: datetime) -> None:
        _, secret = await stores.clients.rotate(arguments.client)
        print(secret)

    with_database(environ, rotate)


def revoke_client(arguments: Any, environ: Environ) -> None:
    """Says nothing where it went well."""

    async def revoke(stores: StoreAssembly, now: datetime) -> None:
        await stores.clients.revoke(arguments.client, now=now)

    with_database(environ, revoke)


def first_clients(arguments: Any, environ: Environ) -> None:
    """One client per role in a workspace of their own, written to the file; nothing where there are clients already."""
    workspace = uuid4().hex
    drafts = [
        Draft(workspace_id=workspace, name=role, roles=frozenset({role}), any_workspace=role is Role.PUBLISHER)
        for role in Role
    ]

    def keep(made: Made) -> None:
        listed = [{"role": client.name, **_credentials(client, secret)} for client, secret in made]
        content = {"baseUrl": arguments.base_url, "workspaceId": workspace, "clients": listed}
        write_private(arguments.file, json.dumps(content, indent=2) + "\n")

    async def first(stores: StoreAssembly, now: datetime) -> None:
        await stores.clients.first(drafts, now=now, keep=keep)

    with_database(environ, first)


def _credentials(client: Client, secret: str) -> dict[str, str]:
    return {"clientId": str(client.id), "clientSecret": secret}


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
            await work(stores, look.now)
        finally:
            await stores.close()

    asyncio.run(run())
