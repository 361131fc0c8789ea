"""The tasks, by the names in `schedule.py`: each hands its message to the engine's loop and returns soon.

What is done with tickets is left to `engine.py`, what the clock's jobs do to `delivery/upkeep/sweeping.py`.
"""

import inspect
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from delivery.assembly import Assembly
from delivery.tickets import Job, JobKind, Ticket
from subscriptions.ground.errors import Unavailable
from workers import app as broker
from workers import schedule
from workers.announcer import Announcer
from workers.broker_connection import BrokerConnection
from workers.engine import Engine
from workers.loop import Loop
from workers.malformed import MalformedMessage

log = logging.getLogger("hooklake.workers")

N = TypeVar("N", Ticket, Job)


@dataclass(kw_only=True)
class Process:
    """What the tasks of this worker process work with; filled by `main.py` when the process starts."""

    loop: Loop
    assembly: Assembly
    engine: Engine
    announcer: Announcer
    #: The sweeps'.
    broker_connection: BrokerConnection
    #: Held by the sweep that is under way.
    sweeping: threading.Lock = field(default_factory=threading.Lock)


def register(app: Any, process: Process) -> None:
    """Makes the tasks known to Celery."""
    call, upkeep = process.loop.call, process.assembly.upkeep
    works: Mapping[str, Callable[..., None]] = {
        schedule.DELIVER: lambda tickets: deliver(process, tickets),
        schedule.CARRY: lambda jobs: carry(process, jobs),
        schedule.DRAIN: lambda: call(process.engine.drain()),
        schedule.SWEEP: lambda: sweep(process, app),
        schedule.MEND: lambda: call(mend(process)),
        schedule.PARTITION: lambda: call(upkeep.make_partitions()),
        schedule.PRUNE: lambda: call(prune(process)),
        schedule.COUNT: lambda: call(count(process)),
        schedule.AUDIT: lambda: call(process.assembly.audit_events.publish()),
    }
    away = broker.errors(app)
    for name, work in works.items():
        app.task(name=name)(_quiet(app, work, away))


def deliver(process: Process, packed: Sequence[Sequence[Any]]) -> None:
    """Tickets as `announcer.packed` made them; returns when each is begun, old, or dropped."""
    tickets = _read(_ticket, packed)
    process.loop.call(process.engine.deliver(tickets))


def carry(process: Process, packed: Sequence[Sequence[Any]]) -> None:
    """Jobs as [kind, key, fence]; returns at once."""
    jobs = _read(_job, packed)
    process.loop.call(_begin(process.engine, jobs))


def sweep(process: Process, app: Any) -> None:
    """Counts what is due, and sends drains and jobs for it; one that comes while another is at it is spent."""
    if not process.sweeping.acquire(blocking=False):
        return
    try:
        with process.broker_connection as broker_connection:
            outstanding = broker_connection.depth(schedule.DRAINS)
        swept = process.loop.call(process.assembly.upkeep.sweep(outstanding))
        with process.broker_connection as broker_connection:
            for _ in range(swept.drains):
                broker_connection.post(schedule.DRAIN)
            if app.outage.away and not swept.drains:
                # It may take no messages, whatever it tells of those it has.
                broker_connection.post(schedule.DELIVER, [])
    finally:
        process.sweeping.release()
    app.outage.worked()
    if swept.jobs:
        process.announcer.announce(swept.jobs)


async def mend(process: Process) -> None:
    """Mends what a race or a dead process left behind, then looks at what is wrong all the same."""
    await process.assembly.upkeep.mend()
    await process.assembly.issue_watch.look()


async def count(process: Process) -> None:
    """Folds what was counted, and what failed."""
    await process.assembly.counting.count()
    await process.assembly.issue_watch.fold()


async def prune(process: Process) -> None:
    """Takes away what is kept no longer, and looks when certificates end."""
    await process.assembly.upkeep.prune(remembered=process.assembly.base.remembered)
    await process.assembly.counting.forget()
    await process.assembly.audit_events.prune()
    await process.assembly.issue_watch.forget()
    await process.assembly.issue_watch.look_at_certificates()


def _read(read: Callable[..., N], packed: Sequence[Sequence[Any]]) -> list[N]:
    """What a message carries, each in its type; raises MalformedMessage."""
    try:
        return [read(*each) for each in packed]
    except (TypeError, ValueError, AttributeError) as error:
        raise MalformedMessage(repr(error)) from None


def _ticket(event: str, webhook: str, round_: int, fence: int) -> Ticket:
    return Ticket(UUID(event), UUID(webhook), _number(round_, 1 << 15), _number(fence, 1 << 31))


def _job(kind: str, key: str, fence: int) -> Job:
    return Job(kind=JobKind(kind), key=UUID(key), fence=_number(fence, 1 << 31))


def _number(given: int, below: int) -> int:
    if type(given) is int and 0 <= given < below:
        return given
    raise ValueError(f"{given!r} is no number from 0 to {below - 1}")


async def _begin(engine: Engine, jobs: Sequence[Job]) -> None:
    for job in jobs:
        engine.job(job)


def _quiet(app: Any, work: Callable[..., None], away: tuple[type[Exception], ...]) -> Callable[..., None]:
    """A task that leaves its work to the next message while something is away: each door tells of it once."""
    takes = len(inspect.signature(work).parameters)

    def task(*args: Any, **kwargs: Any) -> None:
        try:
            if kwargs or len(args) != takes:
                raise MalformedMessage(f"{len(args) + len(kwargs)} arguments instead of {takes}")
            work(*args)
        except MalformedMessage as error:
            app.dropped.add(error)
        except Unavailable as error:
            log.debug("task.left cause=%s", error)
        except away as error:
            app.outage.failed(broker.words(error))

    return task
