"""Publishing in ONAP's legacy envelope over HTTP, and what a webhook in that content mode is sent of it."""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from delivery.wire import parcels
from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.events import attributes, onap
from tests.service.callers import Callers
from tests.service.described import described as described_all
from tests.service.test_publishing import CLOUDEVENTS, OCCURRENCES, bodies, issues, rebooted
from tests.subscriptions.shipped_examples import Example, examples
from tests.subscriptions.test_onap import DMI, LCM

Json = dict[str, Any]

EVENTS = "/events/v1beta1"
ONAP = f"{EVENTS}/onap"
TYPE = "org.example.thing"
THING: Json = {"eventId": "1", "eventSource": "here", "eventType": TYPE, "event": {"n": 1}}
MESSAGES = [each for each in examples() if each.catalogue == "onap"]


@pytest.fixture
async def publisher(api: httpx.AsyncClient, callers: Callers) -> dict[str, str]:
    """The headers of a publisher whose workspace has a type."""
    headers = await callers.headers(Role.PUBLISHER)
    await api.post(f"{EVENTS}/event-types", json={"eventType": TYPE}, headers=headers)
    return headers


def returned(body: Json) -> Any:
    """What a webhook in ONAP's mode is sent of a kept event."""
    parcel = parcels.single(uuid4(), json.dumps(body).encode(), content_mode="onap")
    assert parcel.headers == (("Content-Type", "application/json"),)
    return json.loads(parcel.body)


async def test_one_envelope(api: httpx.AsyncClient, publisher: dict[str, str], services: Services) -> None:
    """Is answered with one receipt, kept as a CloudEvent and sent as it came; again, or spelt otherwise, it is a duplicate."""
    first = await api.post(ONAP, json=THING, headers=publisher)
    spelt = await api.post(ONAP, json={**THING, "eventId": None, "eventID": "1"}, headers=publisher)
    again = await api.post(ONAP, json=THING, headers=publisher)
    other = await api.post(ONAP, json=THING | {"event": {"n": 2}}, headers=publisher)

    assert first.status_code == 202, first.text
    told = {name: first.json()[name] for name in ("id", "source", "type", "duplicate")}
    assert told == {"id": "1", "source": "here", "type": TYPE, "duplicate": False}
    [body] = await bodies(services)
    assert (body["id"], body["data"], returned(body)) == ("1", {"n": 1}, THING)
    assert [(each.status_code, each.json()["duplicate"]) for each in (spelt, again)] == [(202, True)] * 2
    assert (other.status_code, [subject for subject, _ in issues(other)]) == (409, ["eventId"])


async def test_an_array_is_taken_whole_or_not_at_all(
    api: httpx.AsyncClient, publisher: dict[str, str], services: Services
) -> None:
    """Each has its receipt, in order; one without an id is given one. Of a fault the place is named, and nothing is kept."""
    wrong = await api.post(ONAP, json=[THING, THING | {"eventId": "2", "eventTime": "now"}], headers=publisher)
    taken = await api.post(ONAP, json=[THING, {"eventType": TYPE, "event": 2}], headers=publisher)

    assert (wrong.status_code, [subject for subject, _ in issues(wrong)]) == (400, ["[1].eventTime"])
    assert taken.status_code == 202, taken.text
    one, two = taken.json()
    assert (one["id"], two["id"], two["source"]) == ("1", two["messageId"], "ncmp")
    assert [returned(each) for each in await bodies(services)] == [THING, {"eventType": TYPE, "event": 2}]
    assert (await api.post(ONAP, json=[], headers=publisher)).status_code == 400


