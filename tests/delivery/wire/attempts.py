"""What the wire's tests share: a sender over a real transport, and one attempt with it. Judging is left to them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from delivery.wire import parcels
from delivery.wire.guard import Guard
from delivery.wire.names import Lookup, look_up
from delivery.wire.sender import Attempt, Destination, Failure, Reply, Sender
from delivery.wire.transport import TransportLimits, open_transport
from tests.receiver import Answer, Receiver

EVENT = UUID("019ab3c1-0000-7000-8000-000000000001")
WEBHOOK = UUID("7d9f3a52-0d5c-4c2e-9f43-5d2b8f6a1c3e")
BODY = '{"specversion":"1.0","data":{"n":1.0,"é":1e30}}'.encode()
LOCAL = ("127.0.0.0/8", "localhost")


@asynccontextmanager
async def opened(
    ca: str,
    *,
    allow: tuple[str, ...] = LOCAL,
    limits: TransportLimits | None = None,
    lookup: Lookup = look_up,
    proxy: str = "",
) -> AsyncIterator[Sender]:
    transport = await open_transport(
        Guard(allow, allow_http=True), limits=limits, ca_bundle=ca, lookup=lookup, proxy=proxy
    )
    try:
        yield Sender(transport, lambda: datetime.now(UTC), agent="Hooklake/test")
    finally:
        await transport.aclose()


async def attempt(sender: Sender, url: str, *, deadline: float = 10.0, **more: Any) -> Attempt:
    """`more` is what a Destination has beside; with `webhook`, another one than WEBHOOK."""
    parcel = parcels.single(event=EVENT, body=BODY, content_mode="json")
    told: dict[str, Any] = {"webhook": WEBHOOK, "url": url, "secrets": ("first", "second")}
    destination = Destination(**told | more)
    return await sender.send(parcel, destination, deadline=deadline)


async def once(
    receiver: Receiver, *answers: Answer, deadline: float = 10.0, limits: TransportLimits | None = None
) -> Attempt:
    receiver.plan("/hook", *answers)
    async with opened(receiver.ca, limits=limits) as sender:
        return await attempt(sender, receiver.url(), deadline=deadline)


def failed(result: Attempt) -> Failure:
    assert isinstance(result.answer, Failure), result.answer
    return result.answer


def replied(result: Attempt) -> Reply:
    assert isinstance(result.answer, Reply), result.answer
    return result.answer
