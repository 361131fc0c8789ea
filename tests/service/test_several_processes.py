"""Several API processes behind one port (`HOOKLAKE_API_PROCESSES`): what is changed at one holds at the other at once."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from subscriptions.access import clients
from subscriptions.access.clients import Draft, Role
from subscriptions.ground.database import Database
from tests import canaries
from tests.clock import Clock
from tests.conftest import VAULT_KEYS

ROOT = Path(__file__).parents[2]
WORKSPACE = "3009de2825f211ec8a84fedebcb4a754"
EVENTS = "/events/v1beta1"
SNEEZED = "com.hpe.greenlake.compute-ops.v1.servers.sneezed"
COUGHED = "com.hpe.greenlake.compute-ops.v1.servers.coughed"
OCCURRENCE = {
    "apiGroup": "compute-ops",
    "apiVersion": "v1",
    "resourceCollection": "servers",
    "event": "sneezed",
    "data": {"id": "server-1"},
}
LEGACY = {"event-type-version": "v1", "event-time": "2026-05-04T12:30:00Z", "data": {}}
#: Requests of an hour that a client may make of both together.
LIMIT = 60


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A client of each process, on a connection that stays; both have one operator's token."""

    one: httpx.AsyncClient
    other: httpx.AsyncClient
    #: Id and secret of their client.
    credentials: tuple[str, str]


@pytest.fixture
async def pair(database: Database, database_url: str, broker_url: str, clock: Clock) -> AsyncIterator[Pair]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HOOKLAKE_")}
    settings = {
        "HOOKLAKE_DATABASE_URL": database_url,
        "HOOKLAKE_BROKER_URL": broker_url,
        "HOOKLAKE_VAULT_KEYS": VAULT_KEYS,
        "HOOKLAKE_PORT": str(port),
        "HOOKLAKE_API_PROCESSES": "2",
        "HOOKLAKE_REQUESTS_PER_HOUR": str(LIMIT),
        "HOOKLAKE_ALLOW_HTTP": "true",
        "HOOKLAKE_ALLOW_DESTINATIONS": "127.0.0.0/8",
        "HOOKLAKE_LOG_LEVEL": "error",
    }
    roles = frozenset({Role.OPERATOR, Role.PUBLISHER, Role.SUBSCRIBER})
    async with database.transaction() as connection:
        draft = Draft(workspace_id=WORKSPACE, name="an operator", roles=roles)
        client, secret = await clients.create(connection, draft, now=clock())
    canaries.add(secret)
    arguments = (sys.executable, "-m", "service.cli", "api")
    process = await asyncio.create_subprocess_exec(*arguments, cwd=ROOT, env=kept | settings)
    opened: list[httpx.AsyncClient] = []
    try:
        by_process = await each_process(process.pid, f"http://127.0.0.1:{port}", opened)
        one, other = by_process.values()
        credentials = str(client.id), secret
        token = (await signed_in(one, credentials)).raise_for_status().json()["access_token"]
        canaries.add(token)
        for each in (one, other):
            each.headers["Authorization"] = f"Bearer {token}"
        yield Pair(one=one, other=other, credentials=credentials)
    finally:
        for each in opened:
            await each.aclose()
        process.terminate()
        await process.wait()


async def each_process(parent: int, url: str, opened: list[httpx.AsyncClient]) -> dict[int, httpx.AsyncClient]:
    """A client for each of both processes: connections are opened until either has taken one."""
    found: dict[int, httpx.AsyncClient] = {}
    async with asyncio.timeout(60):
        while len(found) < 2:
            client = httpx.AsyncClient(base_url=url, timeout=20, limits=httpx.Limits(keepalive_expiry=None))
            opened.append(client)
            try:
                answer = await client.get("/health/ready")
            except httpx.ConnectError:
                await asyncio.sleep(0.1)
                continue
            mine = answer.extensions["network_stream"].get_extra_info("client_addr")
            for process in psutil.Process(parent).children(recursive=True):
                with suppress(psutil.NoSuchProcess):
                    if any(each.raddr == mine for each in process.net_connections("tcp4")):
                        found.setdefault(process.pid, client)
    return found


