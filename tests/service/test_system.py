"""The system API and the catalogue's tree, beyond their rows in `test_contract.py` (greenlake.md 1.9, 1.10)."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest

from delivery.settings import DeliverySettings
from delivery.tickets import Job, JobKind, Nudge
from subscriptions.access.clients import Role
from subscriptions.events import catalogue
from subscriptions.ground.database import Database
from tests.clock import Clock
from tests.service.callers import OTHER_WORKSPACE, Callers

EVENTS = "/events/v1beta1"
PATH = f"{EVENTS}/system-webhooks"
ORDERS = f"{EVENTS}/system-subscriptions"
AUDIT = "com.hpe.greenlake.audit-log.v1.logs.created"
EXPIRING = "com.hpe.greenlake.subscriptions.v1.expiring-subscriptions"
HELD = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
ASKED = {"name": "Inventory", "destination": "https://127.0.0.1:9/"}


@pytest.fixture
async def operator(api: httpx.AsyncClient, callers: Callers) -> httpx.AsyncClient:
    """The API's client, as an operator."""
    api.headers.update(await callers.headers(Role.OPERATOR, name="operations"))
    return api


async def ordinary(api: httpx.AsyncClient) -> dict[str, Any]:
    response = await api.post(f"{EVENTS}/webhooks", json={**ASKED, "name": "Ordinary", "secret": "s3cr3tKey"})
    made: dict[str, Any] = response.json()
    return made


async def test_a_system_webhook_is_a_webhook(operator: httpx.AsyncClient, database: Database) -> None:
    """It is ACTIVE at once, without a challenge, and has a sealed secret, so that what it gets is signed."""
    made = (await operator.post(PATH, json=ASKED)).json()

    shown = (await operator.get(f"{EVENTS}/webhooks/{made['id']}")).json()
    async with database.raw() as connection:
        secret = await connection.fetchval("SELECT secret FROM webhooks WHERE id = $1::text::uuid", made["id"])
    assert (shown["status"], shown["challengeRequestEnabled"], shown["dualSecret"]) == ("ACTIVE", False, False)
    assert len(secret) > 32


async def test_a_system_webhook_is_asked_at_once(operator: httpx.AsyncClient, announced: list[Nudge]) -> None:
    """Its first heartbeat is announced with its registration, as every webhook's is: no sweep has to find it."""
    made = (await operator.post(PATH, json=ASKED)).json()

    asked = [(each.kind, each.key) for each in announced if isinstance(each, Job)]
    assert asked == [(JobKind.CHALLENGE, UUID(made["id"]))]


class TestBraked:
    """Where two registrations of a minute are all."""

    @pytest.fixture
    def delivery_settings(self) -> DeliverySettings:
        return DeliverySettings(allow_destinations=("127.0.0.0/8",), registrations_per_minute=2)

    async def test_system_webhooks_count(self, operator: httpx.AsyncClient) -> None:
        """They count as a workspace's other registrations do: the destination is asked, whoever registers it."""
        made = [await operator.post(PATH, json={**ASKED, "name": name}) for name in ("One", "Two", "Three")]

        assert [answer.status_code for answer in made] == [201, 201, 429]
        assert (await operator.get(PATH)).json()["total"] == 2


async def test_a_change_cut_short_is_none(operator: httpx.AsyncClient, callers: Callers, database: Database) -> None:
    """A change whose process dies before all of it is written changes nothing: who changed it last is always true."""
    made = (await operator.post(PATH, json=ASKED)).json()
    another = await callers.headers(Role.OPERATOR, workspace=OTHER_WORKSPACE, name="night shift")

    async with database.raw() as person, database.raw() as witness, person.transaction():
        await person.execute("SELECT FROM system_webhooks FOR UPDATE")
        change = asyncio.create_task(operator.patch(f"{PATH}/{made['id']}", json={"name": "Stock"}, headers=another))
        async with asyncio.timeout(20):
            held = 0
            while not held:
                held = await witness.fetchval(HELD)
                await asyncio.sleep(0.01)
        change.cancel()
        await asyncio.gather(change, return_exceptions=True)

    assert (await operator.get(f"{PATH}/{made['id']}")).json() == made


