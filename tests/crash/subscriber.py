"""The receiver of a storm: `python -m tests.crash.subscriber FILE`, a process whose count outlives what is done to the stack.

Each path has a mood, and each request becomes a line of FILE once it was met; what the lines come to is left to `tally.py`.
SIGUSR1 closes all connections. It prints where it listens and ends with its standard input.
"""

import asyncio
import hashlib
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from tests import canaries
from tests.receiver import OK, Answer, Receiver, Request, meet

SECRET = canaries.planted("storm")
#: Longer than any deadline of ours.
HANG = Answer(act="hang")
UNAVAILABLE = Answer(status=503)
LATER = Answer(status=429, headers=(("Retry-After", "1"),))
#: How a delivery is met before it is taken, by the first word of the path: it draws one of these, for good, by its id.
MOODS: Mapping[str, tuple[tuple[Answer, ...], ...]] = {
    "swift": ((),),
    "slow": tuple((Answer(delay=share / 10),) for share in range(6)),
    "moody": ((), (), (UNAVAILABLE,), (UNAVAILABLE, Answer(status=500))),
    "mute": (*(((),) * 11), (HANG,)),
    "rude": (
        (),
        (),
        (Answer(act="reset"),),
        (Answer(act="raw", body=b"HTTP/1.1 2"),),
        (Answer(act="close"), UNAVAILABLE),
    ),
    "strict": ((), (), (), (LATER,), (LATER, LATER)),
}
#: 1200 a minute.
GRANTED = Answer(headers=(("Allow", "POST"), ("WebHook-Allowed-Rate", "1200")))


class Subscriber(Receiver):
    """Meets deliveries by the mood of their path, and takes each in the end."""

    def __init__(self, lines: TextIO) -> None:
        # In the clear: what is broken here has nothing to do with TLS, whose handshakes would be most of the load.
        super().__init__({"*": (SECRET,)}, tls=False)
        self._lines = lines
        self._met: Counter[tuple[str, str]] = Counter()

    async def meet(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        answer = self._mood(request)
        answered = False
        try:
            lives = await meet(answer, writer)
            # Who has hung up meanwhile was told nothing.
            answered = answer.act == "answer" and not reader.at_eof()
            return lives
        finally:
            self.requests.clear()
            self._note(request, answer.status if answered else None)

    def cut(self) -> None:
        """Closes every connection, whatever is under way on it."""
        for task in list(self._tasks):
            task.cancel()

    def _mood(self, request: Request) -> Answer:
        word, identity = request.path.split("/")[1], request.header("webhook-id")
        ways = MOODS.get(word, MOODS["swift"])
        way = ways[hashlib.sha256(identity.encode()).digest()[0] % len(ways)]
        place = self._met[word, identity]
        self._met[word, identity] += 1
        return way[place] if place < len(way) else OK

    def _note(self, request: Request, status: int | None) -> None:
        line = {
            "at": request.at,
            "answered": time.time(),
            "hook": request.path.split("/")[1],
            "id": request.header("webhook-id"),
            "events": _events(request),
            "genuine": request.hpe and request.standard,
            "status": status,
        }
        self._lines.write(json.dumps(line) + "\n")
        self._lines.flush()


def _events(request: Request) -> list[str]:
    """The ids of the events that a request carries."""
    if alone := request.header("ce-id"):
        return [alone]
    body = json.loads(request.body)
    return [str(event["id"]) for event in (body if isinstance(body, list) else [body])]


async def _main(file: Path) -> None:
    with file.open("a") as lines:
        async with Subscriber(lines) as here:
            here.allowing["/paced"] = GRANTED
            asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, here.cut)
            print(here.url(""), flush=True)
            # The other end of the pipe is whoever started it: killed or not, it is the end of this too.
            await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
