"""Whose an event type is: what its workspace, operators and strangers may do with it, and which types are nobody's."""

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest
from msgspec import structs

from service.app import Configuration
from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.events.event_types import EventTypeStore
from subscriptions.ground.database import Database
from subscriptions.webhooks.webhook import Webhook
from tests.builders import Builder, Result
from tests.clock import Clock
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE, Callers

EVENTS = "/events/v1beta1"
PATH = EVENTS + "/event-types"
BILLED = "com.hpe.greenlake.billing.v1.invoices.billed"
VERIFICATION = "com.hpe.greenlake.events.v1beta1.webhooks.verification"
AUDIT = "com.hpe.greenlake.audit-log.v1.logs.created"
FAILED = "com.hpe.greenlake.events.v1beta1.webhooks.delivery-failed"
OCCURRENCE = {
    "apiGroup": "billing",
    "apiVersion": "v1",
    "resourceCollection": "invoices",
    "event": "billed",
    "data": {"id": "1"},
}


@pytest.fixture
def configuration(configuration: Configuration) -> Configuration:
    return replace(configuration, ground=structs.replace(configuration.ground, max_event_types_per_workspace=3))


async def test_an_operator_takes_a_squatted_type_over(api: httpx.AsyncClient, callers: Callers) -> None:
    """Strangers can neither change nor retire a type; operators can, and can hand it to the workspace whose it should be."""
    squatter = await callers.headers(Role.PUBLISHER, workspace=OTHER_WORKSPACE)
    billing, operator = await callers.headers(Role.PUBLISHER), await callers.headers(Role.OPERATOR)
    await api.post(PATH, json={"eventType": BILLED, "description": "Send me money."}, headers=squatter)
    await callers.known(WORKSPACE)
    path, words = f"{PATH}/{BILLED}", {"description": "An invoice was sent."}

    refused = [await api.patch(path, json=words, headers=billing), await api.delete(path, headers=billing)]
    handed = await api.patch(path, json={"workspaceId": WORKSPACE}, headers=operator)
    changed = await api.patch(path, json=words, headers=billing)
    lost = await api.patch(path, json=words, headers=squatter)

    assert [response.status_code for response in refused] == [403, 403]
    assert (handed.status_code, handed.json()["workspaceId"]) == (200, WORKSPACE)
    assert (changed.status_code, lost.status_code) == (200, 403)
    assert (changed.json()["description"], changed.json()["generation"]) == ("An invoice was sent.", 3)


async def test_what_the_owner_may_change(api: httpx.AsyncClient, callers: Callers) -> None:
    """Its workspace says what a type is called; whose it is, operators alone."""
    publisher = await callers.headers(Role.PUBLISHER)
    await api.post(PATH, json={"eventType": BILLED}, headers=publisher)

    told = await api.patch(f"{PATH}/{BILLED}", json={"friendlyName": "Billed"}, headers=publisher)
    given = await api.patch(f"{PATH}/{BILLED}", json={"workspaceId": OTHER_WORKSPACE}, headers=publisher)
    wrong = await api.patch(
        f"{PATH}/{BILLED}", json={"workspaceId": "nobody"}, headers=await callers.headers(Role.OPERATOR)
    )
    absent = await api.patch(f"{PATH}/com.acme.nothing", json={"friendlyName": "x"}, headers=publisher)

    assert (told.status_code, told.json()["friendlyName"]) == (200, "Billed")
    assert [given.status_code, wrong.status_code, absent.status_code] == [403, 400, 404]


async def test_a_retired_type(api: httpx.AsyncClient, callers: Callers, services: Services) -> None:
    """Is in no list, takes no publication and no subscription, and is registered again by those it belongs to alone."""
    publisher, operator = await callers.headers(Role.PUBLISHER), await callers.headers(Role.OPERATOR)
    stranger = await callers.headers(Role.PUBLISHER, workspace=OTHER_WORKSPACE)
    await api.post(PATH, json={"eventType": BILLED}, headers=publisher)
    before = await api.post(EVENTS + "/occurrences", json=OCCURRENCE, headers=publisher)

    retired = await api.delete(f"{PATH}/{BILLED}", headers=publisher)
    twice = await api.delete(f"{PATH}/{BILLED}", headers=publisher)
    listed = (await api.get(PATH, headers=publisher)).json()
    published = await api.post(EVENTS + "/occurrences", json=OCCURRENCE, headers=publisher)
    squatted = await api.post(PATH, json={"eventType": BILLED}, headers=stranger)
    again = await api.post(PATH, json={"eventType": BILLED, "friendlyName": "New"}, headers=publisher)
    after = await api.post(EVENTS + "/occurrences", json=OCCURRENCE, headers=publisher)

    assert (before.status_code, retired.status_code, twice.status_code) == (202, 204, 404)
    assert BILLED not in [item["eventType"] for item in listed["items"]]
    assert (published.status_code, squatted.status_code) == (400, 409)
    assert (again.status_code, again.json()["friendlyName"], after.status_code) == (201, "New", 202)
    # What an operator retires is the operators' from then on.
    await api.delete(f"{PATH}/{BILLED}", headers=operator)
    assert (await api.post(PATH, json={"eventType": BILLED}, headers=publisher)).status_code == 409


