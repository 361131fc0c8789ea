"""The clock's own restraint: Celery beat, without a file, that waits for no broker and fills no queue that nobody empties.

What it sends, and how often, is left to `schedule.py`.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from celery.beat import Scheduler

from workers import schedule
from workers.app import words
from workers.broker_connection import BrokerConnection

log = logging.getLogger("hooklake.workers")

#: Messages of the clock that may wait: more means that no worker is there, and one of each will do when they come back.
WAITING = 20


class Clock(Scheduler):  # type: ignore[misc]  # Celery publishes no types
    """Keeps the schedule in memory: every job may run twice, so nothing needs remembering over a restart.

    Celery's asks the wall clock what is due, and one that is set back by an hour sends nothing for as long: intervals are
    measured here by the clock that nobody sets.
    """

    #: Celery would connect here, and wait for the broker as long as it is away.
    producer = None
    #: Replaced in tests.
    steady: Callable[[], float] = staticmethod(time.monotonic)

    _broker_connection: BrokerConnection | None = None
    #: When each entry is due, by its name; None before the first look.
    _due: dict[str, float] | None = None
    #: Messages that were not sent since the queue was full.
    _unheard = 0

    def tick(self, *_: Any, **__: Any) -> float:
        """Sends the entry that has been due longest, if one is; answers the seconds until the next look."""
        now = self.steady()
        if self._due is None:
            self._due = {name: now + _interval(entry) for name, entry in self.schedule.items()}
        name = min(self._due, key=self._due.__getitem__)
        if (left := self._due[name] - now) > 0:
            return float(min(left, self.max_interval))
        entry = self.schedule[name]
        self._due[name] = now + _interval(entry)
        self.reserve(entry)
        self.apply_entry(entry)
        return 0.0

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        """Sends the entry's message; one that cannot be sent is left to the next interval."""
        try:
            # Celery's scheduler has no moment of its own for what is made once.
            self._broker_connection = self._broker_connection or BrokerConnection(self.app)
            with self._broker_connection as broker_connection:
                full = broker_connection.depth(schedule.CLOCK) >= WAITING
                if not full:
                    broker_connection.post(entry.task)
            self._tell(full=full)
            if not full:
                self.app.outage.worked()
        except Exception as error:
            self.app.outage.failed(words(error))

    def _tell(self, *, full: bool) -> None:
        if full and not self._unheard:
            log.warning("beat.unheard waiting=%d: no worker takes what is sent, so nothing more is", WAITING)
        elif self._unheard and not full:
            log.info("beat.heard unsent=%d", self._unheard)
        self._unheard = self._unheard + 1 if full else 0


def _interval(entry: Any) -> float:
    return float(entry.schedule.run_every.total_seconds())
