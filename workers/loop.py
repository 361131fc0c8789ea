"""The event loop of one worker process, in a thread of its own: on it is all that the process owns.

What runs on it is left to `engine.py`; when it starts and ends, to `main.py`.
"""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")


class Loop:
    """An event loop in a thread of its own, to which other threads hand coroutines."""

    def __init__(self) -> None:
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="engine", daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs it there and waits for what it comes to."""
        return self.hand_over(work).result()

    def hand_over(self, work: Coroutine[Any, Any, T]) -> "Future[T]":
        """Runs it there."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def end(self) -> None:
        """Stops the loop and its thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
