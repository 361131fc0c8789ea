"""Shipped catalogues that are switched on by name, and their subscription sets."""

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import msgspec
import pytest

from service.app import Configuration
from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.catalogue.builtin.shipped import CATALOGUES, shipped
from subscriptions.catalogue.builtin.switching import switch_on
from subscriptions.events import catalogue
from subscriptions.ground import settings
from subscriptions.ground.errors import Misconfigured
from subscriptions.ground.settings import GroundSettings
from tests.service.callers import Callers

EVENTS = "/events/v1beta1"
SETS = f"{EVENTS}/subscription-sets"
TOOL, INVENTORY = f"{SETS}/acm.cluster-management-tool", f"{SETS}/acm.inventory"


@pytest.fixture
def configuration(configuration: Configuration) -> Configuration:
    """A deployment that has all three."""
    ground = msgspec.structs.replace(configuration.ground, catalogues=tuple(CATALOGUES))
    return replace(configuration, ground=ground)


@pytest.fixture
async def switched(services: Services) -> Services:
    """As it is once the API has started."""
    await switch_on(
        services.database, services.event_apis, [shipped(each) for each in CATALOGUES], now=services.clock()
    )
    return services


async def webhook(api: httpx.AsyncClient, headers: dict[str, str], name: str = "tool") -> dict[str, Any]:
    body = {"name": name, "destination": "https://example.com/", "secret": "s3cr3tKey"}
    made = await api.post(f"{EVENTS}/webhooks", json=body, headers=headers)
    return {"webhook": {"resourceUri": made.json()["resourceUri"]}}


def test_names() -> None:
    """The setting takes the names of what is shipped, and no other."""
    assert tuple(CATALOGUES) == settings.CATALOGUES
    with pytest.raises(Misconfigured, match="HOOKLAKE_CATALOGUES names rhacm"):
        GroundSettings(database_url="postgresql://", catalogues=("acm", "rhacm"))


async def test_types_join_the_catalogue(api: httpx.AsyncClient, callers: Callers, services: Services) -> None:
    """Once, however many processes start: what is there keeps its words and its owner; what was retired is back."""
    operator, publisher = await callers.headers(Role.OPERATOR), await callers.headers(Role.PUBLISHER)
    [taken, retired, *_] = [each.type for each in shipped("acm").types]
    for each in (taken, retired):
        await api.post(f"{EVENTS}/event-types", json={"eventType": each, "friendlyName": "Ours"}, headers=publisher)
    await api.delete(f"{EVENTS}/event-types/{retired}", headers=publisher)
    every = [shipped(each) for each in CATALOGUES]

    made = await asyncio.gather(
        *(switch_on(services.database, services.event_apis, every, now=services.clock()) for _ in range(3))
    )

    foreign = {each.type for of in ("acm", "onap") for each in shipped(of).types}
    assert sorted(name for names in made for name in names) == sorted(foreign - {taken, retired})
    listed = (await api.get(f"{EVENTS}/event-types", headers=operator)).json()["items"]
    assert {each["eventType"] for each in listed} == foreign | {each.type for each in catalogue.DOCUMENTED}
    said = {each["eventType"]: each for each in listed}
    assert {said[each]["friendlyName"] for each in (taken, retired)} == {"Ours"}
    lcm = said["org.onap.ncmp.cmhandle-lcm-event.create"]
    assert (lcm["serviceManager"], lcm["apiGroup"], lcm["friendlyName"]) == ("ONAP", "lcm", "CM handle created")
    assert "workspaceId" not in lcm


async def test_a_set_counts_as_one(api: httpx.AsyncClient, callers: Callers, switched: Services) -> None:
    """The nine of the management tool are subscribed to in one go, and leave room for four of five (greenlake.md D.9)."""
    headers = await callers.headers(Role.SUBSCRIBER)
    target = await webhook(api, headers)

    made = await api.post(f"{TOOL}/subscriptions", json=target, headers=headers)

    assert (made.status_code, len(made.json())) == (201, 9)
    assert {each["subscriptionSet"] for each in made.json()} == {"acm.cluster-management-tool"}
    others = [each.type for each in catalogue.DOCUMENTED[:5]]
    orders = [{"eventType": each, **target} for each in others]
    four = await api.post(f"{EVENTS}/subscriptions", json=orders[:4], headers=headers)
    fifth = await api.post(f"{EVENTS}/subscriptions", json=orders[4:], headers=headers)
    assert (four.status_code, fifth.status_code) == (201, 403)
    assert "6 subscriptions, and may not have more than 5" in fifth.json()["message"]


