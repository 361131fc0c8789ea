"""What happens now, for everybody who looks: heard once by each process, made into bytes once for each workspace that is watched.

Who hears it where is left to the process root (`workers/live_ways.py`), who may look to the dashboard. Nothing is kept: whoever
was away is told that he missed something.
"""

import asyncio
import logging
import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec

from subscriptions.ground.errors import TooSoon, Unavailable

log = logging.getLogger("hooklake.service")

#: Calls what it is given with each text of `workers/live_summaries.py`, until it is cancelled; raises Unavailable.
Ear = Callable[[Callable[[str], None]], Coroutine[Any, Any, None]]
#: The workspace that somebody watches; None: all.
Watched = str | None

#: Seconds for which what is heard of all workers is gathered.
TICK = 0.5
#: Pieces that wait for one watcher; for one more they go, and he is told so.
WAITING = 32
#: Seconds that a process goes on hearing after the last watcher has left: he has only gone to another page, most likely.
LINGER = 10.0
#: Seconds between two attempts to hear anything, while that does not work.
AGAIN = 2.0
#: Single attempts that one piece holds, the last ones.
LAST = 20

#: A named server-sent event without news: something was missed.
MISSED = b"event: missed\ndata: {}\n\n"


class _Heard(msgspec.Struct, frozen=True):
    """A text as it is sent; what is not of this form is passed over."""

    #: [workspace or "", webhook or "", delivered, failed, retried]
    n: list[tuple[str, str, int, int, int]] = []
    #: [workspace, webhook, event, round, state, status or null, milliseconds]
    d: list[tuple[str, str, str, int, str, int | None, int]] = []


class Watcher:
    """Somebody who looks; `piece` waits for the next bytes."""

    def __init__(self, workspace: Watched) -> None:
        self.workspace = workspace
        self._pieces: asyncio.Queue[bytes] = asyncio.Queue(WAITING)

    def put(self, piece: bytes) -> None:
        """Never waits: of one who does not read, what waits is dropped."""
        if self._pieces.full():
            while not self._pieces.empty():
                self._pieces.get_nowait()
            piece = MISSED
        self._pieces.put_nowait(piece)

    async def piece(self) -> bytes:
        """The next one."""
        return await self._pieces.get()


