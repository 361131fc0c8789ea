"""What becomes of deliveries when their webhook is paused, resumed or deleted."""

import asyncio
import json
import sys

import httpx
import pytest

from tests.flows.conftest import SHARE
from tests.flows.stage import Stage
from tests.flows.workspaces import Hook, Json, Workspace
from tests.receiver import Answer, Receiver

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_paused_and_resumed(workspace: Workspace, stage: Stage, receiver: Receiver) -> None:
    """A paused webhook gets nothing; resumed, it gets new events, and the ones kept meanwhile, started in order of arrival."""
    hook, witness = await workspace.hook(), await workspace.hook()

    paused = await _change(workspace, hook, paused=True)
    # One after another: what comes in one array arrives at once.
    kept = [await workspace.publish() for _ in range(60)]
    await workspace.settled(*kept, delivered=1, parked=1)
    while_paused = receiver.deliveries(hook.path)
    resumed = await _change(workspace, hook, paused=False)
    await workspace.status(hook, "ACTIVE")
    new = await workspace.publish_many(5)
    await workspace.settled(*kept, *new, delivered=2)

    arrived = [request.header("webhook-id") for request in receiver.deliveries(hook.path)]
    challenges = [request for request in receiver.requests if request.path == hook.path and request.challenge]
    assert (paused["status"], paused["paused"]) == ("DISABLED", True)
    assert paused["stateReason"] == f"Webhook Disabled by user: {paused['hpePrincipal']}"
    assert while_paused == []
    assert (resumed["status"], resumed["paused"]) == ("PENDING", False)
    assert len(challenges) == 2
    assert sorted(arrived) == sorted(receipt["id"] for receipt in kept + new)
    # Started in order and side by side, one overtakes no more than are in flight with it (greenlake.md 5.4).
    assert max(_overtaken([receipt["id"] for receipt in kept], arrived)) < SHARE * len(stage.workers())
    assert len(receiver.deliveries(witness.path)) == len(kept + new)


async def test_deleted_while_retries_wait(workspace: Workspace, stage: Stage, receiver: Receiver) -> None:
    """A webhook deleted while retries wait: no further request; its attempts stay readable to
    operators until retention (protocol.md 6.7)."""
    hook, witness = await workspace.hook(), await workspace.hook()
    # The same failures for both: once the witness has been tried to the end, the deleted one's retries would be over too.
    for path in (hook.path, witness.path):
        receiver.plan(path, Answer(status=429, body=b"too many"), Answer(status=503))

    receipt = await workspace.publish()
    await workspace.tried(hook, status="FAILURE")
    deleted = await workspace.http.delete(hook.uri, params={"force": "true"})
    await workspace.settled(receipt, cancelled=1, delivered=1)

    own = await workspace.http.get(f"{hook.uri}/recent-deliveries")
    stranger = await (await stage.workspace()).http.get(f"{hook.uri}/recent-deliveries")
    async with httpx.AsyncClient(base_url=stage.stack.base_url, timeout=20) as operator:
        operator.headers["Authorization"] = f"Bearer {await _operators_token(stage)}"
        shown = (await operator.get(f"{hook.uri}/recent-deliveries")).raise_for_status().json()
    item, challenge = shown["items"]
    assert challenge["description"].endswith(".webhooks.verification")
    assert (deleted.status_code, own.status_code, stranger.status_code) == (204, 404, 404)
    assert [len(receiver.deliveries(path)) for path in (hook.path, witness.path)] == [1, 3]
    assert (item["id"], item["generation"], item["httpResponseCode"]) == (receipt["id"], 1, 429)
    assert (item["status"], item["retryStatus"]) == ("FAILURE", "NORETRY")
    assert item["requestBody"]["id"] == receipt["id"]
    assert item["responseBody"] == "too many"


async def _change(workspace: Workspace, hook: Hook, **fields: object) -> Json:
    """The webhook as the answer to the change shows it."""
    shown: Json = (await workspace.http.patch(hook.uri, json=fields)).raise_for_status().json()
    return shown


def _overtaken(published: list[str], arrived: list[str]) -> list[int]:
    """For each that was published: how many published before it arrived after it."""
    place = {identity: index for index, identity in enumerate(arrived)}
    return [
        sum(place[earlier] > place[identity] for earlier in published[:index])
        for index, identity in enumerate(published)
    ]


async def _operators_token(stage: Stage) -> str:
    """Of a client that the command line makes, as whoever runs the service would."""
    command = ("-m", "service.cli", "clients", "create", "--name", "an operator's program", "--role", "operator")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, env=stage.stack.environ, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await process.communicate()
    made = json.loads(printed)
    given = {"grant_type": "client_credentials", "client_id": made["clientId"], "client_secret": made["clientSecret"]}
    async with httpx.AsyncClient(base_url=stage.stack.base_url, timeout=20) as http:
        answer = await http.post(f"/authorization/v2/oauth2/{made['workspaceId']}/token", data=given)
    return str(answer.raise_for_status().json()["access_token"])
