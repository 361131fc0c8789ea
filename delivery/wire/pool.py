"""Connections kept for the next request: the last one used first, each for some seconds, and only so many in all.

Dialling them is left to `dialling`, what is said over them to `exchange`.

A dictionary of stacks, and one sweep for all of them: httpx's own pool is scanned at every request (190 requests/s at 32
connections against thousands here).
"""

import asyncio
import logging

from delivery.wire import kernel
from delivery.wire.dialling import Dial, Dialler, Origin
from delivery.wire.exchange import HttpConnection

log = logging.getLogger("hooklake.wire")

#: Seconds that a kept connection rests before it is asked whether the other end still answers.
RESTED = float(kernel.PROBE_AFTER)
#: Seconds after which a dial is tried again that this process had no room for, and for which claims wait after one.
AGAIN, SHORTAGE = 0.05, 1.0


class Pool:
    """The connections of one loop: `most` open at once, idle ones for `idle` seconds."""

    def __init__(self, dialler: Dialler, *, most: int, idle: float) -> None:
        self._dialler = dialler
        self._idle = idle
        self._loop = asyncio.get_running_loop()
        self._kept: dict[Origin, list[HttpConnection]] = {}
        self._open: set[HttpConnection] = set()
        self._permits = asyncio.Semaphore(most)
        self._waiting = 0
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False
        self._short_until = 0.0
        #: Nothing is open.
        self._empty = asyncio.Event()
        self._empty.set()

    def take(self, origin: Origin) -> HttpConnection | None:
        """A kept connection that nothing has arrived on meanwhile; None where there is none."""
        kept = self._kept.get(origin)
        while kept:
            connection = kept.pop()
            if connection.open and self._fit(connection):
                return connection
            connection.abort()
        return None

    @property
    def short(self) -> bool:
        """Whether a dial lacked a file descriptor, or the like, a moment ago."""
        return self._loop.time() < self._short_until

    async def dial(self, origin: Origin, dial: Dial) -> HttpConnection:
        """A new connection, once there may be one more; raises what the dialler raises."""
        if self._permits.locked():
            self._evict()
        self._waiting += 1
        dial.lacks = "all that it may have are in use"
        try:
            await self._permits.acquire()
        finally:
            self._waiting -= 1
        dial.lacks = ""
        try:
            connection = await self._dialled(origin, dial)
        except BaseException:
            self._permits.release()
            raise
        connection.way = dial.peer, dial.proxy
        if connection.open and not self._closed:
            self._open.add(connection)
            self._empty.clear()
        else:
            self._permits.release()
            connection.abort()
        return connection

    def keep(self, origin: Origin, connection: HttpConnection) -> None:
        """Takes back a connection whose exchange is over."""
        if self._waiting or self._closed:
            connection.abort()
            return
        connection.kept_at = self._loop.time()
        kept = self._kept.get(origin)
        if kept is None:
            self._kept[origin] = [connection]
        else:
            kept.append(connection)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(self._idle / 4, self._sweep)

    def forget(self, origin: Origin) -> None:
        """Closes what is kept of an origin: the path to it, or its end, has given up one, and so perhaps all."""
        for connection in self._kept.pop(origin, ()):
            connection.abort()

    async def aclose(self) -> None:
        """Closes all connections, those in use too, and ends look-ups."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in self._open:
            connection.abort()
        await self._empty.wait()
        await self._dialler.aclose()

    async def _dialled(self, origin: Origin, dial: Dial) -> HttpConnection:
        """Where this process has no room for a connection it makes some, and waits for it: the caller has a time-out."""
        while True:
            try:
                _, connection = await self._dialler.dial(origin, lambda: HttpConnection(self._loop, self._lost), dial)
            except OSError as error:
                dial.lacks = kernel.short_of(error)
                if not dial.lacks:
                    raise
                if not self.short:
                    log.error("wire.short open=%d cause=%s", len(self._open), dial.lacks)
                self._short_until = self._loop.time() + SHORTAGE
                self._evict()
                await asyncio.sleep(AGAIN)
            else:
                assert isinstance(connection, HttpConnection)
                dial.lacks = ""
                return connection

    def _fit(self, connection: HttpConnection) -> bool:
        rested = self._loop.time() - connection.kept_at
        if rested >= self._idle or not connection.quiet():
            return False
        # Where a probe is unanswered, something between here and there has forgotten the connection, and tells nobody.
        return rested < RESTED or not connection.path().probes

    def _lost(self, connection: HttpConnection) -> None:
        if connection in self._open:
            self._open.remove(connection)
            self._permits.release()
            if not self._open:
                self._empty.set()

    def _evict(self) -> None:
        """Makes room by closing the connection that its origin has needed least."""
        for kept in self._kept.values():
            while kept:
                connection = kept.pop(0)
                if connection.open:
                    connection.abort()
                    return

    def _sweep(self) -> None:
        stale = self._loop.time() - self._idle
        for origin, kept in list(self._kept.items()):
            fresh = [connection for connection in kept if connection.open and connection.kept_at > stale]
            for connection in kept:
                if connection.kept_at <= stale:
                    connection.abort()
            if fresh:
                self._kept[origin] = fresh
            else:
                del self._kept[origin]
        self._sweeper = self._loop.call_later(self._idle / 4, self._sweep) if self._kept else None
