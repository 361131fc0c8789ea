"""Isolation: what 45 of 50 webhooks get of 270 events a second while the other five misbehave, beside the same with none.

How each of the five misbehaves is left to the sink; the stack is the rig's.
"""

from dataclasses import dataclass

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


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What the healthy ones got."""

    #: Per second, counted when the last event had been published.
    delivered: float
    #: The part of what was owed to them by then: less load from a busy machine is no fault of the five.
    kept: float
    #: From publication to arrival, in milliseconds, of all that arrived in the end.
    p50: float
    p99: float


async def run(bench: Rig) -> int:
    """Prints a line for each misbehaviour, the first one being none; answers how many deliveries were lost or repeated."""
    owed = RATE * (WEBHOOKS - BAD) / WEBHOOKS
    print(f"\n{'isolation: ' + str(WEBHOOKS - BAD) + ' webhooks, ' + str(int(owed)) + ' owed/s':38}", end="")
    print(f"{'dlv/s':>8}{'p50 ms':>9}{'p99 ms':>9}{'kept':>8}{'p99':>8}")
    calm, bad = None, 0
    for number, (behaviour, seconds) in enumerate(RUNS.items()):
        figure, wrong = await _one(bench, behaviour, seconds, first=10_000_000 + number * 1_000_000)
        calm = calm or figure
        print(f"{NAMES[behaviour]:38}{figure.delivered:8,.0f}{figure.p50:9.1f}{figure.p99:9.1f}", end="")
        print(f"{figure.kept / calm.kept:7.2f}x{figure.p99 / calm.p99:7.2f}x", flush=True)
        bad += wrong
    return bad


async def _one(bench: Rig, behaviour: str, seconds: float, *, first: int) -> tuple[Figure, int]:
    """New webhooks, so that nothing is known of them from the first second on."""
    collection = f"isolated-{behaviour}-"
    operator = await bench.operator()
    for number in range(WEBHOOKS):
        path = f"/{behaviour}/{number}" if number < BAD else f"/{collection}/{number}"
        await bench.webhook(operator, f"{collection}{number}", path)
    await bench.sink.tell("/reset")
    events = int(RATE * seconds)
    load = {"collection": collection, "collections": WEBHOOKS, "connections": 32, "rate": RATE}
    came = await bench.post(events=events, first=first, **load)
    if came["refused"]:
        raise RuntimeError(f"{came['refused']} events were refused: {came['complaint']}")
    at_end = (await bench.sink.tell())["arrived"]
    owed = sum(1 for seq in range(first, first + events) if seq % WEBHOOKS >= BAD)
    told = await bench.sink.arrived(owed)
    figure = Figure(delivered=at_end / came["seconds"], kept=at_end / owed, p50=told["p50"], p99=told["p99"])
    return figure, owed - told["arrived"] + told["requests"] - told["arrived"]
