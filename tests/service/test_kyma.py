"""Kyma's doors: the codes and bodies of its publisher proxy, and what becomes of what comes in there."""

import json
from typing import Any
from uuid import UUID

import httpx
import pytest

from service.services import Services
from subscriptions.access.clients import Role
from tests.service.callers import Callers

EVENTS = "/events/v1beta1"
LEGACY = "/commerce/v1/events"
CLOUDEVENTS = ["/publish", "/commerce/events", "/commerce/v2/events"]
GIVEN = "a8f9b1a0-3c1b-4f5e-9d5a-7b7b7b7b7b7b"
TIME = "2026-05-04T12:30:00.123456789+02:00"
#: As a publisher of Kyma's sends it; the name is one that both of Kyma's back ends would clean.
ORDER = {
    "event-type": "Order>Root*v2.created",
    "event-type-version": "v1",
    "event-time": TIME,
    "data": {"orderCode": 1.0, "name": "<a&b>"},
}
TYPE = "Order>Root*v2.created.v1"


def cloudevent(**more: Any) -> dict[str, Any]:
    said_of_it = {
        "specversion": "1.0",
        "id": "1",
        "source": "/shop/eu",
        "type": TYPE,
        "datacontenttype": "application/json",
    }
    return {name: value for name, value in {**said_of_it, "data": {"a": 1.0}, **more}.items() if value is not ...}


async def structured(api: httpx.AsyncClient, path: str, event: object, headers: dict[str, str]) -> httpx.Response:
    media = {"Content-Type": "application/cloudevents+json"}
    return await api.post(path, content=json.dumps(event, separators=(",", ":")), headers=media | headers)


async def bodies(services: Services) -> dict[str, bytes]:
    """What is kept, by its ids."""
    async with services.database.raw() as connection:
        return {row["id"]: row["body"] for row in await connection.fetch("SELECT id, body FROM events ORDER BY id")}


def violated(field: str, word: str, message: str, **more: str) -> dict[str, object]:
    details = [{"field": field, "type": word, "message": message}]
    return {"status": 400, "type": "validation_violation", "message": message, **more, "details": details}


def bad(more: str) -> dict[str, object]:
    return {"status": 400, "type": "bad_payload_syntax", "message": "Bad payload syntax", "moreInfo": more}


def without(name: str) -> dict[str, object]:
    return {each: value for each, value in ORDER.items() if each != name}