class Live:
    """All watchers of one process."""

    def __init__(self, ear: Ear, *, per_person: int) -> None:
        self._ear = ear
        self._per_person = per_person
        self._watchers: set[Watcher] = set()
        self._people: Counter[str] = Counter()
        self._producing: asyncio.Task[None] | None = None
        self._leaving: asyncio.TimerHandle | None = None
        #: Names the time for which this process has heard everything, and counts the pieces in it.
        self._epoch, self._serial = secrets.token_hex(4), 0
        #: Of each workspace the serial of its last piece.
        self._last: dict[Watched, int] = {}
        #: Pieces that were made: once for a workspace, however many watch it.
        self.made = 0

    @property
    def listens(self) -> bool:
        """Whether this process hears anything now: only while somebody looks."""
        return self._producing is not None

    def vet(self, person: str) -> None:
        """Raises TooSoon for somebody who has `per_person` watchers already."""
        if self._people.get(person, 0) >= self._per_person:
            said = f"You look at {self._per_person} pages at once already: close one, or load this one again to see what is new"
            raise TooSoon(said, limit=self._per_person, seconds=30)

    @contextmanager
    def watch(self, person: str, workspace: Watched, since: str = "") -> Iterator[Watcher]:
        """A watcher, for as long as the block lasts. `since` is the id of the last piece that he saw; what came after it is gone.

        Raises TooSoon as `vet` does.
        """
        self.vet(person)
        watcher = Watcher(workspace)
        self._people[person] += 1
        self._watchers.add(watcher)
        self._begin()
        if since and not self._saw_all(workspace, since):
            watcher.put(MISSED)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)
            self._people[person] -= 1
            if not self._people[person]:
                del self._people[person]
            if not self._watchers:
                self._leaving = asyncio.get_running_loop().call_later(LINGER, self._end)

    async def close(self) -> None:
        """Hears nothing more."""
        if self._leaving is not None:
            self._leaving.cancel()
        if self._producing is not None:
            self._producing.cancel()
            await asyncio.gather(self._producing, return_exceptions=True)
            self._producing = None

    def _begin(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None
        if self._producing is None:
            self._epoch, self._serial = secrets.token_hex(4), 0
            self._last.clear()
            self._producing = asyncio.create_task(self._produce())

    def _end(self) -> None:
        self._leaving = None
        if self._producing is not None and not self._watchers:
            self._producing.cancel()
            self._producing = None

    def _saw_all(self, workspace: Watched, since: str) -> bool:
        epoch, _, serial = since.partition("-")
        seen = int(serial) if serial.isascii() and serial.isdigit() and len(serial) < 18 else -1
        return epoch == self._epoch and seen >= self._last.get(workspace, 0)

    async def _produce(self) -> None:
        """Hears, gathers for a tick, and hands out; whatever goes wrong, it begins again."""
        while True:
            try:
                await self._hear()
            except Unavailable as error:
                log.info("live.away cause=%s", error)
            except Exception as error:
                log.error("live.failed", exc_info=error)
            self._epoch = secrets.token_hex(4)
            await asyncio.sleep(AGAIN)
            for watcher in self._watchers:
                watcher.put(MISSED)

    async def _hear(self) -> None:
        waiting: asyncio.Queue[str] = asyncio.Queue()
        hearing = asyncio.create_task(self._ear(waiting.put_nowait))
        handing = asyncio.create_task(self._gather(waiting))
        try:
            await asyncio.wait((hearing, handing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (hearing, handing):
                task.cancel()
            ended = await asyncio.gather(hearing, handing, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error

    async def _gather(self, waiting: "asyncio.Queue[str]") -> None:
        while True:
            text = await waiting.get()
            await asyncio.sleep(TICK)
            self._hand_out([text, *(waiting.get_nowait() for _ in range(waiting.qsize()))])

    def _hand_out(self, texts: list[str]) -> None:
        said = [each for text in texts if (each := _read(text)) is not None]
        watched: dict[Watched, list[Watcher]] = defaultdict(list)
        for watcher in self._watchers:
            watched[watcher.workspace].append(watcher)
        self._serial += 1
        for workspace, watchers in watched.items():
            piece = _piece(said, workspace, f"{self._epoch}-{self._serial}")
            if piece is not None:
                self._last[workspace] = self._serial
                self.made += 1
                for watcher in watchers:
                    watcher.put(piece)


def _read(text: str) -> _Heard | None:
    try:
        return msgspec.json.decode(text, type=_Heard)
    except msgspec.MsgspecError:
        # Of a worker of another release.
        return None


def _piece(said: list[_Heard], workspace: Watched, identity: str) -> bytes | None:
    """A server-sent event: the moment, the sums, the sums by webhook, and the last attempts; None where there is nothing."""
    sums = [0, 0, 0]
    webhooks: dict[str, list[int]] = {}
    attempts: list[dict[str, object]] = []
    for heard in said:
        for of, webhook, *counts in heard.n:
            if workspace not in (None, of):
                continue
            sums = [a + b for a, b in zip(sums, counts, strict=True)]
            if webhook:
                webhooks[webhook] = [a + b for a, b in zip(webhooks.get(webhook, (0, 0, 0)), counts, strict=True)]
        attempts += [
            {"webhook": webhook, "event": event, "round": number, "state": state, "status": status, "ms": ms}
            for of, webhook, event, number, state, status, ms in heard.d
            if workspace in (None, of)
        ]
    if not any(sums):
        return None
    body = msgspec.json.encode(
        {
            "at": datetime.now(UTC),
            "delivered": sums[0],
            "failed": sums[1],
            "retried": sums[2],
            "webhooks": webhooks,
            "attempts": attempts[-LAST:],
        }
    )
    return b"id: %b\nevent: happened\ndata: %b\n\n" % (identity.encode(), body)
