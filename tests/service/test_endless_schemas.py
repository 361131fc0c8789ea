"""Schemas and events that take longer than there is time: what becomes of them, and that everybody else is served."""

import asyncio
import json
from typing import Any

import httpx
import msgspec
import pytest

from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.catalogue.judging import OVERDUE
from tests.service.callers import OTHER_WORKSPACE, Callers
from tests.service.test_event_schemas import SCHEMA, TYPE, cloudevent, owner, validated
from tests.service.test_publishing import issues
from tests.subscriptions.test_plain import DEEP, ENDLESS

__all__ = ["owner"]

#: Seconds of a processor: less than what any of them would take, and more than any other piece does.
LITTLE = 0.3


@pytest.fixture
async def hurried(services: Services, monkeypatch: pytest.MonkeyPatch) -> Services:
    """The same, with little time for each piece of work."""
    monkeypatch.setattr(services.beside, "_processor", LITTLE)
    monkeypatch.setattr(services.beside, "_deadline", 60.0)
    monkeypatch.setattr(services.apart, "_processor", 1)
    return services


async def published(api: httpx.AsyncClient, headers: dict[str, str], data: bytes, version: str) -> httpx.Response:
    body = msgspec.json.encode(cloudevent(msgspec.Raw(data), dataschema=f"urn:{version}"))
    return await api.post(
        "/events/v1beta1/cloudevents",
        content=body,
        headers={**headers, "Content-Type": "application/cloudevents+json"},
    )


async def given(api: httpx.AsyncClient, headers: dict[str, str], schema: Any, version: str) -> httpx.Response:
    asked = {"version": version, "dataschema": f"urn:{version}"}
    return await api.put(SCHEMA, params=asked, json=schema, headers=headers)


async def test_endless_judgements_end(
    api: httpx.AsyncClient, hurried: Services, owner: dict[str, str], callers: Callers
) -> None:
    """The event is refused in words, the next like it at once; others' events of the same type are judged; a type that only
    warns takes it, and counts it as one that was not told."""
    assert (await given(api, owner, ENDLESS["anyOf"][0], "endless")).status_code == 201
    assert (await given(api, owner, {"uniqueItems": True}, "unique")).status_code == 201
    assert (await validated(api, owner, "reject")).status_code == 200
    # So that it binds everybody.
    operator = await callers.headers(Role.OPERATOR)
    assert (await api.patch(TYPE, json={"workspaceId": None}, headers=operator)).status_code == 200
    other = await callers.headers(Role.PUBLISHER, workspace=OTHER_WORKSPACE)

    first, others = await asyncio.gather(
        published(api, owner, DEEP, "endless"), published(api, other, b"[1,2,2]", "unique")
    )
    again = await published(api, owner, DEEP, "endless")
    hurried.beside._overdue._until.clear()
    unique = await published(api, owner, ENDLESS["uniqueItems"][1], "unique")
    await validated(api, operator, "warn")
    warned = await published(api, owner, DEEP, "endless")
    await hurried.judge.counts.write()

    assert (first.status_code, unique.status_code) == (422, 422)
    assert issues(first) == [("data", OVERDUE.message)]
    assert (others.status_code, issues(others)[0][0]) == (422, "data")
    assert again.status_code == 429
    assert "held up by what this client asked" in again.text
    assert int(again.headers["retry-after"]) > 50
    assert warned.status_code == 202
    misfits = (await api.get(SCHEMA, headers=operator)).json()["misfits"]
    assert (misfits["warned"], misfits["rejected"]) == (1, 3)


@pytest.mark.parametrize("kind", ["anyOf", "contains"])
async def test_endless_examples_are_refused(
    api: httpx.AsyncClient, hurried: Services, owner: dict[str, str], kind: str
) -> None:
    """In a schema of a few kilobytes as in a document: the process that reads them is ended."""
    schema, example = ENDLESS[kind]
    value = msgspec.json.decode(example)
    given_ = await given(api, owner, schema | {"examples": [value]}, "examples")
    # As documents have it: what is referred to stands among the components.
    parts = json.loads(json.dumps(schema).replace("#/$defs/", "#/components/schemas/"))
    said = {"schemaFormat": "application/schema+json;version=draft-2020-12", "payload": {"$ref": parts["$ref"]}}
    document = {
        "asyncapi": "2.6.0",
        "info": {"title": "Endless", "version": "1"},
        "channels": {"com.example.endless": {"subscribe": {"message": said | {"examples": [{"payload": value}]}}}},
        "components": {"schemas": parts["$defs"]},
    }
    registered = await api.post("/events/v1beta1/event-apis", json={"document": json.dumps(document)}, headers=owner)
    assert (given_.status_code, registered.status_code) == (413, 413), registered.text
    assert "more than 1 seconds of a processor" in given_.text
