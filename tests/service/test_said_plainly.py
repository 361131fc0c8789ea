"""Refusals in plain words that lead on: hints at what was meant, names of settings, and the same words for the same fault."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from service.services import Services
from subscriptions.access.clients import Role
from tests.builders import Builder
from tests.clock import Clock
from tests.service.callers import Callers

EVENTS = "/events/v1beta1"
TYPE = "com.hpe.greenlake.compute-ops.v1.servers.rebooted"
OCCURRENCE: dict[str, Any] = {
    "id": "a",
    "apiGroup": "compute-ops",
    "apiVersion": "v1",
    "resourceCollection": "servers",
    "event": "rebooted",
    "data": {},
}
CLOUDEVENT = {"specversion": "1.0", "id": "a", "source": "//x", "type": TYPE, "data": {}}


class Passing(Clock):
    """Goes on by seven milliseconds whenever it is looked at."""

    def __getattribute__(self, name: str) -> Any:
        if name == "now":
            self.__dict__["now"] += timedelta(milliseconds=7)
        return super().__getattribute__(name)


class TestWhileTimePasses:
    """The clock goes on between what is done to a publication."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Passing()

    async def test_one_moment_of_acceptance(self, api: httpx.AsyncClient, callers: Callers) -> None:
        """Receipt, its repetition and the event's trace tell the same moment (protocol.md 1.1)."""
        publisher = await callers.headers(Role.PUBLISHER)

        first = (await api.post(EVENTS + "/occurrences", json=OCCURRENCE, headers=publisher)).json()
        again = (await api.post(EVENTS + "/occurrences", json=OCCURRENCE, headers=publisher)).json()
        trace = (await api.get(f"{EVENTS}/events/{first['messageId']}", headers=publisher)).json()

        assert first["acceptedAt"] == again["acceptedAt"] == trace["acceptedAt"]


@pytest.mark.parametrize("body", [CLOUDEVENT, [CLOUDEVENT]])
async def test_a_cloudevent_as_plain_json(api: httpx.AsyncClient, callers: Callers, body: Any) -> None:
    """An event that is posted as `application/json` and has no `ce-` headers is told the Content-Type that it needs."""
    refused = await api.post(EVENTS + "/cloudevents", json=body, headers=await callers.headers(Role.PUBLISHER))

    [issue] = refused.json()["errorDetails"][0]["issues"]
    assert (refused.status_code, issue["subject"], issue["source"]) == (422, "Content-Type", "header")
    assert "application/cloudevents+json" in issue["description"]
    assert "application/cloudevents-batch+json" in issue["description"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"batching": "yes"}, "batching: must be true or false, and is a string"),
        ({"name": 5}, "name: must be a string, and is a whole number"),
        ({"tls": []}, "tls: must be an object or null, and is an array"),
        ({"description": None}, "description: must be a string, and is null"),
    ],
)
async def test_a_value_of_another_type(
    api: httpx.AsyncClient, callers: Callers, given: dict[str, Any], said: str
) -> None:
    """What a field takes and what it was given is said in JSON's words, not in those of a library."""
    body = {"name": "a", "destination": "https://127.0.0.1:9/", "secret": "s3cr3tKey"} | given

    refused = await api.post(EVENTS + "/webhooks", json=body, headers=await callers.headers(Role.SUBSCRIBER))

    assert (refused.status_code, refused.json()["message"]) == (422, said)


async def test_limits_name_their_setting(
    api: httpx.AsyncClient, callers: Callers, services: Services, builder: Builder
) -> None:
    """Whoever comes to a limit of the deployment is told which setting it is."""
    headers = await callers.headers(Role.SUBSCRIBER)
    for _ in range(5):
        hook = await builder.webhook()
    types = (await api.get(EVENTS + "/event-types", headers=headers)).json()["items"]
    wanted = [
        {"eventType": each["eventType"], "webhook": {"resourceUri": f"{EVENTS}/webhooks/{hook.id}"}}
        for each in types[:6]
    ]
    another = {"name": "six", "destination": "https://127.0.0.1:9/", "secret": "s3cr3tKey"}

    refused = [
        await api.post(EVENTS + "/webhooks", json=another, headers=headers),
        await api.post(EVENTS + "/subscriptions", json=wanted, headers=headers),
    ]

    assert [each.status_code for each in refused] == [403, 403], [each.text for each in refused]
    assert "HOOKLAKE_MAX_WEBHOOKS_PER_WORKSPACE" in refused[0].text
    assert "HOOKLAKE_MAX_SUBSCRIPTIONS_PER_WEBHOOK" in refused[1].text


@pytest.mark.parametrize(("path", "subject"), [("/events", "workspaceId"), ("/subscriptions", "id")])
async def test_a_parameter_that_lacks(api: httpx.AsyncClient, callers: Callers, path: str, subject: str) -> None:
    """A query parameter that has to be there is said to be required."""
    refused = await api.delete(EVENTS + path, headers=await callers.headers(Role.OPERATOR))

    assert (refused.status_code, refused.json()["message"].startswith(f"{subject}: is required")) == (400, True)


@pytest.mark.parametrize("path", ["/events/v1beta1/webhooks/", "//events/v1beta1//webhooks", "/docs/"])
async def test_a_path_with_an_empty_part(api: httpx.AsyncClient, path: str) -> None:
    """It is another path, and not there; whoever asks for it is told of the one that is."""
    absent = await api.get(httpx.URL("http://hooklake" + path))

    said = "Not Found: there is such a path without an empty part (`//`, or `/` at the end)"
    assert (absent.status_code, absent.json()["message"]) == (404, said)


async def test_other_paths(api: httpx.AsyncClient) -> None:
    """`/health` is told where health is; of any other path nothing is known."""
    health, nothing = await api.get("/health"), await api.get("/nothing/")

    assert (health.status_code, health.json()["message"]) == (
        404,
        "Not Found: there are /health/live, /health/ready and /health/workers",
    )
    assert (nothing.status_code, nothing.json()["message"]) == (404, "Not Found")


async def test_asking_the_server_itself(api: httpx.AsyncClient) -> None:
    """`OPTIONS *` asks whether anybody is there, and somebody is (RFC 9110 9.3.7)."""
    scope = {"type": "http", "method": "OPTIONS", "path": "*", "headers": [], "query_string": b""}
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await api._transport.app(scope, None, send)  # type: ignore[attr-defined]  # httpx asks no `*`

    assert sent[0]["status"] == 204


@pytest.mark.parametrize("path", ["/system-webhooks?status=ACTIVE", "/system-subscriptions?workspaceId="])
async def test_what_the_system_api_would_pass_over(api: httpx.AsyncClient, callers: Callers, path: str) -> None:
    """Its lists are of all workspaces and statuses: a parameter that would narrow them, and does not, is refused."""
    refused = await api.get(EVENTS + path, headers=await callers.headers(Role.OPERATOR))

    assert (refused.status_code, "is not a parameter of this path" in refused.text) == (400, True)
