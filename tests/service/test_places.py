"""Places at the door: newcomers, whoever rests, addresses that want more than their share, and whoever looks after us."""

import asyncio
import logging
import re
from dataclasses import replace
from functools import partial

import pytest

from service.limits.addresses import Proxies, household
from service.server.connection_limits import ConnectionLimits
from service.server.connections import ServerConnection
from service.server.places import BRISK, LOOKED, WAITING, Household, Places
from tests.service.sockets import Door, Opened, rest, said, until

LIMITS = ConnectionLimits(connections=4, timeout=60.0, message_bytes=100_000, interval=0.02, share=1.0)
POST = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
GATE = b"GET /gate HTTP/1.1\r\nHost: x\r\n\r\n"
HEALTH = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
BEGUN = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel"
LONG = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"

LONG_ANSWER = b"GET /pieces HTTP/1.1\r\nHost: x\r\n\r\n"

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def asking(door: Door, count: int, sent: bytes, address: str = "127.0.0.1") -> list[Client]:
    """So many clients that each send this, and are there before the next comes."""
    clients = []
    for _ in range(count):
        clients.append(await door.client(address))
        clients[-1][1].write(sent)
        if sent == POST:
            assert (await said(clients[-1][0]))[0] == 200
        else:
            await until(lambda: len(door.state.connections) >= len(clients))
    return clients


def begun(door: Door) -> int:
    """How many have begun to ask, or do not read, and hold a place."""
    return len(door.state.sweep.places._begun)  # type: ignore[attr-defined]  # ours, at uvicorn's state


def taken(door: Door) -> list[int]:
    """Bytes that came after the first ones of each message."""
    return sorted(each.taken for each in door.state.connections if isinstance(each, ServerConnection))


def having_begun(door: Door, count: int) -> bool:
    return begun(door) == count


async def test_newcomers_get_in_while_anybody_rests(opened: Opened) -> None:
    """Who has rested longest goes for a newcomer; who has rested less stays, and is served when it asks again."""
    door = await opened(LIMITS)
    resting = await asking(door, 4, POST)
    # The first has just been used again: the second has rested longest now.
    resting[0][1].write(POST)
    await said(resting[0][0])

    await asking(door, 1, POST)

    assert await rest(resting[1][0]) == b""
    for reader, writer in (resting[0], *resting[2:]):
        writer.write(POST)
        assert (await said(reader))[0] == 200


async def test_who_says_nothing_rests(opened: Opened) -> None:
    """A connection that has said nothing holds its place no better than one between two requests."""
    door = await opened(LIMITS)
    silent = await asking(door, 4, b"")

    await asking(door, 1, POST)

    assert await rest(silent[0][0]) == b""


async def test_who_is_at_work_stays(opened: Opened, caplog: pytest.LogCaptureFixture) -> None:
    """Where all are at work a newcomer is answered 503 with Retry-After; the next place that is left can be taken."""
    caplog.set_level(logging.WARNING, "hooklake.service")
    door = await opened(LIMITS)
    working = await asking(door, 3, GATE) + await asking(door, 1, BEGUN)
    await until(lambda: len(door.state.tasks) == 4)

    refused = []
    for _ in range(5):
        reader, writer = await door.client()
        writer.write(POST)
        refused.append(await said(reader))
        assert await rest(reader) == b""
    door.gate.set()
    answered = [await said(reader) for reader, _ in working[:3]]
    await asking(door, 1, POST)
    # A line a look: they may be told in several.
    await until(lambda: sum(int(re.findall(r"refused=(\d+)", each.getMessage())[0]) for each in caplog.records) >= 5)

    assert [(status, headers["retry-after"]) for status, headers, _ in refused] == [(503, "2")] * 5
    assert [status for status, _, _ in answered] == [200] * 3
    assert sum(int(re.findall(r"refused=(\d+)", record.getMessage())[0]) for record in caplog.records) == 5


