"""Occurrences become events: the three categories, the envelope's bytes, the keys."""

import json
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from uuid import RFC_4122, UUID

import pytest
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from subscriptions.events import occurrences
from subscriptions.events.event import Event, Naming, Occurrence, typed
from subscriptions.ground import event_keys
from subscriptions.ground.errors import Refused, TooLarge

NOW = datetime(2026, 5, 4, 12, 30, 0, 123456, UTC)
KEY = UUID("019df2c1-0000-7000-8000-000000000001")
WORKSPACE = "485d4628bb5911eeb355f27748645044"
OCCURRENCE = Occurrence(
    api_group="compute-ops",
    api_version="v1",
    resource_collection="servers",
    event="rebooted",
    data=b'{"b":1.0,"a":1e30}',
    workspace_id=WORKSPACE,
    digest=b"d" * 32,
)


def event_of(limit: int = 65536, **changes: Any) -> Event:
    occurrence = structs.replace(OCCURRENCE, **changes)
    return typed(occurrence, key=KEY, accepted_at=NOW, naming=Naming(), max_event_bytes=limit)


def test_the_envelope_is_written_in_the_captured_order() -> None:
    """Attributes in the order of greenlake.md D.5, extensions, then the data to the letter."""
    event = event_of(
        id="é-1",
        time="2026-05-04T12:00:00.123456789+02:00",
        region="us-west",
        correlation_id="c",
        partition_key="p",
        dataschema="https://schema.example/x",
        traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01",
        extensions={"zz": True, "aa": 5},
    )

    assert event.body.decode() == (
        '{"specversion":"1.0","id":"é-1","source":"//us-west.api.greenlake.hpe.com/compute-ops",'
        '"type":"com.hpe.greenlake.compute-ops.v1.servers.rebooted","subject":"485d4628bb5911eeb355f27748645044",'
        '"datacontenttype":"application/json","dataschema":"https://schema.example/x",'
        '"time":"2026-05-04T12:00:00.123456789+02:00","correlationid":"c","partitionkey":"p",'
        f'"traceparent":"00-{"a" * 32}-{"b" * 16}-01","zz":true,"aa":5,"data":{{"b":1.0,"a":1e30}}}}'
    )
    assert (event.id, event.given_id, event.key, event.digest) == ("é-1", True, KEY, b"d" * 32)
    assert event.time == "2026-05-04T12:00:00.123456789+02:00"


def test_what_is_absent_gets_its_default() -> None:
    """No id: the key's text; no region: global; no time: the moment of acceptance (greenlake.md D.6, D.10)."""
    event = event_of(resource_collection=None, event="service-offline")

    assert json.loads(event.body) == {
        "specversion": "1.0",
        "id": str(KEY),
        "source": "//global.api.greenlake.hpe.com/compute-ops",
        "type": "com.hpe.greenlake.compute-ops.v1.service-offline",
        "subject": WORKSPACE,
        "datacontenttype": "application/json",
        "time": "2026-05-04T12:30:00.123Z",
        "data": {"b": 1.0, "a": 1e30},
    }
    assert (event.id, event.given_id) == (str(KEY), False)
    assert event.workspace_id == WORKSPACE


def test_prefix_and_host_are_settings() -> None:
    """A deployment may call itself otherwise (greenlake.md D.10)."""
    event = typed(OCCURRENCE, key=KEY, accepted_at=NOW, naming=Naming(prefix="org.acme", host="acme.example"))

    assert (event.type, event.source) == (
        "org.acme.compute-ops.v1.servers.rebooted",
        "//global.acme.example/compute-ops",
    )


T = "2026-05-04T10:00:00Z"
SAME = "2026-05-04T12:00:00.000+02:00"
LATER = "2026-05-04T10:00:00.000000001Z"
ACCEPTED = "2026-05-04T12:30:00.123Z"


