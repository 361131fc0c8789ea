"""Publishing over HTTP: receipts, refusals that name the field, and what became of an event."""

import json
from dataclasses import replace
from typing import Any, cast
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx
import pytest

from service.app import build
from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.events.event_types import HINTS, EventTypeStore
from subscriptions.ground import event_keys
from subscriptions.ground.database import Database
from subscriptions.ground.settings import GroundSettings
from tests.conftest import VAULT_KEYS
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE, Callers

OCCURRENCES = "/events/v1beta1/occurrences"
CLOUDEVENTS = "/events/v1beta1/cloudevents"
REBOOTED = "com.hpe.greenlake.compute-ops.v1.servers.rebooted"


def rebooted(**more: Any) -> dict[str, Any]:
    return {
        "apiGroup": "compute-ops",
        "apiVersion": "v1",
        "resourceCollection": "servers",
        "event": "rebooted",
        "data": {"id": "s1"},
        **more,
    }


def issues(response: httpx.Response) -> list[tuple[str, str]]:
    return [(i["subject"], i["description"]) for i in response.json()["errorDetails"][0]["issues"]]


async def bodies(services: Services) -> list[dict[str, Any]]:
    async with services.database.raw() as connection:
        return [json.loads(row["body"]) for row in await connection.fetch("SELECT body FROM events ORDER BY key")]


async def test_one_receipt(api: httpx.AsyncClient, callers: Callers, services: Services) -> None:
    """An occurrence is answered with 202 and a receipt, and stands in the journal
    as a CloudEvent (greenlake.md 1.11, cloudevents.md W3)."""
    publisher = await callers.headers(Role.PUBLISHER)

    response = await api.post(OCCURRENCES, json=rebooted(), headers=publisher)

    assert response.status_code == 202, response.text
    receipt = response.json()
    told = {"id": receipt["id"], "type": REBOOTED, "acceptedAt": receipt["acceptedAt"]}
    told |= {"messageId": receipt["id"], "source": "//global.api.greenlake.hpe.com/compute-ops"}
    assert receipt == told | {"duplicate": False, "matched": 0}
    assert event_keys.time_of(UUID(receipt["id"])) == services.clock()
    [body] = await bodies(services)
    assert (body["id"], body["type"], body["subject"]) == (receipt["id"], REBOOTED, WORKSPACE)


async def test_receipts_of_an_array(api: httpx.AsyncClient, callers: Callers) -> None:
    """An array is answered with an array in its order; a repeated item within is a duplicate."""
    publisher = await callers.headers(Role.PUBLISHER)

    response = await api.post(
        OCCURRENCES, json=[rebooted(id="a"), rebooted(id="b"), rebooted(id="a")], headers=publisher
    )

    assert response.status_code == 202, response.text
    assert [(r["id"], r["duplicate"]) for r in response.json()] == [("a", False), ("b", False), ("a", True)]


async def test_the_same_occurrence_has_the_same_receipt(
    api: httpx.AsyncClient, callers: Callers, services: Services
) -> None:
    """The same occurrence under the same id is the same receipt, and no second event (greenlake.md 1.11)."""
    publisher = await callers.headers(Role.PUBLISHER)
    first = (await api.post(OCCURRENCES, json=rebooted(id="a"), headers=publisher)).json()

    second = (await api.post(OCCURRENCES, json=rebooted(id="a"), headers=publisher)).json()

    assert second == {**first, "duplicate": True}
    assert len(await bodies(services)) == 1


@pytest.mark.parametrize(("wrap", "subject"), [(lambda one: one, "id"), (lambda one: [rebooted(), one], "[1].id")])
async def test_another_occurrence_under_a_used_id_is_409(
    api: httpx.AsyncClient, callers: Callers, services: Services, wrap: Any, subject: str
) -> None:
    """Another occurrence under a used id is 409; the first stays, and an array with it stores nothing (greenlake.md 1.11)."""
    publisher = await callers.headers(Role.PUBLISHER)
    await api.post(OCCURRENCES, json=rebooted(id="a"), headers=publisher)

    response = await api.post(OCCURRENCES, json=wrap(rebooted(id="a", data={"id": "s2"})), headers=publisher)

    assert response.status_code == 409
    assert [where for where, _ in issues(response)] == [subject]
    assert [body["data"] for body in await bodies(services)] == [{"id": "s1"}]