async def test_health_is_always_answered(opened: Opened) -> None:
    """Whoever looks after us is answered in a full house, on a connection of its own, past all that wait at the door."""
    door = await opened(LIMITS)
    await asking(door, 4, GATE)
    await until(lambda: len(door.state.tasks) == 4)
    waiting = [await door.client() for _ in range(WAITING + 5)]
    await until(lambda: len(door.state.connections) == WAITING + 4)

    reader, writer = await door.client()
    writer.write(HEALTH)
    status, headers, body = await said(reader)

    assert (status, headers["connection"], body) == (200, "close", "live")
    assert [(await said(reader))[0] for reader, _ in waiting[:6]] == [503] * 6
    # The last of them is still welcome: to a place, if there is one by now.
    door.gate.set()
    await until(lambda: not door.state.tasks)
    waiting[-1][1].write(POST)
    assert (await said(waiting[-1][0]))[0] == 200


@pytest.mark.parametrize("sent", [BEGUN, GATE], ids=["begun", "at work"])
async def test_one_address_does_not_hold_all(opened: Opened, sent: bytes) -> None:
    """Whatever one address does with its connections, others get in, and their connections are not what it gets in by."""
    door = await opened(replace(LIMITS, connections=20, share=0.25))
    others = await asking(door, 3, POST, "127.0.0.2")
    await asking(door, 15, sent)
    await until(lambda: len(door.state.tasks) == 15)

    greedy = [await door.client() for _ in range(5)]
    for _, writer in greedy:
        writer.write(POST)
    refused = [(await said(reader))[0] for reader, _ in greedy]
    newcomers = await asking(door, 3 if sent == BEGUN else 2, POST, "127.0.0.3")

    assert refused == [503] * 5
    for reader, writer in (*others, *newcomers):
        writer.write(POST)
        assert (await said(reader))[0] == 200


async def test_a_share_costs_nothing_while_there_is_room(opened: Opened) -> None:
    """An address may have all that others leave, and goes first when they come: its own that has rested longest."""
    door = await opened(replace(LIMITS, share=0.25))
    older = await asking(door, 1, POST, "127.0.0.2")
    many = await asking(door, 3, POST)

    await asking(door, 1, POST, "127.0.0.3")

    assert await rest(many[0][0]) == b""
    for reader, writer in (*older, *many[1:]):
        writer.write(POST)
        assert (await said(reader))[0] == 200


async def test_slow_ones_of_many_addresses(opened: Opened) -> None:
    """Where slow clients of ever so many addresses hold all places, each newcomer takes that of the slowest: who has taken
    longest for the fewest bytes, however lately it sent one. A client that sends briskly stays, though it began before them."""
    door = await opened(replace(LIMITS, connections=20, grace=0.0))
    [brisk] = await asking(door, 1, LONG, "127.0.0.2")
    slow = [(await asking(door, 1, BEGUN, f"127.0.0.{n}"))[0] for n in range(3, 22)]
    await until(lambda: begun(door) == 20)
    brisk[1].write(b"x" * 50_000)
    for _, writer in slow:
        writer.write(b"l")
    await until(lambda: taken(door) == [1] * 19 + [50_000])

    newcomers = []
    for n in range(12):
        newcomers += await asking(door, 1, GATE, f"127.0.0.{100 + n}")
        await until(partial(having_begun, door, 19 - n))
    refused = [(await said(reader))[0] for reader, _ in slow[:12]]
    for _, writer in slow[12:]:
        writer.write(b"o")
    brisk[1].write(b"x" * 50_000)
    door.gate.set()

    assert refused == [503] * 12
    assert [(await said(reader))[0] for reader, _ in (*slow[12:], brisk, *newcomers)] == [200] * 20


async def test_who_does_not_read_makes_room(opened: Opened) -> None:
    """Clients that ask for more than they read hold no places either; the last of them, whose place nobody needs, gets it all."""
    door = await opened(replace(LIMITS, grace=0.0))
    unread = [(await asking(door, 1, LONG_ANSWER, f"127.0.0.{n}"))[0] for n in range(2, 6)]
    await until(lambda: begun(door) == 4)

    newcomers = []
    for n in range(3):
        newcomers += await asking(door, 1, GATE, f"127.0.0.{100 + n}")
        await until(partial(having_begun, door, 3 - n))
    door.gate.set()

    assert [(await said(reader))[0] for reader, _ in newcomers] == [200] * 3
    # Which of them it is follows from who was served first: they asked at the same moment.
    came = await asyncio.gather(*(said(reader) for reader, _ in unread), return_exceptions=True)
    ended = [each for each in came if isinstance(each, asyncio.IncompleteReadError)]
    [(status, _, body)] = [each for each in came if not isinstance(each, BaseException)]
    assert (len(ended), status, len(body)) == (3, 200, 32 << 20)


