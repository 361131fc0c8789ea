"""Clients that are gone, on the loop that the API runs on."""

import logging

import pytest
import uvloop
from starlette.types import Receive, Scope, Send

from service.answers import AUDIENCE
from service.server.connection_limits import AHEAD, ConnectionLimits
from subscriptions.ground.audience import Audience
from tests.service.sockets import Door, Opened, until

#: Cut off with the second look or the third.
HASTY = ConnectionLimits(connections=100, timeout=0.03, message_bytes=100_000, interval=0.02)


async def _cut_off() -> None:
    door = Door(HASTY)
    await door.open()
    for _ in range(3):
        _, writer = await door.client()
        writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n" + b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n" * AHEAD)
    await until(lambda: bool(door.state.total_requests))
    await until(lambda: not door.state.connections and not door.state.tasks)
    await door.close()


def test_who_reads_nothing_leaves_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    """A client that sends requests ahead, reads no answer and is cut off leaves the one line of the sweep, and no defect."""
    uvloop.run(_cut_off())

    told = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.getMessage() for record in told if not record.getMessage().startswith("connections.cut ")] == []


async def test_queues_are_told(opened: Opened) -> None:
    """Whoever keeps something queued for a request finds in its scope that the connection is lost."""
    seen: list[Audience] = []

    async def app(scope: Scope, receive: Receive, _send: Send) -> None:
        seen.append(scope[AUDIENCE])
        while (await receive())["type"] != "http.disconnect":
            pass

    door = await opened(ConnectionLimits(connections=10, timeout=60.0, message_bytes=100_000), app)
    _, writer = await door.client()
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await until(lambda: bool(seen))
    there = seen[0].gone
    writer.transport.abort()
    await until(lambda: seen[0].gone)

    assert not there
