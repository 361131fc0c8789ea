"""Isolation: what 45 of 50 webhooks get of 270 events a second while the other five misbehave, beside the same with none.

How each of the five misbehaves is left to the sink; the stack is the rig's.
"""

import time
from collections.abc import AsyncIterator

from tests.bench.figures import Figure
from tests.bench.rig import Rig

WEBHOOKS, BAD = 50, 5
#: Events per second over all webhooks, each its share.
RATE = 270.0
#: What the five do, and seconds of it: hanging ones are seen into their second deadline.
RUNS = {"spare": 18.0, "hang": 24.0, "slow": 9.0, "fail": 9.0}
NAMES = {
    "spare": "all healthy",
    "hang": f"{BAD} of {WEBHOOKS} never answer",
    "slow": f"{BAD} answer after 3 s",
    "fail": f"{BAD} answer 503",
}


TITLES = {f"isolation.{behaviour}": f"isolation, {name}" for behaviour, name in NAMES.items()}


async def runs(bench: Rig) -> AsyncIterator[tuple[str, list[Figure], float]]:
    """Each misbehaviour's part, what the healthy ones got, and its seconds; the first is none, which others are beside."""
    calm = 1.0
    for behaviour, seconds in RUNS.items():
        began = time.monotonic()
        came = await _one(bench, behaviour, seconds)
        if behaviour == "spare":
            calm = came["kept"]
        # Less load from a busy machine is no fault of the five.
        came["kept"] /= calm
        part = f"isolation.{behaviour}"
        figures = [Figure(part=part, key=key, runs=(value,)) for key, value in came.items()]
        yield part, figures, time.monotonic() - began


async def _one(bench: Rig, behaviour: str, seconds: float) -> dict[str, float]:
    """New webhooks, so that nothing is known of them from the first second on."""
    collection = f"isolated-{behaviour}-"
    operator = await bench.operator()
    for number in range(WEBHOOKS):
        path = f"/{behaviour}/{number}" if number < BAD else f"/{collection}/{number}"
        await bench.webhook(operator, f"{collection}{number}", path)
    await bench.sink.tell("/reset")
    events, first = int(RATE * seconds), bench.first()
    load = {"collection": collection, "collections": WEBHOOKS, "connections": 32, "rate": RATE}
    came = await bench.post(events=events, first=first, **load)
    if came["refused"]:
        raise RuntimeError(f"{came['refused']} events were refused: {came['complaint']}")
    at_end = (await bench.sink.tell())["arrived"]
    owed = sum(1 for seq in range(first, first + events) if seq % WEBHOOKS >= BAD)
    told = await bench.sink.arrived(owed)
    return {
        # Counted when the last event had been published.
        "delivered": at_end / came["seconds"],
        "kept": at_end / owed,
        "p50": told["p50"],
        "p99": told["p99"],
        "lost": max(0, owed - told["arrived"]),
        "repeated": told["requests"] - told["arrived"],
    }
