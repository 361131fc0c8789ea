"""The SDK's classes as values: both directions, and what the SDK cannot hold."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from cloudevents.core.v1.event import CloudEvent

from subscriptions.events import cloudevent, sdk
from subscriptions.ground.errors import Malformed, Refused, Unprocessable

KEY = UUID("019df2c1-0000-7000-8000-000000000001")
WORKSPACE = "485d4628bb5911eeb355f27748645044"
EVENT: dict[str, Any] = {"specversion": "1.0", "id": "1", "source": "/acm", "type": "org.acm.x"}


def body_of(event: CloudEvent) -> dict[str, Any]:
    body = cloudevent.event_of(sdk.from_sdk(event), key=KEY, workspace_id=WORKSPACE).body
    return json.loads(body)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("members", "data"),
    [
        ({"data": {"a": [1.5, None]}}, {"a": [1.5, None]}),
        ({"data": [{"a": True}]}, [{"a": True}]),
        ({"data": "text", "datacontenttype": "text/plain"}, "text"),
        ({"data": '{"a":1}', "datacontenttype": "application/json"}, '{"a":1}'),
        ({"data_base64": "AAE=", "datacontenttype": "a/b"}, b"\x00\x01"),
        ({}, None),
    ],
)
def test_there_and_back(members: dict[str, Any], data: object) -> None:
    """An event's data are Python's values in the SDK, and come back the same."""
    event = EVENT | {"time": "2026-05-04T10:00:00.5Z", "ext": True, "n": 5} | members
    there = sdk.to_sdk(json.dumps(event).encode())

    assert there.get_data() == data
    assert there.get_time() == datetime(2026, 5, 4, 10, 0, 0, 500000, tzinfo=UTC)
    assert body_of(there) == event | {"time": "2026-05-04T10:00:00.500Z"}


def test_no_time_is_invented() -> None:
    """cloudevents.md C1, S1: the SDK would fill in the present moment."""
    assert "time" not in sdk.to_sdk(json.dumps(EVENT).encode()).get_attributes()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-10-30T21:09:16.127443806z", datetime(2024, 10, 30, 21, 9, 16, 127443, UTC)),
        ("2016-12-31t23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, 0, UTC)),
    ],
)
def test_times_that_datetime_cannot_hold(text: str, moment: datetime) -> None:
    """cloudevents.md S11: decimals beyond microseconds and leap seconds are cut, without an error."""
    assert sdk.to_sdk(json.dumps(EVENT | {"time": text}).encode()).get_time() == moment


def test_bytes_of_a_json_type_are_json() -> None:
    """cloudevents.md J5: as a value, not as base64; and broken ones are refused."""
    attributes = EVENT | {"datacontenttype": "application/json"}

    assert body_of(CloudEvent(dict(attributes), b'{"a": 1}'))["data"] == {"a": 1}
    with pytest.raises(Malformed):
        sdk.from_sdk(CloudEvent(dict(attributes), b"{"))


@pytest.mark.parametrize(
    ("attributes", "data", "kind"),
    [
        ({"source": "a b"}, None, Refused),
        ({"ext": 1.5}, None, Unprocessable),
        ({"ext\n": "x"}, None, Unprocessable),
        ({"datacontenttype": "text/plain"}, {"a": 1}, Unprocessable),
        ({}, {"a": object()}, Unprocessable),
        ({}, {"a": "\ud800"}, Unprocessable),
    ],
)
def test_what_the_sdk_lets_pass(attributes: dict[str, Any], data: Any, kind: type[Refused]) -> None:
    """cloudevents.md S9: the SDK's checks are not ours."""
    with pytest.raises(kind):
        sdk.from_sdk(CloudEvent(EVENT | attributes, data))


def test_binary_extensions_are_base64() -> None:
    """cloudevents.md C4: bytes have a canonical string."""
    assert body_of(CloudEvent(EVENT | {"dssematerial": b"\x00"}, None))["dssematerial"] == "AA=="