@pytest.mark.parametrize("briskly", [False, True])
def test_looking_for_the_slowest_is_a_few_steps(briskly: bool) -> None:
    """A newcomer to a house full of begun requests looks at no more than 32 of them, and at none before they had their time."""
    looked, now = [0], [0.0]

    class Sending(Guest):
        @property
        def taken(self) -> int:
            looked[0] += 1
            return BRISK * 60 if briskly else 0

    places = Places(replace(LIMITS, connections=1000, share=1.0), clock=lambda: now[0])
    guests = [Sending(places, f"192.0.{n // 250}.{n % 250}") for n in range(1000)]
    for guest in guests:
        places.begins(guest)

    early = Sending(places, "198.51.100.1").here, looked[0]
    now[0] = 60.0 if briskly else 0.5
    late = Sending(places, "198.51.100.1").here, looked[0]

    assert early == (False, 0)
    assert late == (not briskly, LOOKED)
    assert [guest.here for guest in guests] == [briskly] + [True] * 999


@pytest.mark.parametrize("proxies", [("127.0.0.0/30",), ("127.0.0.1",), ("*",)])
async def test_proxies_have_all(opened: Opened, proxies: tuple[str, ...]) -> None:
    """A named proxy stands for many clients: it takes the last places too, and its connections go in their turn only."""
    door = await opened(replace(LIMITS, connections=20, share=0.1, proxies=proxies))
    oldest = await asking(door, 1, POST, "127.0.0.2")
    clients = await asking(door, 19, POST)

    await asking(door, 1, POST, "127.0.0.3")

    assert await rest(oldest[0][0]) == b""
    clients[0][1].write(POST)
    assert (await said(clients[0][0]))[0] == 200


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:0:0:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("a", "a", True),
    ],
)
def test_a_household_is_one_address_or_a_64(one: str, other: str, same: bool) -> None:
    """An address of IPv4 is one, of IPv6 all of a /64 are."""
    assert (household(one) == household(other)) is same


def test_proxies_are_named_in_five_ways() -> None:
    """Addresses, networks, IPv4 in IPv6, names, and a star for all."""
    named = Proxies(["10.0.0.0/8", "2001:db8::1", "unix"])

    assert [each in named for each in ("10.1.2.3", "::ffff:10.1.2.3", "2001:db8::1", "unix")] == [True] * 4
    assert [each in named for each in ("11.1.2.3", "2001:db8::2", "other", "")] == [False] * 4
    assert "anything" in Proxies(["*"])
    assert "10.1.2.3" not in Proxies()


class Guest:
    """A connection that does as it is told."""

    def __init__(self, places: Places, address: str) -> None:
        self.household: Household | None = None
        self._taken = 0
        self.here = places.enter(self, address)

    @property
    def taken(self) -> int:
        return self._taken

    def make_room(self) -> None:
        self.here = False

    def turn_away(self) -> None:
        self.here = False


def test_whatever_happens() -> None:
    """Through any order of comings, rests, requests and goings the books agree: places held, by whom, and nothing left behind."""
    places = Places(replace(LIMITS, connections=10, share=0.3))
    guests: list[Guest] = []
    # Not by chance: each step is one of a long walk through all of them.
    for step in range(4000):
        here = [guest for guest in guests if guest.here]
        if step * 7 % 3 == 0 or not here:
            guests.append(Guest(places, f"2001:db8:0:{step * 11 % 5}::{step:x}"))
        else:
            guest = here[step * 13 % len(here)]
            places.works(guest)
            [places.rests, places.begins, places.works, places.leaves][step * 17 % 4](guest)
            guest.here = guest.household is not None
        held = [guest for guest in guests if guest.household is not None]
        assert places.held == len(held) <= 10
        assert places._begun.keys() == {guest for each in places._households.values() for guest in each.begun}
        assert all(
            guest.household.held == sum(guest.household is each.household for each in held)
            for guest in held
            if guest.household
        )
    for guest in guests:
        places.leaves(guest)

    assert (places.held, places._households, places._over) == (0, {}, {})
    assert (dict(places._resting), dict(places._begun)) == ({}, {})
