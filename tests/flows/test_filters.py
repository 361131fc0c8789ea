"""Event filters as subscribers meet them: who gets an event, decided by what it says."""

import asyncio

import pytest

from tests.flows.workspaces import EVENTS, PREFIX, REBOOTED, Hook, Json, Workspace
from tests.receiver import Receiver

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: Nobody publishes this here.
CREATED = f"{PREFIX}.data.v1.volumes.created"

SERVER = {
    "id": "server-1",
    "name": "O'Hara",
    "cpu": 4,
    "load": 1.5,
    "on": True,
    "owner": None,
    "rebootedAt": "2026-05-04T12:30:00.5Z",
    "tags": ["red", "blue"],
    "place": {"site": {"country": "Brazil", "floor": 3}},
}

#: Each with whether it wants the SERVER.
GRID = {
    "cpu eq 4": True,
    "cpu eq 5": False,
    "cpu ne 5": True,
    "cpu ne 4": False,
    "cpu gt 3.9": True,
    "cpu gt 4": False,
    "cpu ge 4.0": True,
    "cpu ge 5": False,
    "load lt 2": True,
    "load lt 1.5": False,
    "load le 1.5": True,
    "load le 1": False,
    "rebootedAt lt 2026-05-04T14:30:00.6+02:00": True,
    "rebootedAt lt 2026-05-04T12:30:00Z": False,
    "on eq true": True,
    "on eq false": False,
    "cpu in (1,2,4)": True,
    "name in ('Smith','Jones')": False,
    "'blue' in tags": True,
    "'green' in tags": False,
    "startswith(name,'O''')": True,
    "startswith(name,'H')": False,
    "place/site/country eq 'Brazil' and place/site/floor lt 4": True,
    "place/site/country eq 'Brazil' and place/site/floor lt 3": False,
    "place/site eq 'Brazil' or cpu eq 4": True,
    "not cpu eq 4 or on eq false": False,
    "not (cpu eq 5 or on eq false)": True,
    "cpu eq 5 or cpu eq 4 and on eq true": True,
    "owner eq null": True,
    "owner ne null": False,
    "absent eq null": True,
    "absent gt 5": False,
    "absent ne 5": True,
    "place/absent/deeper eq 'x'": False,
    # Another type never matches.
    "cpu eq '4'": False,
    "tags eq 'red'": False,
}


async def test_matched_by_type_and_filter(workspace: Workspace, receiver: Receiver) -> None:
    """Ten webhooks, three match by type, two more by filter: exactly the matching set receives."""
    by_type = await asyncio.gather(*(workspace.hook(challengeRequestEnabled=False) for _ in range(3)))
    by_filter = await asyncio.gather(*(_hook(workspace, text) for text in ("cpu gt 3", "name eq 'O''Hara'")))
    others = await asyncio.gather(
        *(_hook(workspace, text) for text in ("cpu gt 4", "name eq 'Smith'")),
        *(workspace.hook(CREATED, challengeRequestEnabled=False) for _ in range(3)),
    )

    receipt = await workspace.publish(data=SERVER)
    await workspace.settled(receipt, delivered=5)

    assert _received(receiver, *by_type, *by_filter, *others) == {hook.path: 1 for hook in (*by_type, *by_filter)}


async def test_filter_grid(workspace: Workspace, receiver: Receiver) -> None:
    """Filter grid eq ne gt ge lt le in, and or not, startswith, nested paths, arrays, null, missing property: right answers."""
    hooks = {text: await _hook(workspace, text) for text in GRID}

    receipt = await workspace.publish(data=SERVER)
    await workspace.settled(receipt, delivered=sum(GRID.values()))

    received = _received(receiver, *hooks.values())
    assert {text: hook.path in received for text, hook in hooks.items()} == GRID
    assert set(received.values()) == {1}


async def test_changed_filter(workspace: Workspace, receiver: Receiver) -> None:
    """A change of a filter, and a deletion, hold for every publication that begins after their answers."""
    hook = await _hook(workspace, "cpu gt 4")
    [subscription] = [each for each in await _subscriptions(workspace, hook) if each["eventType"] == REBOOTED]
    refused = await workspace.publish(data=SERVER)

    replacement = {"subscriptionId": subscription["id"], **_order(hook, "cpu ge 4")}
    answer = (await workspace.http.patch(f"{EVENTS}/subscriptions", json=[replacement])).raise_for_status()
    wanted = await workspace.publish(data=SERVER)
    (await workspace.http.delete(f"{EVENTS}/subscriptions", params={"id": subscription["id"]})).raise_for_status()
    unwanted = await workspace.publish(data=SERVER)
    await workspace.settled(wanted, delivered=1)
    await workspace.settled(refused, unwanted)

    assert [(each["eventFilter"], each["generation"]) for each in answer.json()] == [("cpu ge 4", 2)]
    assert [request.header("webhook-id") for request in receiver.deliveries(hook.path)] == [wanted["id"]]


async def _hook(workspace: Workspace, text: str) -> Hook:
    """A webhook, subscribed to REBOOTED with this filter."""
    hook = await workspace.hook(CREATED, challengeRequestEnabled=False)
    (await workspace.http.post(f"{EVENTS}/subscriptions", json=[_order(hook, text)])).raise_for_status()
    return hook


def _order(hook: Hook, text: str) -> Json:
    return {"eventType": REBOOTED, "webhook": {"resourceUri": hook.uri}, "eventFilter": text}


async def _subscriptions(workspace: Workspace, hook: Hook) -> list[Json]:
    named = {"filter": f"webhookId eq '{hook.id}'"}
    listed: list[Json] = (await workspace.http.get(f"{EVENTS}/subscriptions", params=named)).json()["items"]
    return listed


def _received(receiver: Receiver, *hooks: Hook) -> dict[str, int]:
    """How many deliveries came to each of the paths that got any."""
    counts = {hook.path: len(receiver.deliveries(hook.path)) for hook in hooks}
    return {path: count for path, count in counts.items() if count}
