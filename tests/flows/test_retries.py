"""What follows a failed attempt: another one on schedule, or the end, each with its reason for people to read."""

from datetime import datetime
from itertools import pairwise

import pytest

from deploy import stores
from tests.flows.conftest import DEADLINE, DELAYS, FLOOR, JITTER, SHARE
from tests.flows.stage import Stage
from tests.flows.workspaces import DELIVERY_FAILED, FAILED_SOURCE, Hook, Workspace
from tests.receiver import Answer, Receiver

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: Seconds that a busy machine may take from the moment a retry is due until it has arrived.
SLACK = 3.0
UNAVAILABLE = Answer(status=503)
#: Bytes of an answer that are kept.
CAP = 65536


async def test_two_failures_then_success(workspace: Workspace, receiver: Receiver) -> None:
    """503, 503, 200: three attempts at the scheduled times within jitter; then success; no fourth."""
    hook = await workspace.hook()
    receiver.plan(hook.path, UNAVAILABLE, UNAVAILABLE)

    receipt = await workspace.publish()
    await workspace.settled(receipt, delivered=1)

    requests = receiver.deliveries(hook.path)
    waits = [later.at - earlier.at for earlier, later in pairwise(requests)]
    item = await workspace.tried(hook)
    assert len(waits) == 2
    for wait, delay in zip(waits, DELAYS, strict=False):
        assert delay * (1 - JITTER) <= wait <= delay * (1 + JITTER) + SLACK
    assert (item["status"], item["generation"], item["retryStatus"]) == ("SUCCESS", 3, "NORETRY")
    assert {request.header("webhook-id") for request in requests} == {receipt["id"]}
    assert len({request.body for request in requests}) == 1
    assert all(request.hpe and request.standard for request in requests)


async def test_failing_for_ever(workspace: Workspace, stage: Stage, receiver: Receiver) -> None:
    """Always 503: exactly the maximum of attempts, final state failed, one notice."""
    hook, told = await workspace.hook(), await workspace.hook(DELIVERY_FAILED)
    receiver.plan(hook.path, *[UNAVAILABLE] * 100)

    receipt = await workspace.publish()
    await workspace.settled(receipt, failed=1)
    await receiver.wait_for(1, path=told.path)
    await workspace.settled({"id": f"{receipt['id']}.{hook.id}.0"}, source=FAILED_SOURCE, delivered=1)

    [notice] = receiver.deliveries(told.path)
    item = await workspace.tried(hook)
    assert len(receiver.deliveries(hook.path)) == len(DELAYS) + 1
    assert (item["status"], item["retryStatus"], item["failureId"]) == ("FAILURE", "NORETRY", receipt["id"])
    assert len(stage.logged(f"delivery.given_up event={receipt['id']}")) == 1
    assert f'"failureId":"{receipt["id"]}"'.encode() in notice.body
    assert f'"type":"{DELIVERY_FAILED}"'.encode() in notice.body


async def test_too_many_requests(workspace: Workspace, receiver: Receiver) -> None:
    """429 without Retry-After: at least the floor (greenlake.md 5.2)."""
    hook = await workspace.hook()
    receiver.plan(hook.path, Answer(status=429))

    await workspace.settled(await workspace.publish(), delivered=1)

    first, second = receiver.deliveries(hook.path)
    assert second.at - first.at >= FLOOR


async def test_an_answer_that_is_late(workspace: Workspace, receiver: Receiver) -> None:
    """Headers later than the time-out: recorded as a time-out within a second of it; the slot is free again."""
    hook = await workspace.hook()
    slots = 2 * SHARE
    receiver.plan(hook.path, *[Answer(act="hang")] * slots)

    receipts = await workspace.publish_many(slots + 4)
    item = await workspace.tried(hook, status="FAILURE")
    await workspace.settled(*receipts, delivered=1)

    arrived = [request.at for request in receiver.deliveries(hook.path) if request.header("webhook-id") == item["id"]]
    took = datetime.fromisoformat(item["updatedAt"]).timestamp() - arrived[item["generation"] - 1]
    assert item["reason"].startswith(f"time-out: no answer within {DEADLINE:g} s")
    assert item["httpResponseCode"] == 0
    assert DEADLINE - 1 <= took <= DEADLINE + 1


async def test_huge_answers(workspace: Workspace, stage: Stage, receiver: Receiver) -> None:
    """A 1 GB body, a gzip bomb: stored up to the cap, worker memory bounded."""
    huge, bomb = await workspace.hook(), await workspace.hook()
    receiver.plan(huge.path, Answer(act="huge"))
    receiver.plan(bomb.path, Answer(act="bomb"))
    before = {pid: worker.memory_info().rss for pid, worker in stage.workers().items()}

    await workspace.settled(await workspace.publish(), delivered=2)

    grown = [worker.memory_info().rss - before[pid] for pid, worker in stage.workers().items()]
    items = [await workspace.tried(hook) for hook in (huge, bomb)]
    assert [len(item["responseBody"]) for item in items] == [CAP, CAP]
    assert max(grown) < 64 << 20


async def test_redirects_are_never_followed(workspace: Workspace, receiver: Receiver) -> None:
    """301, 302, 307, 308: never followed (cloudevents.md W2)."""
    statuses = (301, 302, 307, 308)
    hooks = [await workspace.hook() for _ in statuses]
    elsewhere = f"/elsewhere-{workspace.id}"
    for hook, status in zip(hooks, statuses, strict=True):
        receiver.plan(hook.path, Answer(status=status, headers=(("Location", receiver.url(elsewhere)),)))

    await workspace.settled(await workspace.publish(), failed=len(statuses))

    items = [await workspace.tried(hook) for hook in hooks]
    assert [item["httpResponseCode"] for item in items] == list(statuses)
    assert all(item["reason"].endswith("redirects are not followed") for item in items)
    assert [len(receiver.deliveries(hook.path)) for hook in hooks] == [1, 1, 1, 1]
    assert receiver.deliveries(elsewhere) == []


async def test_no_answer(workspace: Workspace, receiver: Receiver) -> None:
    """Refused, reset in the first line of its answer, TLS failure, unknown name: retried, each with its own readable cause."""
    closed = stores.free_port()
    async with Receiver() as untrusted:
        reset = await workspace.hook()
        receiver.plan(reset.path, *[Answer(act="raw", body=b"HTTP/1.1 2")] * 10)
        hooks = {
            "refused": await _elsewhere(workspace, f"https://127.0.0.1:{closed}/"),
            "reset": reset,
            "TLS": await _elsewhere(workspace, untrusted.url("/")),
            "name": await _elsewhere(workspace, "https://nowhere.invalid/"),
        }

        await workspace.publish()
        items = {what: await workspace.tried(hook, 2) for what, hook in hooks.items()}

    reasons = {what: item["reason"] for what, item in items.items()}
    assert reasons["refused"] == f"connection refused by 127.0.0.1:{closed}"
    assert reasons["reset"] == f"connection closed by 127.0.0.1:{receiver.port} in the middle of the answer"
    assert reasons["TLS"].startswith("certificate verify failed: ")
    # Which of the two depends on whether the machine has a name server at all.
    assert reasons["name"] in {
        "name nowhere.invalid does not resolve",
        "name nowhere.invalid cannot be resolved at the moment",
    }
    assert {item["status"] for item in items.values()} == {"FAILURE"}


async def _elsewhere(workspace: Workspace, destination: str) -> Hook:
    """A webhook that nobody there would answer a challenge for."""
    return await workspace.hook(destination=destination, challengeRequestEnabled=False)
