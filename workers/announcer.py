"""Announcing: nudges go to the broker from a thread of their own, at once when none is under way, else coalesced.

A nudge may be lost: the rows stay due, and the sweep finds them. So nothing here waits long, retries, or fails a request.
The rule is protocol.md 3.1.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from delivery.tickets import BrokerReport, Job, Nudge, Ticket
from subscriptions.ground.errors import Unavailable
from workers import schedule
from workers.app import words
from workers.broker_connection import BrokerConnection
from workers.settings import WorkerSettings

#: Seconds between two looks at how much the broker holds.
LOOK = 0.25
#: Seconds of silence after the broker failed; doubled with each failure that follows. What is asked before the first is over
#: says nothing of the outage's end (`Outage`).
PAUSE, LONGEST_PAUSE = 1.0, 5.0
#: Tickets per message, on average, from which a message waits for more, and seconds from the last one until it goes.
BUSY, GATHER = 6.0, 0.015


def packed(tickets: Sequence[Ticket]) -> list[list[object]]:
    """Tickets as a message carries them: [event, webhook, round, fence], ids as 32 hex digits."""
    return [[t.event.hex, t.webhook.hex, t.round, t.fence] for t in tickets]


class Announcer:
    """Takes nudges from any thread; `start` and `close` are its process's to call."""

    def __init__(self, app: Any, settings: WorkerSettings) -> None:
        self._app = app
        self._settings = settings
        self._nudges: deque[Nudge] = deque()
        self._given = threading.Event()
        self._ending = False
        self._broker_connection = BrokerConnection(app)
        #: Of those who ask how much waits: the other may be under way, for as long as the broker is waited for.
        self._asking = BrokerConnection(app)
        self._away_until = 0.0
        self._pause = 0.0
        self._looked_at = 0.0
        self._full = False
        #: Tickets per message, on average, lately.
        self._load = 1.0
        self._sent_at = 0.0
        self._thread = threading.Thread(target=self._run, name="announcer", daemon=True)

    def start(self) -> None:
        """Begins to send."""
        self._thread.start()

    def announce(self, nudges: Sequence[Nudge]) -> None:
        """Hands the nudges over and returns; while the broker is away they are dropped."""
        if time.monotonic() < self._away_until:
            return
        self._nudges.extend(nudges)
        self._given.set()

    def report(self) -> BrokerReport:
        """What the broker says of itself, and what waits there; raises Unavailable within the broker's wait."""
        try:
            with self._asking as broker_connection:
                return broker_connection.report()
        except Exception as error:
            raise Unavailable("broker", words(error)) from error

    def close(self) -> None:
        """Sends what is waiting, if the broker takes it at once, and ends the thread."""
        self._ending = True
        self._given.set()
        if self._thread.is_alive():
            # Two calls of the broker, and what else there is to do.
            self._thread.join(self._settings.broker_wait * 3)

    def _run(self) -> None:
        while not (self._ending and not self._nudges):
            # While the broker is away nobody may have anything to say, and its return is to be told all the same.
            self._given.wait(self._pause or None)
            self._given.clear()
            if self._pause and not self._ending:
                self._attempt(self._greet)
            while self._nudges:
                self._gather()
                self._attempt(partial(self._send, self._take()))
        self._broker_connection.close()
        self._asking.close()

    def _attempt(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            self._fail(error)
            return
        self._app.outage.worked()
        self._pause = 0.0

    def _greet(self) -> None:
        # Some brokers take a connection and no message.
        with self._broker_connection as broker_connection:
            broker_connection.post(schedule.DELIVER, [])

    def _gather(self) -> None:
        """Under load, lets more tickets come in first: a message costs 3 ms of CPU, here and there, whatever it carries."""
        if self._load < BUSY or self._ending or len(self._nudges) >= self._settings.tickets_per_message:
            return
        time.sleep(max(0.0, self._sent_at + GATHER - time.monotonic()))

    def _take(self) -> list[Nudge]:
        """What fits into one message: jobs by themselves, tickets together."""
        taken: list[Nudge] = [self._nudges.popleft()]
        while self._nudges and len(taken) < self._settings.tickets_per_message:
            if isinstance(self._nudges[0], Ticket) is not isinstance(taken[0], Ticket):
                break
            taken.append(self._nudges.popleft())
        return taken

    def _send(self, nudges: list[Nudge]) -> None:
        tickets = [nudge for nudge in nudges if isinstance(nudge, Ticket)]
        with self._broker_connection as broker_connection:
            if not tickets:
                jobs = [[n.kind, n.key.hex, n.fence] for n in nudges if isinstance(n, Job)]
                broker_connection.post(schedule.CARRY, jobs)
            elif not self._held_back(broker_connection):
                self._load += 0.1 * (len(tickets) - self._load)
                self._sent_at = time.monotonic()
                broker_connection.post(schedule.DELIVER, packed(tickets))

    def _held_back(self, broker_connection: BrokerConnection) -> bool:
        """Whether the broker holds enough tickets; then the rows are left to the sweep, which keeps it from filling."""
        now = time.monotonic()
        if now - self._looked_at > LOOK:
            self._looked_at = now
            waiting = broker_connection.depth(schedule.TICKETS)
            self._full = waiting * self._load > self._settings.tickets_waiting
        return self._full

    def _fail(self, error: Exception) -> None:
        """Drops what waits, and leaves the broker alone for a while: the sweep will find what was to be announced."""
        self._app.outage.failed(words(error))
        self._pause = min(self._pause * 2, LONGEST_PAUSE) or PAUSE
        self._away_until = time.monotonic() + self._pause
        self._nudges.clear()
