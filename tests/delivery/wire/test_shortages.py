"""A process without file descriptors: a fault of its own, never its destinations'."""

import asyncio
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from delivery.wire.sender import Failure, FailureKind
from delivery.wire.transport import TransportLimits
from tests.delivery.wire.attempts import attempt, failed, opened, replied
from tests.delivery.wire.scripted import Scripted, plainly, saying
from tests.receiver import Receiver

ON_BOTH_LOOPS = True


@contextmanager
def without_files() -> Iterator[Callable[[], None]]:
    """No file can be opened, until that is called, or it is over."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)

    def over() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    # The lowest free descriptor is beyond the limit.
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        yield over
    finally:
        over()


OURS = Failure(kind=FailureKind.internal, cause="internal error: no room for another connection: Too many open files")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"], ids=["an address", "a name"])
async def test_a_shortage_is_ours(host: str) -> None:
    """Neither "connection reset by" a receiver that was never asked, nor a name that "does not resolve"."""
    limits = TransportLimits(connect_timeout=0.2)
    async with Receiver() as receiver, opened(receiver.ca, limits=limits) as sender:
        before = sender.short
        with without_files():
            result = failed(await attempt(sender, receiver.url(host=host)))

    assert result == OURS
    assert (before, sender.short) == (False, True)


async def test_a_dial_waits_for_room() -> None:
    """It goes on when there is some, and nothing is recorded of the shortage."""
    async with Scripted(saying()) as server, plainly() as sender:
        with without_files() as over:
            waiting = asyncio.create_task(attempt(sender, server.url))
            while not sender.short:  # noqa: ASYNC110  nobody is told
                await asyncio.sleep(0)
            over()
            result = replied(await waiting)

    assert (result.status, server.connections) == (202, 1)
