"""Commands that look after the people who sign in to the dashboard.

How a password is kept is left to `subscriptions/access/passwords.py`, which page a link opens to `service/dashboard`.
"""

import getpass
import json
import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from delivery.assembly import StoreAssembly
from service.commands.running import Environ, command, with_database, write_private
from service.settings import ServiceSettings
from subscriptions.access.clients import Role
from subscriptions.access.people import PersonDraft
from subscriptions.access.workspaces import Workspaces
from subscriptions.ground.errors import Absent, Misconfigured
from subscriptions.ground.settings import read

#: What a link is a query of.
SIGN_IN = "/dashboard/sign-in"
#: People that are read at once.
PAGE = 500
#: Who the first person is.
FIRST = "operator"


def declare(commands: Any) -> None:
    """Adds `people` to the commands of a parser."""
    people = commands.add_parser("people", help="people who sign in to the dashboard").add_subparsers(required=True)
    add = command(
        people, "add", add_person, "let somebody sign in; the password is asked for, or read from standard input"
    )
    add.add_argument("name", help="what they sign in with")
    add.add_argument("--workspace", help="32 hexadecimal digits; if absent, that of the clients, where they have one")
    _roles(add)
    add.add_argument("--no-password", action="store_true", help="by links alone, which `people link` makes")
    command(people, "list", list_people, "show all people, also removed ones")
    for name, run, words in (
        ("password", set_password, "another password, asked for or read from standard input; all sessions end"),
        ("remove", remove_person, "let somebody sign in no more; all sessions end"),
        ("link", make_link, "a link that signs somebody in once, within an hour"),
    ):
        command(people, name, run, words).add_argument("name")
    roles = command(people, "roles", set_roles, "other roles, from the next request on")
    roles.add_argument("name")
    _roles(roles)


def _roles(parser: Any) -> None:
    known = [role.value for role in Role]
    parser.add_argument("--role", action="append", required=True, choices=known, help="may be given repeatedly")


def add_person(arguments: Any, environ: Environ) -> None:
    """Prints the new person's name."""
    password = None if arguments.no_password else _password()
    roles = frozenset(Role(role) for role in arguments.role)

    async def add(stores: StoreAssembly, now: datetime) -> None:
        workspaces = Workspaces(stores.database)
        workspace = arguments.workspace or await workspaces.only()
        if workspace is None:
            raise Misconfigured(
                "name the workspace with --workspace: clients are of none, or of several (`clients list`)"
            )
        draft = PersonDraft(name=arguments.name, workspace_id=workspace, roles=roles)
        person = await stores.people.create(draft, password, now=now)
        print(f"{person.name} may sign in as {', '.join(sorted(person.roles))}")
        if await workspaces.unknown([workspace]):
            print(
                f"No client and no webhook is of workspace {workspace} yet: `clients list` shows those that are known"
            )

    with_database(environ, add)


def list_people(_arguments: Any, environ: Environ) -> None:
    """Prints a head, and a line per person, newest first."""

    async def every(stores: StoreAssembly, _now: datetime) -> None:
        print("ID", "WORKSPACE", "ROLES", "SINCE", "SIGNED IN", "STATE", "NAME", sep="  ")
        after = None
        while found := await stores.people.page(after=after, limit=PAGE):
            for each in found:
                roles = ",".join(sorted(each.roles))
                way = each.issuer or ("password" if each.has_password else "links")
                state = way if each.removed_at is None else f"removed {each.removed_at:%Y-%m-%d}"
                last = "never" if each.signed_in_at is None else f"{each.signed_in_at:%Y-%m-%d}"
                since = f"{each.created_at:%Y-%m-%d}"
                print(each.id, each.workspace_id, roles, since, last, state, each.name, sep="  ")
            after = found[-1].created_at, found[-1].id

    with_database(environ, every)


def set_password(arguments: Any, environ: Environ) -> None:
    """Says whose it is."""
    password = _password()

    async def change(stores: StoreAssembly, _now: datetime) -> None:
        person = await stores.people.named(arguments.name)
        await stores.people.set_password(person.id, password)
        print(f"{person.name} has another password, and is signed out everywhere")

    with_database(environ, change)


def set_roles(arguments: Any, environ: Environ) -> None:
    """Prints them."""

    async def change(stores: StoreAssembly, _now: datetime) -> None:
        person = await stores.people.named(arguments.name)
        changed = await stores.people.set_roles(person.id, frozenset(Role(role) for role in arguments.role))
        print(f"{changed.name} may sign in as {', '.join(sorted(changed.roles))}")

    with_database(environ, change)


def remove_person(arguments: Any, environ: Environ) -> None:
    """Says who it was."""

    async def remove(stores: StoreAssembly, now: datetime) -> None:
        person = await stores.people.named(arguments.name)
        await stores.people.remove(person.id, now=now)
        print(f"{person.name} may not sign in any more, and is signed out everywhere")

    with_database(environ, remove)


def make_link(arguments: Any, environ: Environ) -> None:
    """Prints the link."""
    url = read(ServiceSettings, environ).url

    async def link(stores: StoreAssembly, now: datetime) -> None:
        person = await stores.people.named(arguments.name)
        print(linked(url, await stores.people.link(person.id, now=now)))

    with_database(environ, link)


async def first(stores: StoreAssembly, arguments: Any, now: datetime) -> None:
    """Makes an operator where there is nobody, in the first clients' workspace; while they may sign in, writes a new link.

    `arguments` are those of `clients first`: `file`, `sign_in` and `base_url`.
    """
    workspace = _workspace(arguments.file)
    if workspace is not None:
        draft = PersonDraft(name=FIRST, workspace_id=workspace, roles=frozenset({Role.OPERATOR}))
        await stores.people.first(draft, now=now)
    with suppress(Absent):
        person = await stores.people.named(FIRST)
        link = linked(arguments.base_url, await stores.people.link(person.id, now=now))
        write_private(arguments.sign_in, link + "\n")


def linked(url: str, token: str) -> str:
    """The link of a token."""
    return f"{url}{SIGN_IN}?link={token}"


def _workspace(credentials: Path) -> str | None:
    """That of the first clients; None where there is no such file any more."""
    try:
        return str(json.loads(credentials.read_text())["workspaceId"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _password() -> str:
    """Asked for twice at a terminal; else the first line of standard input."""
    if not sys.stdin.isatty():
        if not (line := sys.stdin.readline().rstrip("\r\n")):
            raise Misconfigured("a password is read from standard input, which is empty")
        return line
    password = getpass.getpass("Password: ")
    if getpass.getpass("The same again: ") != password:
        raise Misconfigured("the two passwords differ")
    return password
