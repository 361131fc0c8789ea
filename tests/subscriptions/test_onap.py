"""ONAP's legacy envelope, folded into CloudEvents and back."""

import json
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscriptions.events import attributes, cloudevent, onap, onap_reading, onap_texts
from subscriptions.events.cloudevent import CloudEvent
from subscriptions.ground.errors import Malformed, Refused, TooLarge, Unprocessable

Json = dict[str, Any]

MADE = "01933b3e-6f00-7000-8000-000000000001"
LCM: Json = {
    "eventId": "1",
    "eventCorrelationId": "my-cm-handle-1",
    "eventTime": "2023-08-23T09:00:00.000+0000",
    "eventSource": "org.onap.ncmp",
    "eventType": "org.onap.ncmp.cmhandle-lcm-event.create",
    "eventSchema": "org.onap.ncmp:cmhandle-lcm-event",
    "eventSchemaVersion": "1.0",
    "event": {"cmHandleId": "my-cm-handle-1"},
}
DMI = "org.onap.cps.ncmp.event.model.DmiAsyncRequestResponseEvent"


def read(envelope: Any, headers: dict[str, str] | None = None) -> CloudEvent:
    """The one event of a request."""
    [(_, folded)] = onap.each(headers or {}, json.dumps(envelope).encode())
    return folded.named(MADE)


def body_of(event: CloudEvent) -> bytes:
    """As it is kept."""
    return cloudevent.event_of(event, key=UUID(int=1), workspace_id="0" * 32).body


def returned(envelope: Any, headers: dict[str, str] | None = None) -> Any:
    """What a webhook in ONAP's mode is sent of it."""
    return json.loads(onap.written(body_of(read(envelope, headers))) or b"null")


def test_an_envelope_becomes_a_cloudevent() -> None:
    """Each field of the life-cycle event has its attribute; the texts of schema and version go along."""
    event = read(LCM)

    assert event.attributes == {
        "specversion": "1.0",
        "id": "1",
        "source": "org.onap.ncmp",
        "type": "org.onap.ncmp.cmhandle-lcm-event.create",
        "datacontenttype": "application/json",
        "dataschema": "urn:cps:org.onap.ncmp:cmhandle-lcm-event:1.0.0",
        "time": "2023-08-23T09:00:00.000Z",
        "correlationid": "my-cm-handle-1",
        "eventschema": "org.onap.ncmp:cmhandle-lcm-event",
        "eventschemaversion": "1.0",
    }
    assert event.data is not None
    assert event.data.text == b'{"cmHandleId":"my-cm-handle-1"}'
    assert returned(LCM) == LCM


@pytest.mark.parametrize(
    ("schema", "version", "uri"),
    [
        ("cps:org.onap.ncmp.cmhandle.lcm-event", "v1.0", "urn:cps:org.onap.ncmp.cmhandle.lcm-event:1.0.0"),
        ("cps:org.onap.ncmp.cmhandle.lcm-event:1.0.0", "v1.0", "urn:cps:org.onap.ncmp.cmhandle.lcm-event:1.0.0"),
        ("org.onap.ncmp.cmhandle.lcm.event", "v1", "urn:cps:org.onap.ncmp.cmhandle.lcm.event:1.0.0"),
        ("org.onap.ncmp:cmhandle-lcm-event", "1.0", "urn:cps:org.onap.ncmp:cmhandle-lcm-event:1.0.0"),
        ("org.onap.ncmp:cmhandle-lcm-event.v2", "1.0", "urn:cps:org.onap.ncmp:cmhandle-lcm-event.v2:1.0.0"),
        (
            "urn:cps:org.onap.cps:async-request-response-event-schema",
            "v1",
            "urn:cps:org.onap.cps:async-request-response-event-schema:1.0.0",
        ),
        (f"urn:cps:{DMI}:v1", "", f"urn:cps:{DMI}:1.0.0"),
        (f"urn:cps:{DMI}:v1.0", "", f"urn:cps:{DMI}:1.0.0"),
        (f"urn:cps:{DMI}:1.0", "", f"urn:cps:{DMI}:1.0.0"),
        (f"urn:cps:{DMI}:2.1.3", "v1", f"urn:cps:{DMI}:2.1.3"),
        # Beyond those that were seen.
        ("x", "", "urn:cps:x"),
        ("x", "2", "urn:cps:x:2.0.0"),
        ("x", "1.0.0-SNAPSHOT", "urn:cps:x:1.0.0-SNAPSHOT"),
        ("URN:x:y", "1", "URN:x:y:1.0.0"),
        ("org.x:2022", "v1", "urn:cps:org.x:2022:1.0.0"),
        ("https://example.com/schema:1.0", "v1", "https://example.com/schema:1.0"),
    ],
)
def test_schema_and_version_become_one_uri(schema: str, version: str, uri: str) -> None:
    """All values that were seen, and what is like them; both texts come back as they were."""
    envelope = LCM | {"eventSchema": schema, "eventSchemaVersion": version, "eventType": "any"}
    if not version:
        del envelope["eventSchemaVersion"]

    assert read(envelope).attributes["dataschema"] == uri
    assert returned(envelope) == envelope


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2020-12-01T00:00:00.000+0000", "2020-12-01T00:00:00.000Z"),
        ("2022-09-28T12:24:18.340+0530", "2022-09-28T12:24:18.340+05:30"),
        ("2022-09-28T12:24:18.340-0000", "2022-09-28T12:24:18.340-00:00"),
        ("2022-12-12T14:29:23.876Z", "2022-12-12T14:29:23.876Z"),
        ("2022-12-12T14:29:23+0000", "2022-12-12T14:29:23Z"),
        ("2022-12-12T14:29:23.876543210+02:00", "2022-12-12T14:29:23.876543210+02:00"),
    ],
)
def test_times_are_read_and_come_back_as_they_were(text: str, time: str) -> None:
    """ONAP's pattern has no colon in the offset, which RFC 3339 has; other texts of times travel along."""
    envelope = LCM | {"eventTime": text}

    event = read(envelope)

    assert event.attributes["time"] == time
    assert ("eventtime" in event.attributes) == (onap_texts.legacy_time(time) != text)
    assert returned(envelope) == envelope