@pytest.mark.parametrize(
    ("body", "status", "subject"),
    [
        ({k: v for k, v in rebooted().items() if k != "data"}, 422, "data"),
        (rebooted(event=7), 422, "event"),
        (rebooted(nonsense_=1), 422, "nonsense_"),
        (rebooted(event="Rebooted"), 400, "event"),
        (rebooted(event="sneezed"), 400, "event"),
        ([rebooted(), rebooted(), rebooted(event="sneezed")], 400, "[2].event"),
        ([rebooted(), rebooted(time="yesterday")], 400, "[1].time"),
        ([rebooted(), rebooted(event="deleted", data={"id": "x"})], 400, "[1].data.type"),
        (rebooted(data={"id": "x" * 70_000}), 413, "data"),
        ([rebooted(), rebooted(data={"id": "x" * 70_000})], 413, "[1].data"),
        ([rebooted()] * 21, 413, "body"),
        ([], 400, "body"),
        (rebooted(workspaceId=OTHER_WORKSPACE), 403, "workspaceId"),
        ([rebooted(), rebooted(workspaceId=OTHER_WORKSPACE)], 403, "[1].workspaceId"),
    ],
)
async def test_a_refused_occurrence_names_its_field(
    api: httpx.AsyncClient, callers: Callers, services: Services, body: object, status: int, subject: str
) -> None:
    """What is refused names the field, in an array its index too, and nothing of it is stored."""
    publisher = await callers.headers(Role.PUBLISHER)

    response = await api.post(OCCURRENCES, json=body, headers=publisher)

    assert (response.status_code, issues(response)[0][0]) == (status, subject), response.text
    assert await bodies(services) == []


async def test_unknown_type(api: httpx.AsyncClient, callers: Callers) -> None:
    """An event type that is not in the catalogue is refused with what to do about it; once registered, it is taken."""
    publisher = await callers.headers(Role.PUBLISHER)
    sneezed = REBOOTED.replace("rebooted", "sneezed")

    refused = await api.post(OCCURRENCES, json=rebooted(event="sneezed"), headers=publisher)
    await api.post("/events/v1beta1/event-types", json={"eventType": sneezed}, headers=publisher)
    taken = await api.post(OCCURRENCES, json=rebooted(event="sneezed"), headers=publisher)

    said = f"event type {sneezed} is not in the catalogue; register it with POST /events/v1beta1/event-types"
    [(subject, description)] = issues(refused)
    assert (subject, description.partition(";")[0], taken.status_code) == ("event", said.partition(";")[0], 202)
    assert description.endswith(said.partition(";")[2])


async def test_a_type_with_a_slip(api: httpx.AsyncClient, callers: Callers) -> None:
    """A publisher is told the nearest type, as a subscriber is; of several wrong ones for the first."""
    publisher = await callers.headers(Role.PUBLISHER)
    slips = [
        rebooted(),
        rebooted(event="reboted"),
        rebooted(apiGroup="nothing-like-it", resourceCollection=None, event="x"),
    ]

    refused = await api.post(OCCURRENCES, json=slips, headers=publisher)

    said = [description.rpartition("; ")[2] for _, description in issues(refused)]
    register = "register it with POST /events/v1beta1/event-types"
    assert said == [f"did you mean {REBOOTED}? If not, {register}", register]


async def test_slips_by_the_thousand(services: Services) -> None:
    """A publisher that goes on with wrong types makes a process compare so many within ten seconds, and no more."""
    types = EventTypeStore(services.database, steady=lambda: 0.0)
    wrong = [f"{REBOOTED}{'x' * (n // 100)}{n}" for n in range(HINTS + 2)]

    told = [await types.meant(each) for each in [*wrong, wrong[0]]]

    assert told == [REBOOTED] * HINTS + [None, None, REBOOTED]


@pytest.mark.parametrize("path", [OCCURRENCES, "/events/v1beta1/event-types"])
@pytest.mark.parametrize("body", [b"", b" \r\n"])
async def test_an_empty_body(api: httpx.AsyncClient, callers: Callers, path: str, body: bytes) -> None:
    """Is said to be empty, not to be cut off."""
    publisher = await callers.headers(Role.PUBLISHER) | {"Content-Type": "application/json"}

    response = await api.post(path, content=body, headers=publisher)

    assert (response.status_code, response.json()["message"]) == (400, "body: is empty: JSON is expected")


