"""Reading publications: what is taken, what is refused, and how the fault is named."""

import hashlib
import json
from typing import Any

import pytest

from subscriptions.events import occurrences
from subscriptions.events.event import Occurrence
from subscriptions.ground.errors import Malformed, Refused, TooLarge, Unprocessable

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MINIMAL: dict[str, Any] = {"apiGroup": "compute-ops", "apiVersion": "v1", "event": "service-offline", "data": {}}
WHOLE: dict[str, Any] = MINIMAL | {
    "resourceCollection": "servers.disks",
    "id": "42 é/😀",
    "time": "2026-05-04T12:30:00.123456789Z",
    "region": "us-west",
    "workspaceId": "485d4628bb5911eeb355f27748645044",
    "correlationId": "c",
    "partitionKey": "p",
    "dataschema": "https://schema.example/x#/defs/a",
    "traceparent": TRACEPARENT,
    "tracestate": "a=b",
    "sampledrate": 5,
    "flag": True,
}


def read(value: Any) -> list[Occurrence]:
    return occurrences.read(json.dumps(value).encode())


def test_one_object_with_everything() -> None:
    """Every documented field arrives, and unknown lower-case names are extension attributes in the order given."""
    (found,) = read(WHOLE)

    assert (found.api_group, found.api_version, found.event) == ("compute-ops", "v1", "service-offline")
    assert (found.resource_collection, found.id, found.region) == ("servers.disks", "42 é/😀", "us-west")
    assert (found.time, found.workspace_id) == ("2026-05-04T12:30:00.123456789Z", WHOLE["workspaceId"])
    assert (found.correlation_id, found.partition_key, found.traceparent) == ("c", "p", TRACEPARENT)
    assert found.dataschema == WHOLE["dataschema"]
    assert list(found.extensions.items()) == [("tracestate", "a=b"), ("sampledrate", 5), ("flag", True)]


def test_the_least_that_is_needed() -> None:
    """Group, version, event and data are required; null counts as absent."""
    (found,) = read(MINIMAL | {"id": None, "time": None, "ext": None, "resourceCollection": None})

    assert (found.id, found.time, found.resource_collection, found.extensions) == (None, None, None, {})


def test_data_and_digest_are_of_the_text_as_given() -> None:
    """Literals stay to the letter in the data and in the digest; white space and escapes do not count."""
    given = rb'{ "apiGroup":"a", "apiVersion":"v1", "event":"x", "data": {"b": 1.0, "\u00e9": 1e30} }'
    compact = '{"apiGroup":"a","apiVersion":"v1","event":"x","data":{"b":1.0,"é":1e30}}'.encode()
    (found,) = occurrences.read(given)

    assert found.data == '{"b":1.0,"é":1e30}'.encode()
    assert found.digest == hashlib.sha256(compact).digest()
    assert found == occurrences.read(b"[" + compact + b"]")[0]
    assert found.digest != occurrences.read(given.replace(b"1.0", b"1.00"))[0].digest


@pytest.mark.parametrize("data", [[], [1, {"a": None}], {"a": {}}])
def test_data_is_an_object_or_an_array(data: object) -> None:
    """Both shapes of greenlake.md 3.2."""
    assert json.loads(read(MINIMAL | {"data": data})[0].data) == data


@pytest.mark.parametrize(
    ("change", "subject", "kind"),
    [
        ({"apiGroup": None}, "apiGroup", Unprocessable),
        ({"apiGroup": 5}, "apiGroup", Unprocessable),
        ({"apiGroup": "Compute"}, "apiGroup", Refused),
        ({"apiVersion": "1"}, "apiVersion", Refused),
        ({"event": ""}, "event", Refused),
        ({"event": "a.b"}, "event", Refused),
        ({"resourceCollection": "a..b"}, "resourceCollection", Refused),
        ({"data": None}, "data", Unprocessable),
        ({"data": "text"}, "data", Unprocessable),
        ({"data": 1}, "data", Unprocessable),
        ({"id": ""}, "id", Refused),
        ({"id": 5}, "id", Unprocessable),
        ({"id": "x" * 257}, "id", Refused),
        ({"id": "a\x00b"}, "id", Refused),
        ({"id": "a\x9fb"}, "id", Refused),
        ({"time": "yesterday"}, "time", Refused),
        ({"time": 1734698093161}, "time", Unprocessable),
        ({"region": "us west"}, "region", Refused),
        ({"region": "a/b"}, "region", Refused),
        ({"workspaceId": "485D4628BB5911EEB355F27748645044"}, "workspaceId", Refused),
        ({"workspaceId": "485d4628-bb59-11ee-b355-f27748645044"}, "workspaceId", Refused),
        ({"correlationId": ""}, "correlationId", Refused),
        ({"partitionKey": "\n"}, "partitionKey", Refused),
        ({"dataschema": "relative"}, "dataschema", Refused),
        ({"traceparent": "00-" + "0" * 32 + "-b7ad6b7169203331-01"}, "traceparent", Refused),
        ({"traceparent": "ff" + TRACEPARENT[2:]}, "traceparent", Refused),
        ({"traceparent": TRACEPARENT + "-x"}, "traceparent", Refused),
        ({"traceparent": TRACEPARENT.upper()}, "traceparent", Refused),
        ({"unKnown": 1}, "unKnown", Unprocessable),
        ({"a" * 21: 1}, "a" * 21, Unprocessable),
        ({"type": "x"}, "type", Unprocessable),
        ({"source": "x"}, "source", Unprocessable),
        ({"specversion": "1.0"}, "specversion", Unprocessable),
        ({"data_base64": ""}, "data_base64", Unprocessable),
        ({"ext": 1.5}, "ext", Unprocessable),
        ({"ext": []}, "ext", Unprocessable),
        ({"ext": 2**31}, "ext", Refused),
        ({"ext": "\x1f"}, "ext", Refused),
        ({"correlationId": "a", "correlationid": "b"}, "correlationid", Refused),
    ],
)
def test_a_faulty_field_is_named(change: dict[str, Any], subject: str, kind: type[Refused]) -> None:
    """A wrong shape is Unprocessable, a wrong value Refused; alone by its field, in an array with the index before it."""
    with pytest.raises(Refused) as alone:
        read(MINIMAL | change)
    with pytest.raises(Refused) as among:
        read([MINIMAL, MINIMAL, MINIMAL | change, MINIMAL])

    assert [issue.subject for issue in alone.value.issues] == [subject]
    assert [issue.subject for issue in among.value.issues] == [f"[2].{subject}"]
    assert type(alone.value) is type(among.value) is kind


