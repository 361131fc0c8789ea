"""Schemas of event types over HTTP: given, shown, served, and what becomes of events that do not fit."""

import base64
import json
from hashlib import sha256
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.catalogue.event_schemas import EventSchemaStore, SchemaDraft
from subscriptions.catalogue.judging import PayloadJudge
from subscriptions.catalogue.misfit_counts import MisfitCounts
from subscriptions.catalogue.schemas.schema import Schema, vet
from subscriptions.events.event_types import FRESH, EventTypeStore
from subscriptions.ground.apart import Apart
from subscriptions.ground.database import Database
from subscriptions.ground.errors import LimitReached
from tests.clock import Clock
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE, Callers
from tests.service.test_audit import entries
from tests.service.test_publishing import CLOUDEVENTS, OCCURRENCES, bodies, issues

EVENTS = "/events/v1beta1"
BILLED = "com.hpe.greenlake.billing.v1.invoices.billed"
DELETED = "com.hpe.greenlake.billing.v1.invoices.deleted"
TYPE = f"{EVENTS}/event-types/{BILLED}"
SCHEMA = f"{TYPE}/schema"
INVOICE: dict[str, Any] = {
    "type": "object",
    "required": ["id", "lines"],
    "properties": {
        "id": {"type": "string"},
        "total": {"type": "number", "multipleOf": 0.01},
        "lines": {"type": "array", "items": {"type": "object", "required": ["sku"]}},
    },
    "examples": [{"id": "i1", "lines": [{"sku": "a"}], "total": 4.35}],
}
GOOD: dict[str, Any] = {"id": "i1", "lines": [{"sku": "a"}]}
BAD: dict[str, Any] = {"id": 7, "lines": [{"sku": "a"}, {}]}
PLACES = ["data/id", "data/lines/1"]


@pytest.fixture
async def owner(api: httpx.AsyncClient, callers: Callers) -> dict[str, str]:
    """A publisher, whose workspace has registered the type."""
    headers = await callers.headers(Role.PUBLISHER)
    for name in (BILLED, DELETED):
        assert (await api.post(f"{EVENTS}/event-types", json={"eventType": name}, headers=headers)).status_code == 201
    return headers


@pytest.fixture
async def rejects(api: httpx.AsyncClient, owner: dict[str, str]) -> dict[str, str]:
    """The same, and events of the type are held to its schema."""
    assert (await api.put(SCHEMA, json=INVOICE, headers=owner)).status_code == 201
    assert (await validated(api, owner, "reject")).status_code == 200
    return owner


async def validated(api: httpx.AsyncClient, headers: dict[str, str], how: str | None) -> httpx.Response:
    return await api.patch(TYPE, json={"validation": how}, headers=headers)


def billed(data: object, **more: Any) -> dict[str, Any]:
    parts = {"apiGroup": "billing", "apiVersion": "v1", "resourceCollection": "invoices", "event": "billed"}
    return {**parts, "data": data, **more}


def cloudevent(data: object, **more: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "id": str(uuid4()), "source": "/billing", "type": BILLED, "data": data, **more}


async def test_a_schema_is_given_shown_and_served(api: httpx.AsyncClient, owner: dict[str, str]) -> None:
    """A revision has a URL of its own, which is what events name it by; the same one again is the same revision."""
    assert (await api.get(SCHEMA, headers=owner)).status_code == 404

    made = await api.put(SCHEMA, json=INVOICE, headers=owner)
    again = await api.put(SCHEMA, json=INVOICE, headers=owner)

    shown = made.json()
    assert (made.status_code, again.status_code) == (201, 200)
    assert again.json() == shown == (await api.get(SCHEMA, headers=owner)).json()
    said = ("eventType", "version", "revision", "validation", "schema", "misfits")
    assert [shown[name] for name in said] == [BILLED, "1", 1, "off", INVOICE, None]
    assert shown["dataschema"].endswith(shown["resourceUri"])
    served = await api.get(shown["resourceUri"], headers=owner)
    assert (served.json(), served.headers["content-type"]) == (INVOICE, "application/schema+json")
    assert (await api.get(f"{EVENTS}/schemas/{uuid4()}", headers=owner)).status_code == 404


