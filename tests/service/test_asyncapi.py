"""What the webhooks of a workspace can receive, told as AsyncAPI."""

import re
from typing import Any
from uuid import uuid4

import httpx
import jsonschema_rs
import msgspec
import pytest
from msgspec import structs

from delivery.wire import parcels
from service.api.asyncapi import MEDIA_TYPE
from service.server.bodies import Bodies
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
    # Programs make names of theirs of the channel's: it is what people call the webhook.
    [name] = document["channels"]
    assert (name, document["channels"][name]["x-hooklake-id"]) == (
        re.sub("[^A-Za-z0-9_-]+", "-", made["name"]),
        made["id"],
    )


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


async def test_it_is_bounded_and_says_what_is_left_out(
    api: httpx.AsyncClient, callers: Callers, described: Services, every: list[str]
) -> None:
    """With more than fits it is a valid document all the same, names what it leaves out, and how to read that."""
    object.__setattr__(described.subscription_store, "_most", 100)
    object.__setattr__(described, "settings", structs.replace(described.settings, asyncapi_bytes=384 * 1024))
    headers = await callers.headers(Role.SUBSCRIBER)
    made = [await subscribed(api, headers, every, name=f"w{each}") for each in range(2)]

    cut = await api.get("/asyncapi.json", headers=headers)
    left = cut.json()["x-hooklake-left-out"]
    missing = left["eventTypes"][0]
    query = {"webhookId": made[1]["id"], "eventType": [missing, every[0]]}
    some = await api.get("/asyncapi.json", headers=headers, params=query)
    nothing = await api.get("/asyncapi.json", headers=headers, params={"webhookId": str(uuid4())})

    assert len(cut.content) <= 384 * 1024
    assert [each["faults"] for each in asyncapi_parser.parsed([cut.content, some.content])] == [[], []]
    assert (left["webhookCount"], left["webhooks"]) == (1, [made[1]["id"]])
    assert 0 < left["eventTypeCount"] < len(every)
    assert "?webhookId=" in cut.json()["info"]["description"]
    assert [each["x-hooklake-id"] for each in cut.json()["channels"].values()] == [made[0]["id"]]
    assert [each["x-hooklake-id"] for each in some.json()["channels"].values()] == [made[1]["id"]]
    told = {each["x-cloudevents-type"] for each in some.json()["components"]["messages"].values()}
    assert told >= {missing, every[0]}
    assert "x-hooklake-left-out" not in some.json()
    assert nothing.status_code == 404


async def test_a_schema_that_is_too_large_is_left_out(
    api: httpx.AsyncClient, callers: Callers, services: Services
) -> None:
    """Its message stays, and says where the schema is served; smaller ones are told."""
    object.__setattr__(services, "settings", structs.replace(services.settings, asyncapi_bytes=256 * 1024))
    headers, publisher = await callers.headers(Role.SUBSCRIBER), await callers.headers(Role.PUBLISHER)
    small = {"type": "object", "properties": {"n": {"type": "integer"}}}
    for name, schema in (("com.acme.large", {**small, "description": "x" * 200_000}), ("com.acme.small", small)):
        await api.post(f"{EVENTS}/event-types", json={"eventType": name}, headers=publisher)
        put = await api.put(f"{EVENTS}/event-types/{name}/schema", json=schema, headers=publisher)
        assert put.status_code == 201, put.text
    await subscribed(api, headers, ["com.acme.large", "com.acme.small"], challengeRequestEnabled=False)

    answer = await api.get("/asyncapi.json", headers=headers)

    [parsed] = asyncapi_parser.parsed([answer.content])
    large, little = answer.json()["components"]["messages"].values()
    assert parsed["faults"] == []
    assert len(answer.content) < 256 * 1024
    path = large["x-hooklake-schema"].removeprefix(services.settings.url)
    assert (await api.get(path, headers=headers)).json()["description"] == "x" * 200_000
    assert "x-hooklake-schema" not in little


async def test_an_application_is_told_its_event_url(api: httpx.AsyncClient, callers: Callers) -> None:
    """The webhook that is an application's own receives its event URL without a subscription; no other does."""
    headers, publisher = await callers.headers(Role.SUBSCRIBER), await callers.headers(Role.PUBLISHER)
    of_own = "com.hpe.greenlake.events.v1beta1.applications.event-url"
    own, _ = [await subscribed(api, headers, [], challengeRequestEnabled=False) for _ in range(2)]
    await api.post(f"{EVENTS}/applications", json={"name": "shop", "webhookId": own["id"]}, headers=publisher)

    answer = await api.get("/asyncapi.json", headers=headers)
    only = await api.get("/asyncapi.json?eventType=org.example.x", headers=headers)

    [said] = asyncapi_parser.parsed([answer.content])
    assert said["faults"] == []
    document = answer.json()
    assert [each["x-cloudevents-type"] for each in document["components"]["messages"].values()] == [of_own]
    assert {each["x-hooklake-id"]: len(each["messages"]) for each in document["channels"].values()}[own["id"]] == 1
    assert of_own not in only.text


async def test_it_waits_for_room(
    api: httpx.AsyncClient, callers: Callers, described: Services, every: list[str]
) -> None:
    """While the bytes that are under way fill what there is for them it is refused, before schemas are read and on its way."""
    object.__setattr__(described.subscription_store, "_most", 100)
    headers = await callers.headers(Role.SUBSCRIBER)
    await subscribed(api, headers, every)
    most, answers = described.settings.bodies_bytes, []

    for left in (0, 100_000, 1 << 20):
        object.__setattr__(described, "bodies", Bodies(most, most))
        described.bodies.take("others", most - left)
        answers.append((await api.get("/asyncapi.json", headers=headers)).status_code)
        assert described.bodies.held == most - left

    assert answers == [503, 503, 200]
