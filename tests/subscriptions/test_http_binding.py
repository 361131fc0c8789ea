"""CloudEvents over HTTP, by the rules of cloudevents.md 3: modes, headers, binary bodies, batches."""

import json
from typing import Any
from uuid import UUID

import pytest

from subscriptions.events import cloudevent, http_binding
from subscriptions.events.cloudevent import CloudEvent
from subscriptions.ground.errors import Malformed, Refused, TooLarge, Unprocessable

KEY = UUID("019df2c1-0000-7000-8000-000000000001")
WORKSPACE = "485d4628bb5911eeb355f27748645044"
STRUCTURED = [("Content-Type", "application/cloudevents+json")]
BATCH = [("content-type", "application/cloudevents-batch+json; charset=UTF-8")]
EVENT: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "/acm", "type": "org.acm.x"}
CE = [(f"ce-{name}", value) for name, value in EVENT.items()]
EURO = "Euro € 😀"


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


@pytest.mark.parametrize("missing", list(EVENT))
def test_required_attributes_are_refused_not_invented(missing: str) -> None:
    """cloudevents.md C1, S1: a missing id, source, specversion or type is named, in all three modes."""
    less = {name: value for name, value in EVENT.items() if name != missing}
    for headers, body, subject in [
        (STRUCTURED, json.dumps(less).encode(), missing),
        (BATCH, json.dumps([EVENT, less]).encode(), f"[1].{missing}"),
        ([(f"ce-{name}", value) for name, value in less.items()], b"", f"ce-{missing}"),
    ]:
        with pytest.raises(Unprocessable) as caught:
            http_binding.decode(headers, body)
        assert subjects(caught.value) == [subject]


@pytest.mark.parametrize("name", ["Ext", "my-ext", "my_ext", "é", "x\n", ""])
def test_names_in_json_are_vetted(name: str) -> None:
    """cloudevents.md C2, S9: attribute names are lower-case letters and digits."""
    with pytest.raises(Unprocessable) as caught:
        structured(**{name: "x"})
    assert subjects(caught.value) == [name]


@pytest.mark.parametrize("header", ["ce-my-ext", "ce-my_ext", "ce-data", "ce-", "ce-data_base64"])
def test_names_in_headers_are_vetted(header: str) -> None:
    """cloudevents.md C2: the same in headers; `ce-data` is no attribute."""
    with pytest.raises(Unprocessable) as caught:
        binary((header, "x"))
    assert subjects(caught.value) == [header]


def test_an_attribute_stands_once() -> None:
    """cloudevents.md C2, S16: duplicate headers and duplicate keys are refused."""
    with pytest.raises(Malformed, match="ce-id"):
        binary(("CE-ID", "2"))
    with pytest.raises(Malformed, match="twice"):
        http_binding.decode(STRUCTURED, b'{"id":"1","id":"1"}')


@pytest.mark.parametrize(
    ("content_type", "mode"),
    [
        ("application/cloudevents-batch+json", "batch"),
        ("APPLICATION/CloudEvents-Batch+JSON;charset=utf-8", "batch"),
        ("application/cloudevents+json", "structured"),
        ("Application/CloudEvents+Json ; charset=UTF-8", "structured"),
        ("application/json", "binary"),
        ("text/plain", "binary"),
    ],
)
def test_the_content_type_alone_tells_the_mode(content_type: str, mode: str) -> None:
    """cloudevents.md H1, H2, S3, S4, S5: batch first, then structured, else binary; headers and body do not matter."""
    body = json.dumps([EVENT | {"id": "b"}] if mode == "batch" else EVENT | {"id": "s"}).encode()
    (relayed,) = http_binding.decode([*CE, ("content-type", content_type)], body)

    assert relayed.id == {"batch": "b", "structured": "s", "binary": "1"}[mode]


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", None])
def test_a_structured_body_of_another_type_is_not_parsed(content_type: str | None) -> None:
    """cloudevents.md H2, S4: without ce- headers that is no event, and the Content-Type that was meant is named."""
    headers = [("content-type", content_type)] if content_type else []
    with pytest.raises(Unprocessable) as caught:
        http_binding.decode(headers, json.dumps(EVENT).encode())
    assert subjects(caught.value) == ["Content-Type"]


