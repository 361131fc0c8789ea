"""The load: a process that posts as cheaply as Python can, over kept connections, and counts the answers.

`python -m tests.bench.load '{...}'` runs one `Load` and prints what came of it as JSON. Which loads, is left to the runs.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import cast

import uvloop

#: Pads an occurrence to about 1 KB as it arrives at the sink.
PAD = "x" * 620


@dataclass(frozen=True, kw_only=True)
class Load:
    """What to post, and how."""

    host: str
    port: int
    token: str
    #: Events in all.
    events: int
    connections: int
    #: Events per request: 1 posts objects, more posts arrays.
    array: int = 1
    #: Requests per second; 0 as fast as answers come.
    rate: float = 0.0
    #: Give ids, so that publications are idempotent.
    ids: bool = False
    #: The event type's parts.
    collection: str = "things"
    #: More than one: events go round so many event types, their collections being `collection` and a number.
    collections: int = 1
    #: Where the numbering begins.
    first: int = 0


@dataclass(kw_only=True)
class Came:
    """What came of it."""

    accepted: int = 0
    refused: int = 0
    #: Seconds from the first request to the last answer.
    seconds: float = 0.0
    #: Milliseconds from request to answer.
    p50: float = 0.0
    p99: float = 0.0
    #: CPU seconds of this process for it.
    cpu: float = 0.0
    #: The first answer that was no 202.
    complaint: str = ""


def occurrence(load: Load, seq: int, sent: float) -> str:
    given = f'"id":"bench-{seq}",' if load.ids else ""
    collection = load.collection if load.collections == 1 else f"{load.collection}{seq % load.collections}"
    return (
        f'{{{given}"apiGroup":"bench","apiVersion":"v1","resourceCollection":"{collection}","event":"measured",'
        f'"data":{{"seq":{seq},"sent":{sent:.6f},"name":"thing {seq}","ok":true,"pad":"{PAD}"}}}}'
    )


class Poster(asyncio.Protocol):
    """One connection: the next request goes out when the answer to the last one is in."""

    def __init__(self, work: "Work") -> None:
        self._work = work
        self._buffer = b""
        self._began = 0.0
        self._size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's.
        self._transport = cast(asyncio.Transport, transport)
        self._work.idle(self)

    def post(self, body: bytes, size: int) -> None:
        self._began = time.perf_counter()
        self._size = size
        self._transport.write(b"%bContent-Length: %d\r\n\r\n%b" % (self._work.head, len(body), body))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        start = self._buffer.lower().find(b"content-length:", 0, end)
        length = int(self._buffer[start + 15 : self._buffer.find(b"\r\n", start)])
        if len(self._buffer) < end + 4 + length:
            return
        answer, self._buffer = self._buffer, b""
        self._work.answered(self, answer, self._size, (time.perf_counter() - self._began) * 1000)


class Work:
    """What is left to post."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._left: Iterator[int] = iter(range(load.first, load.first + load.events, load.array))
        self._latencies: list[float] = []
        self._began = time.perf_counter()
        self._open = load.connections
        self._ready: asyncio.Queue[Poster] = asyncio.Queue()
        self.came = Came()
        self.done = asyncio.Event()
        self.head = (
            f"POST /events/v1beta1/occurrences HTTP/1.1\r\nHost: {load.host}\r\nAuthorization: Bearer {load.token}\r\n"
            "Content-Type: application/json\r\n"
        ).encode()

    def idle(self, poster: Poster) -> None:
        if self._load.rate:
            self._ready.put_nowait(poster)
        else:
            self._next(poster)

    def answered(self, poster: Poster, answer: bytes, size: int, took: float) -> None:
        if answer.startswith(b"HTTP/1.1 202"):
            self.came.accepted += size
        else:
            self.came.refused += size
            self.came.complaint = self.came.complaint or answer.decode(errors="replace")[-500:]
        self._latencies.append(took)
        if self._load.rate and self.came.accepted + self.came.refused >= self._load.events:
            self._finish()
        self.idle(poster)

    async def pace(self) -> None:
        """Posts at the rate asked for, whatever the answers take."""
        start = time.perf_counter()
        for number in range(-(-self._load.events // self._load.array)):
            wait = start + number / self._load.rate - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            # Where all connections wait for answers, the wait for one of them belongs to what is measured.
            meant = time.time()
            self._next(await self._ready.get(), meant)

    def _next(self, poster: Poster, meant: float = 0.0) -> None:
        seq = next(self._left, None)
        if seq is None:
            self._open -= 1
            if self._open == 0 and not self._load.rate:
                self._finish()
            return
        sent = meant or time.time()
        if self._load.array == 1:
            poster.post(occurrence(self._load, seq, sent).encode(), 1)
            return
        last = min(seq + self._load.array, self._load.first + self._load.events)
        whole = ",".join(occurrence(self._load, n, sent) for n in range(seq, last))
        poster.post(f"[{whole}]".encode(), last - seq)

    def _finish(self) -> None:
        ordered = sorted(self._latencies)
        self.came.seconds = time.perf_counter() - self._began
        self.came.p50, self.came.p99 = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
        self.done.set()


async def run(load: Load) -> Came:
    loop = asyncio.get_running_loop()
    cpu = time.process_time()
    work = Work(load)
    for _ in range(load.connections):
        await loop.create_connection(lambda: Poster(work), load.host, load.port)
    if load.rate:
        await work.pace()
    await work.done.wait()
    work.came.cpu = time.process_time() - cpu
    return work.came


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(run(Load(**json.loads(sys.argv[1])))))))