@pytest.mark.parametrize("text", ["yesterday", "2020-12-01", "2020-13-01T00:00:00.000+0000", "2020-12-01T00:00:00.000"])
def test_what_is_no_time_is_refused(text: str) -> None:
    """With the field's name, and what would be one."""
    with pytest.raises(Refused, match=r"eventTime: must be a time such as 2020-12-01T00:00:00.000\+0000"):
        read(LCM | {"eventTime": text})


@pytest.mark.parametrize(
    ("envelope", "event_type"),
    [
        ({"eventSchema": f"urn:cps:{DMI}:v1", "event": {}}, DMI),
        ({"eventSchema": "cps:org.example.thing", "eventSchemaVersion": "v1", "event": {}}, "org.example.thing"),
        ({"eventSchema": "urn:cps:org.onap.cps:async-request-response-event-schema:v1", "eventContent": {}}, DMI),
        ({"forwardedEvent": {}}, onap_texts.NCMP),
        ({"eventType": "", "eventSchema": "org.example.thing", "event": {}}, "org.example.thing"),
    ],
)
def test_an_event_without_a_type_has_one(envelope: Json, event_type: str) -> None:
    """It is the last name of its schema, where that names no schema; else what its payload's member declares."""
    envelope = {"eventId": "1", "eventCorrelationId": "c", **envelope}

    assert read(envelope).attributes["type"] == event_type
    assert returned(envelope) == envelope


def test_a_subscription_has_a_version_and_a_client() -> None:
    """Of #3 the client is the source and the version a part of `dataschema`; it has no id, which is made and does not go back."""
    envelope = {"version": "v1", "eventType": "CREATE", "event": {"subscription": {"clientID": "SCO-9989752"}}}

    event = read(envelope)

    assert event.attributes["id"] == MADE
    assert event.attributes["source"] == "SCO-9989752"
    assert event.attributes["dataschema"] == "urn:cps:org.onap.cps.ncmp.events:avc-subscription-event:1.0.0"
    assert returned(envelope) == envelope


def test_fields_may_be_headers() -> None:
    """In any case and spelling; what a body says too has to be the same, and both places are named where it is not."""
    told = onap_reading.in_headers(
        [("EVENTID", "7"), ("eventType", "t"), ("eventsource", "D\u00c3\u00bc"), ("ce_x", "y")]
    )
    assert told == {"eventId": "7", "eventType": "t", "eventSource": "Dü"}

    whole = read({"eventType": "t", "event": 1}, {"eventId": "7", "eventType": "t"})
    with pytest.raises(Refused) as refused:
        read({"eventID": "8", "event": 1}, {"eventId": "7"})

    assert (whole.id, whole.type) == ("7", "t")
    assert [(issue.subject, issue.source) for issue in refused.value.issues] == [
        ("eventId", "field"),
        ("eventId", "header"),
    ]
    assert "'8' here and '7' in the header" in str(refused.value)