async def test_a_legacy_event(api: httpx.AsyncClient, callers: Callers, services: Services) -> None:
    """Becomes the CloudEvent that Kyma makes of it, its type and data to the letter, nothing cleaned, whatever its Content-Type
    says; answered by 200 and the id, which is made here where none was given and finds the event."""
    publisher = await callers.headers(Role.PUBLISHER)
    traced = {
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "tracestate": "x=1",
        "X-B3-TraceId": "t",
        "X-B3-ParentSpanId": "p",
        "X-B3-SpanId": "s",
        "X-B3-Sampled": "1",
        "X-B3-Flags": "0",
    }
    form = {"Content-Type": "application/x-www-form-urlencoded"}

    given = await api.post(LEGACY, json={**ORDER, "event-id": GIVEN}, headers=publisher | traced)
    made = await api.post(LEGACY, content=json.dumps({**ORDER, "unheard": 1}), headers=publisher | form)

    assert (given.status_code, given.json()) == (200, {"event-id": GIVEN, "status": "", "reason": ""})
    assert given.headers["content-type"] == "application/json"
    id = made.json()["event-id"]
    assert (made.status_code, made.json()) == (200, {"event-id": str(UUID(id)), "status": "", "reason": ""})
    kept = await bodies(services)
    said_of_it = {
        "specversion": "1.0",
        "id": GIVEN,
        "source": "commerce",
        "type": TYPE,
        "datacontenttype": "application/json",
        "time": TIME,
        "originaltype": TYPE,
        "eventtypeversion": "v1",
        "traceparent": traced["traceparent"],
        "b3traceid": "t",
        "b3parentspanid": "p",
        "b3spanid": "s",
        "b3sampled": "1",
        "b3flags": "0",
    }
    assert json.loads(kept[GIVEN]) == said_of_it | {"data": ORDER["data"]}
    assert kept[GIVEN].endswith(b'"data":{"orderCode":1.0,"name":"<a&b>"}}')
    assert kept.keys() == {GIVEN, id}
    shown = (await api.get(f"{EVENTS}/events/{id}", headers=publisher)).json()
    assert (shown["source"], shown["type"]) == ("commerce", TYPE)


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (without("event-type"), violated("event-type", "missing_field", "Missing field")),
        ({**ORDER, "event-type": ""}, violated("event-type", "missing_field", "Missing field")),
        ({}, violated("event-type", "missing_field", "Missing field")),
        (None, violated("event-type", "missing_field", "Missing field")),
        (without("event-type-version"), violated("event-type-version", "missing_field", "Missing field")),
        ({**ORDER, "event-type-version": "-"}, violated("event-type-version", "invalid_field", "Invalid field")),
        (without("event-time"), violated("event-time", "missing_field", "Missing field")),
        ({**ORDER, "event-time": "yesterday"}, violated("event-time", "invalid_field", "Invalid field")),
        ({**ORDER, "event-id": "1"}, violated("event-id", "invalid_field", "Invalid field")),
        (without("data"), violated("data", "missing_field", "Missing field")),
        ({**ORDER, "data": None}, violated("data", "missing_field", "Missing field")),
        ({**ORDER, "data": ""}, violated("data", "missing_field", "Missing field")),
        ({**ORDER, "event-type": 1}, bad("event-type: must be a string")),
        ([ORDER], bad("body: must be an object")),
        (b"", bad("Bad payload syntax")),
        (
            {**ORDER, "event-type": "a..b"},
            violated(
                "event-type",
                "invalid_field",
                "Invalid field",
                moreInfo="event-type: must not have an empty part: two dots together, or one at an end",
            ),
        ),
        (
            {**ORDER, "event-type": "x" * 300},
            violated(
                "event-type",
                "invalid_field",
                "Invalid field",
                moreInfo="event-type: must not be longer than 256 characters",
            ),
        ),
        (
            {**ORDER, "event-type": "hpe.greenlake.compute-ops.v1.servers", "event-type-version": "x"},
            violated(
                "event-type",
                "invalid_field",
                "Invalid field",
                moreInfo="event-type: hpe.greenlake.compute-ops.v1.servers.x is spelled "
                "com.hpe.greenlake.compute-ops.v1.servers.x: types begin with com.hpe.greenlake",
            ),
        ),
        (
            {**ORDER, "event-type": "a.Webhooks", "event-type-version": "verification"},
            violated(
                "event-type",
                "invalid_field",
                "Invalid field",
                moreInfo="event-type: a.Webhooks.verification is a type that this service sends itself: nobody registers or "
                "publishes it",
            ),
        ),
    ],
)
async def test_a_legacy_event_that_is_refused(
    api: httpx.AsyncClient, callers: Callers, services: Services, body: object, answer: dict[str, object]
) -> None:
    """Is told so to the letter of Kyma, its first fault alone, in its order; what only we refuse in a sentence.
    No type is made."""
    publisher = await callers.headers(Role.PUBLISHER)
    text = body if isinstance(body, bytes) else json.dumps(body).encode()

    refused = await api.post(LEGACY, content=text, headers=publisher)

    assert (refused.status_code, refused.json()) == (400, answer)
    assert await bodies(services) == {}
    assert await published(services) == []


async def test_legacy_bodies_that_cannot_be_read(api: httpx.AsyncClient, callers: Callers) -> None:
    """What is no JSON is told with the parser's sentence, what is too large as 413, an application that cannot be a source by
    its field; a packed body that is not read is a bad one."""
    publisher = await callers.headers(Role.PUBLISHER)

    cut = await api.post(LEGACY, content=b'{"event-type":', headers=publisher)
    long = await api.post(LEGACY, content=b" " * 65_537, headers=publisher)
    longer = await api.post(LEGACY, json={**ORDER, "data": "x" * 65_350}, headers=publisher)
    named = await api.post("/my%20shop/v1/events", json=ORDER, headers=publisher)
    packed = await api.post(LEGACY, json=ORDER, headers=publisher | {"Content-Encoding": "br"})

    assert [each.status_code for each in (cut, long, longer, named, packed)] == [400, 413, 413, 400, 400]
    assert cut.json() == bad(cut.json()["moreInfo"])
    assert cut.json()["moreInfo"].startswith("event-type: the text ends where a value should be")
    large = {"status": 413, "type": "request_body_too_large", "message": "Request body too large"}
    assert long.json() == {**large, "moreInfo": "http: request body too large"}
    assert longer.json() == {**large, "moreInfo": longer.json()["moreInfo"]}
    assert longer.json()["moreInfo"].endswith("at most 65536 are taken")
    assert named.json()["details"] == [{"field": "application", "type": "invalid_field", "message": "Invalid field"}]
    assert packed.json()["type"] == "bad_payload_syntax"


