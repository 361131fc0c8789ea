"""Batches as subscribers meet them: arrays, closed once, signed as one."""

import json

import pytest

from tests.flows.workspaces import DELIVERY_FAILED, FAILED_SOURCE, SECRET, Hook, Json, Workspace
from tests.receiver import Answer, Receiver, Request

pytestmark = pytest.mark.asyncio(loop_scope="session")


def events(request: Request) -> list[Json]:
    """The array that arrived."""
    found: list[Json] = json.loads(request.body)
    return found


async def test_tenth_and_rest(workspace: Workspace, receiver: Receiver) -> None:
    """Of 23 events two arrays of ten go out at once and the rest when its time has come; each event once, every array signed."""
    hook = await workspace.hook(batching=True)

    receipts = await workspace.publish_many(23)
    await workspace.settled(*receipts, delivered=1)

    requests = receiver.deliveries(hook.path)
    ids = [event["id"] for request in requests for event in events(request)]
    assert sorted(ids) == sorted(receipt["id"] for receipt in receipts)
    assert sorted(len(events(request)) for request in requests) == [3, 10, 10]
    assert len(events(requests[-1])) == 3
    assert all(request.hpe and request.standard for request in requests)
    assert {request.header("content-type") for request in requests} == {"application/json"}


async def test_retried_as_it_was(workspace: Workspace, receiver: Receiver) -> None:
    """A batch that failed comes again with the same bytes and id, whatever was published meanwhile; it is one recent delivery."""
    hook = await workspace.hook(batching=True, contentMode="structured")
    receiver.plan(hook.path, Answer(status=503))

    first = await workspace.publish_many(10)
    await receiver.wait_for(1, path=hook.path)
    await workspace.publish_many(3)
    await workspace.settled(*first, delivered=1)

    failed, again = [request for request in receiver.deliveries(hook.path) if len(events(request)) == 10]
    [item] = [item for item in await workspace.recent(hook) if item["id"] == failed.header("webhook-id")]
    assert failed.body == again.body
    assert failed.header("webhook-id") == again.header("webhook-id")
    assert failed.header("content-type") == "application/cloudevents-batch+json"
    assert (item["batchId"], item["description"], item["generation"]) == (item["id"], "Batch of 10 events", 2)
    assert item["requestBody"] == events(failed)
    assert (await workspace.event(item["batchId"])).status_code == 404


async def test_given_up_and_sent_again(workspace: Workspace, receiver: Receiver) -> None:
    """A batch that is given up is told of by its id; a retry by hand delivers it and all of its events."""
    hook, told = await workspace.hook(batching=True), await workspace.hook(DELIVERY_FAILED)
    receiver.plan(hook.path, Answer(status=308))

    receipts = await workspace.publish_many(10)
    await workspace.settled(*receipts, failed=1)
    item = await workspace.tried(hook)
    await receiver.wait_for(1, path=told.path)
    await workspace.settled({"id": f"{item['id']}.{hook.id}.0"}, source=FAILED_SOURCE, delivered=1)
    answer = await _retry(workspace, hook, item["failureId"])
    await workspace.settled(*receipts, delivered=1)

    [notice] = receiver.deliveries(told.path)
    data = json.loads(notice.body)["data"]
    [gone, arrived] = receiver.deliveries(hook.path)
    assert (item["failureId"], item["retryStatus"], answer["retryStatus"]) == (item["batchId"], "NORETRY", "RETRY")
    assert data["batchId"] == item["batchId"]
    assert {event["id"] for event in data["events"]} == {receipt["id"] for receipt in receipts}
    assert (gone.body, gone.header("webhook-id")) == (arrived.body, arrived.header("webhook-id"))


async def test_batching_switched_off(workspace: Workspace, receiver: Receiver) -> None:
    """What has collected goes out in an array at once, and what comes after it singly."""
    hook = await workspace.hook(batching=True)
    collected = await workspace.publish_many(4)
    answer = await workspace.http.patch(hook.uri, json={"batching": False, "contentMode": "binary"})
    await workspace.settled(*collected, delivered=1)

    single = await workspace.publish()
    await workspace.settled(single, delivered=1)

    batch, alone = receiver.deliveries(hook.path)
    assert answer.status_code == 200, answer.text
    assert {event["id"] for event in events(batch)} == {receipt["id"] for receipt in collected}
    assert batch.header("content-type") == "application/cloudevents-batch+json"
    assert alone.header("ce-id") == single["id"]
    assert batch.hpe
    assert alone.hpe


async def test_binary_mode_has_no_batches(workspace: Workspace) -> None:
    """Binary mode has no batches: 422, at registration and by a change."""
    hook = await workspace.hook(batching=True)
    given = {
        "name": "n",
        "destination": "https://127.0.0.1/",
        "secret": SECRET,
        "batching": True,
        "contentMode": "binary",
    }

    registered = await workspace.http.post("/events/v1beta1/webhooks", json=given)
    changed = await workspace.http.patch(hook.uri, json={"contentMode": "binary"})

    assert (registered.status_code, changed.status_code) == (422, 422)


async def _retry(workspace: Workspace, hook: Hook, failure: str) -> Json:
    answer = await workspace.http.post(f"{hook.uri}/delivery-failures/{failure}/retry")
    retried: Json = answer.raise_for_status().json()
    return retried