async def test_ordinary_webhooks_are_none_of_the_system(operator: httpx.AsyncClient) -> None:
    """What the system API did not register it neither lists, nor shows, nor changes, nor subscribes, nor ends."""
    other = await ordinary(operator)
    target = {"resourceUri": f"{PATH}/{other['id']}"}
    order = {"eventType": AUDIT, "webhook": {"resourceUri": other["resourceUri"]}}
    [theirs] = (await operator.post(f"{EVENTS}/subscriptions", json=[order])).json()

    answers = [
        await operator.get(f"{PATH}/{other['id']}"),
        await operator.patch(f"{PATH}/{other['id']}", json={"name": "Mine"}),
        await operator.delete(f"{PATH}/{other['id']}"),
        await operator.delete(ORDERS, params={"id": theirs["id"]}),
        await operator.post(ORDERS, json={"eventType": EXPIRING, "webhook": target}),
        await operator.post(ORDERS, json={**order, "eventType": EXPIRING}),
    ]
    assert [answer.status_code for answer in answers] == [404, 404, 404, 404, 400, 400]
    assert (await operator.get(PATH)).json()["total"] == (await operator.get(ORDERS)).json()["total"] == 0
    assert (await operator.get(f"{EVENTS}/webhooks/{other['id']}")).json()["name"] == "Ordinary"


async def test_who_changed_it(operator: httpx.AsyncClient, callers: Callers, clock: Clock) -> None:
    """`updatedBy` and `updatedAt` are the last change's, `createdBy` stays; operators of all workspaces see all."""
    made = (await operator.post(PATH, json=ASKED)).json()
    clock.advance(5)
    another = await callers.headers(Role.OPERATOR, workspace=OTHER_WORKSPACE, name="night shift")

    changed = (await operator.patch(f"{PATH}/{made['id']}", json={"name": "Stock"}, headers=another)).json()

    assert (made["createdBy"], made["updatedBy"], made["generation"]) == ("operations", "operations", 1)
    assert (changed["createdBy"], changed["updatedBy"], changed["generation"]) == ("operations", "night shift", 2)
    assert changed["updatedAt"] > made["updatedAt"]
    assert (await operator.get(PATH, headers=another)).json()["items"] == [changed]


async def test_subscriptions_end_with_their_webhook(operator: httpx.AsyncClient) -> None:
    """With subscriptions a system webhook is deleted by force alone, and takes them along."""
    made = (await operator.post(PATH, json=ASKED)).json()
    order = {"eventType": AUDIT, "webhook": {"resourceUri": made["resourceUri"]}}
    [ordered] = (await operator.post(ORDERS, json=order)).json()
    changed = await operator.patch(ORDERS, json=[{**order, "subscriptionId": ordered["id"], "eventType": EXPIRING}])

    plain = await operator.delete(f"{PATH}/{made['id']}")
    forced = await operator.delete(f"{PATH}/{made['id']}", params={"force": "true"})

    assert (changed.json()[0]["eventType"], changed.json()[0]["generation"]) == (EXPIRING, 2)
    assert (plain.status_code, forced.status_code) == (400, 204)
    assert (await operator.get(ORDERS)).json()["total"] == 0


async def test_the_tree_holds_every_type_once(operator: httpx.AsyncClient) -> None:
    """Service managers lead to API groups and those to types, all ids are one's own, and nothing is left out."""
    foreign = {"eventType": "org.example.thing", "serviceManager": "Example", "apiGroup": "things"}
    await operator.post(f"{EVENTS}/event-types", json=foreign)

    managers = (await operator.get(f"{EVENTS}/service-managers")).json()["items"]
    groups = [
        group
        for manager in managers
        for group in (await operator.get(f"{EVENTS}/service-managers/{manager['id']}/api-groups")).json()["items"]
    ]
    types = [
        one
        for group in groups
        for one in (await operator.get(f"{EVENTS}/api-groups/{group['id']}/events")).json()["items"]
    ]

    assert {manager["name"]: manager["id"] for manager in managers}[
        "HPE GreenLake Platform"
    ] == "0" * 8 + "-0000" * 3 + ("-" + "0" * 12)
    assert sorted(one["name"] for one in types) == sorted(
        [*(entry.type for entry in catalogue.DOCUMENTED), "org.example.thing"]
    )
    identities = [thing["id"] for thing in (*managers, *groups, *types)]
    assert len(set(identities)) == len(identities)


async def test_pages_of_the_tree(operator: httpx.AsyncClient) -> None:
    """Each level is paged as every list is."""
    manager = (await operator.get(f"{EVENTS}/service-managers")).json()["items"][0]
    path = f"{EVENTS}/service-managers/{manager['id']}/api-groups"
    whole = (await operator.get(path)).json()

    page = (await operator.get(path, params={"limit": 2, "offset": 1})).json()

    assert page["items"] == whole["items"][1:3]
    assert (page["count"], page["offset"], page["total"]) == (2, 1, whole["total"])