@pytest.mark.parametrize("path", CLOUDEVENTS)
async def test_a_cloudevent(api: httpx.AsyncClient, callers: Callers, services: Services, path: str) -> None:
    """Structured and binary, is answered by 204 without a body, and kept as it came, with what Kyma adds to it where it does not
    have that itself: the type, and the request's trace."""
    publisher = await callers.headers(Role.PUBLISHER)
    own = cloudevent(id="2", originaltype="mine", traceparent="own")
    binary = {f"ce-{name}": value for name, value in cloudevent(id="3", data=..., datacontenttype=...).items()}

    one = await structured(api, path, cloudevent(), publisher | {"X-B3-SpanId": "s"})
    two = await structured(api, path, own, publisher | {"traceparent": "another"})
    three = await api.post(path, json={"a": 1.0}, headers=publisher | binary)

    assert [(each.status_code, each.content) for each in (one, two, three)] == [(204, b"")] * 3
    kept = [json.loads(each) for each in (await bodies(services)).values()]
    assert kept == [
        cloudevent(originaltype=TYPE, b3spanid="s"),
        own,
        cloudevent(id="3", originaltype=TYPE),
    ]


async def test_an_event_that_is_full(api: httpx.AsyncClient, callers: Callers, services: Services) -> None:
    """Gets nothing added that it would have no room for, by number or by bytes, and is taken as everywhere."""
    publisher = await callers.headers(Role.PUBLISHER)
    many = cloudevent(**{f"x{number}": "" for number in range(64)})
    long = cloudevent(id="2", data="")
    long["data"] = "x" * (65_536 - len(json.dumps(long, separators=(",", ":"))))

    answers = [await structured(api, "/publish", each, publisher) for each in (many, long)]

    assert [each.status_code for each in answers] == [204, 204]
    assert [json.loads(each) for each in (await bodies(services)).values()] == [many, long]


@pytest.mark.parametrize("path", CLOUDEVENTS)
async def test_a_cloudevent_that_is_refused(
    api: httpx.AsyncClient, callers: Callers, services: Services, path: str
) -> None:
    """Is a 400 in text, a line for each attribute, whatever is wrong: too large, a batch, another format, another coding."""
    publisher = await callers.headers(Role.PUBLISHER)
    batch = {"Content-Type": "application/cloudevents-batch+json"}
    many = {f"x{number}": "" for number in range(65)}

    answers = [
        await structured(api, path, cloudevent(type="", source=...), publisher),
        await structured(api, path, cloudevent(type="a..b"), publisher),
        await structured(api, path, cloudevent(data="x" * 66_000), publisher),
        await structured(api, path, cloudevent(**many), publisher),
        await api.post(path, json=[cloudevent()], headers=publisher | batch),
        await api.post(path, content=b"{", headers=publisher | {"Content-Type": "application/cloudevents+xml"}),
        await api.post(path, json={}, headers=publisher | {"Content-Encoding": "br"}),
        await api.post(path, json={}, headers=publisher),
    ]

    assert [each.status_code for each in answers] == [400] * len(answers)
    assert {each.headers["content-type"] for each in answers} == {"text/plain; charset=utf-8"}
    assert set(answers[0].text.splitlines()) == {"type: MUST be a non-empty string", "source: REQUIRED"}
    assert answers[1].text == "type: must not have an empty part: two dots together, or one at an end"
    assert [each.text.partition(":")[0] for each in answers[2:7]] == [
        *("body", "body", "Content-Type", "Content-Type", "Content-Encoding")
    ]
    assert (await bodies(services), await published(services)) == ({}, [])