@pytest.mark.parametrize(
    "content_type",
    [
        "application/cloudevents",
        "application/cloudevents+avro",
        "application/cloudevents-batch+avro",
        "application/cloudevents+json; charset=utf-16",
        "application/cloudevents-batch+json;charset=latin1",
    ],
)
def test_other_formats_are_said_to_be_unknown(content_type: str) -> None:
    """cloudevents.md W6: an event format or an encoding that is not understood is no Malformed body."""
    with pytest.raises(http_binding.FormatUnknown, match="Content-Type"):
        http_binding.decode([("content-type", content_type)], b"{}")


def test_an_unknown_format_with_ce_headers_is_opaque() -> None:
    """cloudevents.md H8: what cannot be read is forwarded as bytes, under its own type."""
    relayed = binary(("content-type", "application/cloudevents+avro"), body=b"\x00\x01")

    assert json.loads(body_of(relayed)) == EVENT | {
        "datacontenttype": "application/cloudevents+avro",
        "data_base64": "AAE=",
    }


@pytest.mark.parametrize(
    ("content_type", "body", "member", "value"),
    [
        ("application/json", b'{"a": 1.0}', "data", b'{"a":1.0}'),
        ("Application/JSON; x=y", b'"{}"', "data", b'"{}"'),
        ("image/x+json", b"[1, 2]", "data", b"[1,2]"),
        ("text/plain", "é\n".encode(), "data", '"é\\n"'.encode()),
        ("text/xml; charset=UTF-8", b'<a b="c"/>', "data", b'"<a b=\\"c\\"/>"'),
        ("application/soap+xml", b"<a/>", "data", b'"<a/>"'),
        ("text/plain", b"\xff", "data_base64", b'"/w=="'),
        ("text/plain; charset=iso-8859-1", b"\xe9", "data_base64", b'"6Q=="'),
        ("application/octet-stream", b"abc", "data_base64", b'"YWJj"'),
        (None, b"{}", "data_base64", b'"e30="'),
    ],
)
def test_binary_bodies_come_back_as_they_were(content_type: str | None, body: bytes, member: str, value: bytes) -> None:
    """cloudevents.md H3, J4, J5, J6: JSON becomes a value, text a string, all else base64, no type is invented; and back."""
    relayed = binary(*([("Content-Type", content_type)] if content_type else []), body=body)
    text = body_of(relayed)
    headers, sent = http_binding.encode_binary(text)

    assert relayed.datacontenttype == content_type
    assert text.endswith(b',"%b":%b}' % (member.encode(), value))
    assert dict(headers).get("Content-Type") == content_type
    assert sent == (value if member == "data" and b"json" in (content_type or "").lower().encode() else body)


def test_an_empty_body_is_no_data() -> None:
    """cloudevents.md H3: the type may stay without data."""
    assert json.loads(body_of(binary(("Content-Type", "application/json")))) == EVENT | {
        "datacontenttype": "application/json"
    }


def test_datacontenttype_has_no_header_and_content_type_stands_once() -> None:
    """cloudevents.md H3: `ce-datacontenttype` must not be present, and one Content-Type is enough."""
    with pytest.raises(Unprocessable, match="ce-datacontenttype"):
        binary(("ce-datacontenttype", "text/plain"))
    with pytest.raises(Malformed, match="Content-Type"):
        binary(("content-type", "text/plain"), ("Content-Type", "text/plain"))
    with pytest.raises(Refused) as caught:
        binary(("content-type", "nonsense"))
    assert subjects(caught.value) == ["Content-Type"]


def test_broken_json_is_refused() -> None:
    """cloudevents.md H3, J5, S14: broken JSON of a JSON type never silently becomes a string."""
    with pytest.raises(Malformed) as caught:
        binary(("content-type", "application/json"), body=b'[{"a":01}]')
    assert subjects(caught.value) == ["data[0].a"]


