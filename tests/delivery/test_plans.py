"""How the server runs the hot statements beside a hundred thousand finished deliveries: by index, and in one day only."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import pytest
from msgspec import Struct, structs

from delivery.ledger.claims import claiming, drains, paces
from delivery.ledger.days import on_day
from delivery.ledger.jobs import erasures, job_rows
from delivery.ledger.owing import batches, ripe_batches
from delivery.ledger.records import batch_members, health_counts, outcomes
from delivery.ledger.upkeep import retention, sweeps
from delivery.ledger.webhooks import rate_limits
from delivery.reports import delivery_search, event_search
from delivery.reports.delivery_search import DeliveryStep
from delivery.reports.event_search import EventStep
from subscriptions.ground import event_keys, partitions, tables
from subscriptions.ground.database import Database, Raw
from subscriptions.ground.settings import GroundSettings
from subscriptions.ground.statements import Statement
from tests.clock import Clock
from tests.conftest import VAULT_KEYS
from tests.delivery.craft import Craft

NAME = "hooklake_plans"
TABLES = ("events", "deliveries", "attempts", "parcels")
NOW = datetime.now(UTC).replace(hour=12)
DAYS = [(NOW - timedelta(days=n)).date() for n in range(5)]
TODAY = DAYS[0]
#: Webhooks, each of which every event was delivered to, and events a day: 100,000 finished deliveries in all.
HOOKS, EVENTS = 20, 1000

# Keys as uuid7 has them: milliseconds, version, variant, and a number in place of chance.
SEED_EVENTS = """
INSERT INTO events (key, id, source, type, workspace_id, body)
SELECT (lpad(to_hex($1::bigint + n), 12, '0') || '70008' || lpad(to_hex(n), 15, '0'))::uuid, n::text, '//here', 'some.type',
    'w', '{}'
