"""The sink: a process that takes deliveries as cheaply as Python can, and counts them.

`python -m tests.bench.sink [port]` prints its port; `GET /counts` answers what arrived, `GET /told` how late as well, `GET
/reset` forgets it. `GET /ill` makes it answer 503 to all until `GET /well`. Below `/hang`, `/slow`, `/fail` and `/spare` it
counts nothing, and misbehaves but for the last. What is sent there is left to the runs.
"""

import asyncio
import hashlib
import hmac
import json
import re
import sys
import time
from array import array
from typing import cast

import uvloop

SECRET = b"bench-secret"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
#: Seconds until what is below `/slow` is answered, which is not counted, and what is below `/wait`, which is.
SLOW, WAIT = 3.0, 0.2
PLACES = {b"hang": b"", b"fail": UNAVAILABLE, b"spare": OK}
LENGTH = re.compile(rb"\r\n[Cc]ontent-[Ll]ength: *(\d+)")


class Counts:
    """What arrived since the last reset."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        #: (path, seq) of each delivery -> how often.
        self.seen: dict[tuple[bytes, bytes], int] = {}
        #: Milliseconds from publication to arrival.
        self.latencies = array("d")
        self.first = self.last = 0.0
        #: Answer 503 to everything until told otherwise.
        self.ill = False
        #: Attempts answered so, what they were of, and when the first and the last one came.
        self.refused = 0
        self.turned_away: set[tuple[bytes, bytes]] = set()
        self.refused_first = self.refused_last = 0.0

    def refuse(self, path: bytes, body: bytes) -> None:
        self.refused += 1
        self.turned_away.add((path, _seq(body)))
        self.refused_last = time.time()
        self.refused_first = self.refused_first or self.refused_last

    def note(self, path: bytes, body: bytes) -> None:
        now = time.time()
        start = body.find(b'"sent":') + 7
        sent = body[start : body.find(b",", start)]
        key = (path, _seq(body))
        self.seen[key] = self.seen.get(key, 0) + 1
        self.latencies.append((now - float(sent)) * 1000)
        if not self.first:
            self.first = now
        self.last = now

    def told(self) -> dict[str, float]:
        """What can be told without looking at each of them: it is asked for many times a second."""
        return {
            "arrived": len(self.seen),
            "requests": len(self.latencies),
            "first": self.first,
            "last": self.last,
            "refused": self.refused,
            "turned_away": len(self.turned_away),
            "refused_first": self.refused_first,
            "refused_last": self.refused_last,
            "cpu": time.process_time(),
        }

    def quantiles(self) -> dict[str, float]:
        """Milliseconds, as `p50` and so on."""
        ordered = sorted(self.latencies)
        return {name: ordered[int(len(ordered) * q)] if ordered else 0.0 for name, q in QUANTILES.items()}


QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def _seq(body: bytes) -> bytes:
    start = body.find(b'"seq":') + 6
    return body[start : body.find(b",", start)]


class Sink(asyncio.Protocol):
    """One connection: HTTP/1.1 with lengths, as our sender speaks it."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclass of asyncio's.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        while True:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            found = LENGTH.search(self._buffer, 0, end)
            past = end + 4 + (int(found[1]) if found else 0)
            if len(self._buffer) < past:
                return
            head, body = self._buffer[:end], self._buffer[end + 4 : past]
            self._buffer = self._buffer[past:]
            place = head.split(b"/", 2)[1]
            if place == b"slow":
                asyncio.get_running_loop().call_later(SLOW, self._later, OK)
            elif place in PLACES:
                self._transport.write(PLACES[place])
            elif place == b"wait":
                asyncio.get_running_loop().call_later(WAIT, self._later, self._answer(head, body))
            else:
                self._transport.write(self._answer(head, body))

    def _later(self, answer: bytes) -> None:
        # Who waited for it may be gone, at the end of a run.
        if not self._transport.is_closing():
            self._transport.write(answer)

    def _answer(self, head: bytes, body: bytes) -> bytes:
        method, path, _ = head.split(b" ", 2)
        if method == b"POST" and b"challengeRequest" not in body:
            if self._counts.ill:
                self._counts.refuse(path, body)
                return UNAVAILABLE
            self._counts.note(path, body)
            return OK
        return _written(self._told(path, body))

    def _told(self, path: bytes, body: bytes) -> bytes:
        if body:
            question = json.loads(body)["data"]["challengeRequest"]
            answer = hmac.new(SECRET, question.encode(), hashlib.sha256).hexdigest()
            return json.dumps({"verification": answer}).encode()
        if path == b"/reset":
            self._counts.reset()
        if path in (b"/ill", b"/well"):
            self._counts.ill = path == b"/ill"
        told = self._counts.told() | (self._counts.quantiles() if path == b"/told" else {})
        return json.dumps(told).encode()


def _written(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


async def _serve(port: int) -> None:
    counts = Counts()
    server = await asyncio.get_running_loop().create_server(lambda: Sink(counts), "127.0.0.1", port, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
