"""CloudEvents there and back: round trips of our own, and the SDK as an oracle where it is right."""

import base64
import json
from typing import Any
from uuid import UUID

from cloudevents.core.bindings import http
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st

from subscriptions.events import cloudevent, http_binding
from subscriptions.events.cloudevent import CloudEvent
from subscriptions.ground.errors import Refused

KEY = UUID("019df2c1-0000-7000-8000-000000000001")
WORKSPACE = "485d4628bb5911eeb355f27748645044"
STRUCTURED = [("Content-Type", "application/cloudevents+json")]
EVENT: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "/acm", "type": "org.acm.x"}
CE = [(f"ce-{name}", value) for name, value in EVENT.items()]


def binary(*headers: tuple[str, str], body: bytes = b"") -> CloudEvent:
    (relayed,) = http_binding.decode([*CE, *headers], body)
    return relayed


def body_of(relayed: CloudEvent) -> bytes:
    return cloudevent.event_of(relayed, key=KEY, workspace_id=WORKSPACE).body


STRINGS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=10)
SCALARS = st.none() | st.booleans() | st.integers() | STRINGS
OBJECTS = st.dictionaries(STRINGS, SCALARS | st.lists(SCALARS, max_size=3), max_size=4)
EVENTS = st.fixed_dictionaries(
    {"specversion": st.just("1.0"), "id": STRINGS, "source": st.just("//a/b"), "type": STRINGS},
    optional={
        "subject": STRINGS,
        "time": st.sampled_from(["2024-10-30T21:09:16.127443806Z", "2024-10-30T21:09:16+02:00"]),
        "ext": STRINGS,
        "data": OBJECTS | SCALARS,
    },
)


@given(EVENTS)
def test_round_trip_through_binary(event: dict[str, Any]) -> None:
    """Structured to binary and back is the same event, but for the content type that is now said."""
    (relayed,) = http_binding.decode(STRUCTURED, json.dumps(event).encode())
    headers, body = http_binding.encode_binary(body_of(relayed))
    (again,) = http_binding.decode(headers, body)
    said = {"datacontenttype": "application/json"} if "data" in event else {}

    assert json.loads(body_of(again)) == event | said


@given(EVENTS, OBJECTS)
def test_the_sdk_reads_what_is_written(event: dict[str, Any], data: dict[str, Any]) -> None:
    """The SDK, as an oracle, finds the same event in both modes, where it is right."""
    event |= {"time": "2024-10-30T21:09:16Z", "data": data}
    (relayed,) = http_binding.decode(STRUCTURED, json.dumps(event).encode())
    headers, body = http_binding.encode_binary(body_of(relayed))
    structured_read = JSONFormat().read(None, body_of(relayed))
    binary_read = http.from_binary_event(http.HTTPMessage({k.lower(): v for k, v in headers}, body))

    for read in (structured_read, binary_read):
        assert (read.get_id(), read.get_type(), read.get_subject()) == (
            event["id"],
            event["type"],
            event.get("subject"),
        )
        assert (read.get_data() or {}) == data
        assert read.get_extension("ext") == event.get("ext")


@given(EVENTS, OBJECTS)
def test_what_the_sdk_writes_is_read(event: dict[str, Any], data: dict[str, Any]) -> None:
    """What the SDK writes in either mode is read here as the event it was given."""
    event |= {"time": "2024-10-30T21:09:16Z", "data": data}
    sdk = JSONFormat().read(None, json.dumps(event).encode())
    attributes = {name: value for name, value in event.items() if name not in ("data", "time")}

    for message in (http.to_structured_event(sdk), http.to_binary_event(sdk)):
        (relayed,) = http_binding.decode(list(message.headers.items()), message.body)
        assert {n: v for n, v in relayed.attributes.items() if n not in ("time", "datacontenttype")} == attributes


@given(st.binary(max_size=40), st.sampled_from(["application/json", "text/plain", "a/b", None]))
def test_any_body_is_read_or_refused(body: bytes, content_type: str | None) -> None:
    """Whatever arrives, there is an event of the same bytes or one of the family's errors."""
    headers = [("content-type", content_type)] if content_type else []
    try:
        relayed = binary(*headers, body=body)
    except Refused:
        return

    assert cloudevent.payload(relayed) == body or content_type == "application/json"
    assert base64.b64encode(body).decode() in body_of(relayed).decode() or content_type in (
        "application/json",
        "text/plain",
    )
