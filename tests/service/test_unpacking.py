"""Packed bodies: what comes with gzip is unpacked within all limits; what comes otherwise is refused, never taken as it is."""

import gzip
import json
import zlib
from typing import Any

import httpx
import pytest

from service.server.bodies import SMALL
from service.server.pieces import LongWork
from service.server.unpacking import MAX_MEMBERS, TURN, gunzip
from service.services import Services
from service.settings import ServiceSettings
from subscriptions.access.clients import Role
from subscriptions.ground.audience import Audience, NobodyWaits
from tests.service.callers import Callers

MEGABYTE = 1 << 20
EVENTS = "/events/v1beta1"
OCCURRENCE = {"apiGroup": "compute-ops", "apiVersion": "v1", "resourceCollection": "servers", "event": "rebooted"}
BODY = json.dumps({**OCCURRENCE, "data": {"text": "ä" * 1000}}).encode()
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def entrance() -> ServiceSettings:
    """A megabyte of bodies at once."""
    return ServiceSettings(publish_body_bytes=MEGABYTE, bodies_bytes=MEGABYTE, client_share=1.0)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(BODY)),
        ("GZIP", gzip.compress(BODY, 0)),
        ("x-gzip", gzip.compress(BODY[:100]) + gzip.compress(BODY[100:])),
        ("identity, gzip", gzip.compress(BODY)),
        ("identity", BODY),
        ("", BODY),
    ],
)
async def test_what_was_packed_is_the_event(
    api: httpx.AsyncClient, callers: Callers, services: Services, coding: str, body: bytes
) -> None:
    """What is packed once with gzip, in one member or in several, is the event that was packed."""
    headers = await callers.headers(Role.PUBLISHER) | JSON | {"Content-Encoding": coding}

    response = await api.post(f"{EVENTS}/occurrences", content=body, headers=headers)

    assert response.status_code == 202, response.text
    async with services.database.raw() as connection:
        [row] = await connection.fetch("SELECT body FROM events")
    assert json.loads(row["body"])["data"] == {"text": "ä" * 1000}


@pytest.mark.parametrize("coding", ["br", "deflate", "zstd", "gzip, gzip", "gzip, br", "compress", "x"])
async def test_other_codings(api: httpx.AsyncClient, callers: Callers, coding: str) -> None:
    """Any other coding is a 415 that says what is read; in binary mode, too, where a body may be anything."""
    headers = await callers.headers(Role.PUBLISHER) | {"Content-Encoding": coding}
    ce = {"ce-specversion": "1.0", "ce-id": "a", "ce-source": "//x", "ce-type": "com.hpe.greenlake.x.v1.y"}

    answers = [
        await api.post(f"{EVENTS}/occurrences", content=BODY, headers=headers | JSON),
        await api.post(f"{EVENTS}/cloudevents", content=b"x", headers=headers | ce | {"Content-Type": "text/plain"}),
    ]

    assert [each.status_code for each in answers] == [415] * 2
    assert all("gzip" in each.json()["message"] for each in answers)


BROKEN = {
    "no gzip": (BODY, 400),
    "nothing": (b"", 400),
    "zlib": (zlib.compress(BODY), 400),
    "broken off": (gzip.compress(BODY)[:-9], 400),
    "something after it": (gzip.compress(BODY) + b"x", 400),
    "a broken sum": (gzip.compress(BODY)[:-8] + bytes(8), 400),
    "a bomb": (gzip.compress(bytes(50 * MEGABYTE)), 413),
    "too many members": (gzip.compress(b"") * MAX_MEMBERS + gzip.compress(BODY), 400),
    "many members": (gzip.compress(bytes(MEGABYTE // 10)) * 11, 413),
}


@pytest.mark.parametrize("broken", BROKEN)
async def test_broken_packings_are_refused(
    api: httpx.AsyncClient, callers: Callers, services: Services, broken: str
) -> None:
    """What is not what it says, and what is larger than it may be once unpacked, is refused, and holds nothing any more."""
    body, status = BROKEN[broken]
    headers = await callers.headers(Role.PUBLISHER) | JSON | {"Content-Encoding": "gzip"}

    response = await api.post(f"{EVENTS}/occurrences", content=body, headers=headers)

    assert response.status_code == status, response.text
    assert services.bodies.held == 0


async def test_the_budget_counts_what_comes_out(api: httpx.AsyncClient, callers: Callers, services: Services) -> None:
    """The budget of bytes under way counts what comes out, not what comes in."""
    services.bodies.take("others", MEGABYTE - 2 * SMALL)
    headers = await callers.headers(Role.PUBLISHER) | JSON | {"Content-Encoding": "gzip"}

    response = await api.post(
        f"{EVENTS}/occurrences", content=gzip.compress(BODY.ljust(MEGABYTE // 4)), headers=headers
    )

    assert (response.status_code, response.headers["retry-after"]) == (503, "2")


async def test_a_bomb_goes_off_by_turns() -> None:
    """A bomb is unpacked up to the limit and no further, in small pieces."""
    sizes: list[int] = []

    with pytest.raises(OverflowError):
        await gunzip(gzip.compress(bytes(50 * MEGABYTE)), MEGABYTE, sizes.append, at_once)

    assert sizes == [TURN * n for n in range(1, MEGABYTE // TURN + 1)]


async def at_once() -> None:
    """A turn that nobody else wants."""


class Counted(bytes):
    """Bytes that count how many of them are handed out."""

    handed = 0

    def __getitem__(self, part: Any) -> Any:
        found = super().__getitem__(part)
        self.handed += len(found)
        return found


async def test_members_are_bounded() -> None:
    """As many members as are taken cost a turn's worth each at most, and of more nothing is unpacked."""
    empty = gzip.compress(b"")
    packed = Counted(empty * MAX_MEMBERS)
    asked: list[int] = []

    assert await gunzip(packed, MEGABYTE, asked.append, at_once) == b""
    assert 0 < packed.handed <= MAX_MEMBERS * TURN
    with pytest.raises(ValueError, match="more than 1,000 members"):
        await gunzip(empty * 250_000, MEGABYTE, asked.append, at_once)
    assert len(asked) == 2 * MAX_MEMBERS


async def test_nothing_is_unpacked_for_nobody() -> None:
    """Unpacking ends at the first turn at which its client is gone."""
    work, audience, sizes = LongWork(), Audience(), list[int]()

    async def turn() -> None:
        audience.gone = len(sizes) == 3
        await work.turn("a client", audience, goes_on=True)

    with pytest.raises(NobodyWaits):
        await gunzip(gzip.compress(bytes(TURN)) * 9, MEGABYTE, sizes.append, turn)

    assert len(sizes) == 3
