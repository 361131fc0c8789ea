"""Types as GreenLake's documentation misspells them, what their category is, and what a filter of a `deleted` type may ask."""

from typing import Any

import httpx
import pytest

from subscriptions.access.clients import Role
from tests.service.callers import Callers

EVENTS = "/events/v1beta1"
RIGHT = "com.hpe.greenlake.compute.v1.servers.rebooted"
CLOUDEVENT = {"specversion": "1.0", "id": "1", "source": "//x", "datacontenttype": "application/json", "data": {}}


def doors(wrong: str, webhook: str, system: str) -> list[tuple[str, str, Any]]:
    """Each door at which a type is named, with a request that names it."""
    order = {"eventType": wrong, "webhook": {"resourceUri": webhook}}
    return [
        ("POST", f"{EVENTS}/cloudevents", {**CLOUDEVENT, "type": wrong}),
        ("POST", f"{EVENTS}/onap", {"eventType": wrong, "event": {}}),
        ("POST", f"{EVENTS}/event-types", {"eventType": wrong}),
        ("GET", f"{EVENTS}/event-types/{wrong}", None),
        ("PATCH", f"{EVENTS}/event-types/{wrong}", {"friendlyName": "x"}),
        ("DELETE", f"{EVENTS}/event-types/{wrong}", None),
        ("POST", f"{EVENTS}/subscriptions", [order]),
        ("GET", f"{EVENTS}/subscriptions?eventType={wrong}", None),
        ("POST", f"{EVENTS}/system-subscriptions", [order | {"webhook": {"resourceUri": system}}]),
        ("POST", f"{webhook}/test", {"eventType": wrong}),
        ("POST", f"{EVENTS}/test-events", {"eventType": wrong}),
        ("GET", f"{EVENTS}/deliveries?eventType={wrong}", None),
        ("GET", f"{EVENTS}/events?eventType={wrong}", None),
        ("POST", f"{EVENTS}/replays", {"all": True, "dryRun": True, "filter": {"types": [wrong]}}),
    ]


async def webhook_of(api: httpx.AsyncClient, headers: dict[str, str]) -> str:
    body = {"name": "spelling", "destination": "https://example.com/", "secret": "s3cr3tKey"}
    made = await api.post(f"{EVENTS}/webhooks", json=body, headers=headers)
    return str(made.json()["resourceUri"])


@pytest.mark.parametrize("prefix", ["hpe.greenlake.", "greenlake.hpe.", "HPE.GreenLake."])
async def test_the_right_spelling_is_said(api: httpx.AsyncClient, callers: Callers, prefix: str) -> None:
    """`hpe.greenlake.` and `greenlake.hpe.`, which GreenLake's pages print, are a 400 that says it right (greenlake.md 3.3)."""
    headers, publisher = await callers.headers(Role.OPERATOR), await callers.headers(Role.PUBLISHER)
    webhook = await webhook_of(api, headers)
    wrong = prefix + RIGHT.removeprefix("com.hpe.greenlake.")

    asked = {"name": "system", "destination": "https://example.com/"}
    system = (await api.post(f"{EVENTS}/system-webhooks", json=asked, headers=headers)).json()["resourceUri"]

    for method, path, body in doors(wrong, webhook, system):
        sends = {**publisher, "Content-Type": "application/cloudevents+json"}
        answer = await api.request(
            method, path, json=body, headers=sends if path.endswith(("/cloudevents", "/onap")) else headers
        )

        assert (path, answer.status_code) == (path, 400)
        assert RIGHT in answer.text, path


async def test_another_prefix_of_the_same_letters(api: httpx.AsyncClient, callers: Callers) -> None:
    """What only looks alike is a type like any other."""
    headers = await callers.headers(Role.OPERATOR)

    answer = await api.post(f"{EVENTS}/event-types", json={"eventType": "hpe.greenlakes.v1.x"}, headers=headers)

    assert (answer.status_code, answer.json()["category"]) == (201, "foreign")


async def test_category_is_shown(api: httpx.AsyncClient, callers: Callers) -> None:
    """The category stands wherever the API shows a type: in the catalogue, in its tree, and in subscriptions."""
    headers = await callers.headers(Role.OPERATOR)
    webhook = await webhook_of(api, headers)
    managers = (await api.get(f"{EVENTS}/service-managers", headers=headers)).json()["items"]
    groups = (await api.get(f"{EVENTS}/service-managers/{managers[0]['id']}/api-groups", headers=headers)).json()[
        "items"
    ]
    compute = next(each for each in groups if each["name"] == "compute")

    one = await api.get(f"{EVENTS}/event-types/{RIGHT}", headers=headers)
    every = await api.get(f"{EVENTS}/event-types", headers=headers)
    tree = await api.get(f"{EVENTS}/api-groups/{compute['id']}/events", headers=headers)
    made = await api.post(
        f"{EVENTS}/subscriptions", json={"eventType": RIGHT, "webhook": {"resourceUri": webhook}}, headers=headers
    )
    listed = await api.get(f"{EVENTS}/subscriptions", headers=headers)

    assert one.json()["category"] == tree.json()["items"][0]["category"] == "custom"
    assert made.json()[0]["category"] == listed.json()["items"][0]["category"] == "custom"
    assert {each["category"] for each in every.json()["items"]} == {"resource", "custom", "non-resource"}


@pytest.mark.parametrize(
    ("event_filter", "wrong"),
    [
        ("id eq '1' or startswith(type,'workspaces/')", None),
        ("name eq 'x'", "name"),
        ("id eq '1' and not (owner/name eq 'x')", "owner/name"),
        ("id/x eq 1", "id/x"),
    ],
)
async def test_filters_of_deleted_types(
    api: httpx.AsyncClient, callers: Callers, event_filter: str, wrong: str | None
) -> None:
    """A `deleted` event carries type and id alone (greenlake.md 3.3): a filter that asks for more is refused, made or changed."""
    headers = await callers.headers(Role.OPERATOR)
    order: dict[str, Any] = {
        "eventType": "com.hpe.greenlake.workspaces.v1beta1.tenants.deleted",
        "webhook": {"resourceUri": await webhook_of(api, headers)},
    }

    made = await api.post(f"{EVENTS}/subscriptions", json={**order, "eventFilter": event_filter}, headers=headers)

    if wrong is None:
        assert made.status_code == 201
        return
    assert made.status_code == 400
    [issue] = made.json()["errorDetails"][0]["issues"]
    assert issue["subject"] == "eventFilter"
    assert f"`{wrong}`" in issue["description"]
    stands = (await api.post(f"{EVENTS}/subscriptions", json=order, headers=headers)).json()[0]
    change = [{**order, "subscriptionId": stands["id"], "eventFilter": event_filter}]
    changed = await api.patch(f"{EVENTS}/subscriptions", json=change, headers=headers)
    assert changed.status_code == 400
