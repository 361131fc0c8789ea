"""RabbitMQ in the place of Redis: everything is delivered, and an outage of it is as harmless.

Redis is what all other tests run on.
"""

from collections.abc import AsyncIterator, Iterator, Mapping

import pytest
import pytest_asyncio

from tests import canaries, rabbitmq
from tests.flows import stage as stages
from tests.flows.stage import Stage
from tests.flows.workspaces import until
from tests.rabbitmq import RabbitMQ
from tests.receiver import Answer, Receiver
from workers import schedule

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(rabbitmq.SERVER is None, reason="rabbitmq-server is not installed (.ci/run does)"),
]

PARTS = ("api", "beat", "worker-1", "worker-2")


@pytest.fixture(scope="module")
def broker() -> Iterator[RabbitMQ]:
    with canaries.directory() as directory:
        node = RabbitMQ(directory)
        try:
            node.start()
            yield node
        finally:
            node.close()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(broker: RabbitMQ, receiver: Receiver) -> AsyncIterator[Stage]:
    settings = {"HOOKLAKE_BROKER_URL": broker.url, "HOOKLAKE_BROKER_WAIT": "1s", "HOOKLAKE_RETRY_DELAYS": "1s,1s"}
    async with stages.running(receiver, settings) as stage:
        yield stage


async def test_everything_is_delivered(stage: Stage, receiver: Receiver) -> None:
    """Tickets, retries, challenges and drains travel over it: each event arrives, once where it was taken at once."""
    workspace = await stage.workspace()
    hook = await workspace.hook()
    receiver.plan(hook.path, *[Answer(status=503)] * 20)

    receipts = await workspace.publish_many(200)
    await workspace.settled(*receipts, delivered=1)

    arrived = [request.header("webhook-id") for request in receiver.deliveries(hook.path)]
    assert set(arrived) == {receipt["id"] for receipt in receipts}
    assert len(arrived) == 220


async def test_what_it_says_of_itself(stage: Stage, broker: RabbitMQ) -> None:
    """`/health/workers` tells what it is, and how many messages wait in each queue."""
    workspace = await stage.workspace()

    told = (await workspace.http.get("/health/workers")).json()["broker"]

    assert told["answers"], told
    assert told["server"].startswith("rabbitmq ")
    assert (told["warnings"], set(told["waiting"])) == ([], {queue.rpartition(".")[2] for queue in schedule.QUEUES})


async def test_publications_outlive_a_killed_rabbitmq(stage: Stage, receiver: Receiver, broker: RabbitMQ) -> None:
    """While it is away publications are accepted, and afterwards delivered, by the same processes, which tell of it once."""
    workspace = await stage.workspace()
    hook = await workspace.hook()
    before, processes = _lines(stage), _processes(stage)

    receipts = await workspace.publish_many(10)
    broker.kill()
    for _ in range(10):
        receipts += await workspace.publish_many(10)
    await until(lambda: _told(stage, before, "broker.away"), "all parts tell that the broker is away")
    broker.start()
    receipts += await workspace.publish_many(10)
    await workspace.settled(*receipts, delivered=1)
    await until(lambda: _told(stage, before, "broker.back"), "all parts tell that it is back")

    arrived = [request.header("webhook-id") for request in receiver.deliveries(hook.path)]
    assert sorted(arrived) == sorted(receipt["id"] for receipt in receipts)
    assert {part: len(lines) - len(before[part]) for part, lines in _lines(stage).items()} == dict.fromkeys(PARTS, 2)
    assert _processes(stage) == processes


async def test_a_silent_rabbitmq_holds_up_no_publication(stage: Stage, receiver: Receiver, broker: RabbitMQ) -> None:
    """A broker that takes connections and says nothing is noticed by those who talk to it, and holds up no publication."""
    workspace = await stage.workspace()
    hook = await workspace.hook()
    before = _lines(stage)

    go_on = broker.stand_still()
    receipts = await workspace.publish_many(10)
    try:
        await until(lambda: _told(stage, before, "broker.away", "api", "beat"), "API and beat tell that it is away")
        receipts += await workspace.publish_many(10)
    finally:
        go_on()
    await workspace.settled(*receipts, delivered=1)

    arrived = [request.header("webhook-id") for request in receiver.deliveries(hook.path)]
    assert sorted(arrived) == sorted(receipt["id"] for receipt in receipts)


def _lines(stage: Stage) -> Mapping[str, list[str]]:
    """What each part has told of the broker."""
    logs = {part: (stage.stack.data_dir / "logs" / f"{part}.log").read_text() for part in PARTS}
    return {part: [line for line in log.splitlines() if "broker" in line] for part, log in logs.items()}


async def _told(stage: Stage, before: Mapping[str, list[str]], words: str, *parts: str) -> bool | None:
    """True once these parts, or all, have told it since."""
    now = _lines(stage)
    told = [any(words in line for line in now[part][len(before[part]) :]) for part in parts or PARTS]
    return True if all(told) else None


def _processes(stage: Stage) -> Mapping[str, int | None]:
    return {part: stage.stack.parts[part].pid for part in PARTS}
