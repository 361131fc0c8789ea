"""The Celery application: one broker, four queues, no results, nothing that outlives its message.

Which tasks there are is left to `tasks.py`; when they run, to `schedule.py`.
"""

import ssl
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from celery import Celery
from kombu import Queue
from kombu.exceptions import OperationalError
from redis.exceptions import AuthenticationError, ResponseError

from subscriptions.ground.errors import Misconfigured
from subscriptions.ground.outage import Outage
from workers import schedule
from workers.malformed import Dropped
from workers.settings import WorkerSettings

#: Seconds between two; two missed ones are an outage.
HEARTBEAT = 10
SCHEMES = ("redis://", "rediss://", "amqp://", "amqps://")
#: What Celery reads from the environment beside `CELERY_*`, as its command line's options.
OPTIONS = ("APP", "BROKER_URL", "RESULT_BACKEND", "LOADER", "CONFIG_MODULE", "SKIP_CHECKS")
#: What the URL may say of TLS, and how far a certificate is believed.
TLS = ("ssl_cert_reqs", "ssl_check_hostname", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
TRUST = {"required": ssl.CERT_REQUIRED, "optional": ssl.CERT_OPTIONAL, "none": ssl.CERT_NONE}

#: What is the same everywhere.
FIXED: Mapping[str, Any] = {
    # The rows are the truth: a message is done with as soon as it is taken, and nobody waits for a result.
    "task_acks_late": False,
    "task_ignore_result": True,
    "task_store_errors_even_if_ignored": False,
    "worker_prefetch_multiplier": 1,
    "worker_send_task_events": False,
    "worker_consumer": "workers.consumer:Consumer",
    # What a worker does is read from its log and its row; nobody commands it through the broker.
    "worker_enable_remote_control": False,
    "task_send_sent_event": False,
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    # A broker that answers with an error is away, as one that does not answer.
    "broker_channel_error_retry": True,
    # Signs of life (AMQP): whoever waits for messages hears nothing else of a RabbitMQ that stands still.
    "broker_heartbeat": HEARTBEAT,
    "timezone": "UTC",
}


class Application(Celery):  # type: ignore[misc]  # Celery publishes no types
    """Celery's, but that the broker is the one of our settings: CELERY_BROKER_URL of another project would win."""

    #: Set by `make`.
    broker_url = ""
    #: The id of the database whose queues these are (`schema.identity`); two stacks may share a broker.
    serves = ""
    #: Answers it, where nobody has said it yet; raises Unavailable. None: the queues bear no id.
    ask: Callable[[], str] | None = None

    def serve(self, identity: str) -> None:
        """Has the queues named by the database that they serve."""
        self.serves = identity
        self.conf.update(
            task_queues=[Queue(self.named(name), routing_key=self.named(name)) for name in schedule.QUEUES],
            task_default_queue=self.named(schedule.TICKETS),
            task_routes={task: {"queue": self.named(route["queue"])} for task, route in schedule.ROUTES.items()},
        )
        # Celery has read them by now.
        self.amqp.queues = self.conf.task_queues

    def named(self, queue: str) -> str:
        """What the queue is called in the broker; raises Unavailable where its database cannot be asked."""
        if not self.serves and self.ask is not None:
            self.serve(self.ask())
        return f"{queue}.{self.serves}" if self.serves else queue

    def connection_for_read(self, url: Any = None, **more: Any) -> Any:
        """As Celery's."""
        return super().connection_for_read(url or self.broker_url, **more)

    def connection_for_write(self, url: Any = None, **more: Any) -> Any:
        """As Celery's."""
        return super().connection_for_write(url or self.broker_url, **more)


def alone(environ: MutableMapping[str, str]) -> None:
    """Takes out what other projects on this machine have told their Celery; to be called once, by the process root."""
    for name in [name for name in environ if name.startswith("CELERY") or name in OPTIONS]:
        del environ[name]


def make(settings: WorkerSettings) -> Any:
    """The application for these settings; raises Misconfigured for a broker it does not know."""
    if not settings.broker_url.startswith(SCHEMES):
        raise Misconfigured(f"HOOKLAKE_BROKER_URL begins with none of {', '.join(SCHEMES)}")
    url, tls = _tls(settings.broker_url)
    app = Application("hooklake", broker=url, set_as_current=False)
    app.broker_url = url
    #: Whoever in this process meets the broker tells it what came of it.
    app.outage = Outage("broker")
    #: And what came over it that is no message of ours.
    app.dropped = Dropped()
    app.conf.update(
        task_queues=[Queue(name, routing_key=name) for name in schedule.QUEUES],
        task_default_queue=schedule.TICKETS,
        task_routes=schedule.ROUTES,
        beat_schedule=schedule.beats(settings),
        broker_use_ssl=tls,
        broker_connection_timeout=settings.broker_wait,
        broker_transport_options=_transport(settings),
        **FIXED,
    )
    return app


def words(error: Exception) -> str:
    """What became of a call of the broker, for the log."""
    if isinstance(error, ResponseError | AuthenticationError):
        return f"the broker answers {type(error).__name__}: {error}"
    if (strange := _unbelieved(error)) is not None:
        said = f"the broker's certificate is not believed ({strange.verify_message})"
        return f"{said}: name its authority in HOOKLAKE_BROKER_URL, with ?ssl_ca_certs=<file>, or dial the name that it is for"
    # Some of redis-py leave out what was said to them.
    return repr(error) if str(error) in repr(error) else f"{type(error).__name__}: {error}"


def _unbelieved(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """The fault of a certificate that an error stems from."""
    for _ in range(10):
        if error is None or isinstance(error, ssl.SSLCertVerificationError):
            return error
        error = error.__cause__ or error.__context__
    return None


def errors(app: Any) -> tuple[type[Exception], ...]:
    """What is raised when the broker is away."""
    connection = app.connection_for_write()
    return (OperationalError, *connection.connection_errors, *connection.channel_errors)


def _tls(url: str) -> tuple[str, dict[str, Any] | None]:
    """The URL without what it says of TLS, and that as the transports take it: certificates are verified unless told not to be.

    kombu verifies none of `rediss://`, and no host name of `amqps://`. Raises Misconfigured.
    """
    if not url.startswith(("rediss://", "amqps://")):
        return url, None
    place, _, query = url.partition("?")
    given = dict(parse_qsl(query))
    said = {name: given.pop(name) for name in TLS if name in given}
    trust = said.pop("ssl_cert_reqs", "required").lower().removeprefix("cert_")
    if trust not in TRUST:
        raise Misconfigured(f"HOOKLAKE_BROKER_URL has ssl_cert_reqs={trust}; it takes {' or '.join(TRUST)}")
    named = trust != "none" and said.pop("ssl_check_hostname", "true").lower() != "false"
    said.pop("ssl_check_hostname", None)
    bare = f"{place}?{urlencode(given)}" if given else place
    if url.startswith("rediss://"):
        return bare, {"ssl_cert_reqs": TRUST[trust], "ssl_check_hostname": named} | said
    plain = {name.removeprefix("ssl_"): value for name, value in said.items()}
    # None is replaced by the host of the URL.
    return bare, {"cert_reqs": TRUST[trust]} | plain | ({"server_hostname": None} if named else {})


def _transport(settings: WorkerSettings) -> dict[str, Any]:
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
