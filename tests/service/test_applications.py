"""Applications over HTTP: who may have which, and what is said of them."""

import json
from collections import Counter

import httpx
from sqlalchemy import select

from delivery.ledger.owing import deliveries
from delivery.tickets import Nudge
from service.api.routes import routes as paths_of_the_api
from service.dashboard.routes import routes as pages
from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.catalogue.applications import RESERVED
from subscriptions.ground.database import Database
from subscriptions.ground.tables import audit_entries
from tests.clock import Clock
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE, Callers

PATH = "/events/v1beta1/applications"
HOOK = {
    "name": "own",
    "destination": "https://127.0.0.1:9/",
    "secret": "s3cr3t",
    "challengeRequestEnabled": False,
}


def test_first_segments_of_our_paths_are_reserved() -> None:
    """No application can have a name that is the first segment of a path of ours."""
    ours = {route.path.split("/")[1] for route in (*paths_of_the_api(), *pages())}  # type: ignore[attr-defined]

    assert {each for each in ours if each and "{" not in each} <= RESERVED


async def test_an_application_lives(api: httpx.AsyncClient, callers: Callers, database: Database) -> None:
    """A publisher registers, changes and removes it, its workspace reads it, and each change leaves an entry."""
    publisher, viewer = await callers.headers(Role.PUBLISHER), await callers.headers(Role.VIEWER)
    hook = (
        await api.post("/events/v1beta1/webhooks", json=HOOK, headers=await callers.headers(Role.SUBSCRIBER))
    ).json()

    answer = await api.post(PATH, json={"name": "shop", "description": "The shop"}, headers=publisher)
    made = answer.json()
    assert (answer.status_code, answer.headers["Location"]) == (201, made["resourceUri"])
    assert (made["eventUrl"], made["webhookId"], made["workspaceId"]) == (
        "http://127.0.0.1:8080/shop/v1/events",
        None,
        WORKSPACE,
    )
    assert (await api.get(made["resourceUri"], headers=viewer)).json() == made
    changed = await api.patch(made["resourceUri"], json={"webhookId": hook["id"]}, headers=publisher)
    assert (changed.json()["webhookId"], changed.json()["description"]) == (hook["id"], "The shop")
    emptied = await api.patch(made["resourceUri"], json={"webhookId": None, "description": None}, headers=publisher)
    assert (emptied.json()["webhookId"], emptied.json()["description"]) == (None, "")
    assert (await api.patch(made["resourceUri"], json={"name": "store"}, headers=publisher)).status_code == 422
    (listed,) = (await api.get(f"{PATH}?search=SHOP", headers=viewer)).json()["items"]
    assert listed == emptied.json()
    assert (await api.delete(made["resourceUri"], headers=publisher)).status_code == 204
    assert (await api.get(made["resourceUri"], headers=viewer)).status_code == 404
    async with database.transaction() as connection:
        found = select(audit_entries.c.action).where(audit_entries.c.name == "shop")
        actions = list(await connection.scalars(found))
    assert Counter(actions) == {"application.registered": 1, "application.changed": 2, "application.removed": 1}


async def test_refusals(api: httpx.AsyncClient, callers: Callers) -> None:
    """A reserved name and another's webhook are a 400, a name in use a 409, another's workspace a 403 with nothing changed."""
    publisher = await callers.headers(Role.PUBLISHER)
    assert (await api.post(PATH, json={"name": "shop"}, headers=publisher)).status_code == 201

    for body, status in (
        ({"name": "Dashboard"}, 400),
        ({"name": "a/b"}, 400),
        ({"name": "shop"}, 409),
        ({"name": "x", "webhookId": "nothing"}, 422),
        ({"name": "x", "workspaceId": OTHER_WORKSPACE}, 403),
        ({"name": "x", "names": "y"}, 422),
    ):
        assert (await api.post(PATH, json=body, headers=publisher)).status_code == status, body
    assert (await api.get(PATH, headers=publisher)).json()["total"] == 1


