"""Bytes of bodies under way: a budget and shares of it, taken before a body is read and given back when its request has ended."""

import asyncio
import json
from datetime import timedelta

import httpx
import pytest

from delivery.lifecycle import State
from delivery.reports import recent_deliveries
from service.answers import LONG
from service.api.writing import TURN
from service.app import build
from service.server.bodies import SMALL, Bodies, Crowded, Hold
from service.server.connection_limits import ConnectionLimits
from service.services import Services
from service.settings import ServiceSettings
from subscriptions.access.clients import Role
from tests.builders import WORKSPACE, Builder, Result
from tests.clock import Clock
from tests.service.callers import Callers
from tests.service.sockets import Door, Opened, said, until

MEGABYTE = 1 << 20
PATH = "/events/v1beta1/occurrences"
OCCURRENCE = b'{"apiGroup":"compute-ops","apiVersion":"v1","resourceCollection":"servers","event":"rebooted","data":{}}'
#: As long as it is announced.
LONG_BODY = b"[" + OCCURRENCE + b" " * (MEGABYTE - len(OCCURRENCE) - 2) + b"]"


@pytest.fixture
def entrance() -> ServiceSettings:
    """Room for four bodies of a megabyte, two of one client."""
    return ServiceSettings(publish_body_bytes=MEGABYTE, bodies_bytes=4 * MEGABYTE, client_share=0.5)


@pytest.fixture
async def door(opened: Opened, services: Services) -> Door:
    """The API on a socket."""
    app = build(lambda: pytest.fail("this server runs no lifespan"))
    app.state.services = services
    return await opened(ConnectionLimits(connections=50, timeout=60.0, message_bytes=4 * MEGABYTE), app)


