"""The Celery application: one broker, four queues, no results, nothing that outlives its message.

Which tasks there are is left to `tasks.py`; when they run, to `schedule.py`.
"""

from typing import Any

from celery import Celery
from kombu import Queue
from kombu.exceptions import OperationalError

from subscriptions.errors import Misconfigured
from subscriptions.outage import Outage
from workers import schedule
from workers.malformed import Dropped
from workers.settings import Settings

#: Seconds between two; two missed ones are an outage.
HEARTBEAT = 10
SCHEMES = ("redis://", "rediss://", "amqp://", "amqps://")


def make(settings: Settings) -> Any:
    """The application for these settings; raises Misconfigured for a broker it does not know."""
    if not settings.broker_url.startswith(SCHEMES):
        raise Misconfigured(f"HOOKLAKE_BROKER_URL begins with none of {', '.join(SCHEMES)}")
    app = Celery("hooklake", broker=settings.broker_url, set_as_current=False)
    #: Whoever in this process meets the broker tells it what came of it.
    app.outage = Outage("broker")
    #: And what came over it that is no message of ours.
    app.dropped = Dropped()
    app.conf.update(
        task_queues=[Queue(name, routing_key=name) for name in schedule.QUEUES],
        task_default_queue=schedule.TICKETS,
        task_routes=schedule.ROUTES,
        beat_schedule=schedule.beats(settings),
        # The rows are the truth: a message is done with as soon as it is taken, and nobody waits for a result.
        task_acks_late=False,
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        worker_prefetch_multiplier=1,
        worker_send_task_events=False,
        worker_consumer="workers.consumer:Consumer",
        # What a worker does is read from its log and its row; nobody commands it through the broker.
        worker_enable_remote_control=False,
        task_send_sent_event=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=settings.broker_wait,
        # Signs of life (AMQP): whoever waits for messages hears nothing else of a RabbitMQ that stands still.
        broker_heartbeat=HEARTBEAT,
        broker_transport_options=_transport(settings),
        timezone="UTC",
    )
    return app


def errors(app: Any) -> tuple[type[Exception], ...]:
    """What is raised when the broker is away."""
    connection = app.connection_for_write()
    return (OperationalError, *connection.connection_errors, *connection.channel_errors)


def _transport(settings: Settings) -> dict[str, Any]:
    if settings.broker_url.startswith("amqp"):
        return {
            "confirm_publish": False,
            "read_timeout": settings.broker_wait,
            "write_timeout": settings.broker_wait,
        }
    return {
        # A message that was taken is gone with whoever took it, as its row knows by its lease: writing each one down as
        # unacknowledged, and crossing it out, was half of what the broker and its consumers had to do.
        "ack_emulation": False,
        "socket_timeout": settings.broker_wait,
        "socket_connect_timeout": settings.broker_wait,
        "socket_keepalive": True,
        "health_check_interval": 10,
    }