async def test_who_may_bring_a_type_back_is_told(api: httpx.AsyncClient, callers: Callers) -> None:
    """Whoever publishes under a retired type, or subscribes to it, is told that it was retired and who may register it again, not
    to register what he may not."""
    publisher, operator = await callers.headers(Role.PUBLISHER), await callers.headers(Role.OPERATOR)
    stranger = await callers.headers(Role.PUBLISHER, workspace=OTHER_WORKSPACE)
    subscriber = await callers.headers(Role.SUBSCRIBER, workspace=OTHER_WORKSPACE)
    hook = {"name": "h", "destination": "https://127.0.0.1:9/", "secret": "a-shared-secret"}
    uri = (await api.post(EVENTS + "/webhooks", json=hook, headers=subscriber)).json()["resourceUri"]
    order = [{"eventType": BILLED, "webhook": {"resourceUri": uri}}]
    said = []

    for retiring in (publisher, operator):
        await api.post(PATH, json={"eventType": BILLED}, headers=operator if retiring is operator else publisher)
        await api.delete(f"{PATH}/{BILLED}", headers=retiring)
        published = await api.post(EVENTS + "/occurrences", json=[OCCURRENCE, OCCURRENCE], headers=stranger)
        subscribed = await api.post(EVENTS + "/subscriptions", json=order, headers=subscriber)
        assert (published.status_code, subscribed.status_code) == (400, 400)
        said.append(
            [each.json()["message"].partition(": ")[2].partition("; [1]")[0] for each in (published, subscribed)]
        )

    sentence = f"event type {BILLED} was retired; {{}} may register it again"
    assert said == [
        [sentence.format(whose)] * 2 for whose in ("the workspace that registered it, and operators,", "operators")
    ]


async def test_a_retirement_reaches_other_processes(
    services: Services, database: Database, clock: Clock, api: httpx.AsyncClient, callers: Callers
) -> None:
    """What a process has seen in the catalogue it asks for again, once that is some seconds old."""
    steady = [0.0]
    other = EventTypeStore(database, steady=lambda: steady[0])
    publisher = await callers.headers(Role.PUBLISHER)
    await api.post(PATH, json={"eventType": BILLED}, headers=publisher)
    assert await other.unknown({BILLED}) == set()

    await api.delete(f"{PATH}/{BILLED}", headers=publisher)

    assert await other.unknown({BILLED}) == set()
    steady[0] += 5.0
    assert await other.unknown({BILLED}) == {BILLED}


async def test_a_workspace_has_so_many_types(api: httpx.AsyncClient, callers: Callers) -> None:
    """Retired ones count; operators are not counted."""
    publisher, operator = await callers.headers(Role.PUBLISHER), await callers.headers(Role.OPERATOR)
    names = [f"com.acme.v1.n{number}" for number in range(4)]
    made = [await api.post(PATH, json={"eventType": name}, headers=publisher) for name in names[:3]]
    await api.delete(f"{PATH}/{names[0]}", headers=publisher)

    over = await api.post(PATH, json={"eventType": names[3]}, headers=publisher)
    stands = await api.post(PATH, json={"eventType": names[1]}, headers=publisher)
    theirs = await api.post(PATH, json={"eventType": names[3]}, headers=operator)

    assert [response.status_code for response in made] == [201] * 3
    assert (over.status_code, over.json()["errorCode"]) == (403, "HPE_GL_UNIFIED_EVENTS_REGISTRATION_FORBIDDEN")
    assert (stands.status_code, theirs.status_code) == (200, 201)


@pytest.mark.parametrize(
    "name", [VERIFICATION, FAILED, "com.hpe.greenlake.events.v2.things.made", "a.webhooks.verification"]
)
async def test_what_we_send_ourselves(api: httpx.AsyncClient, callers: Callers, name: str) -> None:
    """Nobody registers it, changes it, or publishes under its name: a handler would sign any text as if
    we had asked (greenlake.md 7.2)."""
    operator = await callers.headers(Role.OPERATOR)
    both = await callers.headers(Role.OPERATOR, Role.PUBLISHER)
    *front, collection, event = name.split(".")
    occurrence = {**OCCURRENCE, "apiGroup": "events", "resourceCollection": collection, "event": event}
    occurrence["apiVersion"] = front[-1] if front[-1].startswith("v") else "v1"
    relayed = {"specversion": "1.0", "id": "1", "source": "/x", "type": name, "data": {"challengeRequest": "pay"}}

    answers = [
        await api.post(PATH, json={"eventType": name}, headers=operator),
        await api.patch(f"{PATH}/{name}", json={"description": "x"}, headers=operator),
        await api.delete(f"{PATH}/{name}", headers=operator),
        await api.post(EVENTS + "/occurrences", json=occurrence, headers=both),
        await api.post(
            EVENTS + "/cloudevents", json=relayed, headers=both | {"Content-Type": "application/cloudevents+json"}
        ),
    ]

    assert [response.status_code for response in answers] == [400] * 5, [response.text for response in answers]
    assert all("sends itself" in response.json()["message"] for response in answers), [r.text for r in answers]