def test_other_headers_are_not_attributes() -> None:
    """cloudevents.md H4: only ce- headers are; traceparent beside ce-traceparent is transport."""
    relayed = binary(("traceparent", "x"), ("CE-TraceParent", "y"), ("x-ce-a", "z"))

    assert dict(relayed.attributes) == EVENT | {"traceparent": "y"}


@pytest.mark.parametrize("header", ["%C0%A0", "%ED%A0%80", "%FF", "100%", "%4", "%zz", "é", "€"])
def test_invalid_percent_encoding_is_refused(header: str) -> None:
    """cloudevents.md H6, S7: invalid UTF-8 and broken escapes are rejected, naming the header."""
    with pytest.raises(Malformed) as caught:
        binary(("ce-ext", header))
    assert subjects(caught.value) == ["ce-ext"]


def test_repeated_headers_do_not_matter() -> None:
    """cloudevents.md H7, S3: a structured event with ce- headers is the body's event."""
    (relayed,) = http_binding.decode([("ce-id", "other"), ("ce-x", "%FF"), *STRUCTURED], json.dumps(EVENT).encode())

    assert dict(relayed.attributes) == EVENT


def test_a_batch_is_an_array_up_to_the_limit() -> None:
    """cloudevents.md B1, S5: an array, also an empty one, up to the limit; a fault names its index."""
    assert [e.id for e in http_binding.decode(BATCH, json.dumps([EVENT, EVENT | {"id": "2"}]).encode())] == ["1", "2"]
    assert http_binding.decode(BATCH, b" [ ] ") == []
    with pytest.raises(TooLarge):
        http_binding.decode(BATCH, json.dumps([EVENT] * 3).encode(), limit=2)
    for body in (b"{}", json.dumps(EVENT).encode(), b"1"):
        with pytest.raises(Unprocessable, match="body"):
            http_binding.decode(BATCH, body)
    with pytest.raises(Unprocessable, match=r"^\[1\]: "):
        http_binding.decode(BATCH, json.dumps([EVENT, 5]).encode())
    with pytest.raises(Refused, match=r"\[1\]\.specversion"):
        http_binding.decode(BATCH, json.dumps([EVENT, EVENT | {"specversion": "0.3"}]).encode())


@pytest.mark.parametrize(
    ("data", "body"),
    [([{"a": True}], b'[{"a":true}]'), (True, b"true"), (5, b"5"), ("x", b'"x"'), ('{"a":1}', b'"{\\"a\\":1}"')],
)
def test_data_travel_as_json_not_as_repr(data: object, body: bytes) -> None:
    """cloudevents.md H3, J5, J10, S2, S13, S15: JSON data travel as JSON, with the type that was implied said."""
    headers, sent = http_binding.encode_binary(body_of(structured(data=data)))

    assert sent == body
    assert dict(headers)["Content-Type"] == "application/json"


def test_every_attribute_has_a_header_of_its_own() -> None:
    """cloudevents.md H3, H4, H5, C4, S10: every attribute in its own header, `true` not `True`, no ce-datacontenttype."""
    event = EVENT | {"datacontenttype": "text/plain", "subject": EURO, "flag": True, "n": -5, "data": "é"}
    headers, body = http_binding.encode_binary(json.dumps(event).encode())

    assert headers == [
        ("Content-Type", "text/plain"),
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/acm"),
        ("ce-type", "org.acm.x"),
        ("ce-subject", "Euro%20%E2%82%AC%20%F0%9F%98%80"),
        ("ce-flag", "true"),
        ("ce-n", "-5"),
    ]
    assert body == "é".encode()


def test_text_goes_out_in_its_own_charset() -> None:
    """cloudevents.md J6: a string is in the encoding that its type names; one that cannot be is refused, not garbled."""
    event = EVENT | {"datacontenttype": "text/plain; charset=iso-8859-1", "data": "é"}

    assert http_binding.encode_binary(json.dumps(event).encode())[1] == b"\xe9"
    for wrong in ({"data": "€"}, {"datacontenttype": "text/plain; charset=klingon"}):
        with pytest.raises(Refused, match="charset"):
            http_binding.encode_binary(json.dumps(event | wrong).encode())