async def test_operators_name_a_workspace(api: httpx.AsyncClient, callers: Callers) -> None:
    """An operator registers one for any workspace that there is, and lists those of one or of all."""
    operator = await callers.headers(Role.OPERATOR)
    nobodys = await api.post(PATH, json={"name": "shop", "workspaceId": "c" * 32}, headers=operator)
    await callers.known(OTHER_WORKSPACE)
    theirs = await api.post(PATH, json={"name": "shop", "workspaceId": OTHER_WORKSPACE}, headers=operator)
    own = await api.post(PATH, json={"name": "shop"}, headers=operator)

    assert (nobodys.status_code, theirs.status_code, own.status_code) == (400, 201, 201)
    assert (await api.get(PATH, headers=operator)).json()["total"] == 2
    (listed,) = (await api.get(f"{PATH}?workspaceId={OTHER_WORKSPACE}", headers=operator)).json()["items"]
    assert listed == theirs.json()


async def test_its_webhook_is_told_the_event_url(
    api: httpx.AsyncClient, callers: Callers, services: Services, announced: list[Nudge]
) -> None:
    """Its own webhook is owed one event with the event URL when it becomes the application's, subscribed or not; no other is."""
    publisher, subscriber = await callers.headers(Role.PUBLISHER), await callers.headers(Role.SUBSCRIBER)
    hooks = [
        (await api.post("/events/v1beta1/webhooks", json=HOOK | {"name": name}, headers=subscriber)).json()["id"]
        for name in ("own", "another", "third")
    ]
    announced.clear()

    made = (await api.post(PATH, json={"name": "shop", "webhookId": hooks[0]}, headers=publisher)).json()
    await api.patch(made["resourceUri"], json={"description": "x", "webhookId": hooks[0]}, headers=publisher)
    refused = await api.post(PATH, json={"name": "shop", "webhookId": hooks[2]}, headers=publisher)
    moved = await api.patch(made["resourceUri"], json={"webhookId": hooks[1]}, headers=publisher)

    assert (refused.status_code, moved.status_code) == (409, 200)
    async with services.database.raw() as connection:
        rows = await connection.fetch("SELECT d.webhook, e.body FROM deliveries d JOIN events e ON e.key = d.event")
    bodies = {str(row["webhook"]): row["body"] for row in rows}
    assert (len(rows), set(bodies)) == (2, set(hooks[:2]))
    assert len(announced) == 2
    event = json.loads(bodies[hooks[0]])
    assert event["type"] == "com.hpe.greenlake.events.v1beta1.applications.event-url"
    assert event["data"] == {
        "id": made["id"],
        "type": "events/application",
        "resourceUri": made["resourceUri"],
        "name": "shop",
        "eventUrl": "http://127.0.0.1:8080/shop/v1/events",
    }
    unnamed = await api.post("/events/v1beta1/event-types", json={"eventType": event["type"]}, headers=publisher)
    assert unnamed.status_code == 400


async def test_a_day_without_partitions(
    api: httpx.AsyncClient, callers: Callers, clock: Clock, database: Database
) -> None:
    """Where nobody has made the day's partitions yet they are made, and the application is registered once."""
    clock.advance(40 * 86400)
    subscriber = await callers.headers(Role.SUBSCRIBER)
    hook = (await api.post("/events/v1beta1/webhooks", json=HOOK, headers=subscriber)).json()["id"]
    async with database.raw() as connection:
        assert not await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", f"events_{clock():%Y%m%d}")

    made = await api.post(PATH, json={"name": "shop", "webhookId": hook}, headers=await callers.headers(Role.PUBLISHER))

    assert made.status_code == 201, made.text
    async with database.raw() as connection:
        assert await connection.fetchval("SELECT count(*) FROM deliveries") == 1
        assert await connection.fetchval("SELECT count(*) FROM applications") == 1
        for table in deliveries.PARTITIONED:
            await connection.execute(f"DROP TABLE {table}_{clock():%Y%m%d}")
