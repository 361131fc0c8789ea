"""What carries deliveries dies in the middle: a worker with requests in flight, the broker with everything that is in it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from tests.crash import rows
from tests.dashboard import browser
from tests.flows import stage as stages
from tests.flows.stage import Stage
from tests.receiver import OK, Answer, Receiver, Request, meet

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: How long one attempt may take, and its lease, in seconds.
DEADLINE = 5.0
LEASE = DEADLINE + 1.0
#: Attempts that one worker has in flight to one webhook, and workers.
SHARE, WORKERS = 100, 2
#: Deliveries that are sent again in one go.
BULK = 120
#: Lines of its own troubles that a part may write about one outage of the broker.
LINES = 40


class Gate(Receiver):
    """Keeps every delivery waiting while it is closed."""

    def __init__(self) -> None:
        super().__init__(tls=False)
        self.open = asyncio.Event()
        self.open.set()
        #: What all are met with.
        self.answer = OK

    async def meet(self, _request: Request, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        await self.open.wait()
        return await meet(self.answer, writer)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gate() -> AsyncIterator[Gate]:
    async with Gate() as gate:
        yield gate


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(gate: Gate) -> AsyncIterator[Stage]:
    settings = {
        "HOOKLAKE_DELIVERY_TIMEOUT": str(DEADLINE),
        "HOOKLAKE_IN_FLIGHT_PER_WEBHOOK": str(SHARE),
        "HOOKLAKE_BROKER_WAIT": "1s",
    }
    async with stages.running(gate, settings) as stage:
        yield stage


async def test_a_worker_killed(stage: Stage, gate: Gate) -> None:
    """SIGKILL a worker with 100 requests in flight.

    All delivered within lease plus a little; duplicates at most those in flight; none stuck.
    """
    workspace = await stage.workspace()
    hook = await workspace.hook()
    victim = stage.stack.stores.pid("worker-1")

    gate.open.clear()
    receipts = await workspace.publish_many(SHARE * WORKERS)
    await gate.wait_for(SHARE * WORKERS, path=hook.path)
    os.kill(victim, signal.SIGKILL)
    # Before it is back: the other one's attempts would meet their deadline meanwhile on a slow machine.
    gate.open.set()
    await _again(stage, "worker-1", victim)
    await workspace.settled(*receipts, delivered=1, seconds=LEASE + 10)

    arrived = [request.header("webhook-id") for request in gate.deliveries(hook.path)]
    assert set(arrived) == {receipt["id"] for receipt in receipts}
    assert len(arrived) - len(receipts) <= SHARE
    assert await rows.unfinished(stage.stack.stores.database_url, overdue=0.0) == []
    assert await rows.miscounted(stage.stack.stores.database_url) == []


async def test_the_broker_killed_and_emptied(stage: Stage, gate: Gate) -> None:
    """Restart the broker; FLUSHALL the broker.

    Consumers go on by themselves; whatever was only a message is rebuilt from rows; bounded log volume.
    """
    workspace = await stage.workspace()
    hook = await workspace.hook()
    before = _troubles(stage)
    victim = stage.stack.stores.pid("redis")

    receipts = await workspace.publish_many(100)
    os.kill(victim, signal.SIGKILL)
    for _ in range(5):
        receipts += await workspace.publish_many(10)
    await _again(stage, "redis", victim)
    receipts += await workspace.publish_many(100)
    async with Redis.from_url(stage.stack.stores.broker_url) as client:
        await client.flushall()
    await workspace.settled(*receipts, delivered=1)

    arrived = [request.header("webhook-id") for request in gate.deliveries(hook.path)]
    assert sorted(arrived) == sorted(receipt["id"] for receipt in receipts)
    assert {
        part: after - before[part] for part, after in _troubles(stage).items() if after - before[part] > LINES
    } == {}


@browser.needed
async def test_a_worker_killed_in_the_middle_of_a_bulk_retry(stage: Stage, gate: Gate) -> None:
    """In a browser everything that failed is counted and sent again, and the worker that carries it is killed in the middle: the
    page comes to its end by itself, with each sent again once, but for what was under way (protocol.md 11.1)."""
    workspace = await stage.workspace()
    hook = await workspace.hook()
    gate.answer = Answer(status=302)  # no redirect is followed: it is given up at once
    receipts = await workspace.publish_many(BULK)
    await workspace.settled(*receipts, failed=1)
    gate.answer = OK
    before = len(gate.deliveries(hook.path))
    session = await stage.session(workspace.id)

    async with browser.chrome() as chrome, chrome.tab(stage.stack.base_url, session=session) as tab:
        # A count ends where its time is over, and says so.
        while True:
            await tab.page.goto(f"/dashboard/replays/new?webhookId={hook.id}&ratePerSecond=40")
            counted = await tab.page.locator("#counted").inner_text()
            if f"{BULK} deliveries would be sent again" in counted:
                break
            assert "+" in counted
        await tab.page.get_by_role("button", name="Send them again").click()
        await gate.wait_for(before + BULK // 4, path=hook.path)
        for victim in ("worker-1", "worker-2"):
            pid = stage.stack.stores.pid(victim)
            os.kill(pid, signal.SIGKILL)
            await _again(stage, victim, pid)
        await tab.page.get_by_text("Finished", exact=True).wait_for(timeout=60_000)
        await tab.picture("replay-finished")
        told = (await workspace.http.get("/events/v1beta1/replays")).json()["items"][0]["progress"]

    arrived = [request.header("webhook-id") for request in gate.deliveries(hook.path)][before:]
    assert (told["found"], told["delivered"], told["failed"], told["skipped"]) == (BULK, BULK, 0, 0)
    assert set(arrived) == {receipt["id"] for receipt in receipts}
    # At 40 a second few are under way when a worker dies.
    assert len(arrived) - BULK <= SHARE
    assert await rows.unfinished(stage.stack.stores.database_url, overdue=0.0) == []


async def _again(stage: Stage, part: str, victim: int) -> None:
    """Waits until the killed part lives again, and does its work."""
    async with asyncio.timeout(30):
        while (pid := stage.stack.parts[part].pid) is None or pid == victim:  # noqa: ASYNC110 -- the supervisor tells nobody
            await asyncio.sleep(0.02)
        await stage.stack.parts[part].ready.wait()


def _troubles(stage: Stage) -> dict[str, int]:
    """Lines in the log of each part of ours that tell neither of a delivery nor of a request."""
    logs: Path = stage.stack.data_dir / "logs"
    files = {name: logs / f"{name}.log" for name in ("api", "beat", "worker-1", "worker-2")}
    told = {name: file.read_text().splitlines() for name, file in files.items()}
    expected = ("delivery.attempted", "hooklake.access")
    return {name: sum(not any(each in line for each in expected) for line in lines) for name, lines in told.items()}