@pytest.mark.parametrize(
    ("event", "given", "data", "time"),
    [
        ("created", None, {"createdAt": T, "updatedAt": SAME}, T),
        ("created", None, {"updatedAt": SAME}, SAME),
        ("created", None, {"createdAt": T}, T),
        ("created", SAME, {"createdAt": T, "updatedAt": T}, SAME),
        ("created", T, {"created_at": 5}, T),
        ("created", None, {}, ACCEPTED),
        ("created", None, {"createdAt": None}, ACCEPTED),
        ("updated", None, {"createdAt": T, "updatedAt": LATER}, LATER),
        ("updated", None, {"createdAt": T}, ACCEPTED),
        ("updated", LATER, {"createdAt": "garbage", "updatedAt": LATER}, LATER),
        ("updated", T, {"data": {"updatedAt": LATER}}, T),
        ("rebooted", None, {"createdAt": T, "updatedAt": LATER}, ACCEPTED),
        ("rebooted", T, {"updatedAt": LATER}, T),
        ("deleted", T, {"type": "a", "id": "b", "updatedAt": LATER}, T),
        ("deleted", None, {"type": "a", "id": "b", "updatedAt": LATER}, ACCEPTED),
    ],
)
def test_the_time_of_an_event(event: str, given: str | None, data: dict[str, Any], time: str) -> None:
    """created: createdAt = updatedAt; updated: updatedAt; where the data have none, the given
    time, or acceptance (greenlake.md 3.3)."""
    assert event_of(event=event, time=given, data=json.dumps(data).encode()).time == time


@pytest.mark.parametrize(
    ("event", "given", "data", "subject"),
    [
        ("created", LATER, {"createdAt": T}, "time"),
        ("created", T, {"createdAt": T, "updatedAt": LATER}, "time"),
        ("created", None, {"createdAt": T, "updatedAt": LATER}, "data.updatedAt"),
        ("created", None, {"createdAt": "yesterday"}, "data.createdAt"),
        ("updated", None, {"updatedAt": 1734698093161}, "data.updatedAt"),
        ("updated", T, {"updatedAt": LATER}, "time"),
        ("created", None, [], "data"),
        ("updated", None, [{}], "data"),
        ("deleted", None, [], "data"),
        ("deleted", None, {"type": "a"}, "data.id"),
        ("deleted", None, {"id": "a"}, "data.type"),
        ("deleted", None, {"id": "", "type": "a"}, "data.id"),
        ("deleted", None, {"id": 5, "type": "a"}, "data.id"),
    ],
)
def test_what_a_category_refuses(event: str, given: str | None, data: object, subject: str) -> None:
    """A rule of the category that is broken is refused by the field that breaks it."""
    with pytest.raises(Refused) as caught:
        event_of(event=event, time=given, data=json.dumps(data).encode())

    assert caught.value.issues[0].subject == subject


def test_deleted_keeps_type_and_id_alone() -> None:
    """Anything more in the data of a deleted event is dropped; order and spelling stay (greenlake.md 3.3)."""
    event = event_of(event="deleted", data=b'{"x":1,"id":"a","y":{"type":2},"type":"\\n"}')

    assert event.body.endswith(b',"data":{"id":"a","type":"\\n"}}')


@pytest.mark.parametrize("collection", [None, "servers"])
def test_custom_and_non_resource_data_may_be_an_array(collection: str | None) -> None:
    """Only resource events need an object (greenlake.md 3.3)."""
    assert event_of(resource_collection=collection, data=b"[1,2]").body.endswith(b'"data":[1,2]}')


def test_an_event_of_no_resource_called_created_has_no_resource_rules() -> None:
    """`audit-logs.v1beta1.created` has no collection, and so no resource whose time it could follow."""
    data = b'{"createdAt":"2020-01-01T00:00:00Z"}'

    assert event_of(resource_collection=None, event="created", data=data).time == ACCEPTED


def test_the_limit_counts_the_whole_envelope() -> None:
    """Structured JSON of exactly the limit passes, one byte more is too large (greenlake.md D.9, cloudevents.md C17)."""
    size = len(event_of().body)

    assert event_of(limit=size).body == event_of().body
    with pytest.raises(TooLarge) as caught:
        event_of(limit=size - 1)
    assert f"at most {size - 1}" in caught.value.issues[0].description