FROM generate_series(1, $2::int) AS n
"""
SEED_DELIVERIES = """
INSERT INTO deliveries (event, webhook, round, state, fence, attempts, lost, status, reason, ended_at)
SELECT e.key, w.id, 0, 'delivered', 1, 1, 0, 200, '200 OK', $3 FROM events e, webhooks w WHERE e.key >= $1 AND e.key < $2
"""
SEED_ATTEMPTS = """
INSERT INTO attempts (webhook, event, round, fence, started_at, milliseconds, success, status, reason, request_headers)
SELECT webhook, event, 0, 1, $3, 10, true, 200, '200 OK', '[]' FROM deliveries WHERE event >= $1 AND event < $2
"""


@pytest.fixture(scope="module")
def grown_url(database_url: str) -> Iterator[str]:
    """A database of its own on the same server: five days of finished deliveries, and statistics of them."""
    asyncio.run(_statement(database_url, f"CREATE DATABASE {NAME}"))
    url = urlsplit(database_url)._replace(path=f"/{NAME}").geturl()
    asyncio.run(_grow(url))
    yield url
    asyncio.run(_statement(database_url, f"DROP DATABASE {NAME}"))


@pytest.fixture
async def grown(grown_url: str) -> AsyncIterator[Raw]:
    """A connection to it, as the processes open theirs."""
    door = Database(GroundSettings(database_url=grown_url, vault_keys=VAULT_KEYS))
    async with door.raw() as connection:
        yield connection
    await door.close()


async def _statement(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()


async def _grow(url: str) -> None:
    door = Database(GroundSettings(database_url=url, vault_keys=VAULT_KEYS, database_wait=30))
    async with door.transaction() as connection:
        await connection.run_sync(tables.metadata.create_all)
    craft = Craft(door, Clock())
    hooks = await craft.hooks(HOOKS, subscribed="some.type")
    async with door.raw() as connection:
        await partitions.make(connection, TABLES, [*DAYS, *(TODAY + timedelta(days=n) for n in range(1, 8))])
        for day in DAYS:
            first, past = partitions.bounds(day)
            await connection.execute(SEED_EVENTS, (first.int >> 80) + 3_600_000, EVENTS)
            await connection.execute(SEED_DELIVERIES, first, past, NOW)
            await connection.execute(SEED_ATTEMPTS, first, past, NOW)
        # What a busy moment owes: a few hundred rows of today, and retries of yesterday.
        await connection.execute(
            "UPDATE deliveries SET state = 'owed', due_at = $1, ended_at = NULL WHERE event IN "
            "(SELECT key FROM events WHERE id::int % 40 = 0 AND key >= $2)",
            NOW,
            partitions.bounds(DAYS[1])[0],
        )
        await connection.execute(
            "UPDATE deliveries SET state = 'parked' WHERE webhook = $1 AND state = 'owed'", hooks[0]
        )
        for table in (*TABLES, "webhooks", "subscriptions", "spreads", "jobs", "challenges", "receipts"):
            await connection.execute(f"ANALYZE {table}")
    await door.close()


async def custom(connection: Raw, statement: str, arguments: Sequence[Any]) -> str:
    """The plan for these arguments."""
    return "\n".join(row["QUERY PLAN"] for row in await connection.fetch(f"EXPLAIN {statement}", *arguments))


async def generic(connection: Raw, statement: str, arguments: Sequence[Any]) -> str:
    """The plan for any arguments, which the server keeps once a connection has sent the statement a few times."""
    nothing = f"({', '.join(['NULL'] * len(arguments))})" if arguments else ""
    async with connection.transaction():
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await connection.execute(f"PREPARE planned AS {statement}")
        rows = await connection.fetch(f"EXPLAIN EXECUTE planned{nothing}")
        await connection.execute("DEALLOCATE planned")
    return "\n".join(row["QUERY PLAN"] for row in rows)


Planner = Callable[[Raw, str, Sequence[Any]], Awaitable[str]]
HOOK, KEYS = uuid4(), [uuid4() for _ in range(200)]
UNTIL = NOW + timedelta(seconds=20)
OF_KEYS: tuple[Any, ...] = ([HOOK] * 200, [0] * 200, [1] * 200)
OUTCOMES: tuple[Any, ...] = (
    *(KEYS, *OF_KEYS, ["owed"] * 200, [NOW] * 200, [1] * 200, [False] * 200, [NOW] * 200, [5] * 200, [503] * 200),
    *(["503"] * 200, [b"[]"] * 200, [None] * 200, [None] * 200, [None] * 200, [-1] * 200, NOW),
)
ROOM: tuple[Any, ...] = (NOW, UNTIL, HOOK, drains.QUEUES, 200, 64, f'{{"{HOOK}": [3, 1]}}', 40, 0.5)

#: Statements that name today's partitions: a batch is of one day.
OF_A_DAY = {
    "claim by ticket": (claiming.BY_TICKET.text, (NOW, UNTIL, KEYS, *OF_KEYS)),
    "drain": (drains.TAKE_DUE.text, ROOM),
    "pace": (paces.PACE.text, (NOW, UNTIL, paces.AHEAD, 200, 64, [HOOK], [3], [1])),
    "record": (outcomes.WRITE.text, OUTCOMES),
    "give back": (outcomes.GIVE_BACK.text, (KEYS, *OF_KEYS, NOW)),
    "ripe batches": (ripe_batches.RIPE.text, (NOW, 200)),
    "left collecting": (ripe_batches.LEFT.text, ()),
    "expire collecting": (ripe_batches.EXPIRE.text, (NOW, NOW, 1000)),
    "end members": (
        batch_members.FOLLOW.text,
        (KEYS, *OF_KEYS[:2], ["failed"] * 200, [503] * 200, ["503"] * 200, [NOW] * 200, [1] * 200),
    ),
}
#: Statements over all days, which look into one index of each.
OF_ALL_DAYS = {
    "probe": (claiming.BY_PROBE.text, (NOW, UNTIL, HOOK, claiming.PROBED)),
    "wake": (job_rows.WAKE.text, (HOOK, NOW, 1000)),
    "cancel owed": (job_rows.CANCEL[0].text, (HOOK, NOW, 1000)),
    "cancel parked": (job_rows.CANCEL[1].text, (HOOK, NOW, 1000)),
    "cancel collecting": (job_rows.CANCEL[2].text, (HOOK, NOW, 1000)),
    "look for a batch": (batches.LOOK, (HOOK,)),
    "collected": (batches.COLLECTED, (HOOK,)),
    "close a batch": (batches.CLOSE.text, (KEYS[0], HOOK, "w", b"[]", KEYS[:10], "owed", NOW)),
    "unsettled batches": (batch_members.UNSETTLED, (1000,)),
    "replay of a batch": (batch_members.REPLAY.text, (KEYS[0], 1)),
    "hasten": (rate_limits.HASTEN, (HOOK, NOW, None, 1000)),
    "count due": (sweeps.DUE.text, (NOW, 2000)),
    "left parked": (sweeps.LEFT_PARKED.text, ()),
    "expire": (sweeps.EXPIRE.text, (event_keys.floor(NOW), NOW, 1000)),
    "erase": (on_day(erasures.STOP, TODAY), (KEYS, NOW)),
    "forget": (on_day(erasures.FORGET, TODAY), (KEYS,)),
    "next to erase": (on_day(erasures.NEXT, TODAY), ("w", KEYS[0], event_keys.floor(NOW), 500)),
    "batches of events": (erasures.PARCELS, ([HOOK], KEYS[0], KEYS)),
    "unfinished day": (on_day(retention.UNFINISHED, TODAY), partitions.bounds(TODAY)),
    "halt": (health_counts.SUCCEEDED, (HOOK, NOW, event_keys.floor(NOW - timedelta(hours=12)))),
}


def unbounded(plan: str) -> list[str]:
    """Scans of a day that holds rows which read a whole table, or a whole index other than one of unfinished rows."""
    lines = plan.splitlines()
    found = []
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        scanned = re.search(r"(Seq |Index |Index Only |Bitmap Index )Scan (?:using (\S+) )?on (\S+)", line)
        if scanned is None or not re.search("events|deliveries|attempts", f"{scanned[2]} {scanned[3]}"):
            continue
        if scanned[3][-8:] > f"{TODAY:%Y%m%d}":  # days to come are empty
            continue
        of_all_rows = scanned[2] is None or scanned[2].endswith("_pkey")
        if "Seq" in scanned[1] or (of_all_rows and "Index Cond" not in after):
            found.append(line.strip())
    return found


@pytest.mark.parametrize("planner", [custom, generic])
@pytest.mark.parametrize("name", OF_A_DAY)
async def test_statement_of_a_day(grown: Raw, name: str, planner: Planner) -> None:
    """It touches the partitions of its day alone, and finds each delivery by its whole key or by an index of what is owed."""
    statement, arguments = OF_A_DAY[name]

    plan = await planner(grown, on_day(statement, TODAY), arguments)

    assert set(re.findall(r"(?:events|deliveries|attempts)_(\d{8})", plan)) == {f"{TODAY:%Y%m%d}"}
    assert unbounded(plan) == []
    by_key = re.findall(r"_pkey on deliveries_.*\n\s+Index Cond: (.*)", plan)
    assert all("event = " in cond and "webhook = " in cond and "round = " in cond for cond in by_key), plan


@pytest.mark.parametrize("planner", [custom, generic])
@pytest.mark.parametrize("name", OF_ALL_DAYS)
async def test_statement_of_all_days(grown: Raw, name: str, planner: Planner) -> None:
    """It reads no day's table as a whole."""
    statement, arguments = OF_ALL_DAYS[name]

    plan = await planner(grown, statement, arguments)

    assert unbounded(plan) == [], plan


