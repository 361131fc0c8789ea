"""An outage: the database or the broker is gone for minutes under a light load, and what all parts of ours made of it.

What is lost or stuck afterwards is left to `storm.py`; kills and short stops to `faults.py`.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from tests.crash import ground as grounds
from tests.crash import storm, tally
from tests.crash.faults import Blow, Fault
from tests.crash.ground import Ground
from tests.crash.storm import Wreck
from tests.crash.tally import Figures

#: Publications of a second.
RATE = 5.0
#: Seconds of load before an outage, and after it.
LEAD, TAIL = 0.5, 0.5
#: Lines of its own troubles that a part may write about one outage, however long it is.
LINES = 10
#: Seconds until all parts have said that it is over.
PATIENCE = 60.0
#: Parts by what they stand on, and what their logs call it.
STAND_ON: Mapping[str, tuple[str, Sequence[str]]] = {
    "postgres": ("database", ("api", "worker-1", "worker-2")),
    "redis": ("broker", ("api", "beat", "worker-1", "worker-2")),
}
OURS = ("api", "beat", "worker-1", "worker-2")


@dataclass(frozen=True, kw_only=True)
class Aftermath:
    """What there was to see of one outage."""

    fault: Fault
    #: Publications answered 202 while it lasted, and shortly before and after.
    accepted: int
    #: Those answered otherwise, and those without an answer within the tenant's patience, by their words.
    refused: Mapping[str, int]
    #: Lines of each part of ours that do not tell of a delivery or a webhook.
    troubles: Mapping[str, Sequence[str]]
    #: Parts of ours that were started again.
    restarted: Sequence[str]
    #: What /health/ready answers afterwards.
    ready: int

    def complaints(self) -> list[str]:
        """What is wrong with it, a sentence each; nothing where all is well."""
        allowed = {"503"} if self.fault.target == "postgres" else set()
        return [
            *(
                f"{self.fault}: {n} publications met {words}"
                for words, n in self.refused.items()
                if words not in allowed
            ),
            *(f"{self.fault}: {part} was started again" for part in self.restarted),
            *(f"{self.fault}: /health/ready answers {self.ready}" for _ in range(self.ready != 200)),
            *(
                f"{self.fault}: {part} wrote {len(lines)} lines"
                for part, lines in self.troubles.items()
                if len(lines) > LINES
            ),
            *(
                f"{self.fault}: {part} told {told}"
                for part, told in self._told().items()
                if told not in self._tellings()
            ),
        ]

    def _told(self) -> dict[str, tuple[int, int]]:
        """How often each part that stands on it said that it is away, and back."""
        name, parts = STAND_ON[self.fault.target]
        return {part: tellings(self.troubles[part], name) for part in parts}

    def _tellings(self) -> set[tuple[int, int]]:
        # What stands still for less than a time-out is missed by nobody who did not ask just then.
        return {(1, 1)} if self.fault.blow is Blow.AWAY else {(0, 0), (1, 1)}


#: A line of which there is one for each attempt or request.
FACT = re.compile(r" INFO hooklake\.(delivery|access) ")


def tellings(lines: Sequence[str], name: str) -> tuple[int, int]:
    """How often the lines say that something is away, and back."""
    return tuple(sum(f" {name}.{word} " in f"{line} " for line in lines) for word in ("away", "back"))  # type: ignore[return-value]  # two


def raised(say: Callable[[str], None]) -> AbstractAsyncContextManager[Ground]:
    """A ground on which nothing is repeated because a busy machine is slow: its leases have the margin of real ones."""
    return grounds.raised(say, {"HOOKLAKE_LEASE_MARGIN": "3s"})


async def suffered(ground: Ground, fault: Fault) -> Aftermath:
    """Has the fault done under a light load, and waits until all was accepted and all parts have said that it is over."""
    books, logs = ground.tenant.books, _Logs(ground)
    before, accepted = Counter(books.refused), len(books.accepted)
    processes = _processes(ground)
    load = ground.tenant.publish(LEAD + fault.seconds + TAIL, rate=RATE)
    await storm.unbroken(ground, storm.together(load, _later(ground, fault)))
    await logs.closed(*STAND_ON[fault.target])
    answer = await ground.tenant.http.get("/health/ready")
    return Aftermath(
        fault=fault,
        accepted=len(books.accepted) - accepted,
        refused=books.refused - before,
        troubles=logs.troubles(),
        restarted=[part for part, pid in _processes(ground).items() if pid != processes[part]],
        ready=answer.status_code,
    )


async def run(seed: int, seconds: float, *, say: Callable[[str], None]) -> Figures:
    """Both outages, one after another, on one ground; raises Wreck, with everything kept to be looked at."""
    async with raised(say) as ground:
        wrong: list[str] = []
        for part in STAND_ON:
            say(f"{part} is away for {seconds:.0f} s")
            after = await suffered(ground, Fault(blow=Blow.AWAY, target=part, seconds=seconds))
            wrong += after.complaints()
            lines = ", ".join(f"{name} {len(lines)}" for name, lines in after.troubles.items())
            say(f"{after.accepted} accepted meanwhile; lines of trouble: {lines}")
        figures = await storm.counted(ground, await storm.settled(ground), seed=seed)
        figures = tally.total([figures], wrong)
        if figures.complaints:
            raise Wreck(figures)
    return figures


async def _later(ground: Ground, fault: Fault) -> None:
    await asyncio.sleep(LEAD)
    await ground.striker.strike(fault)


def _processes(ground: Ground) -> dict[str, int | None]:
    return {part: ground.stack.parts[part].pid for part in OURS}


class _Logs:
    """What our parts write from now on."""

    def __init__(self, ground: Ground) -> None:
        self._files = {part: ground.stack.data_dir / "logs" / f"{part}.log" for part in OURS}
        self._sizes = {part: file.stat().st_size for part, file in self._files.items()}

    def troubles(self) -> dict[str, list[str]]:
        """The lines of each part that are no facts of a delivery, a webhook or a request."""
        return {part: [line for line in self._lines(part) if not FACT.search(line)] for part in OURS}

    async def closed(self, name: str, parts: Sequence[str]) -> None:
        """Waits until each of the parts that said `away` has said `back`; raises TimeoutError."""
        async with asyncio.timeout(PATIENCE):
            for part in parts:
                while len(set(tellings(self._lines(part), name))) > 1:  # noqa: ASYNC110 -- a file sets no event
                    await asyncio.sleep(0.1)

    def _lines(self, part: str) -> list[str]:
        with self._files[part].open() as file:
            file.seek(self._sizes[part])
            return file.read().splitlines()