async def test_a_schema_is_kept_to_the_letter(api: httpx.AsyncClient, owner: dict[str, str]) -> None:
    """Numbers and the order of members are the author's."""
    text = '{"maximum":1.50,"minimum":-123456789012345678901234567890,"$comment":"é"}'
    made = await api.put(SCHEMA, content=text.encode(), headers=owner)
    assert (await api.get(made.json()["resourceUri"], headers=owner)).text == text


async def test_what_is_compatible_is_a_revision_and_what_is_not_another_version(
    api: httpx.AsyncClient, owner: dict[str, str]
) -> None:
    """The answer names the place; earlier revisions go on being served."""
    first = (await api.put(SCHEMA, json=INVOICE, headers=owner)).json()
    more = INVOICE | {"properties": INVOICE["properties"] | {"due": {"type": "string"}}}
    other = INVOICE | {"properties": INVOICE["properties"] | {"id": {"type": "integer"}}, "examples": []}

    second = await api.put(SCHEMA, json=more, headers=owner)
    refused = await api.put(SCHEMA, json=other, headers=owner)
    third = await api.put(f"{SCHEMA}?version=2", json=other, headers=owner)

    assert (second.status_code, second.json()["version"], second.json()["revision"]) == (201, "1", 2)
    assert refused.status_code == 409
    assert {where for where, _ in issues(refused)} == {"schema/properties/id/type", "schema/properties/due"}
    assert (third.status_code, third.json()["version"], third.json()["revision"]) == (201, "2", 3)
    assert (await api.get(first["resourceUri"], headers=owner)).json() == INVOICE
    assert (await api.get(SCHEMA, headers=owner)).json()["version"] == "2"
    assert (await api.get(f"{SCHEMA}?version=1", headers=owner)).json()["revision"] == 2
    assert (await api.get(f"{SCHEMA}?version=3", headers=owner)).status_code == 404


@pytest.mark.parametrize(
    ("text", "query", "status", "place"),
    [
        ('{"type": "strin"}', "", 400, "schema/type"),
        ('{"$ref": "https://example.com/x.json"}', "", 400, "schema/$ref"),
        ('{"type": "string", "examples": [1]}', "", 400, "schema/examples/0"),
        ('{"type": ', "", 400, "schema.type"),
        ('{"enum": [%s0]}' % ("0," * 20_000), "", 413, "schema"),
        ("{}", "?dataschema=not%20a%20uri", 400, "dataschema"),
        ("{}", "?version=", 400, "version"),
        ("{}", f"?version={'1' * 65}", 400, "version"),
    ],
)
async def test_what_is_no_schema_changes_nothing(
    api: httpx.AsyncClient, owner: dict[str, str], text: str, query: str, status: int, place: str
) -> None:
    """A clear refusal that names the place."""
    response = await api.put(SCHEMA + query, content=text, headers=owner)
    assert (response.status_code, issues(response)[0][0]) == (status, place), response.text
    assert (await api.get(SCHEMA, headers=owner)).status_code == 404


async def test_a_schema_is_its_workspaces_and_the_operators(
    api: httpx.AsyncClient, callers: Callers, owner: dict[str, str]
) -> None:
    """Others read it, and do not see how many events did not fit; what this service sends itself has none."""
    stranger = await callers.headers(Role.PUBLISHER, workspace=OTHER_WORKSPACE)
    operator = await callers.headers(Role.OPERATOR)
    ours = f"{EVENTS}/event-types/com.hpe.greenlake.events.v1beta1.webhooks.delivery-failed/schema"

    assert (await api.put(SCHEMA, json=INVOICE, headers=stranger)).status_code == 403
    assert (await api.put(SCHEMA, json=INVOICE, headers=operator)).status_code == 201
    assert (await api.put(ours, json=INVOICE, headers=operator)).status_code == 400
    assert (await api.delete(SCHEMA, headers=stranger)).status_code == 403
    assert "misfits" not in (await api.get(SCHEMA, headers=stranger)).json()
    assert (await validated(api, stranger, "reject")).status_code == 403


