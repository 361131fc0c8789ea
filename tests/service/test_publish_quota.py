"""The publish quota: what several processes take together of a workspace's minute, and what a publisher is told of it."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from service.limits.publish_quota import PublishQuota
from service.limits.request_quota import TooMany
from service.services import Services
from service.settings import ServiceSettings
from subscriptions.access.clients import Role
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Misconfigured
from subscriptions.ground.settings import read
from tests.clock import Clock
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE, Callers
from tests.service.test_request_quota import told

OCCURRENCES = "/events/v1beta1/occurrences"
CLOUDEVENTS = "/events/v1beta1/cloudevents"
OCCURRENCE: dict[str, Any] = {
    "apiGroup": "subscriptions",
    "apiVersion": "v1",
    "event": "expiring-subscriptions",
    "data": {"type": "x", "id": "1"},
}
LIMIT = 1000


@pytest.fixture
def entrance() -> ServiceSettings:
    """Twenty events of a minute."""
    return ServiceSettings(publish_items=20, publish_per_minute=20)


@pytest.fixture
def clock() -> Clock:
    """A clock that stands at the beginning of a minute."""
    clock = Clock()
    clock.now = clock.now.replace(second=0)
    return clock


def processes(database: Database, clock: Clock, number: int) -> list[PublishQuota]:
    return [PublishQuota(database, clock, per_minute=LIMIT) for _ in range(number)]


async def took(process: PublishQuota, events: int) -> int:
    """How many of so many events were taken."""
    try:
        await process.take({WORKSPACE: events}, process._clock())
    except TooMany:
        return 0
    return events


#: By process: how many requests of a second it gets, and the events of each. All of them together ask for too much.
LOADS: dict[str, Sequence[tuple[int, int]]] = {
    "two even": ((12, 1), (12, 1)),
    "three even": ((7, 1),) * 3,
    "four even": ((6, 1),) * 4,
    "one busy": ((20, 1), (1, 1), (1, 1), (0, 1)),
    "arrays": ((1, 10), (1, 10)),
    "singles and arrays": ((10, 1), (1, 17), (0, 1)),
    "flood": ((60, 1), (60, 1), (5, 1), (5, 1)),
}


@pytest.mark.parametrize("load", LOADS)
async def test_a_minute(database: Database, clock: Clock, load: str) -> None:
    """All processes together take the minute's events, never one more and at most a tenth less; the next minute again."""
    running = processes(database, clock, len(LOADS[load]))
    minutes: Counter[int] = Counter()

    for second in range(90):
        for process, (requests, events) in zip(running, LOADS[load], strict=True):
            for _ in range(requests):
                minutes[second // 60] += await took(process, events)
        clock.advance(1)
        for process in running:
            await process.settle()

    # Half of the second minute is there, and not more was asked for than that.
    assert 0.9 * LIMIT <= minutes[0] <= LIMIT
    assert 0.9 * min(LIMIT, 30 * sum(a * b for a, b in LOADS[load])) <= minutes[1] <= LIMIT


@pytest.mark.parametrize("dead", [1, 2, 3])
async def test_dead_processes_waste_little_of_a_minute(database: Database, clock: Clock, dead: int) -> None:
    """Processes that die with what they drew take no more than a tenth of the minute with them, and nothing of the next."""
    *dying, survivor = processes(database, clock, dead + 1)
    lost = sum([await took(process, 1) for process in dying])

    first = lost + sum([await took(survivor, 1) for _ in range(LIMIT + 100)])
    clock.advance(60)
    second = sum([await took(survivor, 1) for _ in range(LIMIT + 100)])

    assert 0.9 * LIMIT <= first <= LIMIT
    assert second == LIMIT


async def test_a_burst(database: Database, clock: Clock) -> None:
    """All of a minute's events may come at once, to any process; three others hold a tenth at most meanwhile."""
    *others, busy = processes(database, clock, 4)
    for process in others:
        await took(process, 1)

    taken = sum(await asyncio.gather(*(took(busy, 1) for _ in range(LIMIT * 2))))

    assert 0.9 * LIMIT <= taken <= LIMIT - 3


async def test_what_is_given_back(database: Database, clock: Clock) -> None:
    """What a process leaves untouched for a second, or has when it stops, others get; the last one then gets the rest."""
    idle, stopping, busy = processes(database, clock, 3)
    await took(idle, 1)
    await took(stopping, 1)
    early = sum([await took(busy, 1) for _ in range(LIMIT)])
    await stopping.close()
    await idle.settle()
    await idle.settle()
    at_once = await took(busy, 1)
    clock.advance(1)

    late = sum([await took(busy, 1) for _ in range(LIMIT)])

    assert (early, at_once, early + late) == (LIMIT - 40, 0, LIMIT - 2)


async def test_a_minute_costs_few_draws(database: Database, clock: Clock) -> None:
    """A minute's events cost a bounded number of draws, however they come, and refusals one each second at most."""
    draws = 0

    class Counting:
        """A database that counts who asks."""

        def raw(self) -> Any:
            nonlocal draws
            draws += 1
            return database.raw()

    [process] = processes(Counting(), clock, 1)  # type: ignore[arg-type]  # all that it asks of one
    for _ in range(LIMIT):
        await took(process, 1)
    taking = draws
    for _ in range(10):
        for _ in range(100):
            await took(process, 1)
        clock.advance(1)

    assert taking == 50
    assert draws - taking <= 11


async def test_workspaces_apart(database: Database, clock: Clock) -> None:
    """One workspace's flood takes nothing of another's; an array for both is taken whole or not at all."""
    [process] = processes(database, clock, 1)
    await took(process, LIMIT - 1)

    with pytest.raises(TooMany):
        await process.take({OTHER_WORKSPACE: 5, WORKSPACE: 2}, clock())
    last = await process.take({OTHER_WORKSPACE: LIMIT, WORKSPACE: 1}, clock())

    assert last is not None
    assert (last.remaining, last.within, last.seconds) == (0, True, 60)


async def test_a_clock_that_lags(database: Database, clock: Clock) -> None:
    """A process whose clock is behind draws of the minute that has begun elsewhere, and moves no row back."""
    behind, ahead = Clock(), Clock()
    behind.now = clock.now
    ahead.now = clock.now
    ahead.advance(60)
    [late], [early] = processes(database, behind, 1), processes(database, ahead, 1)
    await took(early, LIMIT - 30)

    taken = sum([await took(late, 1) for _ in range(50)])

    assert taken == 30


async def test_a_silent_workspace_is_forgotten(database: Database, clock: Clock) -> None:
    """A workspace that publishes nothing is forgotten: in memory with its minute, its row after an hour."""
    [process] = processes(database, clock, 1)
    await took(process, 1)
    held = len(process)
    clock.advance(60)
    await process.settle()
    afterwards = len(process)
    clock.advance(3600)
    await process.take({OTHER_WORKSPACE: 1}, clock())
    await process.settle()

    async with database.raw() as connection:
        rows = await connection.fetch("SELECT workspace_id FROM publish_quotas")
    assert (held, afterwards, [row["workspace_id"] for row in rows]) == (1, 0, [OTHER_WORKSPACE])


async def test_over_it(api: httpx.AsyncClient, callers: Callers, clock: Clock, services: Services) -> None:
    """An array counts each of its events. One too many: 429 with GreenLake's headers, and nothing of it is kept.

    What is left is told once it is half of the minute or less.
    """
    headers = await callers.headers(Role.PUBLISHER)
    clock.advance(15)
    reset = (clock().replace(second=0, tzinfo=UTC).timestamp()) + 60

    first = await api.post(OCCURRENCES, json=[OCCURRENCE] * 18, headers=headers)
    refused = await api.post(OCCURRENCES, json=[OCCURRENCE] * 3, headers=headers)
    single = await api.post(OCCURRENCES, json=OCCURRENCE, headers=headers)
    other = await api.post(
        OCCURRENCES, json=OCCURRENCE, headers=await callers.headers(Role.PUBLISHER, workspace="a" * 32)
    )

    assert [each.status_code for each in (first, refused, single, other)] == [202, 429, 202, 202]
    assert [told(each)["ratelimit-remaining"] for each in (first, refused, single)] == ["2", "2", "1"]
    assert "ratelimit-remaining" not in other.headers
    assert refused.headers["retry-after"] == told(refused)["ratelimit-reset"] == "45"
    assert told(refused)["x-ratelimit-reset"] == datetime.fromtimestamp(reset, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert refused.json()["errorDetails"] == [{"type": "hpe.greenlake.retry_info", "retryAfterSeconds": 45}]
    async with services.database.raw() as connection:
        assert await connection.fetchval("SELECT count(*) FROM events") == 20


async def test_cloudevents_count_too(api: httpx.AsyncClient, callers: Callers) -> None:
    """A batch of CloudEvents counts each of them."""
    event = {"specversion": "1.0", "source": "//a", "type": "com.hpe.greenlake.subscriptions.v1.expiring-subscriptions"}
    headers = await callers.headers(Role.PUBLISHER) | {"Content-Type": "application/cloudevents-batch+json"}

    answers = [
        await api.post(CLOUDEVENTS, json=[event | {"id": f"{turn}-{n}"} for n in range(11)], headers=headers)
        for turn in range(2)
    ]

    assert [(each.status_code, told(each)["ratelimit-remaining"]) for each in answers] == [(202, "9"), (429, "9")]


@pytest.mark.parametrize("limit", ["-1", "999", "many"])
def test_a_limit_of_nothing(limit: str) -> None:
    """A limit that an array of the largest size could never keep is no setting."""
    with pytest.raises(Misconfigured, match="HOOKLAKE_PUBLISH_PER_MINUTE"):
        read(ServiceSettings, {"HOOKLAKE_PUBLISH_PER_MINUTE": limit})


async def test_nothing_is_read_of_who_has_spent_his_minute(api: httpx.AsyncClient, callers: Callers) -> None:
    """A publication of a workspace whose minute is known to be spent is refused before a byte of its body is read."""
    publisher = await callers.headers(Role.PUBLISHER)
    many = [OCCURRENCE] * 20
    first = [await api.post(OCCURRENCES, json=each, headers=publisher) for each in (many, OCCURRENCE)]

    async def unread() -> AsyncIterator[bytes]:
        pytest.fail("the body was read")
        yield b""

    then = [await api.post(path, content=unread(), headers=publisher) for path in (OCCURRENCES, CLOUDEVENTS)]
    other = await api.post(
        OCCURRENCES, json=OCCURRENCE, headers=await callers.headers(Role.PUBLISHER, workspace=OTHER_WORKSPACE)
    )

    assert [each.status_code for each in (*first, *then, other)] == [202, 429, 429, 429, 202]
    assert then[0].headers["ratelimit-remaining"] == "0"
    assert then[0].headers["retry-after"] == "60"
