"""How a worker waits for its broker: Celery's consumer, which tells of an outage once and is back within seconds of its end.

What is done with messages is left to `tasks.py`.
"""

import logging
import time
import warnings
from collections.abc import Callable
from typing import Any

from celery.exceptions import CPendingDeprecationWarning
from celery.worker import consumer
from celery.worker.consumer.consumer import CONNECTION_RETRY
from celery.worker.state import maybe_shutdown

from workers.app import words
from workers.malformed import channel, of_the_broker, vet

log = logging.getLogger("hooklake.workers")

#: Seconds between two calls of a broker that is away: the first and the longest pause. Celery's grow to half a minute, and
#: sweeps wait as long.
PAUSE, LONGEST_PAUSE = 0.5, 3.0
#: Seconds that a connection is asked for messages until it counts as one that gives some.
SETTLED = 1.5
#: How kombu's line about a message begins that cannot be acknowledged any more.
UNACKED = "Couldn't ack"


class Consumer(consumer.Consumer):  # type: ignore[misc]  # Celery publishes no types
    """Reports failures and successes to the application's outage instead of a line, or a traceback, for each."""

    _pause = 0.0

    def ensure_connected(self, conn: Any) -> Any:
        """The connection once it stands, however long that takes."""
        outage = self.app.outage
        if conn.transport.driver_type == "redis":
            conn.transport.Channel = channel(self.app.dropped)
        connected = conn.ensure_connection(
            lambda error, _interval: outage.failed(words(error)),
            interval_start=PAUSE,
            interval_step=PAUSE,
            interval_max=LONGEST_PAUSE,
            callback=maybe_shutdown,
        )
        self.first_connection_attempt = False
        # It stands; whether messages can be had over it is told at once where they cannot. Celery drops this with the connection.
        self.timer.call_after(SETTLED, self._settled)
        return connected

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], Any]:
        """Celery's, but that what it stumbles over is dropped, whatever it is."""
        handle = super().create_task_handler(*args, **kwargs)
        passed = of_the_broker(*self.connection_errors, *self.channel_errors)

        def received(message: Any) -> Any:
            try:
                vet(message)
                return handle(message)
            except passed:
                raise
            except Exception as error:
                return self._drop(message, error)

        return received

    def on_unknown_message(self, _body: Any, message: Any) -> None:
        """It names no task."""
        self._drop(message, "it names no task")

    def on_unknown_task(self, _body: Any, message: Any, exc: Exception) -> None:
        """It names a task that is none of ours."""
        self._drop(message, f"no task {exc}")

    def on_invalid_task(self, _body: Any, message: Any, exc: Exception) -> None:
        """Celery cannot make a request of it."""
        self._drop(message, exc)

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """Its body is not what its headers say."""
        self._drop(message, exc)

    def _drop(self, message: Any, cause: object) -> None:
        self.app.dropped.add(cause)
        message.ack_log_error(log, self.connection_errors)

    def _settled(self) -> None:
        self._pause = 0.0
        self.app.outage.worked()

    def on_connection_error_before_connected(self, exc: Exception) -> None:
        """Celery connects again."""
        self._failed(exc)

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """Celery cleans up, and connects again."""
        self._failed(exc)
        with warnings.catch_warnings():
            # Celery announces a default of its next version at each loss; ours is set.
            warnings.simplefilter("ignore", CPendingDeprecationWarning)
            super().on_connection_error_after_connected(exc)

    def _failed(self, error: Exception) -> None:
        """One that takes connections and answers with errors would be asked without a pause."""
        self.app.outage.failed(words(error))
        time.sleep(self._pause)
        self._pause = min(self._pause + PAUSE, LONGEST_PAUSE)


def quiet() -> None:
    """Leaves out what Celery says of an outage beside that; to be called once, by the process root."""
    consuming, asked = (logging.getLogger(f"celery.worker.{name}") for name in ("consumer.consumer", "request"))
    consuming.addFilter(lambda record: CONNECTION_RETRY not in _words(record))
    # With a traceback for each message in hand: it comes again, and every task may run twice.
    asked.addFilter(lambda record: not str(record.msg).startswith(UNACKED))


def _words(record: logging.LogRecord) -> tuple[object, ...]:
    given = record.args if isinstance(record.args, tuple) else ()
    return (record.msg, *given)