def test_headers_are_those_of_every_envelope() -> None:
    """But for an id, which is one event's."""
    body = b'[{"eventId":"1","event":1},{"eventId":"2","event":2}]'
    folded = [each for _, each in onap.each({"eventType": "t"}, body)]

    assert [each.event.id for each in folded] == ["1", "2"]
    with pytest.raises(Refused, match="put an id into each"):
        list(onap.each({"eventType": "t", "eventId": "1"}, b'[{"event":1},{"event":2}]'))
    with pytest.raises(Malformed, match="eventType: is given more than once"):
        onap_reading.in_headers([("eventType", "t"), ("EventType", "t")])


@pytest.mark.parametrize(
    ("envelope", "kind", "subjects"),
    [
        ([1], Unprocessable, ["[0]"]),
        ([], Refused, ["body"]),
        ("x", Unprocessable, ["body"]),
        ({}, Unprocessable, ["event", "eventType"]),
        ({"event": None, "eventType": "t"}, Unprocessable, ["event"]),
        ({"eventId": 7, "data": {}, "event": {}}, Unprocessable, ["eventId", "data"]),
        ({"eventId": "1", "eventID": "1", "eventType": "t", "event": {}}, Refused, ["eventID"]),
        ({"eventType": "t" * 300, "event": {}}, Refused, ["eventType"]),
        ({"eventType": "t", "source": "no uri", "event": {}}, Refused, ["source"]),
        ({"eventType": "t", "eventSchema": "a b", "event": {}}, Refused, ["eventSchema"]),
        ({"eventType": "t", "eventTarget": "a\u0007", "event": {}}, Refused, ["eventTarget"]),
        ([{"eventType": "t", "event": {}}, {"eventType": "t"}], Unprocessable, ["[1].event"]),
        # What the description of each event makes mandatory.
        (
            {"eventType": LCM["eventType"], "event": {}},
            Unprocessable,
            [name for name in LCM if name[5:] not in ("", "CorrelationId", "Type")],
        ),
        (LCM | {"eventId": ""}, Unprocessable, ["eventId"]),
        (
            {"eventType": "org.onap.cps.ncmp.events.avc1_0_0.AvcEvent", "event": {}},
            Unprocessable,
            ["eventId", "eventSchema", "eventSchemaVersion"],
        ),
        ({"eventType": DMI, "eventContent": {}}, Unprocessable, ["eventId", "eventCorrelationId"]),
        ({"forwardedEvent": {}, "eventId": "1"}, Unprocessable, ["eventCorrelationId"]),
    ],
)
def test_what_an_envelope_cannot_be(envelope: Any, kind: type[Refused], subjects: list[str]) -> None:
    """Each fault is named where it stands, as its publisher spelt it."""
    with pytest.raises(kind) as refused:
        list(onap.each({}, json.dumps(envelope).encode()))

    assert type(refused.value) is kind
    assert [issue.subject for issue in refused.value.issues] == subjects


def test_too_many_and_too_long() -> None:
    """An array has as many envelopes as a publication may have, each as long as an event may be sent."""
    with pytest.raises(TooLarge):
        list(onap.each({}, b"[1,2,3]", limit=2))
    with pytest.raises(TooLarge):
        list(onap.each({}, b'{"event":1}', longest=5))


#: What a text may be that a URI has to be made of.
_plain = st.text("abcXYZ019.:_-", min_size=1, max_size=20).filter(
    lambda text: (
        not attributes.value_fault("source", text) and not attributes.value_fault("dataschema", f"urn:cps:{text}")
    )
)
_any = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cn")), max_size=20)
_time = st.builds(
    "{}T{}{}{}".format,
    st.dates().map(str),
    st.sampled_from(["00:00:00", "23:59:59"]),
    st.sampled_from(["", ".1", ".123", ".123456789"]),
    st.sampled_from(["Z", "+0000", "-0330", "+05:30"]),
)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | _any, lambda each: st.lists(each, max_size=3)
)
_payload = st.dictionaries(
    st.sampled_from(onap_texts.PAYLOADS), _json.filter(lambda it: it is not None), min_size=1, max_size=3
)
_spelt = st.fixed_dictionaries({name: st.booleans() for name in onap_texts.SPELLINGS.values()})
_fields = st.fixed_dictionaries(
    {},
    optional={
        "eventId": _any,
        "eventCorrelationId": _any,
        "eventTime": _time | st.just(""),
        "eventSource": _plain | st.just(""),
        "eventTarget": _any,
        "eventType": _any,
        "eventSchema": _plain | st.just(""),
        "eventSchemaVersion": st.sampled_from(["", "v1", "v1.0", "1.0", "1.0.0", "2", "snapshot"]),
    },
)


