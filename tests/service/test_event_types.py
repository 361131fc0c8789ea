"""The catalogue over HTTP."""

from typing import Any

import httpx
import pytest

from subscriptions.access.clients import Role
from subscriptions.events import catalogue
from tests.service.callers import Callers

PATH = "/events/v1beta1/event-types"
SNEEZED = "com.hpe.greenlake.compute-ops.v1.servers.sneezed"


async def test_a_type_is_created_from_its_name(api: httpx.AsyncClient, callers: Callers) -> None:
    """A new type is created from its name alone; the rest follows."""
    headers = await callers.headers(Role.OPERATOR)

    response = await api.post(PATH, json={"eventType": SNEEZED}, headers=headers)

    created = response.json().pop("createdAt")
    assert (response.status_code, response.json()) == (
        201,
        {
            "eventType": SNEEZED,
            "category": "custom",
            "apiGroup": "compute-ops",
            "serviceManager": "HPE GreenLake Platform",
            "friendlyName": SNEEZED,
            "description": "",
            "validation": "off",
            "origin": "registered",
            "generation": 1,
            "createdAt": created,
            "updatedAt": created,
        },
    )


async def test_register_again(api: httpx.AsyncClient, callers: Callers) -> None:
    """The same registration again is the same entry; another description of a type that stands is a conflict."""
    headers = await callers.headers(Role.PUBLISHER)
    body = {"eventType": SNEEZED, "friendlyName": "Server sneezed", "description": "A server sneezed."}
    first = await api.post(PATH, json=body, headers=headers)

    same = await api.post(PATH, json=body, headers=headers)
    less = await api.post(PATH, json={"eventType": SNEEZED}, headers=headers)
    other = await api.post(PATH, json={**body, "friendlyName": "Server coughed"}, headers=headers)

    assert [r.status_code for r in (first, same, less, other)] == [201, 200, 200, 409]
    assert first.json() == same.json() == less.json()
    assert other.json()["errorDetails"][0]["issues"][0]["subject"] == "friendlyName"


async def test_foreign_type(api: httpx.AsyncClient, callers: Callers) -> None:
    """A type of another prefix is taken, with the group and manager that it is given."""
    headers = await callers.headers(Role.PUBLISHER)
    body = {"eventType": "org.example.Sneezed", "apiGroup": "Hospital", "serviceManager": "Example"}

    response = await api.post(PATH, json=body, headers=headers)

    assert (response.status_code, body.items() <= response.json().items()) == (201, True)


@pytest.mark.parametrize(
    ("body", "status", "subject"),
    [
        ({"eventType": "com.hpe.greenlake.nonsense"}, 400, "eventType"),
        ({"eventType": "com.hpe.greenlake.Compute.v1.servers.sneezed"}, 400, "eventType"),
        ({"eventType": "com.hpe.greenlake"}, 400, "eventType"),
        ({"eventType": "COM.hpe.GreenLake.compute-ops.v1.servers.sneezed"}, 400, "eventType"),
        ({"eventType": "org..example"}, 400, "eventType"),
        ({"eventType": "org.example."}, 400, "eventType"),
        ({"eventType": ""}, 400, "eventType"),
        ({"eventType": "a\nb"}, 400, "eventType"),
        ({}, 422, "eventType"),
        ({"eventType": 7}, 422, "eventType"),
        ({"eventType": SNEEZED, "friendly": "x"}, 422, "friendly"),
        ({"eventType": SNEEZED, "friendlyName": "x" * 201}, 422, "friendlyName"),
        ({"eventType": SNEEZED, "friendlyName": "\x01"}, 422, "friendlyName"),
        ({"eventType": SNEEZED, "friendlyName": "\x00"}, 400, "body"),
        ([], 422, "body"),
    ],
)
async def test_a_misspelled_type_is_refused_by_field(
    api: httpx.AsyncClient, callers: Callers, body: Any, status: int, subject: str
) -> None:
    """A type that is misspelled or misdescribed is refused by the field."""
    response = await api.post(PATH, json=body, headers=await callers.headers(Role.PUBLISHER))

    assert response.status_code == status, response.text
    assert response.json()["errorDetails"][0]["issues"][0]["subject"] == subject


async def test_types_are_listed_in_alphabetical_order(api: httpx.AsyncClient, callers: Callers) -> None:
    """The catalogue is listed in alphabetical order, in pages; a limit over the maximum is clamped."""
    headers = await callers.headers(Role.VIEWER)
    names = sorted(entry.type for entry in catalogue.DOCUMENTED)

    whole = (await api.get(PATH, params={"limit": 9999}, headers=headers)).json()
    page = (await api.get(PATH, params={"limit": 2, "offset": 3}, headers=headers)).json()
    wrong = await api.get(PATH, params={"offset": -1}, headers=headers)

    assert ([item["eventType"] for item in whole["items"]], whole["total"]) == (names, len(names))
    assert ([item["eventType"] for item in page["items"]], page["count"], page["offset"]) == (names[3:5], 2, 3)
    assert wrong.status_code == 400
