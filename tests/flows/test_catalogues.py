"""Every event of the shipped catalogues, from each door that can carry it to a receiver in each content mode."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pytest

from subscriptions.catalogue.builtin.shipped import CATALOGUES, shipped
from subscriptions.events import catalogue, onap, onap_texts
from tests.flows.workspaces import EVENTS, Hook, Json, Workspace, until
from tests.receiver import Receiver, Request
from tests.subscriptions.shipped_examples import Example, examples

pytestmark = pytest.mark.asyncio(loop_scope="session")

#: How each webhook is sent to, by what it is called in the table.
MODES: dict[str, Json] = {
    "json": {},
    "structured": {"contentMode": "structured"},
    "binary": {"contentMode": "binary"},
    "batched": {"batching": True},
    "batched, structured": {"batching": True, "contentMode": "structured"},
    "onap": {"contentMode": "onap"},
    "batched, onap": {"batching": True, "contentMode": "onap"},
}
MEDIA = {
    "json": "application/json",
    "structured": "application/cloudevents+json",
    "binary": "application/json",
    "batched": "application/json",
    "batched, structured": "application/cloudevents-batch+json",
    "onap": "application/json",
    "batched, onap": "application/json",
}
#: What ONAP's envelope has fields for, beside times and what it calls `target`.
KEPT = ("source", "dataschema", "correlationid", "target", "eventschema", "eventschemaversion")


@dataclass(frozen=True, kw_only=True)
class Sent:
    """An event that was published."""

    example: Example
    door: str
    #: What its publisher called it.
    event: Json


def ours(event_type: str) -> bool:
    return catalogue.reserved(event_type)


def cloudevent(example: Example, id: str) -> Json:
    """The example as a CloudEvent, with an id of its own."""
    said = {"specversion": "1.0", "source": "//example.com/publisher", "datacontenttype": "application/json"}
    return {**said, **example.attributes, "type": example.type, "id": id, "data": example.data}


def legacy(event: Json) -> Json:
    """A CloudEvent in ONAP's envelope."""
    made: Json = json.loads(onap.written(json.dumps(event).encode()) or b"null")
    return made


def unfolded(envelope: Json) -> Json:
    """An event that came in ONAP's envelope, as a CloudEvent."""
    [(_, folded)] = onap.each({}, json.dumps(envelope).encode())
    assert folded.event.data is not None
    return {**folded.event.attributes, "data": json.loads(folded.event.data.text)}


def publications(found: list[Example]) -> Iterator[Sent]:
    """Each example, at each door that can carry it."""
    for number, each in enumerate(found):
        if ours(each.type):
            continue
        for door in ("cloudevents, structured", "cloudevents, binary", "cloudevents, batch"):
            yield Sent(example=each, door=door, event=cloudevent(each, f"{number}-{door}"))
        if each.catalogue == "onap":
            event = cloudevent(each, f"{number}-onap")
            yield Sent(example=each, door="onap", event=event)
        parts = catalogue.parse(each.type)
        if parts is not None:
            occurrence = {
                "id": f"{number}-occurrences",
                "apiGroup": parts.api_group,
                "apiVersion": parts.version,
                "event": parts.event,
                "data": each.data,
                **({"resourceCollection": parts.resource_collection} if parts.resource_collection else {}),
            }
            yield Sent(example=each, door="occurrences", event=occurrence)


async def publish(workspace: Workspace, sent: list[Sent]) -> None:
    """Publishes them: what goes in an array in arrays, the rest one by one."""
    arrays = {
        "occurrences": ("occurrences", "application/json"),
        "cloudevents, batch": ("cloudevents", "application/cloudevents-batch+json"),
        "onap": ("onap", "application/json"),
    }
    for door, (path, media) in arrays.items():
        events = [each.event for each in sent if each.door == door]
        body = json.dumps(list(map(legacy, events)) if door == "onap" else events)
        answer = await workspace.http.post(f"{EVENTS}/{path}", content=body, headers={"Content-Type": media})
        assert answer.status_code == 202, answer.text
    for each in sent:
        if each.door == "cloudevents, structured":
            headers, body = {"Content-Type": "application/cloudevents+json"}, json.dumps(each.event)
        elif each.door == "cloudevents, binary":
            names = {name: value for name, value in each.event.items() if name not in ("data", "datacontenttype")}
            headers = {f"ce-{name}": "true" if value is True else str(value) for name, value in names.items()}
            headers["Content-Type"], body = "application/json", json.dumps(each.event["data"])
        else:
            continue
        answer = await workspace.http.post(f"{EVENTS}/cloudevents", content=body, headers=headers)
        assert answer.status_code == 202, (each.example.type, answer.text)