@given(fields=_fields, payload=_payload, spelt=_spelt)
def test_the_way_back_is_exact(fields: Json, payload: Json, spelt: dict[str, bool]) -> None:
    """Whatever an envelope has that is taken comes back: spellings, texts, members, what is absent and what is empty."""
    other = {name: spelling for spelling, name in onap_texts.SPELLINGS.items() if spelt[name]}
    envelope = {other.get(name, name): text for name, text in fields.items()} | payload
    try:
        event = read(envelope)
    except Refused:
        # Such as one without a type; what is refused is held by the tests above.
        return

    assert returned(envelope) == envelope
    again = read(returned(envelope))
    assert {**again.attributes, "id": ""} == {**event.attributes, "id": ""}


def test_most_envelopes_are_taken() -> None:
    """The property above is about something: of a plain envelope every field may be left out, empty or spelt otherwise."""
    plain = LCM | {"eventType": "any.type", "eventTarget": "topic"}
    for name in plain:
        if name in ("event", "eventType"):
            continue
        left = {each: text for each, text in plain.items() if each != name}
        for envelope in (left, plain | {name: ""}):
            assert returned(envelope) == envelope
    for spelling, name in onap_texts.SPELLINGS.items():
        spelt = {spelling if each == name else each: text for each, text in plain.items()}
        assert returned(spelt) == spelt


def test_two_payloads_are_both_kept() -> None:
    """Why #5 has two nobody knows: the data are an object that has both, to the letter."""
    envelope = '{"eventId":"1","eventCorrelationId":"c","eventType":"t","event":{"n":1.0},"forwardedEvent":{"m":1e30}}'
    [(_, folded)] = onap.each({}, envelope.encode())

    assert folded.event.data is not None
    assert folded.event.data.text == b'{"event":{"n":1.0},"forwardedEvent":{"m":1e30}}'
    assert onap.written(body_of(folded.event)) == envelope.encode()


def written(event: Json) -> Any:
    """The envelope of an event that came by another door."""
    made = onap.written(json.dumps({"specversion": "1.0", "id": "1", "source": "//x", "type": "t"} | event).encode())
    return None if made is None else json.loads(made)


@pytest.mark.parametrize(
    ("event", "envelope"),
    [
        ({"data": [1]}, {"event": [1]}),
        ({"data": None}, {"event": None}),
        ({"time": "2026-01-02T03:04:05.123456Z", "data": 1}, {"eventTime": "2026-01-02T03:04:05.123+0000", "event": 1}),
        ({"time": "2026-01-02t03:04:05+01:30"}, {"eventTime": "2026-01-02T03:04:05.000+0130"}),
        ({"dataschema": "urn:cps:x:1.0.0"}, {"eventSchema": "urn:cps:x", "eventSchemaVersion": "1.0.0"}),
        ({"dataschema": "urn:cps:x:v1"}, {"eventSchema": "urn:cps:x:v1"}),
        ({"dataschema": "https://x/1.0.0"}, {"eventSchema": "https://x/1.0.0"}),
        ({"destination": "topic", "correlationid": "c"}, {"eventTarget": "topic", "eventCorrelationId": "c"}),
        ({"target": "a", "destination": "b"}, {"eventTarget": "a"}),
        # What has no field is left out.
        ({"subject": "s", "traceparent": "00-x", "deprecated": True}, {}),
        # Extensions of those names that are somebody else's.
        (
            {"eventschema": "other", "dataschema": "urn:cps:x:1.0.0"},
            {"eventSchema": "urn:cps:x", "eventSchemaVersion": "1.0.0"},
        ),
        ({"eventtime": "soon", "time": "2026-01-02T03:04:05Z"}, {"eventTime": "2026-01-02T03:04:05.000+0000"}),
        ({"eventform": "garbage - = eventContent event", "data": 1}, {"event": 1}),
        # What the envelope cannot hold.
        ({"datacontenttype": "text/plain", "data": "x"}, None),
        ({"data_base64": "AA=="}, None),
    ],
)
def test_events_of_other_doors(event: Json, envelope: Json | None) -> None:
    """Their attributes are the fields; what is not there is left out, and data that are no JSON have no place in it."""
    expected = None if envelope is None else {"eventId": "1", "eventSource": "//x", "eventType": "t"} | envelope

    assert written(event) == expected


def test_a_batch_is_an_array_of_envelopes() -> None:
    """Each as it would be by itself; where one cannot be written none is."""
    body = b'{"specversion":"1.0","id":"%d","source":"//x","type":"t","data":1.0}'
    envelope = b'{"eventId":"%d","eventSource":"//x","eventType":"t","event":1.0}'

    assert onap.written_batch(b"[%b,%b]" % (body % 1, body % 2)) == b"[%b,%b]" % (envelope % 1, envelope % 2)
    assert (
        onap.written_batch(b'[%b,{"specversion":"1.0","id":"1","source":"x","type":"t","data_base64":""}]' % (body % 1))
        is None
    )
