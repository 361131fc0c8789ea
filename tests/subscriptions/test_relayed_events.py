"""CloudEvents made elsewhere, by the rules of cloudevents.md 1, 2: what is refused, and that the rest stays as it is."""

import json
from typing import Any
from uuid import UUID

import pytest

from subscriptions.events import cloudevent, http_binding
from subscriptions.events.cloudevent import CloudEvent
from subscriptions.ground.errors import Refused, TooLarge, Unprocessable

KEY = UUID("019df2c1-0000-7000-8000-000000000001")
WORKSPACE = "485d4628bb5911eeb355f27748645044"
STRUCTURED = [("Content-Type", "application/cloudevents+json")]
EVENT: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "/acm", "type": "org.acm.x"}
CE = [(f"ce-{name}", value) for name, value in EVENT.items()]


def structured(**changes: Any) -> CloudEvent:
    (relayed,) = http_binding.decode(STRUCTURED, json.dumps(EVENT | changes).encode())
    return relayed


def binary(*headers: tuple[str, str], body: bytes = b"") -> CloudEvent:
    (relayed,) = http_binding.decode([*CE, *headers], body)
    return relayed


def body_of(relayed: CloudEvent) -> bytes:
    return cloudevent.event_of(relayed, key=KEY, workspace_id=WORKSPACE).body


def subjects(error: Refused) -> list[str]:
    return [issue.subject for issue in error.issues]


@pytest.mark.parametrize(
    ("media_type", "data", "said"),
    [
        ("text/plain; charset=punycode", "a", "in the charset 'punycode'"),
        ("text/plain;charset=IDNA", "a", "in the charset 'idna'"),
        ("text/plain; charset=us-ascii", "é", "has no"),
    ],
)
def test_what_could_never_be_written_is_refused(media_type: str, data: str, said: str) -> None:
    """Text that a webhook in binary mode could not be sent is refused at publication; what comes as bytes is sent as bytes."""
    with pytest.raises(Refused, match=said) as refused:
        body_of(structured(datacontenttype=media_type, data=data))
    body_of(binary(("Content-Type", media_type), body=data.encode()))

    assert subjects(refused.value) == ["data"]


def test_no_time_is_invented() -> None:
    """cloudevents.md C1, S1: an event without time stays without one."""
    event = cloudevent.event_of(structured(), key=KEY, workspace_id=WORKSPACE)

    assert json.loads(event.body) == EVENT
    assert event.time is None


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("ext", {"a": 1}, Unprocessable),
        ("ext", [1], Unprocessable),
        ("ext", 1.5, Unprocessable),
        ("id", 5, Unprocessable),
        ("time", True, Unprocessable),
        ("ext", 2**31, Refused),
        ("ext", "a\x85b", Refused),
        ("id", "\ufffe", Refused),
        ("id", "", Refused),
        ("source", "a b", Refused),
        ("source", "", Refused),
        ("specversion", "0.3", Refused),
        ("datacontenttype", "json", Refused),
        ("dataschema", "not/absolute", Refused),
        ("subject", "", Refused),
        ("time", "2026-05-04 12:30", Refused),
    ],
)
def test_what_is_no_value_is_refused_by_name(name: str, value: object, kind: type[Refused]) -> None:
    """cloudevents.md C3, C4, C14, S9, S11: what is no value of its type is refused by name, never by a crash."""
    with pytest.raises(kind) as caught:
        structured(**{name: value})
    assert subjects(caught.value) == [name]