@pytest.mark.parametrize("planner", [custom, generic])
@pytest.mark.parametrize("statement", [batch_members.ENDED, batch_members.SETTLED])
async def test_rounds_of_batches(grown: Raw, statement: str, planner: Planner) -> None:
    """Whether batches have ended is asked of all rounds of each, by event and webhook, in the day they closed on."""
    plan = await planner(grown, on_day(statement, TODAY), (KEYS,))

    [by_key] = re.findall(r"_pkey on deliveries_.*\n\s+Index Cond: (.*)", plan)
    assert set(re.findall(r"(?:parcels|deliveries)_(\d{8})", plan)) == {f"{TODAY:%Y%m%d}"}
    assert ("event = " in by_key, "webhook = " in by_key) == (True, True)


async def test_probe_and_parked_by_their_index(grown: Raw) -> None:
    """Parked rows are found by the index made for them, per webhook, in order of arrival, however many finished there are."""
    plans = [await custom(grown, *OF_ALL_DAYS[name]) for name in ("probe", "wake", "cancel parked", "left parked")]

    assert all("webhook_event_idx" in plan for plan in plans)
    # An index condition that skips from event to event is a walk over all of them.
    assert [
        plan for plan in plans if re.search(r"_pkey on deliveries_.*\n\s+Index Cond: \(webhook = [^)]*\)$", plan)
    ] == []


async def test_paced_webhooks_by_their_index(grown: Raw) -> None:
    """Webhooks that grant a rate are found among all others by the index made for them, and their rows queue by queue."""
    statement, arguments = OF_A_DAY["pace"]
    async with grown.transaction():
        # A table of twenty webhooks is read as a whole otherwise.
        await grown.execute("SET LOCAL enable_seqscan = off")
        plan = await custom(grown, on_day(statement, TODAY), arguments)

    assert "webhooks_paced on webhooks" in plan
    assert re.search(r"webhook_least_due_at_idx on deliveries_\d{8}", plan)


