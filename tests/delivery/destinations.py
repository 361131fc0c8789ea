"""A wire that sends nothing and answers by script: what subscribers' destinations would say.

Real sockets are left to the tests of the wire and to the flows.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import msgspec

from delivery.wire import signing
from delivery.wire.notes import WireNotes
from delivery.wire.parcels import Failure, FailureKind, Parcel, Reply
from delivery.wire.sender import Attempt, Destination, Sender
from tests import canaries
from tests.clock import Clock

SECRET = canaries.planted("secret")
OLD, NEW = "http://127.0.0.1:9/old", "http://127.0.0.1:9/new"
Answering = Callable[[Parcel, Destination], Awaitable[Reply | Failure]]


def reply(status: int = 200, body: bytes = b"", *headers: tuple[str, str]) -> Reply:
    return Reply(status=status, headers=headers, body=body, truncated=False)


TIMED_OUT = Failure(kind=FailureKind.timeout, cause="no answer within 15 s")


class Wire(Sender):
    """Sends nothing: answers with the next of `answers`, else by `answering` (challenges are proved, the rest gets 200).

    What is allowed is asked of `allowing`, in `asked`.
    """

    def __init__(self, clock: Clock) -> None:
        self.lacking = False
        self.sent: list[tuple[Parcel, Destination]] = []
        self.answers: deque[Reply | Failure] = deque()
        self.answering: Answering = obliging
        self.asked: list[tuple[str, Destination]] = []
        #: An exception is raised.
        self.allowing: Reply | Failure | Exception = reply(405)
        self._now = clock
        #: What is recorded as sent, and of the way there.
        self.headers: tuple[tuple[str, str], ...] = (("Host", "there"),)
        self.notes: WireNotes | None = None

    @property
    def short(self) -> bool:
        return self.lacking

    async def send(self, parcel: Parcel, destination: Destination, *, deadline: float) -> Attempt:
        started_at = self._now()
        self.sent.append((parcel, destination))
        answer = self.answers.popleft() if self.answers else await self.answering(parcel, destination)
        return Attempt(
            started_at=started_at, milliseconds=7, request_headers=self.headers, answer=answer, notes=self.notes
        )

    async def options(self, destination: Destination, *, origin: str, deadline: float) -> Attempt:
        self.asked.append((origin, destination))
        if isinstance(self.allowing, Exception):
            raise self.allowing
        return Attempt(started_at=self._now(), milliseconds=7, request_headers=(), answer=self.allowing)


async def obliging(parcel: Parcel, destination: Destination) -> Reply | Failure:
    """What a good subscriber answers."""
    body = msgspec.json.decode(parcel.body)
    # In binary mode the body is the data.
    data = body.get("data", body) if isinstance(body, dict) else body
    if "challengeRequest" in data:
        proof = signing.answer(destination.secrets[0], data["challengeRequest"])
        return reply(200, msgspec.json.encode({"verification": proof}))
    return reply(200)


async def choosy(parcel: Parcel, destination: Destination) -> Reply | Failure:
    """What a subscriber answers that is well, and takes no event."""
    answer = await obliging(parcel, destination)
    return answer if isinstance(answer, Reply) and answer.body else reply(503)


class Gate:
    """A destination, the old one, that answers nothing until it is let."""

    def __init__(self, answer: Reply | Failure | None = None) -> None:
        self.asked, self.open = asyncio.Event(), asyncio.Event()
        self._answer = answer

    async def __call__(self, parcel: Parcel, destination: Destination) -> Reply | Failure:
        if destination.url != OLD:
            return await obliging(parcel, destination)
        self.asked.set()
        async with asyncio.timeout(30):
            await self.open.wait()
        return self._answer or await obliging(parcel, destination)