def arrived(request: Request) -> list[Json]:
    """The events of a request, as CloudEvents."""
    names = {name.lower(): value for name, value in request.headers}
    if "ce-id" in names:
        # What is no plain text travels percent-encoded (HTTP binding, 3.1.3.2).
        told = {name[3:]: unquote(value) for name, value in names.items() if name.startswith("ce-")}
        return [{**told, "data": json.loads(request.body)}]
    found: Any = json.loads(request.body)
    events = found if isinstance(found, list) else [found]
    return [each if "specversion" in each else unfolded(each) for each in events]


async def test_every_event_from_each_door_in_each_mode(workspace: Workspace, receiver: Receiver) -> None:
    """Each example of each type of the three catalogues arrives, whole and signed, whichever door it came in by, in each mode.

    What only this service sends is sent by the door for test events.
    """
    found = examples()
    types = sorted({each.type for each in found})
    assert types == sorted({each.type for name in CATALOGUES for each in shipped(name).types})
    quiet = [each for each in types if not each.endswith(catalogue.AUDIT_LOG)]
    hooks = {mode: await workspace.hook(*quiet, **fields) for mode, fields in MODES.items()}
    # Last, for each subscription is an entry of the audit log, and each entry an event.
    orders = [
        {"eventType": each, "webhook": {"resourceUri": hook.uri}}
        for each in set(types) - set(quiet)
        for hook in hooks.values()
    ]
    (await workspace.http.post(f"{EVENTS}/subscriptions", json=orders)).raise_for_status()
    sent = list(publications(found))

    await publish(workspace, sent)
    for event_type in filter(ours, types):
        for hook in hooks.values():
            answer = await workspace.http.post(f"{hook.uri}/test", json={"eventType": event_type})
            assert answer.status_code == 202, answer.text
    tested = sum(map(ours, types))

    table: Counter[tuple[str, str, str]] = Counter()
    for mode, hook in hooks.items():
        events = await received(receiver, hook, {each.event["id"] for each in sent}, tested)
        for request in receiver.deliveries(hook.path):
            assert (request.hpe, request.standard) == (True, True)
            assert request.header("content-type") == MEDIA[mode]
        for each in sent:
            event = events[each.event["id"]]
            assert (event["type"], event["data"]) == (each.example.type, each.example.data), (mode, each.door)
            if each.door != "occurrences":
                for name, value in each.example.attributes.items():
                    if name not in ("id", "type"):
                        legacy = "onap" in (each.door, mode.split()[-1])
                        assert same(event, name, value, legacy=legacy), (mode, each.door, name)
            table[each.example.catalogue, each.door, mode] += 1
        own = [event["type"] for event in events.values() if ours(event["type"])]
        assert sorted(own) == sorted(filter(ours, types))
        table["greenlake", "test events", mode] += tested
    show(table)


def same(event: Json, name: str, value: Any, *, legacy: bool) -> bool:
    """Whether an attribute has come through; by ONAP's envelope as far as that has a field for it."""
    if not legacy:
        return str(event[name]).lower() == str(value).lower()
    if name == "time":
        # Decimals beyond the third are cut.
        return onap_texts.legacy_time(event["time"]) == onap_texts.legacy_time(value)
    name = "target" if name == "destination" and name not in event else name
    return name not in KEPT or event[name] == value


async def received(receiver: Receiver, hook: Hook, wanted: set[str], own: int) -> dict[str, Json]:
    """The events that a webhook has received, by their ids, once the wanted are among them and so many of our own."""

    async def there() -> dict[str, Json] | None:
        events = {event["id"]: event for request in receiver.deliveries(hook.path) for event in arrived(request)}
        whole = wanted <= events.keys() and sum(ours(event["type"]) for event in events.values()) >= own
        return events if whole else None

    try:
        return await until(there, f"{len(wanted)} events, and {own} of our own, at {hook.path}", seconds=60)
    except TimeoutError:
        seen = {event["id"] for request in receiver.deliveries(hook.path) for event in arrived(request)}
        raise AssertionError(f"{len(wanted - seen)} are missing: {sorted(wanted - seen)[:9]}") from None


def show(table: Counter[tuple[str, str, str]]) -> None:
    """A line for each system and door: how many events arrived in each mode (`pytest -s`)."""
    print("\nsystem | door | " + " | ".join(MODES))
    for name, door in sorted({(name, door) for name, door, _ in table}):
        print(f"{name} | {door} | " + " | ".join(str(table[name, door, mode]) for mode in MODES))
