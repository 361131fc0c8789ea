"""No secret in what is written: the search that the whole suite uses finds one, and nothing of ours shows one by itself.

What real processes write while everything goes wrong is left to `tests/flows/test_canaries.py`.
"""

import base64
import dataclasses
import importlib
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import exc, text
from starlette.requests import Request

import delivery
import service
import subscriptions
import workers
from service import problems
from subscriptions.ground.database import Database
from tests import canaries
from tests.canaries import MARK, MASK

ROOT = Path(__file__).parents[1]
SECRET = canaries.planted("secret")
#: Importing these reads the environment.
ROOTS = {"service.asgi", "workers.main"}
#: Words in the names of fields that hold a secret, or an address with one in it.
TELLING = re.compile(
    r"(?:\A|_)(secrets?|password|token|authorization|api_key|client_key|private|vault_keys|database_url|broker_url|egress_proxy)\Z"
)
#: Values that hold what their name tells of in a harmless form: sealed, public, or a name.
HARMLESS = {
    "subscriptions.access.openid.Endpoints.authorization",
    "subscriptions.access.openid.Endpoints.token",
    "subscriptions.access.people.Person.has_password",
    "subscriptions.access.keyring.Key.private",
    "subscriptions.ground.settings.GroundSettings.least_secret",
    "subscriptions.catalogue.receiving.ReceivingWebhook.dual_secret",
    "subscriptions.webhooks.webhook.Webhook.dual_secret",
}


@pytest.fixture
def planted(tmp_path: Path) -> Iterator[Path]:
    """A directory in which canaries may be left: it goes before the run's own are looked through."""
    yield tmp_path
    shutil.rmtree(tmp_path)


@pytest.mark.parametrize(
    "written",
    [
        f"refused: {SECRET}",
        base64.b64encode(f"client:{SECRET}".encode()).decode(),
        base64.b64encode(f"clients:{SECRET}!".encode()).decode(),
        base64.b64encode(f"a client:{SECRET}".encode()).decode(),
        f"\\x{SECRET.encode().hex()}",
    ],
)
def test_one_is_found(planted: Path, written: str) -> None:
    """A canary in a log is found however it is spelled, with file and line, and is not repeated."""
    log = planted / "api.log"
    log.write_text(f"one line\nanother\nrequest.failed {written}\nlast\n")

    told = canaries.in_files(planted)

    assert [line.partition(": ")[0] for line in told] == [f"{log}:3"]
    assert told[0].partition(": ")[2].startswith("request.failed ")
    assert MASK in told[0]
    assert MARK not in told[0]


def test_one_that_was_drawn_is_found(planted: Path) -> None:
    """So is a token that came about while the suite ran."""
    token = "eyJhbGciOiJFUzI1NiJ9.drawn-while-it-ran"
    canaries.add(token)
    (planted / "worker.log").write_text(f"Bearer {token}\n")

    assert canaries.in_files(planted) == [f"{planted / 'worker.log'}:1: Bearer {MASK}"]


@pytest.mark.parametrize(("kept", "text"), [("postgres.password", "{}\n"), ("vault.key", "local:{}\n")])
def test_what_a_stack_drew_is_found(kept: str, text: str) -> None:
    """The passwords and the vault's key that a data directory keeps are known when its logs are looked through."""
    drawn = base64.b64encode(f"drawn for {kept}".encode()).decode()

    def run(made: Path) -> Path:
        (made / kept).write_text(text.format(drawn))
        (made / "api.log").write_text(f"began with {drawn}\n")
        return made

    with pytest.raises(AssertionError) as error, canaries.directory() as directory:
        made = run(directory)

    assert str(error.value) == f"secrets were written:\n{made}/api.log:1: began with {MASK}"
    assert not made.exists()


def test_what_is_there_to_keep_it(planted: Path) -> None:
    """A file of credentials may hold them."""
    (planted / "credentials.json").write_text(SECRET)

    assert canaries.in_files(planted) == []


#: A suite that uses `tests/conftest.py`: each of its tests writes what `SECRET` stands for, in a way of its own.
LEAKING = """
import logging, subprocess
import asyncpg
from tests import canaries

SECRET = canaries.planted("secret")

def test_prints():
    print("a line with", SECRET)

def test_logs():
    logging.getLogger("x").warning("told %s", SECRET)

def test_its_process_prints():
    subprocess.run(["echo", "a", "line", "with", SECRET], check=True)

def test_leaves_a_file(tmp_path):
    (tmp_path / "worker.log").write_text(SECRET)

async def test_a_server_logs(database):
    async with database.raw() as connection:
        try:
            await connection.execute(f"SELECT '{SECRET}' / 0")
        except asyncpg.PostgresError:
            pass
"""
TOLD = (
    "::test_prints, Captured stdout call:1: a line with ",
    "::test_logs, Captured log call:1: ",
    "::test_its_process_prints, Captured stdout call:1: a line with ",
    "worker.log:1: ",
    "postgres.log:",
)
#: One that writes it nowhere.
QUIET = """
from tests import canaries

def test_it():
    assert canaries.planted("secret")
"""


