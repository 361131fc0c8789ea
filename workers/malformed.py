"""Messages that nobody of ours can have sent: dropped, counted, told now and then, and never the end of a worker.

What well-formed ones ask for is left to `tasks.py`.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from kombu.transport import redis
from kombu.transport.virtual import Empty

log = logging.getLogger("hooklake.workers")

#: Seconds between two lines about them, and how much of one is shown.
QUIET, SHOWN = 60.0, 200


class MalformedMessage(Exception):
    """The arguments of a message are none that its task takes."""


class Dropped:
    """How many were dropped: the first is told at once, the others with the first that comes a minute later."""

    def __init__(self, steady: Callable[[], float] = time.monotonic) -> None:
        self._steady = steady
        self._lock = threading.Lock()
        self._told_at: float | None = None
        self._untold = 0
        #: All of this process.
        self.count = 0

    def add(self, cause: object) -> None:
        """One more, from any thread."""
        with self._lock:
            self.count += 1
            self._untold += 1
            now = self._steady()
            if self._told_at is not None and now < self._told_at + QUIET:
                return
            self._told_at, untold, self._untold = now, self._untold, 0
        log.warning("message.malformed dropped=%d in_all=%d cause=%s", untold, self.count, str(cause)[:SHOWN])


def of_the_broker(*errors: type[Exception]) -> tuple[type[Exception], ...]:
    """Those of kombu's errors that a broker causes: to it a key that a message lacks is one of a channel as well."""
    return tuple(each for each in errors if not issubclass(each, (LookupError, ValueError, TypeError)))


def vet(message: Any) -> None:
    """Raises where it is none that one of ours sent: Celery finds out on a thread, and logs each with its traceback."""
    args, kwargs, _ = message.payload
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        raise MalformedMessage(f"arguments {args!r} and {kwargs!r}")
    if message.headers.get("expires") or message.headers.get("eta"):
        # Whoever sent a time goes by another clock; ours send none.
        message.headers.update(expires=None, eta=None)


def channel(dropped: Dropped) -> type[Any]:
    """Kombu's channel of Redis, but that an item which is no message is dropped: kombu's raises, and the worker ends."""

    class Channel(redis.Channel):  # type: ignore[misc]  # kombu publishes no types
        def _brpop_read(self, **options: Any) -> Any:
            try:
                return super()._brpop_read(**options)
            except (Empty, *of_the_broker(*self.connection_errors, *self.connection.channel_errors)):
                raise
            except Exception as error:
                dropped.add(repr(error))
                raise Empty from None

    return Channel