async def test_fields_as_headers(api: httpx.AsyncClient, publisher: dict[str, str], services: Services) -> None:
    """Kafka's headers are HTTP's, in any case; one that differs from the body is a 400 that names both places."""
    told = {
        "EVENTID": "9",
        "eventtype": TYPE,
        "eventTime": "2020-12-01T00:00:00.000+0000",
        "ce_x": "y",
        "eventsource": "DMI",
    }
    taken = await api.post(ONAP, json={"event": {"n": 1}, "eventType": TYPE}, headers=publisher | told)
    wrong = await api.post(ONAP, json={"event": {}, "eventType": "other"}, headers=publisher | told)

    assert taken.status_code == 202, taken.text
    [body] = await bodies(services)
    assert (body["id"], body["source"], body["time"]) == ("9", "DMI", "2020-12-01T00:00:00.000Z")
    assert wrong.status_code == 400
    assert [subject for subject, _ in issues(wrong)] == ["eventType", "eventType"]


@pytest.mark.parametrize(
    ("content", "status", "subjects"),
    [
        (b"{", 400, ["body"]),
        (b"7", 422, ["body"]),
        (b'{"eventType":"org.example.thing"}', 422, ["event"]),
        (b'{"eventType":"org.example.thing","event":{},"payload":1}', 422, ["payload"]),
        (b'{"eventType":"com.hpe.greenlake.events.v1beta1.webhooks.verification","event":{}}', 400, ["eventType"]),
        (b'{"eventType":"org.example.thing","eventContent":"%s"}' % (b"x" * 65536), 413, ["eventContent"]),
    ],
)
async def test_what_is_refused(
    api: httpx.AsyncClient,
    publisher: dict[str, str],
    services: Services,
    content: bytes,
    status: int,
    subjects: list[str],
) -> None:
    """With what is wrong, as the envelope calls it; nothing is kept."""
    answer = await api.post(ONAP, content=content, headers=publisher)

    assert (answer.status_code, [subject for subject, _ in issues(answer)]) == (status, subjects)
    assert await bodies(services) == []


async def test_a_schema_judges_these_events_too(api: httpx.AsyncClient, publisher: dict[str, str]) -> None:
    """`reject` names the places within the member that holds the payload."""
    path = f"{EVENTS}/event-types/{TYPE}"
    await api.put(f"{path}/schema", json={"properties": {"n": {"type": "integer"}}}, headers=publisher)
    await api.patch(path, json={"validation": "reject"}, headers=publisher)

    good = await api.post(ONAP, json=THING, headers=publisher)
    one = await api.post(ONAP, json={"eventType": TYPE, "eventContent": {"n": "x"}}, headers=publisher)
    both = {"eventType": TYPE, "event": {}, "forwardedEvent": {}, "eventId": "2"}
    several = await api.post(ONAP, json=[both, THING | {"event": {"n": "x"}}], headers=publisher)

    assert good.status_code == 202
    assert (one.status_code, [subject for subject, _ in issues(one)]) == (422, ["eventContent/n"])
    assert (several.status_code, [subject for subject, _ in issues(several)]) == (422, ["[1].event/n"])


async def test_types_that_are_not_switched_on(
    api: httpx.AsyncClient, publisher: dict[str, str], callers: Callers
) -> None:
    """Each door says which catalogue has them, and what to do; of a type that none has it says what it said."""
    cloudevent = {"specversion": "1.0", "id": "1", "source": "x", "type": LCM["eventType"]}
    structured = publisher | {"Content-Type": "application/cloudevents+json"}
    answers = [
        await api.post(ONAP, json=LCM, headers=publisher),
        await api.post(CLOUDEVENTS, json=cloudevent, headers=structured),
    ]
    subscriber = await callers.headers(Role.SUBSCRIBER)
    body = {"name": "w", "destination": "https://example.com/", "secret": "s3cr3tKey"}
    webhook = (await api.post(f"{EVENTS}/webhooks", json=body, headers=subscriber)).json()["resourceUri"]
    order = {"eventType": LCM["eventType"], "webhook": {"resourceUri": webhook}}
    answers.append(await api.post(f"{EVENTS}/subscriptions", json=order, headers=subscriber))
    answers.append(await api.post(f"{webhook}/test", json={"eventType": LCM["eventType"]}, headers=subscriber))
    unknown = await api.post(ONAP, json=THING | {"eventType": "org.nowhere"}, headers=publisher)

    for answer, field in zip(answers, ("eventType", "type", "eventType", "eventType"), strict=True):
        [(subject, said)] = issues(answer)
        assert (answer.status_code, subject) == (400, field)
        assert "of the shipped catalogue `onap`, which this deployment has not switched on" in said
        assert "HOOKLAKE_CATALOGUES" in said
    assert "org.nowhere is not in the catalogue" in issues(unknown)[0][1]