async def test_events_are_held_to_a_schema_that_is_there(api: httpx.AsyncClient, owner: dict[str, str]) -> None:
    """`validation` asks for one, and then it stays until `validation` is off; nothing else is taken for it."""
    assert [where for where, _ in issues(await validated(api, owner, "reject"))] == ["validation"]
    assert (await validated(api, owner, "sometimes")).status_code == 422
    await api.put(SCHEMA, json=INVOICE, headers=owner)
    assert (await validated(api, owner, "warn")).json()["validation"] == "warn"
    assert (await api.delete(SCHEMA, headers=owner)).status_code == 409
    assert (await validated(api, owner, None)).json()["validation"] == "off"
    assert (await api.delete(SCHEMA, headers=owner)).status_code == 204
    assert (await api.delete(SCHEMA, headers=owner)).status_code == 404


async def test_an_occurrence_that_does_not_fit_is_refused(
    api: httpx.AsyncClient, services: Services, rejects: dict[str, str]
) -> None:
    """422 with a pointer for each place; one of an array refuses the whole, as other faults do; nothing of it is kept."""
    one = await api.post(OCCURRENCES, json=billed(BAD), headers=rejects)
    several = await api.post(OCCURRENCES, json=[billed(GOOD), billed(BAD)], headers=rejects)

    assert (one.status_code, sorted(where for where, _ in issues(one))) == (422, PLACES)
    assert (several.status_code, sorted(where for where, _ in issues(several))) == (
        422,
        [f"[1].{each}" for each in PLACES],
    )
    assert await bodies(services) == []
    assert (await api.post(OCCURRENCES, json=[billed(GOOD)], headers=rejects)).status_code == 202


async def test_a_cloudevent_that_does_not_fit_is_refused_in_each_mode(
    api: httpx.AsyncClient, services: Services, rejects: dict[str, str]
) -> None:
    """Structured, batch and binary, data as JSON and as base64 of it; text is no JSON, and no data does not fit either."""

    async def published(body: object, mode: str = "application/cloudevents+json") -> tuple[int, list[str]]:
        response = await api.post(CLOUDEVENTS, content=json.dumps(body), headers=rejects | {"Content-Type": mode})
        return response.status_code, [] if response.is_success else sorted(where for where, _ in issues(response))

    encoded = base64.b64encode(json.dumps(BAD).encode()).decode()
    named = {f"ce-{name}": value for name, value in cloudevent(None).items() if name != "data"}
    binary = await api.post(CLOUDEVENTS, json=BAD, headers=rejects | named)

    assert await published(cloudevent(BAD)) == (422, PLACES)
    batch = [cloudevent(GOOD), cloudevent(BAD)]
    assert await published(batch, "application/cloudevents-batch+json") == (422, [f"[1].{each}" for each in PLACES])
    assert (binary.status_code, sorted(where for where, _ in issues(binary))) == (422, PLACES)
    bare = {name: value for name, value in cloudevent(None).items() if name != "data"}
    assert await published(bare | {"data_base64": encoded, "datacontenttype": "application/json"}) == (422, PLACES)
    assert await published(bare | {"data_base64": "AAAA", "datacontenttype": "application/json"}) == (422, ["data"])
    assert await published(cloudevent("text", datacontenttype="text/plain")) == (422, ["data"])
    assert await published(bare) == (422, ["data"])
    assert await bodies(services) == []
    assert await published(cloudevent(GOOD)) == (202, [])


async def test_what_is_judged_is_what_is_sent(api: httpx.AsyncClient, rejects: dict[str, str]) -> None:
    """Of a deleted resource its reference goes out, and no more: that is what its schema speaks of; and numbers as spelt."""
    path = f"{EVENTS}/event-types/{DELETED}"
    reference = {
        "properties": {"type": {"const": "invoice"}},
        "required": ["id"],
        "additionalProperties": {"type": "string"},
    }
    await api.put(f"{path}/schema", json=reference, headers=rejects)
    await api.patch(path, json={"validation": "reject"}, headers=rejects)

    gone = billed({"id": "i1", "type": "invoice", "lines": []}, event="deleted")
    other = billed({"id": "i1", "type": "server"}, event="deleted")
    assert (await api.post(OCCURRENCES, json=gone, headers=rejects)).status_code == 202
    assert (await api.post(OCCURRENCES, json=other, headers=rejects)).status_code == 422
    spelt = json.dumps(billed(GOOD | {"total": "T"}))
    for number, status in (("4.35", 202), ("100000000000000000000000000000.01", 202), ("4.3500000000000000001", 422)):
        response = await api.post(OCCURRENCES, content=spelt.replace('"T"', number), headers=rejects)
        assert response.status_code == status, number


