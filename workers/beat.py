"""The clock's own restraint: Celery beat, without a file, that waits for no broker and fills no queue that nobody empties.

What it sends, and how often, is left to `schedule.py`.
"""

from typing import Any

from celery.beat import Scheduler

from workers import schedule
from workers.line import Line

#: Messages of the clock that may wait: more means that no worker is there, and one of each will do when they come back.
WAITING = 20


class Clock(Scheduler):  # type: ignore[misc]  # Celery publishes no types
    """Keeps the schedule in memory: every job may run twice, so nothing needs remembering over a restart."""

    #: Celery would connect here, and wait for the broker as long as it is away.
    producer = None

    _line: Line | None = None

    def adjust(self, n: Any, drift: float = 0.0) -> Any:
        """Seconds until an entry is due, as they are: Celery's wakes 10 ms before that, and asks again without a pause."""
        return n

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        """Sends the entry's message; one that cannot be sent is left to the next interval."""
        try:
            # Celery's scheduler has no moment of its own for what is made once.
            self._line = self._line or Line(self.app)
            with self._line as line:
                if line.depth(schedule.CLOCK) < WAITING:
                    line.post(entry.task, expires=entry.options["expires"])
            self.app.outage.worked()
        except Exception as error:
            self.app.outage.failed(repr(error))