@pytest.mark.parametrize("body", [b"{", b"\xff", b'{"apiGroup":NaN}', b'{"event":"a","event":"b"}', b""])
async def test_not_json(api: httpx.AsyncClient, callers: Callers, body: bytes) -> None:
    """What is no JSON is a 400."""
    publisher = await callers.headers(Role.PUBLISHER)

    response = await api.post(OCCURRENCES, content=body, headers=publisher)

    assert (response.status_code, response.json()["errorCode"]) == (400, "HPE_GL_ERROR_BAD_REQUEST")


async def test_too_large(api: httpx.AsyncClient, callers: Callers, services: Services) -> None:
    """A body over the limit is 413, whether it says its length or not."""
    publisher = await callers.headers(Role.PUBLISHER)

    async def endless() -> Any:
        for _ in range(services.settings.publish_body_bytes // 65536 + 1):
            yield b" " * 65536

    told = await api.post(OCCURRENCES, content=b" " * (services.settings.publish_body_bytes + 1), headers=publisher)
    untold = await api.post(OCCURRENCES, content=endless(), headers=publisher)

    assert (told.status_code, untold.status_code) == (413, 413)


async def test_another_workspace(api: httpx.AsyncClient, callers: Callers, services: Services) -> None:
    """A client with anyWorkspace publishes for the workspace it names, else for its own (greenlake.md D.16)."""
    publisher = await callers.headers(Role.PUBLISHER, any_workspace=True)
    await callers.known(OTHER_WORKSPACE)

    await api.post(OCCURRENCES, json=[rebooted(workspaceId=OTHER_WORKSPACE), rebooted()], headers=publisher)

    assert {body["subject"] for body in await bodies(services)} == {OTHER_WORKSPACE, WORKSPACE}


STRUCTURED = {
    "specversion": "1.0",
    "id": "A/1 ü",
    "source": "urn:elsewhere",
    "type": REBOOTED,
    "time": "2026-10-30T21:09:16.127443806Z",
    "data": {"n": 1},
}


async def test_a_structured_cloudevent_is_kept_as_received(
    api: httpx.AsyncClient, callers: Callers, services: Services
) -> None:
    """A structured CloudEvent is kept as received: source, nanoseconds, no subject made up (cloudevents.md J1)."""
    headers = await callers.headers(Role.PUBLISHER) | {"Content-Type": "application/cloudevents+json"}

    response = await api.post(CLOUDEVENTS, json=STRUCTURED, headers=headers)

    assert (response.status_code, response.json()["id"]) == (202, "A/1 ü"), response.text
    assert await bodies(services) == [STRUCTURED]


async def test_a_binary_cloudevent_is_the_same_event(
    api: httpx.AsyncClient, callers: Callers, services: Services
) -> None:
    """A binary CloudEvent becomes the same event as its structured form: a duplicate of it."""
    publisher = await callers.headers(Role.PUBLISHER)
    ce = {f"ce-{name}": quote(str(value), safe="/:") for name, value in STRUCTURED.items() if name != "data"}

    binary = await api.post(
        CLOUDEVENTS, content=b'{"n": 1}', headers=publisher | ce | {"Content-Type": "application/json"}
    )

    assert (binary.status_code, binary.json()["id"]) == (202, "A/1 ü"), binary.text
    [body] = await bodies(services)
    assert body == {**STRUCTURED, "datacontenttype": "application/json"}


async def test_a_batch_has_receipts_in_its_order(api: httpx.AsyncClient, callers: Callers) -> None:
    """A batch has receipts in its order, an empty one none, and one with a bad event is refused by its index."""
    headers = await callers.headers(Role.PUBLISHER) | {"Content-Type": "application/cloudevents-batch+json"}
    stranger = {**STRUCTURED, "id": "b", "type": "org.example.sneezed"}

    taken = await api.post(CLOUDEVENTS, json=[STRUCTURED, {**STRUCTURED, "id": "b"}], headers=headers)
    empty = await api.post(CLOUDEVENTS, json=[], headers=headers)
    refused = await api.post(CLOUDEVENTS, json=[STRUCTURED, stranger], headers=headers)

    assert [receipt["id"] for receipt in taken.json()] == ["A/1 ü", "b"]
    assert (empty.status_code, empty.json()) == (202, [])
    assert (refused.status_code, issues(refused)[0][0]) == (400, "[1].type")


async def test_incomplete_cloudevent(api: httpx.AsyncClient, callers: Callers) -> None:
    """A CloudEvent without a required attribute is refused, not completed; an unknown event format is a 415."""
    publisher = await callers.headers(Role.PUBLISHER)
    without = {name: value for name, value in STRUCTURED.items() if name != "source"}

    missing = await api.post(
        CLOUDEVENTS, json=without, headers=publisher | {"Content-Type": "application/cloudevents+json"}
    )
    strange = await api.post(
        CLOUDEVENTS, content=b"x", headers=publisher | {"Content-Type": "application/cloudevents+avro"}
    )

    assert (missing.status_code, issues(missing)[0][0]) == (422, "source")
    assert strange.status_code == 415


async def test_wanted_by_nobody(api: httpx.AsyncClient, callers: Callers) -> None:
    """An event nobody wants is accepted, stored, has no delivery, and is visible as such."""
    publisher = await callers.headers(Role.PUBLISHER)
    receipt = (await api.post(OCCURRENCES, json=rebooted(), headers=publisher)).json()

    seen = await api.get(f"/events/v1beta1/events/{receipt['id']}", headers=publisher)

    none = dict.fromkeys(("owed", "parked", "collecting", "bundled", "delivered", "failed", "cancelled", "expired"), 0)
    assert seen.json() == {
        "id": receipt["id"],
        "messageId": receipt["id"],
        "type": REBOOTED,
        "source": "//global.api.greenlake.hpe.com/compute-ops",
        "workspaceId": WORKSPACE,
        "acceptedAt": receipt["acceptedAt"],
        "deliveries": none,
        "spreading": False,
        "erased": False,
    }


async def test_found_by_given_id(api: httpx.AsyncClient, callers: Callers) -> None:
    """An event whose id the publisher chose is found by that id and its source."""
    publisher = await callers.headers(Role.PUBLISHER)
    await api.post(OCCURRENCES, json=rebooted(id="a/b?c"), headers=publisher)
    source = {"source": "//global.api.greenlake.hpe.com/compute-ops"}

    found = await api.get(f"/events/v1beta1/events/{quote('a/b?c', safe='')}", params=source, headers=publisher)
    not_found = await api.get("/events/v1beta1/events/other", params=source, headers=publisher)

    assert (found.status_code, found.json()["id"], not_found.status_code) == (200, "a/b?c", 404)


@pytest.mark.parametrize("chosen", ["ev1", str(UUID(int=7))])
async def test_a_receipt_says_how_its_event_is_found(api: httpx.AsyncClient, callers: Callers, chosen: str) -> None:
    """An event is found by its receipt alone: by `messageId`, or by id and `source`; by the id alone a 404 says what lacks."""
    headers = await callers.headers(Role.PUBLISHER, Role.OPERATOR)
    first, again = [(await api.post(OCCURRENCES, json=rebooted(id=chosen), headers=headers)).json() for _ in range(2)]
    path = f"/events/v1beta1/events/{chosen}"

    by_key = await api.get(f"/events/v1beta1/events/{first['messageId']}", headers=headers)
    by_id = await api.get(path, params={"source": first["source"]}, headers=headers)
    bare = [await api.request(method, path, headers=headers) for method in ("GET", "DELETE")]
    elsewhere = await api.get(path, params={"source": "/elsewhere"}, headers=headers)

    assert again == first | {"duplicate": True}
    assert by_key.json() == by_id.json()
    assert (by_id.json()["id"], by_id.json()["messageId"]) == (chosen, first["messageId"])
    said = "Event not found; an id that its publisher chose is found with ?source=, which is on the receipt"
    assert {(response.status_code, response.json()["message"]) for response in bare} == {(404, said)}
    assert (elsewhere.status_code, elsewhere.json()["message"]) == (404, "Event not found")


@pytest.mark.parametrize(
    ("role", "workspace", "status"),
    [
        (Role.PUBLISHER, WORKSPACE, 200),
        (Role.PUBLISHER, OTHER_WORKSPACE, 404),
        (Role.OPERATOR, OTHER_WORKSPACE, 200),
        (Role.VIEWER, WORKSPACE, 403),
    ],
)
async def test_who_sees_an_event(
    api: httpx.AsyncClient, callers: Callers, role: Role, workspace: str, status: int
) -> None:
    """An event is shown to publishers of its workspace and to operators of any."""
    receipt = (await api.post(OCCURRENCES, json=rebooted(), headers=await callers.headers(Role.PUBLISHER))).json()

    seen = await api.get(
        f"/events/v1beta1/events/{receipt['id']}", headers=await callers.headers(role, workspace=workspace)
    )

    assert seen.status_code == status


async def test_no_such_event(api: httpx.AsyncClient, callers: Callers) -> None:
    """An id that is no event's is a 404 in GreenLake's form."""
    publisher = await callers.headers(Role.PUBLISHER)

    for wanted in (str(uuid4()), "nonsense"):
        response = await api.get(f"/events/v1beta1/events/{wanted}", headers=publisher)

        assert (response.status_code, response.json()["message"].partition(";")[0]) == (404, "Event not found")


async def test_found_in_another_workspace(api: httpx.AsyncClient, callers: Callers) -> None:
    """Operators, and publishers that may publish for others, find events of any workspace; other publishers their own."""
    source = "//global.api.greenlake.hpe.com/compute-ops"
    there = await callers.headers(Role.PUBLISHER, workspace=OTHER_WORKSPACE)
    await api.post(OCCURRENCES, json=rebooted(id="a"), headers=there)
    params = {"source": source, "workspaceId": OTHER_WORKSPACE}

    statuses = [
        (await api.get("/events/v1beta1/events/a", params=params, headers=headers)).status_code
        for headers in (
            there,
            await callers.headers(Role.OPERATOR),
            await callers.headers(Role.PUBLISHER, any_workspace=True),
            await callers.headers(Role.PUBLISHER),
        )
    ]

    assert statuses == [200, 200, 200, 404]


async def test_deliveries_are_counted_by_state(api: httpx.AsyncClient, callers: Callers, services: Services) -> None:
    """The deliveries of an event are counted by state; of an event that was sent again, the newest round."""
    publisher = await callers.headers(Role.PUBLISHER)
    receipt = (await api.post(OCCURRENCES, json=rebooted(), headers=publisher)).json()
    rows = [(1, 0, "failed"), (1, 1, "owed"), (2, 0, "delivered"), (3, 0, "delivered")]
    async with services.database.raw() as connection:
        for webhook, number, state in rows:
            await connection.execute(
                "INSERT INTO deliveries (event, webhook, round, state, fence, attempts, lost) VALUES ($1,$2,$3,$4,0,0,0)",
                *(UUID(receipt["id"]), UUID(int=webhook), number, state),
            )

    seen = (await api.get(f"/events/v1beta1/events/{receipt['id']}", headers=publisher)).json()["deliveries"]

    assert {state: count for state, count in seen.items() if count} == {"owed": 1, "delivered": 2}


async def test_database_away(services: Services, callers: Callers) -> None:
    """Without the database a publication is a 503 that says when to try again."""
    publisher = await callers.headers(Role.PUBLISHER)
    nowhere = Database(GroundSettings(database_url="postgresql://a:b@127.0.0.1:1/c", vault_keys=VAULT_KEYS))
    app = build(lambda: pytest.fail("an ASGI transport runs no lifespan"))
    app.state.services = replace(services, types=EventTypeStore(nowhere))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hooklake") as api:
        response = await api.post(OCCURRENCES, json=rebooted(), headers=publisher)
    await nowhere.close()

    assert (response.status_code, response.headers["retry-after"]) == (503, "2")


async def test_a_defect_is_500_with_a_debug_id(
    services: Services, callers: Callers, caplog: pytest.LogCaptureFixture
) -> None:
    """What nobody expected is a 500 whose debugId stands in the log."""
    publisher = await callers.headers(Role.PUBLISHER)
    app = build(lambda: pytest.fail("an ASGI transport runs no lifespan"))
    app.state.services = replace(services, types=cast(EventTypeStore, None))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://hooklake") as api:
        response = await api.post(OCCURRENCES, json=rebooted(), headers=publisher)

    assert response.status_code == 500
    assert response.json()["debugId"] in caplog.text
