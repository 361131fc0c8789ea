"""How a worker waits for its broker: Celery's consumer, which tells of an outage once and is back within seconds of its end.

What is done with messages is left to `tasks.py`.
"""

import logging
import warnings
from typing import Any

from celery.exceptions import CPendingDeprecationWarning
from celery.worker import consumer
from celery.worker.consumer.consumer import CONNECTION_RETRY
from celery.worker.state import maybe_shutdown

#: Seconds between two calls of a broker that is away: the first and the longest pause. Celery's grow to half a minute, and
#: sweeps wait as long.
PAUSE, LONGEST_PAUSE = 0.5, 3.0
#: How kombu's line about a message begins that cannot be acknowledged any more.
UNACKED = "Couldn't ack"


class Consumer(consumer.Consumer):  # type: ignore[misc]  # Celery publishes no types
    """Reports failures and successes to the application's outage instead of a line, or a traceback, for each."""

    def ensure_connected(self, conn: Any) -> Any:
        """The connection once it stands, however long that takes."""
        outage = self.app.outage
        connected = conn.ensure_connection(
            lambda error, _interval: outage.failed(repr(error)),
            interval_start=PAUSE,
            interval_step=PAUSE,
            interval_max=LONGEST_PAUSE,
            callback=maybe_shutdown,
        )
        self.first_connection_attempt = False
        outage.worked()
        return connected

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Celery connects again."""
        self.app.outage.failed(repr(exc))

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Celery cleans up, and connects again."""
        self.app.outage.failed(repr(exc))
        with warnings.catch_warnings():
            # Celery announces a default of its next version at each loss; ours is set.
            warnings.simplefilter("ignore", CPendingDeprecationWarning)
            super().on_connection_error_after_connected(exc)


def quiet() -> None:
    """Leaves out what Celery says of an outage beside that; to be called once, by the process root."""
    consuming, asked = (logging.getLogger(f"celery.worker.{name}") for name in ("consumer.consumer", "request"))
    consuming.addFilter(lambda record: CONNECTION_RETRY not in _words(record))
    # With a traceback for each message in hand: it comes again, and every task may run twice.
    asked.addFilter(lambda record: not str(record.msg).startswith(UNACKED))


def _words(record: logging.LogRecord) -> tuple[object, ...]:
    given = record.args if isinstance(record.args, tuple) else ()
    return (record.msg, *given)
