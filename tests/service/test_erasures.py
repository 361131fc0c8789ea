"""Erasure over HTTP and on the command line: who may ask, and what is shown afterwards."""

from uuid import UUID

import httpx
import pytest

from delivery.lifecycle import State
from delivery.tickets import Job, JobKind, Nudge
from subscriptions.access.clients import Role
from subscriptions.ground.database import Database
from tests.builders import Builder, Result
from tests.clock import Clock
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE, Callers

EVENTS = "/events/v1beta1/events"
FAILED = Result(state=State.FAILED, status=410, reason="410 Gone", response_body=b"an answer")


async def published(api: httpx.AsyncClient, callers: Callers, workspace: str = WORKSPACE) -> str:
    """The id of an event that nobody wanted."""
    occurrence = {
        "apiGroup": "compute-ops",
        "apiVersion": "v1",
        "resourceCollection": "servers",
        "event": "rebooted",
        "data": {"id": "s1"},
    }
    publisher = await callers.headers(Role.PUBLISHER, workspace=workspace)
    return str((await api.post("/events/v1beta1/occurrences", json=occurrence, headers=publisher)).json()["id"])


async def test_an_operator_erases_an_event(api: httpx.AsyncClient, callers: Callers) -> None:
    """An operator erases an event of any workspace, once or again; what became of it can still be read, and says so."""
    event = await published(api, callers, OTHER_WORKSPACE)
    operator = await callers.headers(Role.OPERATOR)
    before = (await api.get(f"{EVENTS}/{event}", headers=operator)).json()

    answers = [await api.delete(f"{EVENTS}/{event}", headers=operator) for _ in range(2)]

    after = (await api.get(f"{EVENTS}/{event}", headers=operator)).json()
    assert [answer.status_code for answer in answers] == [204, 204]
    assert (before["erased"], after) == (False, before | {"erased": True})


async def test_event_by_the_publishers_id(api: httpx.AsyncClient, callers: Callers, database: Database) -> None:
    """An event is found by the id and source that its publisher gave it, as it is when it is read."""
    event = {"specversion": "1.0", "id": "mine/1", "source": "//theirs", "type": REBOOTED, "data": {}}
    headers = await callers.headers(Role.PUBLISHER) | {"Content-Type": "application/cloudevents+json"}
    await api.post("/events/v1beta1/cloudevents", json=event, headers=headers)
    operator = await callers.headers(Role.OPERATOR)

    answer = await api.delete(f"{EVENTS}/mine/1", params={"source": "//theirs"}, headers=operator)

    async with database.raw() as connection:
        assert (answer.status_code, await connection.fetchval("SELECT count(body) FROM events")) == (204, 0)


REBOOTED = "com.hpe.greenlake.compute-ops.v1.servers.rebooted"


@pytest.mark.parametrize("name", ["3a0e8f6c-6d3b-4b51-9d0a-0a6d1e6f2c55", "nothing"])
async def test_what_is_not_there_is_404(api: httpx.AsyncClient, callers: Callers, name: str) -> None:
    """What does not exist is a 404."""
    answer = await api.delete(f"{EVENTS}/{name}", headers=await callers.headers(Role.OPERATOR))

    assert answer.status_code == 404


@pytest.mark.parametrize("role", [Role.PUBLISHER, Role.SUBSCRIBER, Role.VIEWER])
async def test_operators_alone(api: httpx.AsyncClient, callers: Callers, role: Role) -> None:
    """Nobody else erases anything, of their own workspace neither."""
    event = await published(api, callers)
    headers = await callers.headers(role, any_workspace=True)

    one = await api.delete(f"{EVENTS}/{event}", headers=headers)
    every = await api.delete(EVENTS, params={"workspaceId": WORKSPACE}, headers=headers)

    assert (one.status_code, every.status_code) == (403, 403)


async def test_a_workspace_is_erased_by_a_job(
    api: httpx.AsyncClient, callers: Callers, database: Database, announced: list[Nudge], clock: Clock
) -> None:
    """The erasure of a workspace is written down, and workers are nudged; the answer names the job."""
    operator = await callers.headers(Role.OPERATOR)

    answer = await api.delete(EVENTS, params={"workspaceId": OTHER_WORKSPACE}, headers=operator)

    job = UUID(answer.json()["jobId"])
    async with database.raw() as connection:
        row = await connection.fetchrow("SELECT kind, workspace_id, webhook, due_at FROM jobs WHERE id = $1", job)
    assert row is not None
    assert (answer.status_code, tuple(row.values())) == (202, ("erase", OTHER_WORKSPACE, None, clock()))
    assert announced == [Job(kind=JobKind.JOB, key=job, fence=0)]


@pytest.mark.parametrize("query", [{}, {"workspaceId": ""}, {"workspaceId": "all"}])
async def test_which_workspace(api: httpx.AsyncClient, callers: Callers, query: dict[str, str]) -> None:
    """Without a workspace nothing is erased: 400."""
    answer = await api.delete(EVENTS, params=query, headers=await callers.headers(Role.OPERATOR))

    assert answer.status_code == 400
    assert answer.json()["errorDetails"][0]["issues"][0]["subject"] == "workspaceId"


async def test_recent_deliveries(api: httpx.AsyncClient, callers: Callers, builder: Builder) -> None:
    """A recent delivery says that its payload was erased; its retry is refused, and says why."""
    hook = await builder.webhook()
    event = builder.event()
    await builder.tried(event, hook.id, FAILED)
    operator = await callers.headers(Role.OPERATOR)
    path = f"/events/v1beta1/webhooks/{hook.id}"

    await api.delete(f"{EVENTS}/{event.key}", headers=operator)

    [item] = (await api.get(f"{path}/recent-deliveries", headers=operator)).json()["items"]
    retry = await api.post(f"{path}/delivery-failures/{event.key}/retry", headers=operator)
    assert (item["erased"], item["requestBody"], item["requestHeaders"], item["responseBody"]) == (True, {}, {}, "")
    assert (item["httpResponseCode"], retry.status_code) == (410, 400)
    assert "payload was erased" in retry.json()["message"]
