"""One storm: load, faults, the wait until everything has settled, and the figures.

What is struck is left to `faults.py` and `blows.py`, what is counted to `rows.py` and `tally.py`.
"""

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from tests.crash import ground as grounds
from tests.crash import rows, tally
from tests.crash.faults import Fault
from tests.crash.ground import LEASE, MEND, Ground
from tests.crash.rows import Row
from tests.crash.tally import Figures

T = TypeVar("T")

#: Two leases and a slow sweep after the last fault nothing is stuck (protocol.md 10.1).
GRACE = 2 * LEASE + MEND
#: A row may be due so many seconds without being stuck: its turn comes.
OVERDUE = 2.0
#: A row whose worker was killed three times waits for minutes; longer than this nobody waits for it here.
LONGEST = 400.0
#: Rows, events and requests that are named in a complaint at most.
NAMED = 20
#: Events that are asked for side by side.
TRACES = 16


class Wreck(Exception):
    """A storm that left something lost, stuck or repeated; carries its figures, which say what."""

    def __init__(self, figures: Figures) -> None:
        super().__init__("\n".join([*figures.complaints, str(figures)]))
        self.figures = figures


async def run(seed: int, seconds: float, faults: Sequence[Fault], *, say: Callable[[str], None] = print) -> Figures:
    """A storm on a ground of its own; raises Wreck, with everything kept to be looked at."""
    async with grounds.raised(say) as ground:
        say(f"seed {seed}: {len(faults)} faults in {seconds:.0f} s; data and logs are in {ground.stack.data_dir}")
        tenant = ground.tenant
        load = (tenant.publish(seconds), tenant.fidget(seconds, ground.destinations), tenant.catch_up(seconds))
        await unbroken(ground, together(*load, ground.striker.play(faults)))
        say(f"{seconds:7.1f} s  calm; waiting until everything has ended")
        left = await unbroken(ground, settled(ground))
        figures = await counted(ground, left, seed=seed)
        refused = ", ".join(f"{count} {words}" for words, count in tenant.books.refused.most_common()) or "none"
        say(f"publications without a 202 at first: {refused}")
        say(f"requests answered 200 that were under way at a fault, and so may be repeated: {figures.bound}")
        if figures.complaints:
            raise Wreck(figures)
    return figures


async def unbroken(ground: Ground, work: Coroutine[Any, Any, T]) -> T:
    """The work's result; raises RuntimeError where a part dies too often to be started again."""
    working, broken = asyncio.create_task(work), asyncio.create_task(ground.stack.broken())
    try:
        await asyncio.wait({working, broken}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise RuntimeError(broken.result())
        return working.result()
    finally:
        working.cancel()
        broken.cancel()
        await asyncio.wait({working, broken})


async def settled(ground: Ground) -> list[Row]:
    """Waits until every row has ended; answers those that have not when nothing but stuck ones is left, or for too long.

    While their number falls they are what an outage has left to be worked off, which a busy machine is not quick at.
    """
    begin = moved = time.monotonic()
    fewest: float = math.inf
    while True:
        left = await rows.unfinished(ground.stack.stores.database_url, overdue=OVERDUE)
        now = time.monotonic()
        if len(left) < fewest:
            fewest, moved = len(left), now
        if not left or now - begin > LONGEST or (now - moved > GRACE and all(row.stuck for row in left)):
            return left
        await asyncio.sleep(0.5)


async def counted(ground: Ground, left: Sequence[Row], *, seed: int) -> Figures:
    """The figures of what has settled, with `left` the rows that have not ended."""
    arrivals, strikes = ground.arrivals(), ground.striker.strikes
    missing = sorted(ground.tenant.expected() - tally.taken(arrivals))
    again = tally.repeats(arrivals)
    late = await rows.timed_out(ground.stack.stores.database_url)
    # On a busy machine a receiver may answer as the deadline passes: it was told so, and asked again, as is promised.
    needless = [
        each
        for each in again
        if not tally.in_flight(each.before, strikes) and (each.before.id, each.before.hook) not in late
    ]
    stuck = [row for row in left if row.stuck]
    complaints = [
        *_named("lost", [f"{event} to {hook}" for event, hook in missing]),
        *_named("stuck", stuck),
        *_named("unfinished", [row for row in left if not row.stuck]),
        *_named("repeated without need", needless),
        *_named("forged or altered", [each.id for each in arrivals if not each.genuine]),
        *_named("given up", await rows.given_up(ground.stack.stores.database_url)),
        *_named("miscounted", await rows.miscounted(ground.stack.stores.database_url)),
        *_named("replayed otherwise", await misplayed(ground)),
        *_named("told otherwise", await untold(ground)),
        *_named("answered wrongly", ground.tenant.books.wrong),
    ]
    return Figures(
        lost=len(missing),
        stuck=len(stuck),
        duplicates=len(again),
        accepted=len(ground.tenant.books.accepted),
        kills=tally.kills(strikes),
        seed=seed,
        bound=tally.bound(arrivals, strikes) + sum((each.before.id, each.before.hook) in late for each in again),
        complaints=complaints,
    )


async def misplayed(ground: Ground) -> list[str]:
    """Replays that have not finished with all that they found delivered, or skipped as owed meanwhile (protocol.md 11.5)."""
    found = [(each, each["progress"]) for each in await ground.tenant.replays()]
    return [
        f"{each['id']} {each['state']}: {counts}"
        for each, counts in found
        if each["state"] != "FINISHED" or counts["delivered"] + counts["skipped"] != counts["found"]
    ]


async def untold(ground: Ground) -> list[str]:
    """Accepted events of which the API does not say that every delivery was delivered, a line each."""
    owed = Counter(event for event, _ in ground.tenant.expected())
    few = asyncio.Semaphore(TRACES)

    async def asked(event: str) -> str | None:
        async with few:
            trace = await ground.tenant.trace(event)
        counts = {state: count for state, count in trace["deliveries"].items() if count}
        agrees = counts == {"delivered": owed[event]} and not trace["spreading"]
        return None if agrees else f"{event}: {counts}, and {owed[event]} are owed"

    said = await asyncio.gather(*(asked(event) for event in ground.tenant.books.accepted))
    return [line for line in said if line is not None]


def _named(what: str, found: Sequence[object]) -> list[str]:
    more = [f"... and {len(found) - NAMED} more {what}"] if len(found) > NAMED else []
    return [*(f"{what}: {each}" for each in found[:NAMED]), *more]


async def together(*works: Coroutine[Any, Any, object]) -> None:
    """Side by side, until all are done."""
    await asyncio.gather(*works)
