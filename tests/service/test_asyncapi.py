"""What the webhooks of a workspace can receive, told as AsyncAPI."""

from typing import Any
from uuid import uuid4

import httpx
import jsonschema_rs
import msgspec
import pytest

from delivery.wire import parcels
from service.api.asyncapi import MEDIA_TYPE
from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.catalogue.builtin.shipped import CATALOGUES, shipped
from subscriptions.events import onap
from tests import asyncapi_parser
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE, Callers
from tests.service.described import described as described_all

EVENTS = "/events/v1beta1"
ODD = "org.example/Odd:thing{v1}"


@pytest.fixture
async def described(services: Services) -> Services:
    """All shipped types, described as they are shipped, one version of an API each."""
    await described_all(services)
    return services


async def subscribed(api: httpx.AsyncClient, headers: dict[str, str], types: list[str], **more: Any) -> dict[str, Any]:
    """A webhook that has subscribed to all of these types."""
    body = {"name": f"w{uuid4()}", "destination": "https://example.com/a{b}?c=1", "secret": "s3cr3tKey", **more}
    made: dict[str, Any] = (await api.post(f"{EVENTS}/webhooks", json=body, headers=headers)).json()
    for each in types:
        order = {"eventType": each, "webhook": {"resourceUri": made["resourceUri"]}}
        answer = await api.post(f"{EVENTS}/subscriptions", json=order, headers=headers)
        assert answer.status_code == 201, answer.text
    return made


@pytest.fixture
def every() -> list[str]:
    """Every shipped type, once."""
    return sorted({each.type for name in CATALOGUES for each in shipped(name).types})


@pytest.mark.parametrize(
    "more",
    [
        *({}, {"contentMode": "structured"}, {"contentMode": "binary"}, {"batching": True}),
        {"batching": True, "contentMode": "onap"},
    ],
)
async def test_the_official_parser_takes_it(
    api: httpx.AsyncClient, callers: Callers, described: Services, every: list[str], more: dict[str, Any]
) -> None:
    """With every shipped type, in each content mode: AsyncAPI's parser finds nothing wrong, and all types are in it."""
    object.__setattr__(described.subscription_store, "_most", 100)
    headers = await callers.headers(Role.SUBSCRIBER)
    made = await subscribed(api, headers, every, **more)

    answer = await api.get("/asyncapi.json", headers=headers)

    assert (answer.status_code, answer.headers["content-type"]) == (200, MEDIA_TYPE)
    [said] = asyncapi_parser.parsed([answer.content])
    assert said["faults"] == []
    document = answer.json()
    told = {
        each["x-cloudevents-type"] for each in document["components"]["messages"].values() if each["name"] != "batch"
    }
    assert told == {*every, "com.hpe.greenlake.events.v1beta1.webhooks.verification"}
    assert list(document["channels"]) == [made["id"]]


async def test_nothing_and_odd_names(api: httpx.AsyncClient, callers: Callers, services: Services) -> None:
    """A workspace without webhooks, and a type with any characters of which nothing is known, are documents all the same."""
    headers, publisher = await callers.headers(Role.SUBSCRIBER), await callers.headers(Role.PUBLISHER)
    nothing = await api.get("/asyncapi.json", headers=headers)
    await api.post(f"{EVENTS}/event-types", json={"eventType": ODD}, headers=publisher)
    await subscribed(api, headers, [ODD], description="Odd", challengeRequestEnabled=False)

    odd = await api.get("/asyncapi.json", headers=headers)

    faults = [each["faults"] for each in asyncapi_parser.parsed([nothing.content, odd.content])]
    assert faults == [[], []]
    assert [each["name"] for each in odd.json()["components"]["messages"].values()] == [ODD]


async def test_versions_and_deprecation(api: httpx.AsyncClient, callers: Callers, described: Services) -> None:
    """Each version is a message, newest first; a deprecated one says so, and that its events do (CloudEvents deprecation)."""
    headers = await callers.headers(Role.SUBSCRIBER)
    name = "org.onap.cps.ncmp.event.model.DmiAsyncRequestResponseEvent"
    await subscribed(api, headers, [name], challengeRequestEnabled=False)

    document = (await api.get("/asyncapi.json", headers=headers)).json()

    two, one = document["components"]["messages"].values()
    assert [each["x-hooklake-version"] for each in (two, one)] == ["2.0.0", "1.0.0"]
    assert (one["x-deprecated"], "x-deprecated" in two) == (True, False)
    envelope = document["components"]["schemas"][one["payload"]["$ref"].rpartition("/")[2]]
    assert envelope["properties"]["deprecated"]["const"] is True
    assert "correlationid" in envelope["required"]