@pytest.mark.parametrize(
    "name",
    [
        "org.evil.Webhooks.Verification",
        "org.evil.WEBHOOKS.VERIFICATION",
        "org.evil.webhooks.verification ",
        "org.evil.webhooks.Veriﬁcation\u2003",
        " com.hpe.greenlake.events.v1.things.made",
        "COM.hpe.GreenLake.Events.v1.things.made",
    ],
)
async def test_what_looks_like_ours(api: httpx.AsyncClient, callers: Callers, database: Database, name: str) -> None:
    """What is ours once a handler has lowered or stripped it nobody registers, nor publishes
    where it stands (greenlake.md 7.2)."""
    both = await callers.headers(Role.OPERATOR, Role.PUBLISHER)
    relayed = {"specversion": "1.0", "id": "1", "source": "/x", "type": name, "data": {"challengeRequest": "pay"}}
    media = {"Content-Type": "application/cloudevents+json"}

    registered = await api.post(PATH, json={"eventType": name}, headers=both)
    async with database.raw() as connection:
        # As releases before this one took it.
        await connection.execute(
            "INSERT INTO event_types SELECT $1, service_manager, api_group, friendly_name, description, generation,"
            " created_at, updated_at FROM event_types LIMIT 1 ON CONFLICT DO NOTHING",
            name,
        )
    published = await api.post(EVENTS + "/cloudevents", json=relayed, headers=both | media)

    assert [answer.status_code for answer in (registered, published)] == [400, 400], (registered.text, published.text)
    assert all("sends itself" in answer.json()["message"] for answer in (registered, published))


async def test_white_space_around_a_type(api: httpx.AsyncClient, callers: Callers, database: Database) -> None:
    """A type that white space alone tells from another is not registered; one that stands from before can be retired."""
    operator = await callers.headers(Role.OPERATOR)
    refused = [
        await api.post(PATH, json={"eventType": name}, headers=operator)
        for name in ("org.example.made ", " org.example.made", "org.example.made\u00a0", "org.example.made\u3000")
    ]
    async with database.raw() as connection:
        await connection.execute("UPDATE event_types SET type = 'org.example.made ' WHERE type = $1", AUDIT)

    retired = await api.delete(f"{PATH}/org.example.made%20", headers=operator)

    assert [answer.status_code for answer in refused] == [400] * 4, [answer.text for answer in refused]
    assert all("white space" in answer.json()["message"] for answer in refused)
    assert retired.status_code == 204, retired.text


@pytest.fixture
async def hook(builder: Builder) -> Webhook:
    return await builder.webhook()


ANSWER = "ab" * 32
SIGNED: list[list[str]] = [
    ["HPE-Webhook-Signature", "sha256=" + "1" * 64],
    ["HPE-Webhook-Signature2", "sha256=" + "2" * 64],
    ["webhook-id", "kept"],
    ["webhook-signature", "v1,c2lnbmF0dXJl v1,b3RoZXI="],
]


async def recent(api: httpx.AsyncClient, hook: Webhook, headers: dict[str, str]) -> Any:
    [item] = (await api.get(f"{EVENTS}/webhooks/{hook.id}/recent-deliveries", headers=headers)).json()["items"]
    return item


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"verification": ANSWER, "echo": SIGNED}),
        json.dumps({"a": [{"veri\u0066ication": ANSWER}]}).replace("verif", "veri\\u0066"),
        "not JSON, 'verification' : " + ANSWER.upper(),
    ],
)
async def test_a_viewer_cannot_sign(
    api: httpx.AsyncClient, callers: Callers, builder: Builder, hook: Webhook, body: str
) -> None:
    """Who may only look sees neither signatures nor proofs of the secret nor credentials; who may change the webhook does."""
    result = Result(
        request_headers=json.dumps(SIGNED).encode(),
        response_headers=json.dumps(
            [["X-Echo", SIGNED[0][1]], ["Authorization", "Bearer t"], ["Set-Cookie", "k"]]
        ).encode(),
        response_body=body.encode(),
    )
    await builder.tried(builder.event(), hook.id, result)

    viewed = await recent(api, hook, await callers.headers(Role.VIEWER))
    owned = await recent(api, hook, await callers.headers(Role.SUBSCRIBER))

    secrets = [ANSWER, "1" * 64, "2" * 64, "c2lnbmF0dXJl", "b3RoZXI="]
    assert not [each for each in secrets if each in json.dumps(viewed).lower() or each in json.dumps(viewed)]
    assert viewed["requestHeaders"]["HPE-Webhook-Signature"] == ["***"]
    assert viewed["requestHeaders"]["webhook-id"] == ["kept"]
    assert (viewed["responseHeaders"]["Authorization"], viewed["responseHeaders"]["Set-Cookie"]) == (["***"], ["***"])
    assert (owned["responseBody"], owned["requestHeaders"]["HPE-Webhook-Signature"]) == (body, [SIGNED[0][1]])