async def test_an_event_is_held_to_the_schema_that_it_names(api: httpx.AsyncClient, rejects: dict[str, str]) -> None:
    """By URL or URN; one that names none, or one that nobody knows here, fits where it fits one version."""
    first = (await api.get(SCHEMA, headers=rejects)).json()["dataschema"]
    other = {"type": "object", "required": ["number"]}
    urn = "urn:example:invoice:2"
    second = await api.put(f"{SCHEMA}?version=2&dataschema={urn}", json=other, headers=rejects)
    assert second.json()["dataschema"] == urn

    async def status(data: object, dataschema: str | None) -> int:
        return (await api.post(OCCURRENCES, json=billed(data, dataschema=dataschema), headers=rejects)).status_code

    for named, good, bad in ((first, GOOD, {"number": 1}), (urn, {"number": 1}, GOOD)):
        assert await status(good, named) == 202
        assert await status(bad, named) == 422
    for unknown in (None, "https://example.com/whatever.json"):
        assert [await status(data, unknown) for data in (GOOD, {"number": 1}, {})] == [202, 202, 422]


async def test_a_warning_is_counted_and_refuses_nothing(
    api: httpx.AsyncClient, callers: Callers, services: Services, rejects: dict[str, str]
) -> None:
    """How many, and what was wrong with one of them; nothing of its data. A new schema counts from nothing."""
    await api.post(OCCURRENCES, json=billed(BAD), headers=rejects)
    await validated(api, rejects, "warn")
    sent = await api.post(
        OCCURRENCES, json=[billed(GOOD), billed(BAD, id="b"), billed({"id": "secret"})], headers=rejects
    )
    await services.judge.counts.write()
    await api.post(OCCURRENCES, json=billed(BAD, id="later"), headers=rejects)
    await services.judge.counts.write()

    assert sent.status_code == 202
    assert len(await bodies(services)) == 4
    misfits = (await api.get(SCHEMA, headers=rejects)).json()["misfits"]
    assert (misfits["warned"], misfits["rejected"], misfits["sample"]["id"]) == (3, 1, "later")
    assert sorted(fault["pointer"] for fault in misfits["sample"]["faults"]) == ["/id", "/lines/1"]
    assert "secret" not in json.dumps(misfits)
    operator = await callers.headers(Role.OPERATOR, workspace=OTHER_WORKSPACE)
    assert (await api.get(SCHEMA, headers=operator)).json()["misfits"] == misfits
    assert (await api.put(SCHEMA, json=INVOICE | {"minProperties": 2}, headers=rejects)).json()["misfits"] is None


async def test_what_others_publish_is_not_told_to_the_owner_of_a_type(
    api: httpx.AsyncClient, callers: Callers, services: Services, rejects: dict[str, str]
) -> None:
    """Who writes the schema would learn member names at once, and values by questions: a schema sees its own workspace alone."""
    await validated(api, rejects, "warn")
    stranger = await callers.headers(Role.PUBLISHER, workspace=OTHER_WORKSPACE)
    operator = await callers.headers(Role.OPERATOR)
    assert (await api.post(OCCURRENCES, json=billed(BAD, id="theirs"), headers=stranger)).status_code == 202
    await services.judge.counts.write()
    assert (await api.get(SCHEMA, headers=rejects)).json()["misfits"] is None
    assert (await api.get(SCHEMA, headers=operator)).json()["misfits"] is None

    await api.post(OCCURRENCES, json=billed(BAD, id="own"), headers=rejects)
    await services.judge.counts.write()

    own = (await api.get(SCHEMA, headers=rejects)).json()["misfits"]
    assert (own["warned"], own["sample"]["id"]) == (1, "own")