def test_relayed_as_received() -> None:
    """Source, subject, nanoseconds, extensions and literals stay (cloudevents.md C14, C15), in the order of greenlake.md D.5."""
    body = (
        b'{"data":{"b":1.0, "a":1e30},"zz":true,"time":"2024-10-30T21:09:16.127443806+01:00","subject":"s/1",'
        b'"type":"t","source":"//x/y","aa":5,"id":"i","specversion":"1.0","dataschema":"urn:x:y",'
        b'"datacontenttype":"Application/JSON; charset=utf-8"}'
    )
    (relayed,) = http_binding.decode(STRUCTURED, body)
    event = cloudevent.event_of(relayed, key=KEY, workspace_id=WORKSPACE)

    assert event.body == (
        b'{"specversion":"1.0","id":"i","source":"//x/y","type":"t","subject":"s/1",'
        b'"datacontenttype":"Application/JSON; charset=utf-8","dataschema":"urn:x:y",'
        b'"time":"2024-10-30T21:09:16.127443806+01:00","zz":true,"aa":5,"data":{"b":1.0,"a":1e30}}'
    )
    assert (event.id, event.source, event.type, event.workspace_id) == ("i", "//x/y", "t", WORKSPACE)
    assert (event.time, event.given_id, event.key) == ("2024-10-30T21:09:16.127443806+01:00", True, KEY)


def test_relayed_deleted_keeps_its_data() -> None:
    """The rules for occurrences do not touch relayed events."""
    relayed = structured(type="com.hpe.greenlake.a.v1.b.deleted", data={"x": 1})

    assert json.loads(body_of(relayed))["data"] == {"x": 1}


def test_the_same_event_in_two_modes_has_one_digest() -> None:
    """A resend in another mode is no other event."""
    one = cloudevent.event_of(structured(datacontenttype="application/json", data=[1]), key=KEY, workspace_id=WORKSPACE)
    two = cloudevent.event_of(
        binary(("Content-Type", "application/json"), body=b" [1]"), key=KEY, workspace_id=WORKSPACE
    )

    assert (one.body, one.digest) == (two.body, two.digest)


def test_too_large_a_relay_is_refused() -> None:
    """The limit holds for relayed events as for others (greenlake.md D.9)."""
    relayed = structured(data="x" * 100)

    with pytest.raises(TooLarge):
        cloudevent.event_of(relayed, key=KEY, workspace_id=WORKSPACE, max_event_bytes=100)


def test_null_attributes_are_absent() -> None:
    """cloudevents.md J3, S8: null core and extension attributes are not there."""
    assert json.loads(body_of(structured(time=None, subject=None, ext=None))) == EVENT


def test_null_data_is_data() -> None:
    """cloudevents.md J8: an explicit null is kept, and is not the same as none."""
    assert body_of(structured(data=None)).endswith(b',"data":null}')
    assert structured().data is None


@pytest.mark.parametrize(
    ("content_type", "data"),
    [
        (None, {"a": 1}),
        ("application/json", '{"a":1}'),
        ("Application/JSON", [1]),
        ("image/x+json", True),
        ("text/plain", "{}"),
        ("application/json", 1.5),
    ],
)
def test_data_stays_as_it_is(content_type: str | None, data: object) -> None:
    """cloudevents.md J5, J6, J9, S14, S15: JSON stays a value, a string of a JSON type stays a string."""
    body = json.loads(body_of(structured(datacontenttype=content_type, data=data)))

    assert body["data"] == data
    assert ("datacontenttype" in body) == (content_type is not None)


@pytest.mark.parametrize("data", [{}, [], 1, None, True])
def test_data_of_other_types_need_a_string(data: object) -> None:
    """cloudevents.md J6: text that is not JSON cannot be an object."""
    with pytest.raises(Unprocessable, match="data"):
        structured(datacontenttype="text/xml", data=data)


@pytest.mark.parametrize("data", [None, 1, "x"])
def test_an_event_has_data_or_data_base64(data: object) -> None:
    """cloudevents.md J7: never both."""
    with pytest.raises(Unprocessable, match="data_base64"):
        structured(data=data, data_base64="eA==")


@pytest.mark.parametrize("encoded", ["e", "eA", "e A==", "eA==\n", "e$==", "____", 5, {}])
def test_base64_is_strict(encoded: object) -> None:
    """cloudevents.md J9, S16: bad base64 is refused."""
    with pytest.raises(Unprocessable, match="data_base64"):
        structured(data_base64=encoded)
