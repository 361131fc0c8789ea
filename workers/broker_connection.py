"""A line to the broker: one kept connection, dialled when it is needed and dropped when it has failed.

What is said over it, and what follows when it fails, is left to those who hold it.
"""

import functools
import logging
import threading
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any
from uuid import uuid4

from kombu.exceptions import ChannelError

from delivery.tickets import BrokerReport
from workers import redis_broker, schedule

log = logging.getLogger("hooklake.workers")


class BrokerConnection:
    """Held by one thread at a time, as a context: it stands within the broker's wait, or entering raises one of `app.errors`."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._connection: Any = None
        self._producer: Any = None

    def __enter__(self) -> "BrokerConnection":
        self._lock.acquire()
        try:
            if self._producer is None:
                self._dial()
        except BaseException:
            self._drop()
            self._lock.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._drop()
        self._lock.release()

    def redis(self) -> AbstractContextManager[Any]:
        """A client of the Redis that is the broker."""
        return self._connection.default_channel.conn_or_acquire()  # type: ignore[no-any-return]

    def depth(self, queue: str) -> int:
        """Messages that wait in the queue."""
        # A look that finds no queue closes a channel of RabbitMQ; one of Redis is kept, for it is a connection of its own.
        connection, kept = self._connection, self._on_redis
        channel = connection.default_channel if kept else connection.channel()
        try:
            return int(channel.queue_declare(queue=self._app.named(queue), passive=True).message_count)
        except (ChannelError, *connection.channel_errors):
            # An empty list does not exist in Redis, and so neither does its queue.
            return 0
        finally:
            if not kept:
                channel.close()

    def report(self) -> BrokerReport:
        """What the broker says of itself, and how many messages wait in each of our queues."""
        named = {queue.rpartition(".")[2]: queue for queue in schedule.QUEUES}
        if self._on_redis:
            with self.redis() as client:
                return redis_broker.ask(client, {name: self._app.named(queue) for name, queue in named.items()})
        said = self._connection.connection.server_properties
        return BrokerReport(
            product=str(said.get("product", "")).lower(),
            version=str(said.get("version", "")),
            waiting={name: self.depth(queue) for name, queue in named.items()},
        )

    def post(self, task: str, *args: object) -> None:
        """Sends one message for a task, with neither routing, results nor the text of its arguments to work out.

        `Celery.send_task` does all that at twice the cost. It carries no time: what is too old its receiver tells by rows.
        """
        message = self._app.amqp.as_task_v2(
            str(uuid4()), task, args=args, kwargs={}, argsrepr="", kwargsrepr="", ignore_result=True
        )
        self._producer.publish(
            message.body,
            exchange="",
            routing_key=self._app.named(schedule.ROUTES[task]["queue"]),
            headers=message.headers,
            serializer="json",
            delivery_mode="transient",
            retry=False,
            **message.properties,
        )

    def close(self) -> None:
        """Drops the connection; the next one who holds it dials."""
        with self._lock:
            self._drop()

    @property
    def _on_redis(self) -> bool:
        return bool(self._connection.transport.driver_type == "redis")

    def _dial(self) -> None:
        wait = self._app.conf.broker_connection_timeout
        self._connection = self._app.connection_for_write(connect_timeout=wait)
        # Without a pause: kombu's is two seconds, whatever the time-out, and whoever ends would leave its thread behind in it.
        self._connection.ensure_connection(max_retries=1, timeout=wait, interval_start=0)
        self._producer = self._app.amqp.Producer(self._connection, auto_declare=False)
        if self._on_redis:
            # Kombu makes a client for each message, at a third of what sending it costs: one for each pool will do.
            channel = self._connection.default_channel
            channel.Client = functools.cache(channel.Client)

    def _drop(self) -> None:
        producer, connection = self._producer, self._connection
        self._producer = self._connection = None
        for held in (producer, connection):
            try:
                if held is not None:
                    held.close()
            except Exception as error:  # it is being thrown away
                log.debug("broker.close %r", error)