async def test_counts_are_written_by_themselves_and_at_the_end(
    services: Services, database: Database, clock: Clock, rejects: dict[str, str], api: httpx.AsyncClient
) -> None:
    """One statement for all events of the last seconds; a process that stops writes the rest."""
    for _ in range(3):
        await api.post(OCCURRENCES, json=billed(BAD), headers=rejects)
    await services.judge.counts.close()

    found = await services.schemas.misfits(BILLED, None)
    assert found is not None
    assert (found.warned, found.rejected, found.last_at) == (0, 3, clock())


async def test_a_type_that_is_not_held_to_its_schema_costs_nothing(
    api: httpx.AsyncClient, services: Services, owner: dict[str, str]
) -> None:
    """No schema is read for it, and the process knows no type to ask about: one look at what is empty is all."""
    await api.put(SCHEMA, json=INVOICE, headers=owner)

    assert (await api.post(OCCURRENCES, json=billed(BAD), headers=owner)).status_code == 202
    assert (services.types.judged, services.judge.known(BILLED)) == ({}, None)
    await validated(api, owner, "reject")
    assert (await api.post(OCCURRENCES, json=billed(BAD), headers=owner)).status_code == 422
    assert services.types.judged == {BILLED: "reject"}
    # Nor for a type beside one that is.
    assert (await api.post(OCCURRENCES, json=billed({}, event="paid"), headers=owner)).status_code == 400
    assert (
        await api.post(OCCURRENCES, json=billed({"id": "i", "type": "x"}, event="deleted"), headers=owner)
    ).is_success
    assert services.judge.known(DELETED) is None


async def test_another_process_sees_a_change_within_five_seconds(
    api: httpx.AsyncClient, services: Services, database: Database, rejects: dict[str, str]
) -> None:
    """What it believed until then is `validation` and the schemas as they were."""
    now = [0.0]
    types = EventTypeStore(database, steady=lambda: now[0])
    counts = MisfitCounts(database, services.clock)
    judge = PayloadJudge(EventSchemaStore(database, Apart()), counts, services.beside, steady=lambda: now[0])

    async def held() -> tuple[str | None, int]:
        await types.unknown({BILLED})
        await judge.know({BILLED} & types.judged.keys())
        known = judge.known(BILLED) if BILLED in types.judged else None
        return types.judged.get(BILLED), len(known.named) if known else 0

    assert FRESH <= 5
    assert await held() == ("reject", 1)
    await api.put(SCHEMA, json=INVOICE | {"minProperties": 2}, headers=rejects)
    await validated(api, rejects, "warn")
    assert await held() == ("reject", 1)
    now[0] += FRESH
    assert await held() == ("warn", 2)
    await validated(api, rejects, "off")
    now[0] += FRESH
    assert await held() == (None, 0)


async def test_changes_of_a_schema_are_in_the_audit_log(
    api: httpx.AsyncClient, services: Services, owner: dict[str, str]
) -> None:
    """Who gave it, what it was before, who took it away."""
    await api.put(SCHEMA, json=INVOICE, headers=owner)
    await validated(api, owner, "reject")
    await validated(api, owner, "off")
    await api.delete(SCHEMA, headers=owner)

    found = [each for each in await entries(services) if each.action != "event-type.registered"]
    given, *validation, removed = sorted(found, key=lambda each: ("removed" in each.action, "set" not in each.action))
    assert (given.action, removed.action) == ("event-type.schema-set", "event-type.schema-removed")
    assert given.after["schema"] == removed.before["schema"]
    assert given.after["schema"]["sha256"] == sha256(msgspec.json.encode(INVOICE)).hexdigest()
    assert {str(each.after) for each in validation} == {str({"validation": how}) for how in ("reject", "off")}


async def test_a_type_keeps_a_bounded_number_of_revisions(
    database: Database, clock: Clock, rejects: dict[str, str]
) -> None:
    """Each is served for good, so there cannot be any number of them."""
    store = EventSchemaStore(database, Apart(), most=2)

    async def put(least: int) -> None:
        schema = vet(json.dumps(INVOICE | {"minProperties": least}).encode())
        draft = SchemaDraft(schema=schema, version=None, dataschema=f"urn:{least}", served_at="")
        await store.put(BILLED, draft, by=WORKSPACE, now=clock())

    await put(1)
    with pytest.raises(LimitReached, match="2 revisions"):
        await put(2)


