"""The command line against a database of its own: migrations, clients, keys, and errors as one sentence."""

import asyncio
import io
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import asyncpg
import pytest

from service import cli
from subscriptions.access.clients import Role
from subscriptions.ground import schema
from tests import canaries
from tests.conftest import VAULT_KEYS

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def empty(database_url: str) -> AsyncIterator[str]:
    """The URL of an empty database."""
    server = database_url.rpartition("/")[0]
    administrator = await asyncpg.connect(f"{server}/postgres")
    await administrator.execute("CREATE DATABASE command_line")
    yield f"{server}/command_line"
    await administrator.execute("DROP DATABASE command_line WITH (FORCE)")
    await administrator.close()


def environment(url: str, more: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HOOKLAKE_")}
    return kept | {"HOOKLAKE_DATABASE_URL": url, "HOOKLAKE_VAULT_KEYS": VAULT_KEYS} | more


async def hooklake(url: str, *arguments: str, **more: str) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of one command, run in a thread."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = await asyncio.to_thread(cli.main, arguments, environment(url, more))
    canaries.nothing(canaries.in_text(out.getvalue() + err.getvalue(), " ".join(arguments)))
    return status, out.getvalue(), err.getvalue()


async def process(url: str, *arguments: str, **more: str) -> tuple[int, str, str]:
    """The same of a command in a process of its own, for those that read the environment as they are imported."""
    started = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "service.cli", *arguments),
        cwd=ROOT,
        env=environment(url, more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    out, err = await started.communicate()
    canaries.nothing(canaries.in_text(out + err, " ".join(arguments)))
    assert started.returncode is not None
    return started.returncode, out.decode(), err.decode()


async def test_two_migrations_at_once(empty: str) -> None:
    """Two migrations started at once: one migrates, none fails; a third finds nothing to do."""
    results = await asyncio.gather(process(empty, "migrate"), process(empty, "migrate"))
    third = await hooklake(empty, "migrate")

    said = f"the database is at revision {schema.REVISION}\n"
    assert {(status, told.endswith(said), err) for status, told, err in (*results, third)} == {(0, True, "")}
    assert third[1] == f"nothing was to be done: {said}"
    connection = await asyncpg.connect(empty)
    assert await connection.fetch("SELECT version_num FROM alembic_version") == [(schema.REVISION,)]
    # Yesterday's to those of a week ahead.
    assert await connection.fetchval("SELECT count(*) FROM pg_inherits WHERE inhparent = 'events'::regclass") == 9
    await connection.close()


async def test_clients_are_managed_by_commands(empty: str, tmp_path: Path) -> None:
    """First clients are written once to a private file; later ones are made, listed, rotated and revoked."""
    file = tmp_path / "credentials.json"
    first = ("clients", "first", "--file", str(file), "--base-url", "http://127.0.0.1:8080")
    await hooklake(empty, "migrate")

    made = await hooklake(empty, *first)
    written = file.read_text()
    again = await hooklake(empty, *first)
    _, created, _ = await hooklake(empty, "clients", "create", "--name", "audit log", "--role", "publisher")
    client = json.loads(created)["clientId"]
    _, rotated, _ = await hooklake(empty, "clients", "rotate", client)
    revoked = await hooklake(empty, "clients", "revoke", client)
    _, listed, _ = await hooklake(empty, "clients", "list")

    assert (made, again, revoked) == ((0, "", ""),) * 3
    assert (file.stat().st_mode & 0o777, file.read_text()) == (0o600, written)
    credentials = json.loads(written)
    assert set(credentials) == {"baseUrl", "workspaceId", "clients"}
    assert [set(entry) for entry in credentials["clients"]] == [{"role", "clientId", "clientSecret"}] * 4
    assert {entry["role"] for entry in credentials["clients"]} == {str(role) for role in Role}
    assert set(json.loads(created)) == {"workspaceId", "clientId", "clientSecret"}
    assert rotated.strip() != json.loads(created)["clientSecret"]
    lines = listed.splitlines()
    assert lines[0].split() == ["ID", "WORKSPACE", "ROLES", "SINCE", "STATE", "NAME"]
    assert (len(lines), "publisher+any-workspace" in listed, "revoked" in lines[-1]) == (6, True, True)


async def test_people(empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """People are added with a password from standard input, listed, given other roles and passwords, and removed."""
    await hooklake(empty, "migrate")
    workspace = "3009de2825f211ec8a84fedebcb4a754"

    async def people(*arguments: str, typed: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        return await hooklake(empty, "people", *arguments, HOOKLAKE_BASE_URL="https://hooks.example")

    password = canaries.planted("password")
    add = ("add", "Ada@example.com", "--workspace", workspace, "--role", "viewer", "--role", "subscriber")
    added = await people(*add, typed=password + "\n")
    again = await people(*add, typed=password + "\n")
    refused = [
        await people("add", "bob", "--workspace", workspace, "--role", "viewer", typed=each) for each in ("", "x\n")
    ]
    changed = [
        await people("password", "ada@example.com", typed=password + "2\r\n"),
        await people("roles", "ADA@example.com", "--role", "operator"),
        await people("add", "by-link", "--workspace", workspace, "--role", "viewer", "--no-password"),
        await people("remove", "by-link"),
    ]
    link = await people("link", "ada@example.com")
    listed = (await people("list"))[1].splitlines()
    absent = await people("link", "by-link")

    unknown = f"No client and no webhook is of workspace {workspace} yet: `clients list` shows those that are known\n"
    assert added == (0, f"ada@example.com may sign in as subscriber, viewer\n{unknown}", "")
    assert again == (1, "", "hooklake: name: ada@example.com is taken: people have names of their own.\n")
    assert [each[2] for each in refused] == [
        "hooklake: a password is read from standard input, which is empty.\n",
        "hooklake: password: must have from 12 to 256 characters.\n",
    ]
    assert changed == [
        (0, "ada@example.com has another password, and is signed out everywhere\n", ""),
        (0, "ada@example.com may sign in as operator\n", ""),
        (0, f"by-link may sign in as viewer\n{unknown}", ""),
        (0, "by-link may not sign in any more, and is signed out everywhere\n", ""),
    ]
    assert re.fullmatch(r"https://hooks\.example/dashboard/sign-in\?link=[\w-]{43}\n", link[1])
    assert listed[0].split() == ["ID", "WORKSPACE", "ROLES", "SINCE", "SIGNED", "IN", "STATE", "NAME"]
    assert [line.split()[2:] for line in listed[1:]] == [
        ["viewer", listed[1].split()[3], "never", "removed", listed[1].split()[6], "by-link"],
        ["operator", listed[2].split()[3], "never", "password", "ada@example.com"],
    ]
    assert absent == (1, "", "hooklake: Person by-link does not exist.\n")


async def test_the_first_person(empty: str, tmp_path: Path) -> None:
    """A first start makes an operator of its workspace and a link; the next one a new link, until there is no operator."""
    await hooklake(empty, "migrate")
    credentials, file = tmp_path / "credentials.json", tmp_path / "sign-in"
    url = "https://hooks.example"
    first = ("clients", "first", "--file", str(credentials), "--base-url", url, "--sign-in", str(file))
    links = []
    nowhere = await hooklake(empty, "people", "add", "carl", "--role", "viewer", "--no-password")
    for _ in range(2):
        assert await hooklake(empty, *first) == (0, "", "")
        links.append(file.read_text())
    mode = file.stat().st_mode & 0o777
    file.unlink()
    listed = (await hooklake(empty, "people", "list"))[1].splitlines()
    added = await hooklake(empty, "people", "add", "ada", "--role", "viewer", "--no-password")
    await hooklake(empty, "people", "remove", "operator")
    await hooklake(empty, *first)

    assert (mode, len(set(links)), len(listed)) == (0o600, 2, 2)
    assert re.fullmatch(r"https://hooks\.example/dashboard/sign-in\?link=[\w-]{43}\n", links[0])
    assert json.loads(credentials.read_text())["workspaceId"] == listed[1].split()[1]
    assert not file.exists()
    # Whoever names no workspace means that of the clients; before there are any there is none to mean.
    assert (nowhere[0], "name the workspace with --workspace" in nowhere[2]) == (1, True)
    assert added == (0, "ada may sign in as viewer\n", "")


async def test_no_credentials_are_lost(empty: str, tmp_path: Path) -> None:
    """Where the file cannot be written no client is made, so that the next start can."""
    await hooklake(empty, "migrate")
    first = ("clients", "first", "--base-url", "http://127.0.0.1:8080", "--file")

    failed = await hooklake(empty, *first, str(tmp_path / "missing" / "credentials.json"))
    _, listed, _ = await hooklake(empty, "clients", "list")

    assert (failed[0], failed[2].count("\n"), listed.count("\n")) == (1, 1, 1)


async def test_rotating_keys(empty: str) -> None:
    """A rotation says what it made of the keys."""
    await hooklake(empty, "migrate")

    status, said, _ = await hooklake(empty, "keys", "rotate")

    assert (status, re.sub(r"[\w-]{43}", "<kid>", said)) == (
        0,
        "tokens are signed with the key <kid> within ten seconds; the one before it verifies for an hour more\n",
    )


NOWHERE = "postgresql://a:b@127.0.0.1:1/c"


@pytest.mark.parametrize(
    ("arguments", "environ", "said"),
    [
        (("migrate",), {"HOOKLAKE_DATABASE_URL": ""}, "HOOKLAKE_DATABASE_URL is not set."),
        (("migrate",), {}, "PostgreSQL is not available: "),
        (("migrate",), {"HOOKLAKE_DATABASE_URL": "mysql://a/b"}, "HOOKLAKE_DATABASE_URL names mysql"),
        (("api",), {}, "HOOKLAKE_BROKER_URL is not set."),
        (("api",), {"HOOKLAKE_PORT": "0"}, "HOOKLAKE_PORT has to be from 1 to 65535."),
        (("api",), {"HOOKLAKE_PORT": "http"}, "HOOKLAKE_PORT takes a whole number; it is 'http'"),
        (("api",), {"HOOKLAKE_VAULT_KEYS": "nonsense", "HOOKLAKE_BROKER_URL": "redis://"}, "HOOKLAKE_VAULT_KEYS"),
        (("api",), {"HOOKLAKE_CA_BUNDLE": "/nowhere", "HOOKLAKE_BROKER_URL": "redis://"}, "the CA bundle /nowhere"),
        (("clients", "list"), {}, "PostgreSQL is not available: "),
        (("keys", "rotate"), {"HOOKLAKE_VAULT_KEYS": "nonsense"}, "HOOKLAKE_VAULT_KEYS"),
    ],
)
async def test_what_goes_wrong(arguments: tuple[str, ...], environ: dict[str, str], said: str) -> None:
    """Whatever goes wrong is one sentence on standard error and status 1."""
    run = process if arguments == ("api",) else hooklake
    status, out, err = await run(NOWHERE, *arguments, **environ)

    assert (status, out, err.count("\n"), err.startswith(f"hooklake: {said}")) == (1, "", 1, True), err


async def test_no_such_database(database_url: str) -> None:
    """A database that PostgreSQL does not have is named."""
    status, _, err = await hooklake(f"{database_url}_of_nobody", "migrate")

    assert (status, err.count("\n")) == (1, 1)
    assert err.endswith('_of_nobody" does not exist.\n')


async def test_port_in_use() -> None:
    """A port that somebody listens on is named."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        status, _, err = await process(NOWHERE, "api", HOOKLAKE_PORT=str(port), HOOKLAKE_BROKER_URL="redis://")

    said = f"hooklake: HOOKLAKE_PORT: 127.0.0.1 port {port} cannot be listened on: Address already in use.\n"
    assert (status, err) == (1, said)


async def test_not_migrated(empty: str) -> None:
    """What needs tables says that there are none yet."""
    status, _, err = await hooklake(empty, "clients", "list")

    assert (status, err) == (1, "hooklake: the database is not migrated yet: run `hooklake migrate`.\n")


async def test_client_that_is_not_there(empty: str) -> None:
    """A client that does not exist is said not to."""
    await hooklake(empty, "migrate")
    nobody = "00000000-0000-4000-8000-000000000000"

    status, _, err = await hooklake(empty, "clients", "revoke", nobody)

    assert (status, err) == (1, f"hooklake: Client {nobody} does not exist.\n")


async def test_erase_writes_an_erasure_down(empty: str) -> None:
    """`hooklake erase` writes a workspace's erasure down; what is not there, or no workspace, is one sentence."""
    await hooklake(empty, "migrate")
    nobody = "00000000-0000-4000-8000-000000000000"

    done, told, _ = await hooklake(empty, "erase", "--workspace", "3009de2825f211ec8a84fedebcb4a754")
    absent = await hooklake(empty, "erase", "--event", nobody)
    refused = await hooklake(empty, "erase", "--workspace", "all")
    _, _, misspelt = await process(empty, "erase", "--event", "nope")

    assert (done, told.startswith("written down for the workers: job ")) == (0, True)
    assert absent == (1, "", f"hooklake: Event {nobody} does not exist.\n")
    said = "workspaceId: has to be a workspace: 32 lower-case hexadecimal digits"
    assert refused == (1, "", f"hooklake: {said}.\n")
    assert misspelt.endswith("error: argument --event: 'nope' is not a UUID\n")


#: A wrong value of a setting of each room that the process stands on, and one that only a second look finds.
WRONG = {
    "HOOKLAKE_BROKER_WAIT": "5x",
    "HOOKLAKE_LOG_LEVEL": "loud",
    "HOOKLAKE_DATABASE_CONNECTIONS": "many",
    "HOOKLAKE_HALT_FAILURES": "big",
    "HOOKLAKE_DATABASE_URL": "mysql://x",
}


@pytest.mark.parametrize("command", ["worker", "beat"])
async def test_a_process_with_a_wrong_setting_does_not_start(command: str) -> None:
    """Whichever setting it is, and whether this process would have used it: one line that names it, and status 1."""
    good = {"HOOKLAKE_BROKER_URL": "redis://127.0.0.1:1"}
    ended = [await process(NOWHERE, command, **good, **{name: wrong}) for name, wrong in WRONG.items()]

    for name, (status, out, err) in zip(WRONG, ended, strict=True):
        assert (status, out, err.count("\n"), err.startswith(f"hooklake: {name} ")) == (1, "", 1, True), err
