"""What tests of several rooms stand on: one real PostgreSQL and one real Redis for the run, empty when a test begins.

Processes of ours are left to the tests that need them.
"""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from xdist.scheduler import LoadFileScheduling

import delivery.tables  # noqa: F401  registers its tables with the metadata
from delivery.ledger.owing import deliveries
from deploy import stores
from deploy.stores import Stores
from subscriptions.ground import partitions, tables
from subscriptions.ground.database import Database
from subscriptions.ground.settings import GroundSettings
from tests import canaries
from tests.builders import Builder
from tests.clock import Clock
from tests.emptying import Emptier, cheapen

#: A vault key for tests alone.
VAULT_KEYS = f"test:{canaries.VAULT_KEY}"


#: Directories whose tests take long, most of it waiting: they come first, for others to fill in.
LONG = ("crash", "flows", "life")
#: Where files share a stack: those whose tests take a `workspace` of it.
SHARED = "tests/flows"

_leaks: list[str] = []


class Together(LoadFileScheduling):  # type: ignore[misc]  # pytest-xdist publishes no types
    """Where a run has several processes (pytest-xdist), each file is one's, and so are all files that share a stack."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        if file.startswith(SHARED) and "workspace: Workspace" in (self.config.rootpath / file).read_text():
            return SHARED
        return file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Together:
    """Takes the place of `--dist`."""
    return Together(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """After others have put them into an order by chance."""
    items.sort(key=lambda item: item.path.parent.name not in LONG)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Looks through what the test logged and printed."""
    for name, text in report.sections:
        _leaks.extend(canaries.in_text(text, f"{report.nodeid}, {name}"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run that wrote a secret anywhere fails."""
    if _leaks:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    # Of several processes each looks through its own and tells the first.
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["leaks"] = _leaks


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """What one of several processes found; one that died has nothing to tell."""
    _leaks.extend(getattr(node, "workeroutput", {}).get("leaks", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tells where."""
    # What a test printed is in the reports of its call and of what comes after it.
    for leak in dict.fromkeys(_leaks):
        terminalreporter.write_line(f"A secret was written: {leak}", red=True)


@pytest.fixture(scope="session", autouse=True)
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Looks through what all tests left in their directories, logs of processes above all."""
    yield
    _leaks.extend(canaries.in_files(tmp_path_factory.getbasetemp()))


@pytest.fixture(scope="session")
def servers() -> Iterator[Stores]:
    """A PostgreSQL with all tables, and a Redis."""
    # Not under pytest's directories: it shuts them to other users, and as root PostgreSQL is another user.
    directory = Path(tempfile.mkdtemp(prefix="hl-"))
    try:
        with stores.running(directory, say=lambda _line: None) as running:
            asyncio.run(make_tables(running.database_url))
            asyncio.run(cheapen(running.database_url))
            yield running
        # Not the data: a test of the search writes a secret into a row.
        _leaks.extend(canaries.in_files(directory, "*.log"))
    finally:
        shutil.rmtree(directory)


@pytest.fixture(scope="session")
def database_url(servers: Stores) -> str:
    return servers.database_url


@pytest.fixture
def broker_url(servers: Stores) -> str:
    """The URL of a Redis that holds nothing."""
    with Redis.from_url(servers.broker_url) as client:
        client.flushall()
    return servers.broker_url


@pytest.fixture(scope="session")
def emptier(database_url: str) -> Iterator[Emptier]:
    with Emptier(database_url, [table.name for table in reversed(tables.metadata.sorted_tables)]) as open_one:
        yield open_one


@pytest.fixture
async def database(database_url: str, emptier: Emptier) -> AsyncIterator[Database]:
    """The door to it; what the test before this one left is gone."""
    emptier.empty()
    door = _door(database_url)
    yield door
    await door.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def builder(database: Database, clock: Clock) -> Builder:
    """Makes rows."""
    return Builder(database, clock)


async def make_tables(url: str) -> None:
    door = _door(url)
    try:
        async with door.transaction() as connection:
            await connection.run_sync(tables.metadata.create_all)
        async with door.raw() as connection:
            await partitions.ahead(connection, deliveries.PARTITIONED, datetime.now(UTC))
    finally:
        await door.close()


def _door(url: str) -> Database:
    return Database(GroundSettings(database_url=url, vault_keys=VAULT_KEYS))