async def test_a_schema_in_another_language_is_no_hindrance(
    services: Services, database: Database, rejects: dict[str, str], api: httpx.AsyncClient
) -> None:
    """It may be kept for people; events are held to those that are read here."""
    draft = SchemaDraft(schema=vet(b"{}"), version="avro", dataschema="urn:avro", served_at="")
    made, _ = await services.schemas.put(BILLED, draft, by=WORKSPACE, now=services.clock())
    async with database.raw() as connection:
        await connection.execute("UPDATE event_type_versions SET dialect = 'avro' WHERE id = $1", made.id)
    services.judge.forget(BILLED)
    assert (await api.post(OCCURRENCES, json=billed(BAD), headers=rejects)).status_code == 422
    assert (await api.post(OCCURRENCES, json=billed(GOOD), headers=rejects)).status_code == 202


async def test_what_takes_long_is_judged_beside_this_process(
    api: httpx.AsyncClient, services: Services, rejects: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the same answers; where there is no time for it a type that only warns takes the event, another says so."""
    here: list[bytes] = []
    ask = Schema.accepts

    def counting(schema: Schema, payload: bytes) -> bool:
        here.append(schema.text)
        return ask(schema, payload)

    monkeypatch.setattr(Schema, "accepts", counting)
    many = {"type": "object", "properties": {"n": {"items": {"anyOf": [{"const": each} for each in range(400)]}}}}
    put = await api.put(SCHEMA, params={"version": "9"}, json=many, headers=rejects)
    uri = put.json()["dataschema"]
    numbers = [each % 400 for each in range(200)]

    async def published(values: list[int]) -> httpx.Response:
        event = {"specversion": "1.0", "id": str(uuid4()), "source": "/s", "type": BILLED, "dataschema": uri}
        sent = {**rejects, "Content-Type": "application/cloudevents+json"}
        body = msgspec.json.encode({**event, "data": {"n": values}})
        return await api.post("/events/v1beta1/cloudevents", content=body, headers=sent)

    fits, wrong = await published(numbers), await published([*numbers, 777])
    monkeypatch.setattr(services.beside, "_deadline", 0.0)
    late = await published([*numbers, 777])
    await validated(api, rejects, "warn")
    taken = await published([*numbers, 777])

    assert (fits.status_code, wrong.status_code, late.status_code, taken.status_code) == (202, 422, 503, 202)
    assert "data/n/200" in wrong.text
    assert here == []


async def test_what_a_workspace_says_of_its_type_binds_its_own_events(
    api: httpx.AsyncClient, callers: Callers, services: Services, rejects: dict[str, str]
) -> None:
    """Neither its schema nor that a version is deprecated, with an address to go to, reaches the events of another workspace,
    which publishes for subscribers of its own; what operators say of a type of theirs reaches all."""
    stranger = await callers.headers(Role.PUBLISHER, workspace=OTHER_WORKSPACE)
    operator = await callers.headers(Role.OPERATOR)
    version = {"value": "1", "deprecated": True, "migration": "https://evil.example/"}
    message = {"x-cloudevents-type": BILLED.replace("billed", "paid"), "payload": {}}
    document = {
        "asyncapi": "3.0.0",
        "info": {"title": "a", "version": "1"},
        "channels": {"c": {"messages": {"m": message}}},
        "operations": {"o": {"action": "send", "channel": {"$ref": "#/channels/c"}}},
    }
    described = {"document": json.dumps(document), "version": version}
    assert (await api.post(f"{EVENTS}/event-apis", json=described, headers=rejects)).status_code == 201
    paid = billed(GOOD) | {"event": "paid"}

    answers = [
        (await api.post(OCCURRENCES, json=given, headers=headers)).status_code
        for headers in (rejects, stranger)
        for given in (billed(BAD), paid)
    ]

    async with services.database.raw() as connection:
        marked = await connection.fetch(
            "SELECT workspace_id FROM events WHERE position('evil' in encode(body, 'escape')) > 0"
        )
    assert (answers, [row["workspace_id"] for row in marked]) == ([422, 202, 202, 202], [WORKSPACE])
    await api.patch(TYPE, json={"workspaceId": None}, headers=operator)
    assert (await api.post(OCCURRENCES, json=billed(BAD), headers=stranger)).status_code == 422
