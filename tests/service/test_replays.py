"""Replays over HTTP: counted, asked for, looked at, paused, resumed and cancelled (protocol.md 11.6)."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from delivery.delivery_filter import DeliveryId
from delivery.lifecycle import State
from delivery.tickets import Job, JobKind, Nudge
from service.api import search_pages
from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.webhooks.webhook import Webhook
from tests.builders import Builder, Result
from tests.clock import Clock
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE, Callers

REPLAYS = "/events/v1beta1/replays"
FAILED = Result(state=State.FAILED, status=410, reason="410 Gone")


@pytest.fixture
async def hook(builder: Builder) -> Webhook:
    return await builder.webhook()


@pytest.fixture
async def failures(builder: Builder, clock: Clock, hook: Webhook) -> list[DeliveryId]:
    """Three deliveries that were given up."""
    made = [builder.event() for _ in range(3)]
    for each in made:
        await builder.tried(each, hook.id, FAILED)
    clock.advance(1)
    return [DeliveryId(each.key, hook.id, 0) for each in made]


async def ask(api: httpx.AsyncClient, **asked: Any) -> httpx.Response:
    return await api.post(REPLAYS, json=asked)


def refusals(refused: httpx.Response) -> tuple[int, list[str]]:
    return refused.status_code, [issue["subject"] for issue in refused.json()["errorDetails"][0]["issues"]]


async def carry_out(services: Services, announced: list[Nudge]) -> None:
    """What was announced last, as a worker does."""
    job = announced[-1]
    assert isinstance(job, Job)
    assert job.kind is JobKind.REPLAY
    await services.assembly.jobs.run(job)


async def test_counted_first_then_sent_again(
    api: httpx.AsyncClient,
    callers: Callers,
    services: Services,
    announced: list[Nudge],
    failures: list[DeliveryId],
) -> None:
    """A dry run counts and changes nothing; the replay is told with its counts while workers carry it out, also to who may only
    look, and stands in the list."""
    api.headers.update(await callers.headers(Role.SUBSCRIBER, name="night shift"))
    asked = {"webhookIds": [str(failures[0].webhook)], "filter": {"statusClasses": [4], "types": []}}

    counted = await ask(api, **asked, dryRun=True)
    before = (await api.get(REPLAYS)).json()
    made = await ask(api, **asked, ratePerSecond=100)
    await carry_out(services, announced)
    api.headers.update(await callers.headers(Role.VIEWER))
    shown = (await api.get(made.headers["Location"])).json()
    listed = (await api.get(REPLAYS, params={"state": "RUNNING"})).json()
    everything = await api.get(made.headers["Location"], headers=await callers.headers(Role.OPERATOR))

    assert (counted.status_code, counted.json()["count"], counted.json()["more"]) == (200, 3, False)
    assert before["total"] == 0
    assert made.status_code == 202
    assert made.json()["createdBy"] == "night shift"
    assert made.json()["filter"] == {"statusClasses": [4]}
    assert shown["progress"] == {
        "found": 3,
        "foundAll": True,
        "limited": False,
        "waiting": 0,
        "underway": 3,
        "delivered": 0,
        "failed": 0,
        "skipped": 0,
        "skippedBecause": {},
        "cancelled": 0,
    }
    # How far it has searched all workspaces' rows tells how many there are.
    assert "searchedUntil" in everything.json()
    assert "searchedUntil" not in shown | listed["items"][0]
    assert [each["id"] for each in listed["items"]] == [made.json()["id"]]
    assert (await api.get(REPLAYS, params={"state": "PAUSED"})).json()["total"] == 0


async def test_a_count_goes_on(
    api: httpx.AsyncClient, callers: Callers, services: Services, failures: list[DeliveryId]
) -> None:
    """From the place that a count names, which is sealed for all but operators; a replay begins nowhere else than it says."""
    asked = {"webhookIds": [str(failures[0].webhook)], "dryRun": True}
    first, second, _ = sorted(failures, key=lambda each: each.event)
    place = search_pages.sealed(services, WORKSPACE, str(first))
    api.headers.update(await callers.headers(Role.SUBSCRIBER))
    told = [await ask(api, **asked, after=each) for each in ("", place, str(second), f"{place}x", "here")]
    begun = await ask(api, webhookIds=asked["webhookIds"], after=place)

    assert [each.json().get("count") for each in told] == [3, 2, 1, None, None]
    assert [each.json()["next"] for each in told[:3]] == [None] * 3
    assert [refusals(each) for each in (*told[3:], begun)] == [(400, ["after"])] * 3


async def test_paused_resumed_cancelled(
    api: httpx.AsyncClient, callers: Callers, services: Services, announced: list[Nudge], failures: list[DeliveryId]
) -> None:
    """Each order answers with how it stands; one that is over takes none but the same again, and says why not."""
    api.headers.update(await callers.headers(Role.SUBSCRIBER))
    made = await ask(api, filter={"ids": [str(failures[0]), str(failures[1])]})
    path = made.json()["resourceUri"]

    states = [
        (await api.post(f"{path}/{word}")).json()["state"] for word in ("pause", "pause", "resume", "pause", "cancel")
    ]
    await carry_out(services, announced)
    over = await api.post(f"{path}/resume")

    assert states == ["PAUSED", "PAUSED", "RUNNING", "PAUSED", "CANCELLED"]
    assert (await api.post(f"{path}/cancel")).json()["state"] == "CANCELLED"
    assert over.status_code == 409
    assert over.json()["errorDetails"][0]["issues"][0]["description"] == "is cancelled: it cannot be resumed any more"
    assert "endedAt" in (await api.get(path)).json()


async def test_who_may(api: httpx.AsyncClient, callers: Callers, failures: list[DeliveryId]) -> None:
    """Viewers and publishers send nothing again; another workspace's replay is not there; operators name whose it is."""
    await callers.known(WORKSPACE)
    await callers.known(OTHER_WORKSPACE)
    told = []
    for role, workspace in (
        (Role.VIEWER, WORKSPACE),
        (Role.PUBLISHER, WORKSPACE),
        (Role.SUBSCRIBER, OTHER_WORKSPACE),
        (Role.OPERATOR, OTHER_WORKSPACE),
    ):
        api.headers.update(await callers.headers(role, workspace=workspace))
        told.append((await ask(api, all=True, workspaceId=WORKSPACE)).status_code)
    [mine] = (await api.get(REPLAYS, params={"workspaceId": WORKSPACE})).json()["items"]
    api.headers.update(await callers.headers(Role.SUBSCRIBER, workspace=OTHER_WORKSPACE))
    foreign = [(await api.get(mine["resourceUri"])), (await api.post(mine["resourceUri"] + "/cancel"))]

    assert told == [403, 403, 400, 202]
    assert [each.status_code for each in foreign] == [404, 404]
    assert (await api.get(REPLAYS)).json()["total"] == 0


