"""The process root of workers and beat: `celery -A workers.main worker --pool threads`, `celery -A workers.main beat`.

Everything is read from the environment here, and handed on; what the process does is left to `tasks.py` and `engine.py`.
"""

import asyncio
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from celery import signals
from celery.bin.celery import celery as command
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_fixed

from delivery.assembly import Assembly, database_identity, open_assembly, stores
from delivery.settings import DeliverySettings
from delivery.tickets import Job, JobKind
from delivery.wire import names
from subscriptions import key_rotation
from subscriptions.ground import database_url, logs
from subscriptions.ground import process as python
from subscriptions.ground.errors import HooklakeError, Misconfigured, Unavailable
from subscriptions.ground.memory import Memory
from subscriptions.ground.settings import GroundSettings, read
from workers import app as broker
from workers import consumer, live_ways, schedule, tasks
from workers.announcer import Announcer
from workers.broker_connection import BrokerConnection
from workers.engine import Engine
from workers.jobs import JobRunner
from workers.live_publisher import LivePublisher
from workers.loop import Loop
from workers.presence import Presence
from workers.settings import WorkerSettings
from workers.tasks import Process

log = logging.getLogger("hooklake.workers")

#: Threads that take messages: each only hands over to the loop, and waits for admission.
THREADS = 8
#: This process, as no other is called: in containers all are process 1, and of one host where they share its network.
NAME = python.NAME
#: Seconds between two reports of a worker's free slots.
REPORT = 1.0
#: Seconds between two looks for secrets that this process cannot unseal, and while there are some.
LOOK, LOOK_BARRED = 60.0, 10.0
#: Until the first look.
UNASKED = "the database has not been asked yet"

