"""What comes in by each of Kyma's doors, in each of its forms, and goes out to a receiver in each content mode."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest
from cloudevents.core.bindings import http
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from tests.flows.test_catalogues import MEDIA, MODES, received
from tests.flows.workspaces import Json, Workspace
from tests.receiver import Receiver

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: Attributes that ONAP's envelope has fields for, of those that are looked at.
ONAP = ("type", "source")
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
CLOUDEVENTS = ("/publish", "/commerce/events", "/commerce/v2/events")


async def posted(workspace: Workspace, path: str, body: bytes, headers: Mapping[str, str]) -> Any:
    answer = await workspace.http.post(path, content=body, headers={"traceparent": TRACE, **headers})
    assert answer.status_code in (200, 204), answer.text
    return answer.json() if answer.content else None


async def legacy(workspace: Workspace, name: str, **more: object) -> str:
    """The id of a legacy event that was published."""
    said_of_it = {"event-type": name, "event-type-version": "v1", "event-time": "2026-05-04T12:30:00Z", **more}
    answer = await posted(workspace, "/commerce/v1/events", json.dumps(said_of_it).encode(), {})
    return str(answer["event-id"])


async def test_each_door_in_each_mode(workspace: Workspace, receiver: Receiver) -> None:
    """Legacy events, with an id and without, and CloudEvents that Python's SDK writes, structured and binary, at each path: all
    of them arrive, whole and signed, in each content mode. Their type was in no catalogue before the first of them."""
    name = f"order.created.{uuid4().hex[:8]}"
    await legacy(workspace, name, data={"first": True})
    hooks = {mode: await workspace.hook(f"{name}.v1", **fields) for mode, fields in MODES.items()}
    data = {"orderCode": "42", "total": 10.5}
    said_of_it: Json = {"type": f"{name}.v1", "originaltype": f"{name}.v1", "traceparent": TRACE, "specversion": "1.0"}
    of_legacy = {"source": "commerce", "eventtypeversion": "v1", "time": "2026-05-04T12:30:00Z", **said_of_it}
    expected: dict[str, tuple[str, Json]] = {}

    given = str(uuid4())
    for door, more in (("legacy, with an id", {"event-id": given}), ("legacy", {})):
        expected[await legacy(workspace, name, data=data, **more)] = door, of_legacy
    assert given in expected
    for path in CLOUDEVENTS:
        for write in (http.to_structured, http.to_binary):
            event = CloudEvent({"type": f"{name}.v1", "source": "/shop", "datacontenttype": "application/json"}, data)
            message = write(event, JSONFormat())
            await posted(workspace, path, message.body, message.headers)
            expected[event.get_id()] = f"{path}, {write.__name__[3:]}", {"source": "/shop", **said_of_it}

    table: Counter[tuple[str, str]] = Counter()
    for mode, hook in hooks.items():
        events = await received(receiver, hook, set(expected), 0)
        assert events.keys() == expected.keys()
        for id, (door, said) in expected.items():
            wanted = {each: said[each] for each in ONAP} if "onap" in mode else said
            assert events[id]["data"] == data, (mode, door)
            assert {attribute: events[id][attribute] for attribute in wanted} == wanted, (mode, door)
            table[door, mode] += 1
        for request in receiver.deliveries(hook.path):
            assert (request.hpe, request.standard) == (True, True)
            assert request.header("content-type") == MEDIA[mode]
    print("\ndoor | " + " | ".join(MODES))
    for door in sorted({door for door, _ in table}):
        print(f"{door} | " + " | ".join(str(table[door, mode]) for mode in MODES))