@pytest.mark.parametrize("planner", [custom, generic])
async def test_drains_go_queue_by_queue(grown: Raw, planner: Planner) -> None:
    """A drain looks at a few hundred of all that is due, to count and to take them, and else asks queue by queue:
    thousands of rows of others may lie between."""
    statement, arguments = OF_A_DAY["drain"]

    plan = await planner(grown, on_day(statement, TODAY), arguments)

    used = Counter(re.findall(r"using deliveries_\d{8}_(\w+) on", plan))
    assert set(used) == {"due_at_idx", "webhook_least_due_at_idx", "pkey"}
    assert used["due_at_idx"] == 2


async def test_halt_looks_at_its_window(grown: Raw) -> None:
    """Whether a webhook answered well within the failure window is asked of the days of that window."""
    statement, arguments = OF_ALL_DAYS["halt"]

    plan = await custom(grown, statement, arguments)

    assert min(re.findall(r"attempts_(\d{8})", plan)) >= f"{TODAY - timedelta(days=1):%Y%m%d}"


#: Of a step of a search: rows of which 200 are read, and nothing is found.
SEARCHED = DeliveryStep(
    event=partitions.bounds(TODAY)[1],
    webhook=HOOK,
    round=0,
    floor=partitions.bounds(DAYS[-1])[0],
    chunk=200,
    wanted=50,
    workspace=None,
    webhooks=[],
    events=[],
    ids=[],
    states=[],
    classes=[],
    statuses=[418],
    reason="",
    ended_since=None,
    tried=True,
    members=True,
    opens=False,
    types=[],
    id="",
    origin="",
    texts=[],
    tag_texts=[],
    tag_values=[],
)
OF_EVENTS = EventStep(
    after=SEARCHED.event,
    floor=SEARCHED.floor,
    chunk=200,
    wanted=50,
    workspace="nobody's",
    types=[],
    id="",
    origin="",
    opens=False,
    texts=[],
    tag_texts=[],
    tag_values=[],
)


def touched(plan: str) -> int:
    """Rows of days that scans came across, those that a filter took away too."""
    rows, loops = 0, 0
    for line in plan.splitlines():
        if met := re.search(r"Scan .*(?:deliveries|events|attempts)_\d{8}.*actual rows=([\d.]+) loops=(\d+)", line):
            loops = int(met[2])
            rows += round(float(met[1]) * loops)
        elif met := re.search(r"Rows Removed by Filter: (\d+)", line):
            rows += int(met[1]) * loops
        elif "actual rows" in line or "never executed" in line:
            loops = 0
    return rows


@pytest.mark.parametrize("source", ["by time", "of webhooks", "unmet", "named", "waiting", "events"])
async def test_a_step_of_a_search_reads_what_it_is_told_to(grown: Raw, source: str) -> None:
    """Rows of its source and each one's delivery and event, and not all that stand beside them."""
    [hook] = [row["id"] for row in await grown.fetch("SELECT id FROM webhooks ORDER BY id LIMIT 1")]
    [event] = [row["key"] for row in await grown.fetch("SELECT key FROM events LIMIT 1")]
    waiting = ["owed", "parked"]
    asked: dict[str, tuple[Statement[Any], Struct]] = {
        "by time": (delivery_search.BY_TIME, SEARCHED),
        "of webhooks": (delivery_search.OF_WEBHOOKS, structs.replace(SEARCHED, webhooks=[hook])),
        "unmet": (delivery_search.UNMET, structs.replace(SEARCHED, states=["failed"])),
        "named": (delivery_search.NAMED, structs.replace(SEARCHED, events=[event])),
        "waiting": (delivery_search.OF_WAITING, structs.replace(SEARCHED, states=waiting)),
        "events": (event_search.SEARCH, OF_EVENTS),
    }
    statement, given = asked[source]
    waits = await grown.fetchval("SELECT count(*) FROM deliveries WHERE state = ANY($1::text[])", waiting)

    lines = await grown.fetch(f"EXPLAIN (ANALYZE, TIMING OFF) {statement.text}", *structs.astuple(given))

    # What waits is read at once: by its webhook, or all of it where that is little.
    bound = 200 * 4 + (waits if source in ("waiting", "of webhooks") else 0)
    plan = "\n".join(row["QUERY PLAN"] for row in lines)
    assert touched(plan) <= bound, plan
    assert source == "unmet" or touched(plan) > 0, plan
