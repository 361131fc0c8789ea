"""Who receives what: one request for each delivery that is owed, and none for anything else."""

import asyncio
import json
from collections import Counter

import pytest

from tests.flows.stage import Stage
from tests.flows.workspaces import EVENTS, REBOOTED, SOURCE, Workspace, occurrence
from tests.receiver import Receiver

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_one_occurrence_one_request(workspace: Workspace, receiver: Receiver) -> None:
    """One occurrence, one webhook: exactly one request; body, type, id and signatures as specified (cloudevents.md B2)."""
    hook = await workspace.hook()
    data = '{"id":"server-1","uptime":1.0,"serial":123456789012345678901234567890,"name":"Grüße"}'
    given = json.dumps(occurrence(time="2026-05-04T12:30:00.5Z", data="DATA")).replace('"DATA"', data)

    receipt = (await workspace.post(given)).raise_for_status().json()
    await workspace.settled(receipt, delivered=1)

    [request] = receiver.deliveries(hook.path)
    assert request.body.decode() == (
        f'{{"specversion":"1.0","id":"{receipt["id"]}","source":"{SOURCE}","type":"{REBOOTED}",'
        f'"subject":"{workspace.id}","datacontenttype":"application/json","time":"2026-05-04T12:30:00.5Z","data":{data}}}'
    )
    assert (receipt["type"], receipt["duplicate"]) == (REBOOTED, False)
    assert (request.method, request.header("Content-Type")) == ("POST", "application/json")
    assert request.header("webhook-id") == receipt["id"]
    assert (request.hpe, request.standard) == (True, True)


async def test_an_event_nobody_wants(workspace: Workspace, receiver: Receiver) -> None:
    """An event nobody wants: accepted, stored, no delivery, visible as such."""
    hook = await workspace.hook()

    unwanted = await workspace.publish(apiGroup="data", resourceCollection="volumes", event="created")
    wanted = await workspace.publish()
    await workspace.settled(wanted, delivered=1)

    shown = (await workspace.event(unwanted["id"])).json()
    assert shown["id"] == unwanted["id"]
    assert set(shown["deliveries"].values()) == {0}
    assert [request.header("webhook-id") for request in receiver.deliveries(hook.path)] == [wanted["id"]]


async def test_two_workspaces_alike(workspace: Workspace, stage: Stage, receiver: Receiver) -> None:
    """Two workspaces with the same names and URLs: no cross reads (404), no cross delivery."""
    stranger = await stage.workspace()
    mine = await workspace.hook(name="twin")
    theirs = await stranger.hook(name="twin", path=mine.path)
    receipt = await workspace.publish()
    await workspace.settled(receipt, delivered=1)

    reads = [
        await stranger.http.get(mine.uri),
        await stranger.http.get(f"{mine.uri}/recent-deliveries"),
        await stranger.http.patch(mine.uri, json={"paused": True}),
        await stranger.http.delete(mine.uri, params={"force": "true"}),
        await stranger.http.post(f"{mine.uri}/verify"),
        await stranger.http.post(f"{mine.uri}/delivery-failures/{receipt['id']}/retry"),
        await stranger.event(receipt["id"]),
    ]
    webhooks = (await stranger.http.get(f"{EVENTS}/webhooks")).json()["items"]
    subscription_store = (await stranger.http.get(f"{EVENTS}/subscriptions")).json()["items"]
    named = {"filter": f"webhookId eq '{mine.id}'"}
    foreign = (await stranger.http.get(f"{EVENTS}/subscriptions", params=named)).json()["items"]
    forbidden = await stranger.post(occurrence(workspaceId=workspace.id))

    assert [answer.status_code for answer in reads] == [404] * 7
    assert [webhook["id"] for webhook in webhooks] == [theirs.id]
    assert [order["webhook"]["resourceUri"] for order in subscription_store] == [theirs.uri]
    assert foreign == []
    assert forbidden.status_code == 403
    assert [json.loads(request.body)["subject"] for request in receiver.deliveries(mine.path)] == [workspace.id]
    assert (len(await workspace.recent(mine)), len(await stranger.recent(theirs))) == (1, 0)


async def test_no_request_too_many(workspace: Workspace, receiver: Receiver) -> None:
    """20 consumers, 4,000 deliveries, no faults: exactly 4,000 requests."""
    hooks = await asyncio.gather(*(workspace.hook() for _ in range(20)))

    receipts = await asyncio.gather(*(workspace.publish(data={"n": number}) for number in range(200)))
    await workspace.settled(*receipts, delivered=20, seconds=90)

    requests = [request for hook in hooks for request in receiver.deliveries(hook.path)]
    once = {(hook.path, receipt["id"]): 1 for hook in hooks for receipt in receipts}
    assert Counter((request.path, request.header("webhook-id")) for request in requests) == once
    assert all(request.hpe and request.standard for request in requests)