async def test_what_is_there_stays(api: httpx.AsyncClient, callers: Callers, switched: Services) -> None:
    """A set adds what the webhook has not; with nothing left to add it is refused, and ending it leaves what it did not make."""
    headers = await callers.headers(Role.SUBSCRIBER)
    target = await webhook(api, headers)
    managed = {"eventType": "io.open-cluster-management.cluster.managed.v1", "eventFilter": "hub eq 'a'", **target}
    await api.post(f"{EVENTS}/subscriptions", json=managed, headers=headers)

    made = await api.post(f"{INVENTORY}/subscriptions", json=target, headers=headers)
    again = await api.post(f"{INVENTORY}/subscriptions", json=target, headers=headers)
    id = target["webhook"]["resourceUri"].rpartition("/")[2]
    ended = await api.delete(f"{INVENTORY}/subscriptions?webhookId={id}", headers=headers)
    left = (await api.get(f"{EVENTS}/subscriptions", headers=headers)).json()["items"]
    none = await api.delete(f"{INVENTORY}/subscriptions?webhookId={id}", headers=headers)

    assert [len(made.json()), again.status_code, ended.status_code, none.status_code] == [2, 400, 204, 404]
    assert "every type of acm.inventory already" in again.json()["message"]
    assert [(each["eventType"], each["eventFilter"]) for each in left] == [(managed["eventType"], "hub eq 'a'")]


async def test_another_type_is_of_no_set(api: httpx.AsyncClient, callers: Callers, switched: Services) -> None:
    """A filter leaves a subscription in its set; another type takes it out, where there is room for one more."""
    headers = await callers.headers(Role.SUBSCRIBER)
    target = await webhook(api, headers)
    made = (await api.post(f"{INVENTORY}/subscriptions", json=target, headers=headers)).json()
    others = [each.type for each in catalogue.DOCUMENTED[:5]]
    await api.post(
        f"{EVENTS}/subscriptions", json=[{"eventType": each, **target} for each in others[:4]], headers=headers
    )
    change = {"subscriptionId": made[0]["id"], "eventType": made[0]["eventType"], **target}

    filtered = await api.patch(
        f"{EVENTS}/subscriptions", json=[{**change, "eventFilter": "hub eq 'a'"}], headers=headers
    )
    moved = await api.patch(f"{EVENTS}/subscriptions", json=[{**change, "eventType": others[4]}], headers=headers)

    assert filtered.json()[0]["subscriptionSet"] == "acm.inventory"
    assert moved.status_code == 403


async def test_sets_are_of_what_is_switched_on(api: httpx.AsyncClient, callers: Callers, services: Services) -> None:
    """The list has the two sets of ACM; of one that there is not, and of another workspace's webhook, nothing is learnt."""
    viewer, subscriber = await callers.headers(Role.VIEWER), await callers.headers(Role.SUBSCRIBER)
    await switch_on(services.database, services.event_apis, [shipped("acm")], now=services.clock())
    target = await webhook(api, subscriber)
    stranger = await callers.headers(Role.SUBSCRIBER, workspace="b" * 32)

    listed = await api.get(SETS, headers=viewer)
    missing = await api.post(f"{SETS}/acm.nothing/subscriptions", json=target, headers=subscriber)
    strange = await api.post(f"{TOOL}/subscriptions", json=target, headers=stranger)

    assert [each["name"] for each in listed.json()["items"]] == ["acm.cluster-management-tool", "acm.inventory"]
    assert [missing.status_code, strange.status_code] == [404, 400]
    assert "there is no webhook" in strange.json()["message"]
