"""Who has subscribed to an event type, and the catalogue that is searched: what the catalogue's pages show."""

import httpx

from service.services import Services
from subscriptions.access.clients import Role
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE, Callers

EVENTS = "/events/v1beta1"
AUDIT = "com.hpe.greenlake.audit-log.v1.logs.created"
REBOOTED = "com.hpe.greenlake.compute-ops.v1.servers.rebooted"


async def subscribed(api: httpx.AsyncClient, headers: dict[str, str], name: str, *types: str) -> str:
    asked = {"name": name, "destination": "https://127.0.0.1:9/", "secret": "s3cr3tKey"}
    made = (await api.post(f"{EVENTS}/webhooks", json=asked, headers=headers)).json()
    wanted = [{"eventType": each, "webhook": {"resourceUri": made["resourceUri"]}} for each in types]
    answer = await api.post(f"{EVENTS}/subscriptions", json=wanted, headers=headers)
    assert answer.status_code == 201, answer.text
    return str(made["resourceUri"])


async def test_who_subscribed_to_a_type(api: httpx.AsyncClient, callers: Callers, services: Services) -> None:
    """`eventType` narrows the list to those of the type; each workspace sees its own, operators all, and so they are counted."""
    mine, theirs = (
        await callers.headers(Role.SUBSCRIBER),
        await callers.headers(Role.SUBSCRIBER, workspace=OTHER_WORKSPACE),
    )
    operator = await callers.headers(Role.OPERATOR)
    one = await subscribed(api, mine, "one", AUDIT, REBOOTED)
    other = await subscribed(api, theirs, "other", AUDIT)

    async def of(headers: dict[str, str], event_type: str) -> list[str]:
        found = await api.get(f"{EVENTS}/subscriptions", params={"eventType": event_type}, headers=headers)
        return sorted(each["webhook"]["resourceUri"] for each in found.json()["items"])

    assert await of(mine, AUDIT) == [one]
    assert await of(operator, AUDIT) == sorted([one, other])
    assert await of(theirs, REBOOTED) == []
    store, types = services.subscription_store, [AUDIT, REBOOTED, "nobody.asked"]
    assert await store.subscribers(None, types) == {AUDIT: 2, REBOOTED: 1}
    assert await store.subscribers(WORKSPACE, types) == {AUDIT: 1, REBOOTED: 1}


async def test_the_catalogue_is_searched(api: httpx.AsyncClient, callers: Callers) -> None:
    """By a part of the type, the friendly name or the description, in any case; `%` means itself."""
    viewer = await callers.headers(Role.VIEWER)

    async def found(text: str) -> list[str]:
        answer = await api.get(f"{EVENTS}/event-types", params={"search": text}, headers=viewer)
        return [each["eventType"] for each in answer.json()["items"]]

    assert await found("OPS.V1.SERVERS.REBOOTED") == [REBOOTED]
    assert AUDIT in await found("audit log entry")
    assert await found("%") == []