@pytest.mark.parametrize(
    ("asked", "status", "subjects"),
    [
        ({}, 400, ["all"]),
        ({"all": True, "webhookIds": [str(uuid4())]}, 400, ["all"]),
        ({"all": True, "filter": {"states": ["lost"]}}, 400, ["filter.states"]),
        ({"all": True, "filter": {"states": ["parked"]}}, 400, ["filter.states"]),
        ({"filter": {"ids": ["one", f"{uuid4()}.{uuid4()}.0"]}}, 400, ["filter.ids[0]"]),
        ({"all": True, "filter": {"statusClasses": [7]}}, 400, ["filter.statusClasses"]),
        (
            {"all": True, "filter": {"since": "2026-11-28T00:00:00Z", "until": "2026-11-27T00:00:00Z"}},
            400,
            ["filter.until"],
        ),
        ({"all": True, "ratePerSecond": 0}, 400, ["ratePerSecond"]),
        ({"all": True, "ratePerSecond": 1e9}, 400, ["ratePerSecond"]),
        ({"all": True, "missing": True, "filter": {"reason": "x"}}, 400, ["filter"]),
        ({"all": True, "workspaceId": "x"}, 400, ["workspaceId"]),
        ({"all": True, "filter": {"status": 5}}, 422, ["filter.status"]),
        ({"all": True, "filter": {"since": "yesterday"}}, 422, ["filter.since"]),
    ],
)
async def test_what_is_refused(
    api: httpx.AsyncClient, callers: Callers, asked: dict[str, Any], status: int, subjects: list[str]
) -> None:
    """A replay that could mean nothing, or too much, is refused by the name of its field, and none is made."""
    api.headers.update(await callers.headers(Role.SUBSCRIBER))

    assert refusals(await ask(api, **asked)) == (status, subjects)
    assert (await api.get(REPLAYS)).json()["total"] == 0


async def test_too_many_and_nobody(api: httpx.AsyncClient, callers: Callers) -> None:
    """Where as many are open as may be one more is a 403 that names the setting; a webhook that is not there a 404."""
    api.headers.update(await callers.headers(Role.SUBSCRIBER))
    made = [await ask(api, all=True) for _ in range(6)]
    absent = await ask(api, webhookIds=[str(uuid4())])

    assert [each.status_code for each in made] == [202] * 5 + [403]
    assert "HOOKLAKE_REPLAYS_PER_WORKSPACE" in made[-1].text
    assert absent.status_code == 404