async def test_the_same_event_again(api: httpx.AsyncClient, callers: Callers, services: Services) -> None:
    """By whichever door and in whichever trace, is answered as the first time and is no second event; another one under its id is
    a 409 in the door's own form."""
    publisher = await callers.headers(Role.PUBLISHER)
    legacy = {**ORDER, "event-id": GIVEN}
    path = f"{EVENTS}/cloudevents"

    for trace in ("one", "two"):
        assert (await api.post(LEGACY, json=legacy, headers=publisher | {"traceparent": trace})).status_code == 200
        assert (await structured(api, "/publish", cloudevent(), publisher | {"traceparent": trace})).status_code == 204
    turned = dict(reversed(cloudevent().items()))
    again = await structured(api, "/publish", turned, publisher | {"traceparent": "three"})
    plain = await structured(api, path, cloudevent(), publisher)
    other = await api.post(LEGACY, json={**legacy, "data": 1}, headers=publisher)
    otherwise = await structured(api, "/publish", cloudevent(data=2), publisher)

    assert (plain.status_code, plain.json()["duplicate"]) == (202, True)
    assert again.status_code == 204
    assert len(await bodies(services)) == 2
    assert (other.status_code, otherwise.status_code) == (409, 409)
    said = f"event-id: {GIVEN!r} has already been used for another occurrence: `data` differs from it"
    assert other.json() == {"status": 409, "message": said}
    assert otherwise.text.startswith("id: '1' has already been used for another occurrence")


@pytest.mark.parametrize("path", [*CLOUDEVENTS, LEGACY])
async def test_who_may(api: httpx.AsyncClient, callers: Callers, path: str) -> None:
    """Whoever may publish elsewhere: without a token, or without the permission, the answer is ours."""
    nobody = await api.post(path, content=b"{")
    viewer = await api.post(path, content=b"{", headers=await callers.headers(Role.VIEWER))

    assert (nobody.status_code, nobody.json()["errorCode"]) == (401, "HPE_GL_ERROR_UNAUTHORIZED")
    assert (viewer.status_code, viewer.json()["errorCode"]) == (403, "HPE_GL_ERROR_FORBIDDEN")


async def test_what_is_subscribed(api: httpx.AsyncClient, callers: Callers, services: Services) -> None:
    """The types that webhooks of the workspace have subscribed to, by name and version; GreenLake's, and other workspaces', are
    in no answer."""
    publisher, subscriber = await callers.headers(Role.PUBLISHER), await callers.headers(Role.SUBSCRIBER)
    stranger = await callers.headers(Role.PUBLISHER, workspace="485d4628bb5911eeb355f27748645044")
    await api.post(LEGACY, json=ORDER, headers=publisher)
    hook = {"name": "h", "destination": "https://127.0.0.1:9/", "secret": "a-shared-secret"}
    uri = (await api.post(f"{EVENTS}/webhooks", json=hook, headers=subscriber)).json()["resourceUri"]
    types = [TYPE, "com.hpe.greenlake.compute-ops.v1.servers.rebooted"]
    orders = [{"eventType": each, "webhook": {"resourceUri": uri}} for each in types]
    (await api.post(f"{EVENTS}/subscriptions", json=orders, headers=subscriber)).raise_for_status()

    found = await api.get(f"{LEGACY}/subscribed", headers=publisher)
    theirs = await api.get(f"{LEGACY}/subscribed", headers=stranger)
    query = await api.get(f"{LEGACY}/subscribed?x=1", headers=publisher)

    named = {"name": "Order>Root*v2.created", "version": "v1"}
    assert (found.status_code, found.json()) == (200, {"eventsInfo": [named]})
    assert (theirs.status_code, theirs.json()) == (200, {"eventsInfo": []})
    assert query.json() == {"code": 400, "error": "x: is not a parameter of this path; none would be"}


@pytest.mark.parametrize("name", ["events", "docs", "health", "Publish", "authorization"])
async def test_what_is_no_name(api: httpx.AsyncClient, callers: Callers, name: str) -> None:
    """What a path of ours begins with names no application: there is nothing, as before."""
    publisher = await callers.headers(Role.PUBLISHER)

    answers = [await api.post(f"/{name}/{rest}", json=ORDER, headers=publisher) for rest in ("v1/events", "v2/events")]

    assert [each.status_code for each in answers] == [404, 404]


async def published(services: Services) -> list[str]:
    async with services.database.raw() as connection:
        rows = await connection.fetch("SELECT type FROM event_types WHERE origin = 'published' ORDER BY type")
        return [row["type"] for row in rows]
