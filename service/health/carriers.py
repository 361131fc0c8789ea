"""Whether deliveries are carried: workers, beat, the broker, and how long ago the last sweep was; one look a second at most.

What is said of it over HTTP is left to `api/health.py`; whether this process can serve, to `readiness.py`.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from delivery.reports import waiting
from delivery.tickets import BrokerReport
from delivery.upkeep.sweeping import Standing, Upkeep
from subscriptions.ground.errors import Unavailable

log = logging.getLogger("hooklake.service")

T = TypeVar("T")

#: Seconds that a look counts for all that ask, and that one may take.
FRESH, WAIT = 1.0, 2.5
#: Seconds of silence after which a process counts as gone. An API process speaks every ten.
SILENT: Mapping[str, float] = {"worker": 5.0, "beat": 10.0, "api": 30.0}
#: Seconds without a sweep that are too many.
UNSWEPT = 30.0
#: And that an entry of the audit log waits to be told: some five are usual.
UNTOLD = 60.0

#: What the broker says of itself, and what waits there; raises Unavailable.
AskBroker = Callable[[], Awaitable[BrokerReport]]


@dataclass(frozen=True, kw_only=True)
class CarrierReport:
    """What one look found."""

    #: Those that live.
    processes: tuple[Standing, ...]
    #: Seconds since the last sweep; None: nobody knows of one.
    swept: float | None
    #: Seconds since a process of each kind spoke last, also one that is gone since; None: the database does not answer.
    heard: Mapping[str, float] | None
    #: None where the broker does not answer.
    broker: BrokerReport | None
    #: What keeps deliveries from being carried as they should, as sentences.
    missing: tuple[str, ...]

    @property
    def unsent(self) -> str:
        """Why nothing is sent at all now, as a sentence; empty where it is, or nobody knows."""
        if self.heard is not None and not any(each.kind == "worker" for each in self.processes):
            return waiting.NO_WORKER
        return waiting.NO_BROKER if self.broker is None else ""


class Carriers:
    """Asks the database and the broker, together and once for everybody who asks within a second."""

    def __init__(self, upkeep: Upkeep, ask_broker: AskBroker, *, steady: Callable[[], float] = time.monotonic) -> None:
        self._upkeep = upkeep
        self._ask_broker = ask_broker
        self._steady = steady
        self._looked_at = -FRESH
        self._look: CarrierReport | None = None
        self._one = asyncio.Lock()

    async def look(self) -> CarrierReport:
        """The newest look."""
        async with self._one:
            if self._look is None or self._steady() >= self._looked_at + FRESH:
                self._look, self._looked_at = await self._ask(), self._steady()
            return self._look

    async def _ask(self) -> CarrierReport:
        rows, untold, broker = await asyncio.gather(
            _told(self._upkeep.processes()), _told(self._upkeep.untold()), _told(self._ask_broker())
        )
        # Why not is for the log: whoever asks here may be anybody.
        away = ["the broker does not answer"] if broker is None else []
        if rows is None:
            return CarrierReport(
                processes=(), swept=None, heard=None, broker=broker, missing=("the database does not answer", *away)
            )
        living = tuple(each for each in rows if each.silent < SILENT.get(each.kind, 0.0))
        swept = min((each.swept for each in rows if each.swept is not None), default=None)
        heard: dict[str, float] = {}
        for each in rows:
            heard[each.kind] = min(each.silent, heard.get(each.kind, each.silent))
        missing = [
            *_silent("worker", heard, "no worker has said anything for", "no worker runs"),
            *_silent("beat", heard, "beat has said nothing for", "no beat runs"),
            *away,
            *(["nobody has looked for what is due yet"] if swept is None else []),
            *(
                [f"nobody has looked for what is due for {_long(swept)}"]
                if swept is not None and swept > UNSWEPT
                else []
            ),
            *(
                [f"entries of the audit log have waited to be told for {_long(untold)}"]
                if untold is not None and untold > UNTOLD
                else []
            ),
        ]
        return CarrierReport(processes=living, swept=swept, heard=heard, broker=broker, missing=tuple(missing))


def _silent(kind: str, heard: Mapping[str, float], since: str, never: str) -> Iterator[str]:
    """The sentence for a kind of which no process lives."""
    seconds = heard.get(kind)
    if seconds is None:
        yield never
    elif seconds >= SILENT[kind]:
        yield f"{since} {_long(seconds)}"


def _long(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds // 60:.0f} min"


async def _told(asked: Awaitable[T]) -> T | None:
    """What was asked for; None where there is no answer in time."""
    try:
        async with asyncio.timeout(WAIT):
            return await asked
    except (TimeoutError, Unavailable) as error:
        log.debug("look.failed cause=%r", error)
        return None
