"""The clock's own restraint: Celery beat, without a file, that waits for no broker and fills no queue that nobody empties.

What it sends, and how often, is left to `schedule.py`.
"""

import logging
from typing import Any

from celery.beat import Scheduler

from workers import app as broker
from workers import schedule

log = logging.getLogger("hooklake.workers")

#: Messages of the clock that may wait: more means that no worker is there, and one of each will do when they come back.
WAITING = 20


class Clock(Scheduler):  # type: ignore[misc]  # Celery publishes no types
    """Keeps the schedule in memory: every job may run twice, so nothing needs remembering over a restart."""

    #: Celery would connect here, and wait for the broker as long as it is away.
    producer = None

    _connection: Any = None
    _own: Any = None

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        """Sends the entry's message; one that cannot be sent is left to the next interval."""
        try:
            if self._connection is None:
                self._connect()
            if broker.depth(self._connection, schedule.CLOCK) < WAITING:
                broker.post(self.app, self._own, entry.task, expires=entry.options["expires"])
            self.app.outage.worked()
        except Exception as error:
            self._disconnect()
            self.app.outage.failed(repr(error))

    def _connect(self) -> None:
        self._connection = broker.dialled(self.app)
        self._own = self.app.amqp.Producer(self._connection, auto_declare=False)

    def _disconnect(self) -> None:
        connection, self._connection, self._own = self._connection, None, None
        try:
            if connection is not None:
                connection.close()
        except Exception as error:  # it is being thrown away
            log.debug("broker.close %r", error)
