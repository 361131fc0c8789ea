"""The tasks, by the names in `schedule.py`: each hands its message to the engine's loop and returns soon.

What is done with tickets is left to `engine.py`, what the clock's jobs do to `delivery/upkeep.py`.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from delivery.tickets import Errand, Kind, Ticket
from subscriptions.errors import Unavailable
from workers import app as broker
from workers import schedule
from workers.announce import Announcer
from workers.engine import Engine
from workers.resources import Loop, Resources

log = logging.getLogger("hooklake.workers")

#: Seconds that a drain message is worth anything: the next sweep sends another.
DRAIN_EXPIRES = 2.0


@dataclass(kw_only=True)
class Process:
    """What the tasks of this worker process work with; filled by `main.py` when the process starts."""

    loop: Loop
    resources: Resources
    engine: Engine
    announcer: Announcer
    #: Seconds that an id is remembered.
    remembered: float


def register(app: Any, process: Process) -> None:
    """Makes the tasks known to Celery."""
    app.task(name=schedule.DELIVER)(_quiet(lambda tickets: deliver(process, tickets)))
    app.task(name=schedule.CARRY)(_quiet(lambda errands: carry(process, errands)))
    app.task(name=schedule.DRAIN)(_quiet(lambda: process.loop.call(process.engine.drain())))
    app.task(name=schedule.SWEEP)(_quiet(lambda: sweep(process, app)))
    app.task(name=schedule.MEND)(_quiet(lambda: process.loop.call(process.resources.upkeep.mend())))
    app.task(name=schedule.PARTITION)(_quiet(lambda: process.loop.call(process.resources.upkeep.make_partitions())))
    app.task(name=schedule.PRUNE)(
        _quiet(lambda: process.loop.call(process.resources.upkeep.prune(remembered=process.remembered)))
    )


def deliver(process: Process, packed: Sequence[Sequence[Any]]) -> None:
    """Tickets as `announce.packed` made them; returns when each is begun, old, or dropped."""
    tickets = [Ticket(UUID(event), UUID(webhook), round_, fence) for event, webhook, round_, fence in packed]
    process.loop.call(process.engine.deliver(tickets))


def carry(process: Process, packed: Sequence[Sequence[Any]]) -> None:
    """Errands as [kind, key, fence]; returns at once."""
    errands = [Errand(kind=Kind(kind), key=UUID(key), fence=fence) for kind, key, fence in packed]
    process.loop.call(_begin(process.engine, errands))


def sweep(process: Process, app: Any) -> None:
    """Counts what is due, and sends drains and errands for it."""
    with app.connection_for_write() as connection:
        outstanding = broker.depth(connection, schedule.DRAINS)
        swept = process.loop.call(process.resources.upkeep.sweep(outstanding))
        if swept.drains:
            producer = app.amqp.Producer(connection, auto_declare=False)
            for _ in range(swept.drains):
                broker.post(app, producer, schedule.DRAIN, expires=DRAIN_EXPIRES)
    if swept.errands:
        process.announcer.announce(swept.errands)


async def _begin(engine: Engine, errands: Sequence[Errand]) -> None:
    for errand in errands:
        engine.errand(errand)


def _quiet(work: Any) -> Any:
    """A task that says in one line that a dependency is away: the next message does the same work."""

    def task(*args: Any) -> None:
        try:
            work(*args)
        except Unavailable as error:
            log.warning("task.failed cause=%s", error)
        except OSError as error:
            log.warning("task.failed broker cause=%r", error)

    return task