def envelope_of(example: Example) -> Json:
    """A message of the catalogue as its publisher would write it."""
    said = {"specversion": "1.0", "id": str(uuid4()), "source": "x", "datacontenttype": "application/json"}
    event = {**said, **example.attributes, "type": example.type, "data": example.data}
    made: Json = json.loads(onap.written(json.dumps(event).encode()) or b"null")
    return made


async def test_every_message_of_the_catalogue(api: httpx.AsyncClient, callers: Callers, services: Services) -> None:
    """Each example goes in by this door, as an array too, keeps attributes and data, fits its schema, goes out as it came."""
    await described_all(services)
    headers = await callers.headers(Role.PUBLISHER)
    for name in {each.type for each in MESSAGES}:
        path = f"{EVENTS}/event-types/{name}"
        operator = await callers.headers(Role.OPERATOR)
        assert (await api.patch(path, json={"validation": "reject"}, headers=operator)).is_success
    sent = [envelope_of(each) for each in MESSAGES]

    for envelope in sent[:2]:
        one = await api.post(ONAP, json=envelope, headers=headers)
        assert one.status_code == 202, one.text
    several = await api.post(ONAP, json=sent[2:22], headers=headers)
    rest = await api.post(ONAP, json=sent[22:], headers=headers) if sent[22:] else several

    assert (several.status_code, rest.status_code) == (202, 202), several.text + rest.text
    kept = {body["id"]: body for body in await bodies(services)}
    assert [returned(kept[each["eventId"]]) for each in sent] == sent
    for envelope, example in zip(sent, MESSAGES, strict=True):
        body = kept[envelope["eventId"]]
        assert (body["type"], body["data"]) == (example.type, example.data)
        for name, value in example.attributes.items():
            if name == "time":
                assert attributes.instant(body["time"]) == attributes.instant(value)
            elif name == "destination":
                assert body["target"] == value
            elif name in ("id", "source", "dataschema", "correlationid", "target"):
                assert body[name] == value, name


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        # As the page describes the events: #2 with what is mandatory, #3, #4 as CPS's own sample has it, #5 with its payload.
        (
            {
                "eventID": "2",
                "eventType": "cps:org.onap.cps.ncmp.events:avc-event",
                "eventSchema": "cps:org.onap.cps.ncmp.events:avc-event-schema",
                "eventSchemaVersion": "v1.0",
            },
            {"event": {}},
        ),
        ({}, {"version": "v1", "eventType": "CREATE", "event": {"subscription": {"clientID": "c", "name": "n"}}}),
        (
            {"eventId": "4", "eventCorrelationId": "r", "eventTarget": "t"},
            {
                "eventSchema": f"urn:cps:{DMI}:v1",
                "eventContent": {"response-status": "OK", "response-code": "200", "response-data": {}},
            },
        ),
        (
            {"eventId": "5", "eventCorrelationId": "r", "eventType": DMI, "eventSchema": f"urn:cps:{DMI}:v1"},
            {"forwardedEvent": {"eventId": "4", "response-status": "OK", "response-code": "200", "response-data": {}}},
        ),
    ],
)
async def test_events_of_the_page(
    api: httpx.AsyncClient, callers: Callers, services: Services, headers: dict[str, str], body: Json
) -> None:
    """Their types are in the catalogue; fields that were headers come back in the body."""
    await described_all(services)

    answer = await api.post(ONAP, json=body, headers=await callers.headers(Role.PUBLISHER) | headers)

    assert answer.status_code == 202, answer.text
    [kept] = await bodies(services)
    given = {("eventId" if name == "eventID" else name): value for name, value in headers.items()}
    assert returned(kept) == given | body