def head(headers: dict[str, str], framing: str) -> bytes:
    lines = [f"POST {PATH} HTTP/1.1", "Host: x", framing, *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


@pytest.mark.parametrize("framing", [f"Content-Length: {MEGABYTE}", "Transfer-Encoding: chunked"])
async def test_bodies_under_way(door: Door, services: Services, callers: Callers, framing: str) -> None:
    """A body that has no room is answered 503 with Retry-After before it is sent; one client's do not crowd another's out."""
    chunked = "chunked" in framing
    begun = b"%x\r\n%s\r\n" % (MEGABYTE - 100, LONG_BODY[: MEGABYTE - 100]) if chunked else LONG_BODY[:-100]
    end = b"64\r\n%s\r\n0\r\n\r\n" % LONG_BODY[-100:] if chunked else LONG_BODY[-100:]
    greedy = head(await callers.headers(Role.PUBLISHER), framing)
    other = head(await callers.headers(Role.PUBLISHER), framing)

    async def sending(head: bytes, held: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await door.client()
        writer.write(head + begun)
        await until(lambda: services.bodies.held >= held)
        return reader, writer

    clients = [await sending(greedy, n * (MEGABYTE - 100)) for n in (1, 2)]
    refused = []
    for _ in range(3):
        reader, writer = await door.client()
        writer.write(greedy + (begun if chunked else b""))
        refused.append(await said(reader))
    clients.append(await sending(other, 3 * (MEGABYTE - 100)))
    answers = []
    for reader, writer in clients:
        writer.write(end)
        answers.append((await said(reader))[0])

    assert [(status, headers["retry-after"]) for status, headers, _ in refused] == [(503, "2")] * 3
    assert {each["errorCode"] for _, _, each in refused} == {"HPE_GL_ERROR_SERVICE_UNAVAILABLE"}
    assert answers == [202] * 3
    await until(lambda: (services.bodies.held, len(services.bodies)) == (0, 0))


async def test_who_leaves_gives_back(door: Door, services: Services, callers: Callers) -> None:
    """A client that goes away in the middle of its body holds nothing any more; nor does one whose body is refused."""
    publisher = head(await callers.headers(Role.PUBLISHER), f"Content-Length: {MEGABYTE}")
    _, leaving = await door.client()
    leaving.write(publisher + LONG_BODY[:1000])
    await until(lambda: services.bodies.held == MEGABYTE)
    leaving.transport.abort()
    await until(lambda: services.bodies.held == 0)

    reader, writer = await door.client()
    writer.write(publisher + b"x" * MEGABYTE)

    assert (await said(reader))[0] == 413
    await until(lambda: services.bodies.held == 0)


async def test_small_bodies_are_not_counted(api: httpx.AsyncClient, services: Services, callers: Callers) -> None:
    """What the number of connections bounds already costs no bookkeeping, and has room in a full house."""
    services.bodies.take("others", 2 * MEGABYTE)
    services.bodies.take("more others", 2 * MEGABYTE)
    headers = await callers.headers(Role.PUBLISHER)

    small = await api.post(PATH, content=OCCURRENCE.ljust(SMALL), headers=headers)
    large = await api.post(PATH, content=OCCURRENCE.ljust(SMALL + 1), headers=headers)

    assert (small.status_code, large.status_code) == (202, 503)
    assert "Try again in 2 s" in large.json()["message"]


def test_the_books() -> None:
    """Nothing is taken where there is no room; what is taken is given back once."""
    bodies = Bodies(100, 60)
    one, other = Hold(bodies, "a"), Hold(bodies, "b")

    one.up_to(40)
    one.up_to(30)
    one.up_to(60)
    for hold, size in ((one, 61), (other, 41)):
        with pytest.raises(Crowded):
            hold.up_to(size)
    other.up_to(40)
    held = bodies.held
    for hold in (one, one, other):
        hold.end()
    one.answer(1000)

    assert (held, bodies.held, len(bodies)) == (100, 60, 1)


@pytest.fixture
async def recent(
    api: httpx.AsyncClient, callers: Callers, builder: Builder, clock: Clock
) -> tuple[httpx.AsyncClient, str]:
    """A webhook with forty deliveries whose bodies and answers have some 120 KB each, and a client that may see them."""
    hook = await builder.webhook()
    result = Result(
        state=State.FAILED,
        status=500,
        response_headers=json.dumps([["X", "h" * 8000]]).encode(),
        response_body=b"r" * 60_000,
    )
    for number in range(40):
        event = builder.event(id=f"x-{number}", text="d" * 50_000)
        await builder.tried(event, hook.id, result)
        clock.now += timedelta(seconds=1)
    api.headers.update(await callers.headers(Role.SUBSCRIBER, workspace=WORKSPACE))
    return api, f"/events/v1beta1/webhooks/{hook.id}/recent-deliveries"


async def test_a_page_has_an_end(recent: tuple[httpx.AsyncClient, str]) -> None:
    """A page of recent deliveries shows all, and bodies up to a megabyte: those after it are cut, and can be asked for."""
    api, path = recent

    page = await api.get(path)
    items = page.json()["items"]
    cut = [item for item in items if item.get("truncated")]
    alone = [(await api.get(path, params={"limit": 1, "offset": n})).json()["items"][0] for n in (0, 20, 39)]

    assert len(items) == 40
    assert 25 < len(cut) < 40
    assert items[-len(cut) :] == cut
    assert len(page.content) < recent_deliveries.WHOLE + 40 * (recent_deliveries.CUT + 2 * recent_deliveries.HEADERS)
    assert {(len(each["responseBody"]), str(each["requestBody"])) for each in cut} == {(recent_deliveries.CUT, "{}")}
    assert not any("erased" in each for each in cut)
    assert [len(each["requestBody"]["text"]) for each in alone] == [50_000] * 3
    assert [(len(each["responseBody"]), "truncated" in each) for each in alone] == [(60_000, False)] * 3


async def test_long_answers_go_in_pieces(recent: tuple[httpx.AsyncClient, str], services: Services) -> None:
    """A long answer is counted until it is sent, and handed over piece by piece; where there is no room it is a 503."""
    api, path = recent
    app = build(lambda: pytest.fail("an ASGI transport runs no lifespan"))
    app.state.services = services
    sent: list[int] = []
    held: list[int] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: object) -> None:
        assert isinstance(message, dict)
        sent.append(len(message.get("body", b"")))
        held.append(services.bodies.held)

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"",
        "headers": [(b"authorization", api.headers["authorization"].encode())],
    }
    await app(scope, receive, send)

    services.bodies.take("others", 2 * MEGABYTE)
    services.bodies.take("more others", 2 * MEGABYTE)
    crowded = await api.get(path)

    assert max(sent) == LONG == TURN
    assert set(held) == {sum(sent)}
    assert crowded.status_code == 503
