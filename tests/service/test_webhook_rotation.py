"""A rotation of a webhook's secret over HTTP, a registration that is only tried, and the list that is searched."""

from typing import Any

import httpx
import pytest

from service.services import Services
from subscriptions.access.clients import Role
from tests.clock import Clock
from tests.service.callers import OTHER_WORKSPACE, Callers

DRY = {"dryRun": "true"}
PATH = "/events/v1beta1/webhooks"


def registration(**more: Any) -> dict[str, Any]:
    return {"name": "Licences", "destination": "https://127.0.0.1:9/hook", "secret": "the-first-secret", **more}


def subjects(response: httpx.Response) -> list[str]:
    return [issue["subject"] for issue in response.json()["errorDetails"][0]["issues"]]


@pytest.fixture
async def subscriber(api: httpx.AsyncClient, callers: Callers) -> httpx.AsyncClient:
    """The API's client, as a subscriber."""
    api.headers.update(await callers.headers(Role.SUBSCRIBER))
    return api


async def secrets(services: Services) -> tuple[str, ...]:
    async with services.database.raw() as connection:
        [row] = await connection.fetch("SELECT id FROM webhooks WHERE deleted_at IS NULL")
        hooks = await services.assembly.base.webhook_store.hooks(connection, [row["id"]])
    return hooks[row["id"]].secrets


async def test_a_secret_is_rotated_step_by_step(
    subscriber: httpx.AsyncClient, services: Services, clock: Clock
) -> None:
    """A second one is given, both sign, the second becomes the only one: at each step it is told since when each is live."""
    made = (await subscriber.post(PATH, json=registration(challengeRequestEnabled=False))).json()
    own = f"{PATH}/{made['id']}"
    clock.advance(60)
    second = (await subscriber.patch(own, json={"secondarySecret": "the-second-secret"})).json()
    both = await secrets(services)
    clock.advance(60)

    ended = await subscriber.post(f"{own}/promote-secret")
    again = await subscriber.post(f"{own}/promote-secret")

    assert "secondarySecretSince" not in made
    assert made["secretSince"] == second["secretSince"] < second["secondarySecretSince"]
    assert both == ("the-first-secret", "the-second-secret")
    assert (ended.status_code, ended.json()["dualSecret"]) == (200, False)
    assert ended.json()["secretSince"] > second["secondarySecretSince"]
    assert "secondarySecretSince" not in ended.json()
    assert await secrets(services) == ("the-second-secret",)
    assert (again.status_code, subjects(again)) == (400, ["secondarySecret"])


async def test_a_rotation_is_for_those_who_may_change_the_webhook(
    api: httpx.AsyncClient, subscriber: httpx.AsyncClient, callers: Callers
) -> None:
    """A viewer may not, and for another workspace there is no such webhook."""
    made = (await subscriber.post(PATH, json=registration(secondarySecret="the-second-secret"))).json()
    viewer = await callers.headers(Role.VIEWER)
    other = await callers.headers(Role.SUBSCRIBER, workspace=OTHER_WORKSPACE)

    answers = [await api.post(f"{PATH}/{made['id']}/promote-secret", headers=each) for each in (viewer, other)]

    assert [each.status_code for each in answers] == [403, 404]


async def test_a_registration_is_tried_and_keeps_nothing(subscriber: httpx.AsyncClient, services: Services) -> None:
    """`dryRun=true` answers 204, or what a registration would be refused for: fields, a name in use, an inner address."""
    free = await subscriber.post(PATH, json=registration(), params=DRY)
    there = await subscriber.get(PATH)
    await subscriber.post(PATH, json=registration())

    taken = await subscriber.post(PATH, json=registration(), params=DRY)
    inside = await subscriber.post(PATH, json=registration(name="x", destination="https://10.0.0.1/"), params=DRY)
    short = await subscriber.post(PATH, json=registration(name="x", secret="abc"), params=DRY)

    assert (free.status_code, free.content, there.json()["total"]) == (204, b"", 0)
    assert [(each.status_code, subjects(each)) for each in (taken, inside, short)] == [
        (400, ["name"]),
        (400, ["destination"]),
        (400, ["secret"]),
    ]
    async with services.database.raw() as connection:
        assert await connection.fetchval("SELECT count(*) FROM webhooks") == 1


async def test_the_list_is_searched_and_sorted(subscriber: httpx.AsyncClient) -> None:
    """`search` and `sort` as the contract says; another word for an order, and a search that is too long, are refused."""
    for name in ("beta", "alpha", "audit"):
        await subscriber.post(PATH, json=registration(name=name))

    sorted_ = await subscriber.get(PATH, params={"sort": "name"})
    found = await subscriber.get(PATH, params={"search": "AU"})
    wrong = await subscriber.get(PATH, params={"sort": "colour"})
    long = await subscriber.get(PATH, params={"search": "x" * 201})

    assert [each["name"] for each in sorted_.json()["items"]] == ["alpha", "audit", "beta"]
    assert ([each["name"] for each in found.json()["items"]], found.json()["total"]) == (["audit"], 1)
    assert [(each.status_code, subjects(each)) for each in (wrong, long)] == [(400, ["sort"]), (400, ["search"])]