def test_without_any_workspace_there_is_no_event() -> None:
    """Every event belongs to a tenant."""
    with pytest.raises(Refused, match="workspaceId"):
        event_of(workspace_id=None)


def test_the_sdk_reads_what_is_written() -> None:
    """The SDK, as an oracle, finds the same event in the body."""
    event = event_of(id="x", time=T, extensions={"sampledrate": 5, "flag": True})
    read = JSONFormat().read(None, event.body)

    assert (read.get_id(), read.get_source(), read.get_type()) == (event.id, event.source, event.type)
    assert (read.get_subject(), read.get_time()) == (WORKSPACE, datetime(2026, 5, 4, 10, tzinfo=UTC))
    assert (read.get_extension("sampledrate"), read.get_extension("flag")) == (5, True)
    assert read.get_data() == {"b": 1.0, "a": 1e30}


@given(st.timedeltas(timedelta(0), timedelta(days=180_000)), st.timezones())
def test_keys_carry_their_time(since: timedelta, zone: tzinfo) -> None:
    """A key is a uuid7 of the told millisecond, not below that millisecond's floor and below the next one's (protocol.md 1.1)."""
    moment = (datetime(1970, 1, 2, tzinfo=UTC) + since).astimezone(zone)
    key = event_keys.new(moment)

    assert (key.version, key.variant) == (7, "specified in RFC 4122")
    assert timedelta(0) <= moment - event_keys.time_of(key) < timedelta(milliseconds=1)
    assert event_keys.floor(moment).version == 7
    assert event_keys.floor(moment) <= key < event_keys.floor(moment + timedelta(milliseconds=1))
    assert event_keys.time_of(event_keys.floor(moment)) == event_keys.time_of(key)


def test_keys_differ() -> None:
    """Two events of one millisecond have two keys."""
    assert len({event_keys.new(NOW) for _ in range(1000)}) == 1000


def test_a_captured_event_comes_out_as_it_was_captured() -> None:
    """The audit-log event of greenlake.md 7.1, but for the subject, which is always there (greenlake.md D.10)."""
    schema = "https://developer.greenlake.hpe.com/docs/catalog/audit-log-event-latest/paths/Audit%20Log%20Created/post/"
    data = '{"id":"uJoQ5JMB_HAPiq2sSllt","workspace":{"workspace_name":null},"created_at":1734698093161,"has_details":false}'
    body = (
        '{"apiGroup":"audit-log","apiVersion":"v1","resourceCollection":"logs","event":"created",'
        f'"id":"uJoQ5JMB_HAPiq2sSllt","time":"2024-12-20T12:34:53.161Z","dataschema":"{schema}",'
        f'"workspaceId":"{WORKSPACE}","data":{data}}}'
    )
    (occurrence,) = occurrences.read(body.encode())
    event = typed(occurrence, key=KEY, accepted_at=NOW, naming=Naming())

    assert event.body.decode() == (
        '{"specversion":"1.0","id":"uJoQ5JMB_HAPiq2sSllt","source":"//global.api.greenlake.hpe.com/audit-log",'
        f'"type":"com.hpe.greenlake.audit-log.v1.logs.created","subject":"{WORKSPACE}",'
        f'"datacontenttype":"application/json","dataschema":"{schema}","time":"2024-12-20T12:34:53.161Z","data":{data}}}'
    )


@pytest.mark.parametrize("count", [1, 2, 1000, 5000])
def test_keys_of_one_publication_rise_in_its_order(count: int) -> None:
    """What was published together starts in the order given, and every key is a uuid7 of its own (greenlake.md 5.4)."""
    now = datetime(2026, 5, 4, tzinfo=UTC)
    keys = event_keys.rising(now, count)

    assert len(set(keys)) == count
    assert {(key.version, key.variant, event_keys.time_of(key)) for key in keys} == {(7, RFC_4122, now)}
    assert [key.int >> 64 for key in keys] == sorted(key.int >> 64 for key in keys)
