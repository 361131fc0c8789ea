"""Which request begins next, where more are ready than one turn of the loop begins."""

import asyncio
from dataclasses import replace

from service.limits.addresses import household
from service.server.connection_limits import ConnectionLimits
from service.server.turnstile import MOST, Turnstile, forwarded
from tests.service.sockets import Door, Opened, said, until

LIMITS = ConnectionLimits(connections=100, timeout=60.0, message_bytes=100_000, share=1.0)
MANY = 10 * MOST

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def post(text: str, more: str = "") -> bytes:
    """A request that `door.heard` tells of."""
    return f"POST /echo HTTP/1.1\r\nHost: x\r\n{more}Content-Length: {len(text)}\r\n\r\n{text}".encode()


async def all_at_once(door: Door, clients: list[Client], sent: list[bytes]) -> list[bytes]:
    """What is heard, in order, when all of them send in one turn of the loop."""
    for (_, writer), each in zip(clients, sent, strict=True):
        writer.write(each)
    for reader, _ in clients:
        assert (await said(reader))[0] == 200
    return door.heard


async def test_one_address_does_not_hold_up_another(opened: Opened) -> None:
    """However many connections of one address ask at once, another's request begins with its next few, not after them all."""
    door = await opened(LIMITS)
    clients = [await door.client("127.0.0.2") for _ in range(MANY)]
    clients.append(await door.client("127.0.0.3"))

    heard = await all_at_once(door, clients, [post("a")] * MANY + [post("b")])

    assert len(heard) == MANY + 1
    assert heard.index(b"b") < 3 * MOST


async def test_a_proxy_stands_for_many(opened: Opened) -> None:
    """Behind a proxy that is named it is the addresses it tells that take turns; the last one is the proxy's own word."""
    door = await opened(replace(LIMITS, proxies=("127.0.0.2",)))
    clients = [await door.client("127.0.0.2") for _ in range(MANY + 1)]
    flood = [post("a", f"X-Forwarded-For: 10.0.0.{n}, 192.0.2.1\r\n") for n in range(MANY)]

    heard = await all_at_once(door, clients, [*flood, post("b", "X-Forwarded-For: 192.0.2.2\r\n")])

    assert len(heard) == MANY + 1
    assert heard.index(b"b") < 3 * MOST
    client, proxy = (b"x-forwarded-for", b"10.0.0.1, 192.0.2.1"), (b"x-forwarded-for", b"192.0.2.2")

    assert forwarded([client]) == household("192.0.2.1")
    # A proxy that writes a line of its own leaves the client's before it.
    assert forwarded([client, proxy]) == household("192.0.2.2")
    assert forwarded([(b"x-forwarded-for", b"2001:db8::1")]) == forwarded([(b"x-forwarded-for", b"2001:db8::ffff:2")])


async def test_who_has_gone_does_not_begin(opened: Opened) -> None:
    """A request whose connection was lost before its turn reaches no handler."""
    door = await opened(LIMITS)
    clients = [await door.client("127.0.0.2") for _ in range(MANY)]
    _, gone = await door.client("127.0.0.2")

    for _, writer in clients:
        writer.write(post("a"))
    gone.write(post("gone"))
    gone.transport.abort()
    for reader, _ in clients:
        assert (await said(reader))[0] == 200

    await until(lambda: len(door.state.connections) == MANY)
    assert door.heard == [b"a"] * MANY


async def test_few_in_a_turn() -> None:
    """Between two turns of the loop no more than so many begin, and each address has its turn."""
    turnstile, begun = Turnstile(asyncio.get_running_loop(), most=2), []
    assert [turnstile.passes() for _ in range(3)] == [True, True, False]

    def begin(name: str, stays: bool = True) -> bool:
        begun.append(name)
        return stays

    for name in ("a1", "a2", "a3", "b1"):
        turnstile.wait(name[0], lambda name=name: begin(name))  # type: ignore[misc]
    turnstile.wait("c", lambda: begin("gone", stays=False))
    turnstile.wait("d", lambda: begin("d1"))

    told = []
    while len(turnstile):
        await asyncio.sleep(0)
        told.append(list(begun))
        begun.clear()

    assert told == [["a1", "b1"], ["gone", "d1", "a2"], ["a3"]]