async def test_a_version_that_is_understood(api: httpx.AsyncClient, callers: Callers, described: Services) -> None:
    """A webhook that has subscribed to one version of a type is described with that one alone."""
    headers = await callers.headers(Role.SUBSCRIBER)
    made = await subscribed(api, headers, [], challengeRequestEnabled=False)
    name = "org.onap.cps.ncmp.event.model.DmiAsyncRequestResponseEvent"
    order = {"eventType": name, "version": "2.0.0", "webhook": {"resourceUri": made["resourceUri"]}}
    pinned = await api.post(f"{EVENTS}/subscriptions", json=order, headers=headers)

    document = (await api.get("/asyncapi.json", headers=headers)).json()

    assert pinned.status_code == 201, pinned.text
    assert [each["x-hooklake-version"] for each in document["components"]["messages"].values()] == ["2.0.0"]


@pytest.mark.parametrize("mode", ["json", "structured", "binary", "onap"])
async def test_it_describes_what_is_sent(
    api: httpx.AsyncClient, callers: Callers, described: Services, every: list[str], mode: str
) -> None:
    """What goes out of the wire for an example of a type validates against its message: content type, headers and body."""
    object.__setattr__(described.subscription_store, "_most", 100)
    headers = await callers.headers(Role.SUBSCRIBER)
    await subscribed(api, headers, every, contentMode=mode, challengeRequestEnabled=False)
    document = (await api.get("/asyncapi.json", headers=headers)).json()
    seen = 0

    for message in document["components"]["messages"].values():
        for example in message.get("examples", ()):
            event = _event(example, mode)
            parcel = parcels.single(uuid4(), msgspec.json.encode(event), content_mode=mode)
            sent = dict(parcel.headers)
            assert sent.pop("Content-Type") == message["contentType"]
            schema = {"allOf": [message["payload"]], "components": document["components"]}
            errors = jsonschema_rs.Draft7Validator(schema).iter_errors(msgspec.json.decode(parcel.body))
            assert [each.message for each in errors] == [], message["name"]
            rules = jsonschema_rs.Draft7Validator(message["headers"])
            found = {name.lower(): value for name, value in sent.items()}
            own = {name: value for name, value in example["headers"].items() if not name.startswith("ce-")}
            assert [each.message for each in rules.iter_errors({**own, **found})] == [], message["name"]
            seen += 1
    assert seen >= len(every)


def _event(example: dict[str, Any], mode: str) -> dict[str, Any]:
    if mode == "onap":
        [(_, folded)] = onap.each({}, msgspec.json.encode(example["payload"]))
        assert folded.event.data is not None
        return {**folded.event.attributes, "data": msgspec.Raw(folded.event.data.text)}
    if mode != "binary":
        envelope: dict[str, Any] = example["payload"]
        return envelope
    told = {name[3:]: value for name, value in example["headers"].items() if name.startswith("ce-")}
    told = {name: True if value == "true" else value for name, value in told.items()}
    return {**told, "datacontenttype": "application/json", "data": example["payload"]}


async def test_whose_it_is(api: httpx.AsyncClient, callers: Callers) -> None:
    """A workspace sees its own webhooks; operators name one; publishers may not ask."""
    await subscribed(api, await callers.headers(Role.SUBSCRIBER), [])
    stranger = await callers.headers(Role.VIEWER, workspace=OTHER_WORKSPACE)
    operator, publisher = await callers.headers(Role.OPERATOR), await callers.headers(Role.PUBLISHER)

    strange = await api.get("/asyncapi.json", headers=stranger)
    named = await api.get(f"/asyncapi.json?workspaceId={WORKSPACE}", headers=operator)
    refused = await api.get(f"/asyncapi.json?workspaceId={WORKSPACE}", headers=stranger)

    assert (strange.json()["channels"], len(named.json()["channels"]), refused.status_code) == ({}, 1, 403)
    assert (await api.get("/asyncapi.json", headers=publisher)).status_code == 403
