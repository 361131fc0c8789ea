"""Many deliveries that fail together, by their receiver or by the death of a worker."""

from collections import Counter
from collections.abc import AsyncIterator

import psutil
import pytest
import pytest_asyncio

from tests.flows import stage as stages
from tests.flows.stage import Stage
from tests.receiver import Answer, Receiver

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: Seconds from a claim until another process may have the delivery.
LEASE = 5.0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def wide(receiver: Receiver) -> AsyncIterator[Stage]:
    """A stack that sends one webhook 200 requests at a time, and whose retries lie far apart."""
    settings = {
        "HOOKLAKE_RETRY_DELAYS": "4s,2s,2s",
        "HOOKLAKE_RETRY_JITTER": "0.5",
        "HOOKLAKE_DELIVERY_TIMEOUT": str(LEASE - 1),
        "HOOKLAKE_IN_FLIGHT_PER_WEBHOOK": "200",
        "HOOKLAKE_HALT_AFTER": "30s",
        # Tickets alone bring first attempts, so that those of one publication are all in the hands of one worker.
        "HOOKLAKE_FIRST_DUE": "4s",
        "HOOKLAKE_CRAWL_INTERVAL": "0",
    }
    async with stages.running(receiver, settings) as stage:
        yield stage


async def test_a_burst_of_failures(wide: Stage, receiver: Receiver) -> None:
    """200 deliveries that failed at once come back spread out, not as one spike, and do not halt their webhook."""
    workspace = await wide.workspace()
    hook = await workspace.hook()
    receiver.plan(hook.path, *[Answer(status=503, delay=1)] * 200)

    receipts = await workspace.publish_many(200)
    await workspace.settled(*receipts, delivered=1)

    requests = receiver.deliveries(hook.path)
    back = sorted(request.at for request in requests[200:])
    fullest = max(sum(1 for at in back if since <= at < since + 1) for since in back)
    assert set(Counter(request.header("webhook-id") for request in requests).values()) == {2}
    assert fullest < 100
    assert await workspace.status(hook, "ACTIVE", "WARNING", "ERROR") == "WARNING"


async def test_a_killed_worker(wide: Stage, receiver: Receiver) -> None:
    """SIGKILL a worker with 100 requests in flight: all delivered within lease plus a little; duplicates at most those in
    flight; none stuck."""
    workspace = await wide.workspace()
    hook = await workspace.hook(challengeRequestEnabled=False)
    receiver.plan(hook.path, *[Answer(act="hang")] * 100)

    receipts = await workspace.publish_many(100)
    held = {request.port for request in await receiver.wait_for(100, path=hook.path)}
    busiest = max(wide.workers().values(), key=lambda worker: len(_ports(worker, receiver) & held))
    in_flight = len(_ports(busiest, receiver) & held)
    busiest.kill()
    await receiver.wait_for(200, path=hook.path, timeout=LEASE + 10)
    await workspace.settled(*receipts, delivered=1)

    requests = Counter(request.header("webhook-id") for request in receiver.deliveries(hook.path))
    assert in_flight == 100
    assert requests == {receipt["id"]: 2 for receipt in receipts}


def _ports(worker: psutil.Process, receiver: Receiver) -> set[int]:
    """Its own ends of its connections to the receiver; not all need carry a delivery: one may ask for a rate."""
    found = worker.net_connections("tcp4")
    return {each.laddr.port for each in found if each.raddr and each.raddr.port == receiver.port}
