"""Commands that look after clients and the keys of their tokens.

How they are told apart from the other commands, and what becomes of errors, is left to `cli.py`.
"""

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from delivery.assembly import StoreAssembly
from service.commands import people
from service.commands.running import Environ, command, uuid, with_database, write_private
from subscriptions.access.client_store import Made
from subscriptions.access.clients import Client, Draft, Role
from subscriptions.access.keyring import Keyring

KEPT = "the one before it verifies for an hour more"


def declare(commands: Any) -> None:
    """Adds `keys` and `clients` to the commands of a parser."""
    keys = commands.add_parser("keys", help="the keys that tokens are signed with").add_subparsers(required=True)
    rotate = command(keys, "rotate", rotate_keys, "sign with a new key from now on")
    rotate.add_argument("--now", action="store_true", help="a key was stolen: nothing that the old ones signed is good")
    _clients(commands.add_parser("clients", help="programs that may call").add_subparsers(required=True))


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
    words = "where a link is written that signs an operator of the dashboard in, who is made if there is nobody"
    first.add_argument("--sign-in", type=Path, help=words)


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
        if arguments.sign_in is not None:
            await people.first(stores, arguments, now)

    with_database(environ, first)


def _credentials(client: Client, secret: str) -> dict[str, str]:
    return {"clientId": str(client.id), "clientSecret": secret}
