"""What one client's many requests leave of the database's connections to others."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import httpx

from service.app import Configuration
from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.ground.database import Database, Raw
from subscriptions.ground.turns import WAITING
from tests.service.callers import WORKSPACE, Callers

EVENTS = "/events/v1beta1"
CLIENTS = "/authorization/v2/clients"
#: Connections that wait for a table that only the management of clients asks for.
HELD = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
CLOUDEVENT = {
    "specversion": "1.0",
    "id": "of another tenant",
    "source": "//eu-central.api.greenlake.hpe.com/audit-log",
    "type": "com.hpe.greenlake.audit-log.v1.logs.created",
    "data": {},
}


@asynccontextmanager
async def stuck(other: Database) -> AsyncIterator[Raw]:
    """Whoever reads clients waits until the block ends; a connection that does not, by another door than the API's."""
    async with other.raw() as locker, other.raw() as witness, locker.transaction():
        await locker.execute("LOCK TABLE clients IN ACCESS EXCLUSIVE MODE")
        yield witness


async def held(witness: Raw, least: int) -> int:
    """How many connections wait, once they are at least so many."""
    count = 0
    while count < least:
        count = await witness.fetchval(HELD)
    return count


async def test_one_client_has_a_share(
    api: httpx.AsyncClient, callers: Callers, services: Services, configuration: Configuration
) -> None:
    """However much clients ask of the management API, one has two connections and all have five; publications and health the
    rest. All are answered when they can be, and who sends still more at once is told so."""
    asking: list[asyncio.Task[httpx.Response]] = []
    structured = {**await callers.headers(Role.PUBLISHER), "Content-Type": "application/cloudevents+json"}

    async def ask(times: int) -> None:
        operator = await callers.headers(Role.OPERATOR)
        asking.extend(asyncio.create_task(api.get(CLIENTS, headers=operator)) for _ in range(times))

    other = Database(configuration.ground)
    try:
        async with stuck(other) as witness:
            await ask(60)
            counts = [await held(witness, 2)]
            await ask(60)
            counts.append(await held(witness, 4))
            await ask(120)
            counts.append(await held(witness, 5))
            published = await api.post(EVENTS + "/cloudevents", json=CLOUDEVENT, headers=structured)
            await services.database.ready()
            counts.append(await held(witness, 5))
        answers = await asyncio.gather(*asking)
    finally:
        await other.close()

    assert counts == [2, 4, 5, 5]
    assert published.status_code == 202, published.text
    said = Counter(answer.status_code for answer in answers)
    assert said == {200: 60 + 60 + 1 + WAITING, 429: 120 - 1 - WAITING}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["retry-after"] == "1"
    assert "requests of this client wait for the database already" in refused.json()["message"]


async def test_who_asks_for_tokens_has_a_share(
    api: httpx.AsyncClient, callers: Callers, services: Services, configuration: Configuration
) -> None:
    """However many ask from one address for a token, they have two connections; publications go on."""
    structured = {**await callers.headers(Role.PUBLISHER), "Content-Type": "application/cloudevents+json"}
    form = {"grant_type": "client_credentials", "client_id": str(UUID(int=7)), "client_secret": "guessed"}
    other = Database(configuration.ground)
    try:
        async with stuck(other) as witness:
            path = f"/authorization/v2/oauth2/{WORKSPACE}/token"
            asking = [asyncio.create_task(api.post(path, data=form)) for _ in range(WAITING + 3)]
            first = await held(witness, 2)
            published = await api.post(EVENTS + "/cloudevents", json=CLOUDEVENT, headers=structured)
            then = await held(witness, 2)
        answers = await asyncio.gather(*asking)
    finally:
        await other.close()

    assert (first, then, published.status_code) == (2, 2, 202)
    said = Counter((answer.status_code, answer.json()["error"]) for answer in answers)
    assert said == {(401, "invalid_client"): WAITING + 2, (429, "temporarily_unavailable"): 1}


async def test_a_slow_body_has_no_turn(api: httpx.AsyncClient, callers: Callers, services: Services) -> None:
    """A client that takes its time to send its bodies keeps nothing meanwhile: others of its requests are answered."""
    subscriber, sent = await callers.headers(Role.SUBSCRIBER), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"{"
        await sent.wait()
        yield b"}"

    headers = {**subscriber, "Content-Type": "application/json"}
    slowly = [asyncio.create_task(api.post(EVENTS + "/webhooks", content=slow(), headers=headers)) for _ in range(10)]
    listed = await api.get(EVENTS + "/webhooks", headers=subscriber)
    sent.set()

    assert listed.status_code == 200
    assert {answer.status_code for answer in await asyncio.gather(*slowly)} == {422}