async def signed_in(http: httpx.AsyncClient, credentials: tuple[str, str]) -> httpx.Response:
    fields = {"grant_type": "client_credentials", "client_id": credentials[0], "client_secret": credentials[1]}
    request = http.build_request("POST", f"/authorization/v2/oauth2/{WORKSPACE}/token", data=fields)
    request.headers.pop("Authorization", None)
    return await http.send(request)


async def made(http: httpx.AsyncClient, path: str, body: object) -> Any:
    return (await http.post(f"{EVENTS}{path}", json=body)).raise_for_status().json()


async def owed(pair: Pair) -> dict[str, int]:
    """Publishes at one, and asks the other how the event's deliveries stand."""
    receipt = await made(pair.one, "/occurrences", OCCURRENCE)
    shown = (await pair.other.get(f"{EVENTS}/events/{receipt['id']}")).raise_for_status().json()["deliveries"]
    return {state: count for state, count in shown.items() if count}


async def test_a_change_at_one_holds_at_the_other(pair: Pair) -> None:
    """A type, a subscription, a pause, a deletion, a type that is retired, a client that is revoked: each is changed at one
    process, and the next request to the other goes by it. A type that joins the catalogue with its first event does so once,
    where both get one. What is counted by each is the requests of
    an hour: a client that made half of them at one has the other half at the other."""
    one, other = pair.one, pair.other

    await made(other, "/event-types", {"eventType": SNEEZED})
    unsubscribed = await owed(pair)
    webhook = await made(
        other,
        "/webhooks",
        {
            "name": "mine",
            "destination": "http://127.0.0.1:9/",
            "secret": canaries.planted("several"),
            "challengeRequestEnabled": False,
        },
    )
    path = f"{EVENTS}/webhooks/{webhook['id']}"
    order = {"eventType": SNEEZED, "webhook": {"resourceUri": webhook["resourceUri"]}}
    await made(other, "/subscriptions", [order])
    subscribed = await owed(pair)
    (await other.patch(path, json={"paused": True})).raise_for_status()
    paused = (await one.get(path)).json()["paused"], await owed(pair)
    (await other.delete(path, params={"force": "true"})).raise_for_status()
    deleted = (await one.get(path)).status_code, await owed(pair)
    # What has been published at a process is known there for ten seconds more (`test_owned_types.py`).
    await made(other, "/event-types", {"eventType": COUGHED})
    (await other.delete(f"{EVENTS}/event-types/{COUGHED}")).raise_for_status()
    retired = await one.post(f"{EVENTS}/occurrences", json=OCCURRENCE | {"event": "coughed"})
    at_both = [
        each.post("/shop/v1/events", json=LEGACY | {"event-type": f"order-{number}"})
        for number in range(5)
        for each in (one, other)
    ]
    taken = await asyncio.gather(*at_both)
    types = (await one.get(f"{EVENTS}/event-types", params={"search": "order-"})).json()["items"]
    (await other.delete(f"/authorization/v2/clients/{pair.credentials[0]}")).raise_for_status()
    revoked = await signed_in(one, pair.credentials)
    # Its token is good for its 15 minutes yet.
    answers = [await one.get(f"{EVENTS}/webhooks") for _ in range(LIMIT // 2)]
    beside = await other.get(f"{EVENTS}/webhooks")

    assert (unsubscribed, subscribed) == ({}, {"owed": 1})
    assert paused == (True, {"parked": 1})
    assert deleted == (404, {})
    assert (retired.status_code, "retired" in retired.text) == (400, True)
    assert [each.status_code for each in taken] == [200] * 10
    assert [each["eventType"] for each in types] == [f"order-{number}.v1" for number in range(5)]
    assert {each["origin"] for each in types} == {"published"}
    assert (revoked.status_code, revoked.json()["error"]) == (401, "invalid_client")
    assert (answers[0].status_code, answers[-1].status_code) == (200, 429)
    assert (beside.status_code, beside.headers["x-ratelimit-limit"]) == (200, str(LIMIT // 2))