def test_all_that_is_wrong_in_an_item_is_said_at_once() -> None:
    """A publisher need not find four faults in four requests."""
    with pytest.raises(Unprocessable) as caught:
        read({"apiVersion": 1, "id": "", "fooBar": 1})

    assert {issue.subject for issue in caught.value.issues} == {
        "apiVersion",
        "id",
        "fooBar",
        "apiGroup",
        "event",
        "data",
    }


@pytest.mark.parametrize(
    ("member", "said"),
    [
        ({"dat": "tenant-1"}, "is taken as an extension attribute; did you mean data?"),
        (
            {"payload": {}},
            "is taken as an extension attribute, which must be a string, a boolean or an integer; an object or an array goes "
            "into data",
        ),
        ({"colour": "red"}, None),
    ],
)
def test_a_misspelt_field(member: dict[str, Any], said: str | None) -> None:
    """What is taken as an extension beside a field that lacks is told so, with the field that was probably meant."""
    with pytest.raises(Unprocessable) as caught:
        read({name: value for name, value in MINIMAL.items() if name != "data"} | member)

    told = {issue.subject: issue.description for issue in caught.value.issues}
    assert told == {"data": "is required"} | ({next(iter(member)): said} if said else {})


@pytest.mark.parametrize("field", ["apiGroup", "apiVersion", "event", "data"])
def test_a_missing_field_is_named(field: str) -> None:
    """A required field that is not there is Unprocessable."""
    with pytest.raises(Unprocessable) as caught:
        read([{name: value for name, value in MINIMAL.items() if name != field}])

    assert [(issue.subject, issue.description) for issue in caught.value.issues] == [(f"[0].{field}", "is required")]


@pytest.mark.parametrize(
    ("body", "subject", "kind"),
    [
        (b"", "body", Malformed),
        (b"[", "[0]", Malformed),
        (b'[{"a":1},{"data":{"x":01}}]', "[1].data.x", Malformed),
        (b'{"data":{"x":NaN}}', "data.x", Malformed),
        (b'[{"id":"\xff"}]', "[0].id", Malformed),
        (b'{"id":"a","id":"a"}', "id", Malformed),
        (b"[{}] x", "body", Malformed),
        (b"[" * 10_000, "[0]" * 64, Malformed),
        (b"5", "body", Unprocessable),
        (b"null", "body", Unprocessable),
        (b"[5]", "[0]", Unprocessable),
        (b"[[]]", "[0]", Unprocessable),
        (b"[]", "body", Refused),
    ],
)
def test_bodies_that_are_no_publication(body: bytes, subject: str, kind: type[Refused]) -> None:
    """Unreadable JSON is Malformed, at its path in the whole body; JSON of another shape is Unprocessable."""
    # The first item of the third case must be valid for the second to be reached.
    whole = body.replace(b'{"a":1}', json.dumps(MINIMAL).encode())
    with pytest.raises(kind) as caught:
        occurrences.read(whole)

    assert caught.value.issues[0].subject == subject


def test_an_array_has_a_limit() -> None:
    """1,000 are taken, one more is too large."""
    assert len(read([MINIMAL] * 1000)) == 1000
    with pytest.raises(TooLarge, match="more than 1,000"):
        read([MINIMAL] * 1001)


def test_white_space_around_an_array() -> None:
    """Leading white space does not hide an array."""
    assert len(occurrences.read(b" \r\n\t[" + json.dumps(MINIMAL).encode() + b"]\n")) == 1
