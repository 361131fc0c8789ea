"""Retries that fall due while the attempt before them is still waiting to be written down."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.flows import stage as stages
from tests.flows.stage import Stage
from tests.receiver import Answer, Receiver

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: Seconds that outcomes wait for others to be written with, and the wait before the first retry.
WINDOW, DELAY = 1.5, 0.1
#: Seconds that a busy machine may take from the moment a retry can be made until it has arrived.
SLACK = 3.0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def late(receiver: Receiver) -> AsyncIterator[Stage]:
    """A stack that writes down late, and retries early."""
    settings = {"HOOKLAKE_RECORD_WINDOW": str(WINDOW), "HOOKLAKE_RETRY_DELAYS": f"{DELAY},20s"}
    settings["HOOKLAKE_CRAWL_INTERVAL"] = "0"
    async with stages.running(receiver, settings) as stage:
        yield stage


async def test_due_before_it_is_written(late: Stage, receiver: Receiver) -> None:
    """A first retry that is due before attempts are flushed is on time."""
    workspace = await late.workspace()
    hook = await workspace.hook(challengeRequestEnabled=False)
    receiver.plan(hook.path, *[Answer(status=503)] * 20)

    receipts = await workspace.publish_many(20)
    await workspace.settled(*receipts, delivered=1)

    requests = receiver.deliveries(hook.path)
    tries = {receipt["id"]: [r.at for r in requests if r.header("webhook-id") == receipt["id"]] for receipt in receipts}
    item = await workspace.tried(hook)
    assert {len(moments) for moments in tries.values()} == {2}
    # As soon as the first one is written, not a sweep's lease or the next wait later.
    assert max(second - first for first, second in tries.values()) <= WINDOW + SLACK
    assert (item["generation"], item["retryStatus"]) == (2, "NORETRY")