async def test_an_event_of_a_deprecated_version_says_so(
    api: httpx.AsyncClient, callers: Callers, services: Services
) -> None:
    """A version may be told by several schemas: each makes its events deprecated, and those that a pinned webhook is sent."""
    await described_all(services)
    publisher, subscriber = await callers.headers(Role.PUBLISHER), await callers.headers(Role.SUBSCRIBER)
    body = {"name": "pinned", "destination": "https://example.com/", "secret": "s3cr3tKey", "contentMode": "onap"}
    webhook = (await api.post(f"{EVENTS}/webhooks", json=body, headers=subscriber)).json()["resourceUri"]
    order = {"eventType": DMI, "version": "1.0.0", "webhook": {"resourceUri": webhook}}
    sent: Json = {"eventId": "1", "eventCorrelationId": "r", "eventContent": {}}
    one = sent | {"eventSchema": f"urn:cps:{DMI}:v1"}
    other = sent | {"eventId": "2", "eventSchema": "urn:cps:org.onap.cps:async-request-response-event-schema:v1"}
    two = {"eventId": "3", "eventCorrelationId": "r", "eventSchema": f"urn:cps:{DMI}:2.0.0", "event": {}}

    pinned = await api.post(f"{EVENTS}/subscriptions", json=order, headers=subscriber)
    answer = await api.post(ONAP, json=[one, other, two], headers=publisher)

    assert (pinned.status_code, answer.status_code) == (201, 202), pinned.text + answer.text
    kept = {body["id"]: body for body in await bodies(services)}
    assert ["deprecated" in kept[id] for id in ("1", "2", "3")] == [True, True, False]
    assert [each["matched"] for each in answer.json()] == [1, 1, 0]
    assert [returned(kept[id]) for id in ("1", "2", "3")] == [one, other, two]


async def test_what_comes_by_another_door_goes_out_in_this_form(
    api: httpx.AsyncClient, publisher: dict[str, str], services: Services
) -> None:
    """An occurrence has the fields that its attributes make; there are no others."""
    await api.post(
        OCCURRENCES, json=rebooted(id="o-1", time="2026-01-02T03:04:05Z", correlationId="c"), headers=publisher
    )

    [body] = await bodies(services)
    assert returned(body) == {
        "eventId": "o-1",
        "eventCorrelationId": "c",
        "eventTime": "2026-01-02T03:04:05.000+0000",
        "eventSource": "//global.api.greenlake.hpe.com/compute-ops",
        "eventType": "com.hpe.greenlake.compute-ops.v1.servers.rebooted",
        "event": {"id": "s1"},
    }


async def test_an_event_is_held_to_its_version_whatever_names_it(
    api: httpx.AsyncClient, callers: Callers, services: Services
) -> None:
    """Where a version is told by several schemas, an event that names one of them has to fit that version, not any."""
    await described_all(services)
    updated = "org.onap.ncmp.cmhandle-lcm-event.update"
    publisher, operator = await callers.headers(Role.PUBLISHER), await callers.headers(Role.OPERATOR)
    await api.patch(f"{EVENTS}/event-types/{updated}", json={"validation": "reject"}, headers=operator)
    said = {"eventId": "1", "eventTime": "2026-05-04T12:30:00.000+0000", "eventSource": "ncmp", "eventType": updated}
    named = {"eventSchema": "org.onap.ncmp:cmhandle-lcm-event", "eventSchemaVersion": "1.0"}
    # No state of version 1; version 2 takes any.
    event = {"cmHandleId": "c", "newValues": {"cmHandleState": "X"}}

    answer = await api.post(ONAP, json={**said, **named, "event": event}, headers=publisher)

    assert answer.status_code == 422, answer.text