@pytest.mark.parametrize(
    ("suite", "processes", "expected"),
    [(LEAKING, 0, TOLD), (LEAKING, 2, TOLD), (QUIET, 0, ())],
    ids=["in one process", "in two", "nothing"],
)
def test_a_run_that_writes_a_secret_fails(
    tmp_path: Path, suite: str, processes: int, expected: tuple[str, ...]
) -> None:
    """Whatever its tests come to: the exit status says so, and the summary where, without the secret."""
    (tmp_path / "test_leaking.py").write_text(suite)
    options = (
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
        "-c",
        str(ROOT / "pyproject.toml"),
        "-n",
        str(processes),
    )
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"--basetemp={tmp_path / 'base'}", "test_leaking.py"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    shutil.rmtree(tmp_path)

    told = [line for line in run.stdout.splitlines() if line.startswith("A secret was written: ")]
    assert "100%" in run.stdout, run.stdout + run.stderr
    assert "failed" not in run.stdout
    assert (run.returncode, len(told)) == (int(bool(expected)), len(expected)), run.stdout + run.stderr
    assert all(any(where in line for line in told) for where in expected)
    assert all(MASK in line for line in told)
    assert MARK not in run.stdout


async def test_one_in_a_row_is_found(database: Database) -> None:
    """A canary in a clear column is found, with table and column."""
    async with database.raw() as connection:
        await connection.execute(
            "INSERT INTO receipts VALUES ($1, $2, gen_random_uuid(), now())", b"a key", SECRET.encode()
        )

    assert await canaries.in_rows(database) == [f"table receipts, column digest: {MASK}"]


async def test_one_in_an_answer_is_found() -> None:
    """A canary in an answer fails its test, unless the answer is there to give it away."""
    asked = httpx.Request("GET", "http://hooklake/events/v1beta1/webhooks")
    given = httpx.Request("POST", f"http://hooklake/authorization/v2/oauth2/{'0' * 32}/token")

    with pytest.raises(AssertionError, match=MASK):
        await canaries.in_answer(httpx.Response(200, request=asked, json={"name": SECRET}))
    with pytest.raises(AssertionError, match=MASK):
        await canaries.in_answer(httpx.Response(204, request=asked, headers={"X-Secret": SECRET}))
    await canaries.in_answer(httpx.Response(200, request=given, json={"access_token": SECRET}))


def every_value() -> list[type]:
    """All dataclasses and structs of the product."""
    modules = [
        importlib.import_module(found.name)
        for room in (service, workers, delivery, subscriptions)
        for found in pkgutil.walk_packages(room.__path__, f"{room.__name__}.")
        if found.name not in ROOTS
    ]
    return [kind for module in modules for kind in _values(module)]


def _values(module: ModuleType) -> list[type]:
    kinds = (kind for kind in vars(module).values() if isinstance(kind, type) and kind.__module__ == module.__name__)
    return [kind for kind in kinds if dataclasses.is_dataclass(kind) or issubclass(kind, msgspec.Struct)]


def _names(kind: type) -> dict[str, bool]:
    """The names of its fields, and whether each has to be given."""
    if dataclasses.is_dataclass(kind):
        return {field.name: True for field in dataclasses.fields(kind)}
    return {field.name: field.required for field in msgspec.structs.fields(kind)}


def _made(kind: type, telling: list[str]) -> Any:
    given = {
        name: SECRET if name in telling else "x" for name, needed in _names(kind).items() if needed or name in telling
    }
    if not dataclasses.is_dataclass(kind):
        return kind(**given)
    made = object.__new__(kind)
    for name, value in given.items():
        object.__setattr__(made, name, value)
    return made


def test_values_do_not_show_their_secrets() -> None:
    """Whatever is printed of a value, by a log line, an error or a debugger, its secrets are not in it."""
    looked_at, shown = 0, []
    for kind in every_value():
        named = f"{kind.__module__}.{kind.__qualname__}"
        telling = [name for name in _names(kind) if TELLING.search(name) and f"{named}.{name}" not in HARMLESS]
        if telling:
            looked_at += 1
            shown += [f"{named}: {', '.join(telling)}"] if SECRET in repr(_made(kind, telling)) else []

    assert looked_at > 5
    assert sorted(shown) == []


async def test_a_failed_statement_hides_its_parameters(database: Database) -> None:
    """What PostgreSQL refuses is told without the values that were sent."""
    with pytest.raises(exc.DBAPIError) as caught:
        async with database.transaction() as connection:
            await connection.execute(text("SELECT 1 / (length(:secret) - length(:secret))"), {"secret": SECRET})

    assert canaries.in_text(str(caught.value), "error") == []


async def test_a_defect_is_answered_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    """An error that nobody expected is answered by its debugId alone."""
    request = Request({"type": "http", "method": "POST", "path": "/a", "headers": [], "query_string": b""})

    answer = await problems.of_defect(request, RuntimeError("not for callers"))

    assert b"not for callers" not in bytes(answer.body)
    caplog.clear()