WORKER_ARGV = (
    *("celery", "-A", "workers.main", "--quiet", "worker", "--pool", "threads", "--concurrency", str(THREADS)),
    *("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "warning"),
)
BEAT_ARGV = ("celery", "-A", "workers.main", "--quiet", "beat", "-S", "workers.beat:Clock", "--loglevel", "warning")


def application(environ: Mapping[str, str]) -> Any:
    """The Celery application of this process; its parts start when Celery says that the worker, or beat, starts.

    Raises Misconfigured: all settings are read here, for Celery would log what is wrong with one, and go on.
    """
    settings, ground, delivery = (
        read(WorkerSettings, environ),
        read(GroundSettings, environ),
        read(DeliverySettings, environ),
    )
    database_url.parse(ground.database_url)
    app = broker.make(settings)
    app.ask = lambda: asyncio.run(database_identity(ground))
    signals.worker_init.connect(
        lambda **_: _or_end("worker", lambda: _start(app, settings, ground, delivery)), weak=False
    )
    signals.beat_init.connect(lambda **_: _or_end("beat", lambda: _accompany(ground)), weak=False)
    return app


def _accompany(ground: GroundSettings) -> None:
    """Beat's own look at the database."""
    Presence(stores(ground, connections=1, logged=True).upkeep, NAME).start()


def run(argv: Sequence[str]) -> int:
    """Runs Celery's command until it ends, and answers its exit status; `app.start` would keep that to itself."""
    command.params[0].default = app
    return int(command.main(args=list(argv[1:]), standalone_mode=False) or 0)


def _or_end(name: str, start: Callable[[], None]) -> None:
    # Celery logs what a signal's receiver raises, and goes on: that worker would take messages and carry nothing.
    try:
        start()
    except HooklakeError as error:
        sys.exit(f"hooklake: {error}")
    except Exception as error:
        log.critical("%s.not_started", name, exc_info=error)
        sys.exit(1)


def _start(app: Any, settings: WorkerSettings, ground: GroundSettings, delivery: DeliverySettings) -> None:
    settings, connections = _within(settings)
    announcer = Announcer(app, settings)
    loop = Loop()
    try:
        assembly = loop.call(open_assembly(ground, delivery, announcer.announce, connections=connections))
    except BaseException:
        # Its thread would run on while the interpreter ends.
        loop.end()
        raise
    engine = loop.call(_engine(assembly, settings))
    process = Process(
        loop=loop,
        assembly=assembly,
        engine=engine,
        announcer=announcer,
        broker_connection=BrokerConnection(app),
    )
    tasks.register(app, process)
    _know(app)
    announcer.start()
    python.collect_rarely()
    telling = LivePublisher(live_ways.mouth(app, assembly.database), engine.recorder)
    reporting = loop.hand_over(_report(assembly, engine, Memory(ground.memory_slack), telling))
    log.info("worker.started in_flight=%d per_webhook=%d", settings.in_flight, settings.in_flight_per_webhook)

    def stop(**_: Any) -> None:
        reporting.cancel()
        loop.call(_stop(process, settings.shutdown_grace))
        announcer.close()
        process.broker_connection.close()
        loop.end()
        log.info("worker.stopped")

    def halt(**_: Any) -> None:
        engine.closing = True

    signals.worker_shutting_down.connect(halt, weak=False)
    signals.worker_shutdown.connect(stop, weak=False)


def _within(settings: WorkerSettings) -> tuple[WorkerSettings, int]:
    """No more attempts than there can be connections for, and how many connections: some are kept for the next attempts."""
    files = python.room(settings.in_flight * 2 + python.OWN_FILES)
    connections = max(1, files - python.OWN_FILES)
    if connections < settings.in_flight:
        log.warning("worker.short_of_files in_flight=%d of=%d open_files=%d", connections, settings.in_flight, files)
        settings = msgspec.structs.replace(settings, in_flight=connections)
    return settings, connections


def _know(app: Any) -> None:
    """Waits until it is known whose queues to take messages from."""

    def tell(state: RetryCallState) -> None:
        if state.attempt_number == 1 and state.outcome is not None:
            cause = getattr(state.outcome.exception(), "cause", None)
            log.warning("worker.waits for its database, which names its queues: %s", cause)

    waiting = Retrying(retry=retry_if_exception_type(Unavailable), wait=wait_fixed(REPORT), before_sleep=tell)
    waiting(app.named, schedule.CLOCK)


async def _engine(assembly: Assembly, settings: WorkerSettings) -> Engine:
    async def carry(job: Job) -> None:
        if job.kind is JobKind.CHALLENGE:
            await assembly.webhook_lifecycle.challenge_jobs.carry(job, engine.probe)
        else:
            await assembly.jobs.run(job)

    engine = Engine(assembly.rounds, settings, JobRunner(carry, assembly.jobs.owners))
    engine.barred = UNASKED
    return engine


async def _stop(process: Process, grace: float) -> None:
    await process.engine.close(grace)
    try:
        await process.assembly.upkeep.leave(NAME)
    except Unavailable as error:
        log.info("worker.left_silently cause=%s", error)
    await process.assembly.close()


async def _report(assembly: Assembly, engine: Engine, memory: Memory, telling: LivePublisher) -> None:
    """Tells whoever looks what is done here, and each second how many slots are free: that is what the sweep sends drains for."""
    await asyncio.gather(telling.run(), _look_after(assembly, engine, memory))


async def _look_after(assembly: Assembly, engine: Engine, memory: Memory) -> None:
    """Says how many slots are free; makes partitions at the start, and gives back memory."""
    made = False
    look = 0.0
    while True:
        try:
            await memory.look()
            # First of what asks the database, for it asks what time it is.
            foreign = assembly.rounds.claims.foreign.count
            slots = engine.slots
            await assembly.upkeep.report(
                NAME, slots=slots.slots, free=engine.free, in_use=slots.in_flight, foreign=foreign
            )
            if not made:
                await assembly.upkeep.make_partitions()
                made = True
            if time.monotonic() >= look:
                await _bar(assembly, engine)
                look = time.monotonic() + (LOOK_BARRED if engine.barred else LOOK)
        except Unavailable:
            pass  # its door has told it
        except Exception as error:
            log.error("report.failed", exc_info=error)
        await asyncio.sleep(REPORT)


async def _bar(assembly: Assembly, engine: Engine) -> None:
    """Bars claiming while a vault key is missing: every attempt would fail, and say nothing of its destination."""
    missing = await assembly.missing_keys(key_rotation.WEBHOOKS)
    barred = (
        f"secrets of webhooks are sealed with keys that HOOKLAKE_VAULT_KEYS lacks, or has others of: {', '.join(missing)}"
        if missing
        else None
    )
    if barred and barred != engine.barred:
        log.error("worker.barred claims nothing: %s", barred)
    elif engine.barred and not barred and engine.barred is not UNASKED:
        log.info("worker.unbarred")
    engine.barred = barred


def _logging(environ: Mapping[str, str]) -> None:
    # With a receiver, Celery leaves logging alone; it would set the root logger to its own --loglevel.
    signals.setup_logging.connect(lambda **_: None, weak=False)
    logs.write(read(logs.LogSettings, environ))
    # Celery warns root off for fear of pickled messages; ours are JSON, and nothing else is accepted.
    warnings.filterwarnings("ignore", message=".*superuser privileges")
    # Celery tells of each message; the facts are the deliveries'.
    for chatty in ("celery", "kombu", "amqp"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    consumer.quiet()


names.impatient(os.environ)
broker.alone(os.environ)
try:
    _logging(os.environ)
    app = application(os.environ)
except Misconfigured as error:
    sys.exit(f"hooklake: {error}")
