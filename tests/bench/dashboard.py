"""Do the dashboard's pages answer beside five million deliveries, and does delivery go on while twenty people click?

`PART=dashboard make bench`; GROWN=1000000 for fewer, CLICKING=30 for fewer seconds of clicking; KEEP=folder keeps the grown
database there for the next run with the same KEEP. Every page that the navigation leads to is visited, every choice of every
filter, and what they link to; how the database grows is left to `seeding.py`.
"""

import asyncio
import itertools
import os
import random
import re
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from urllib.parse import urlencode, urlsplit
from uuid import UUID

import asyncpg
import httpx

from delivery import assembly
from delivery.ledger.owing import deliveries
from service.dashboard.frame import cookies
from service.dashboard.routes import PAGES
from subscriptions.access.clients import Role
from subscriptions.access.people import PersonDraft
from subscriptions.access.sessions import Browser
from subscriptions.ground import partitions
from subscriptions.ground.settings import GroundSettings
from tests.bench import crowd, facts, rig, seeding
from tests.bench.rig import Rig

GROWN = int(os.environ.get("GROWN", "5000000"))
CLICKING = float(os.environ.get("CLICKING", "150"))
#: A directory in which the grown database stays, for the next run; empty: it is made anew, and removed.
KEEP = os.environ.get("KEEP", "")
WEBHOOKS, PEOPLE = 1000, 20
#: Seconds of the same traffic while nobody clicks.
QUIET = 20.0
#: Events per second, each to so many webhooks.
RATE, EACH = 100, 5
#: Seconds between two pages of one person.
THINKING = (0.5, 2.5)
#: Milliseconds that 95 of a hundred visits to a page may take, and by how much delivery may be slower.
WITHIN, SLOWER = 300.0, 1.05
#: Paths that are no pages to look at.
LEFT_OUT = ("/dashboard/live", "/dashboard/static", "/dashboard/sign-in", "/dashboard/webhooks/check")
#: Pages of one shape that are visited, and how often each while nobody else does anything.
OF_A_SHAPE, ALONE = 2, 3
#: Of a kept database: which port its webhooks deliver to; there once it is grown.
GROWN_AT = "sink-port"
GREW = "com.hpe.greenlake.bench.v1.grown.measured"

FORM = re.compile(r'<form class="filters" action="([^"]*)".*?</form>', re.DOTALL)
SELECT = re.compile(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', re.DOTALL)
OPTION = re.compile(r'<option value="([^"]+)"')
INPUT = re.compile(r'<input type="([^"]+)"[^>]*name="([^"]+)"')
LINK = re.compile(r'href="(/dashboard/?[^"#]*)"')
IDENTITY = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

# A week of hours, six hours of minutes and a month of days, of each webhook and of all.
ROLLUPS = """
INSERT INTO rollups (webhook, workspace_id, grain, start, accepted, attempts, succeeded, delivered, given_up, status_2xx,
    status_5xx, took, arrived)
SELECT w, '', g.grain, date_trunc(g.unit, now()) - n * g.step, 0, 300, 296, 295, 1, 296, 4, h.h, h.h
FROM unnest($1::uuid[]) AS w
CROSS JOIN (VALUES (1, 'minute', interval '1 minute', 360), (60, 'hour', interval '1 hour', 168),
    (1440, 'day', interval '1 day', 30)) AS g (grain, unit, step, most)
CROSS JOIN LATERAL generate_series(1, g.most) AS n
CROSS JOIN (SELECT array_agg((b::bigint << 40) + 20 ORDER BY b) AS h FROM generate_series(10, 24) AS b) AS h
ON CONFLICT DO NOTHING
"""


@dataclass(kw_only=True)
class Visits:
    """Milliseconds of each page, by its name."""

    client: httpx.AsyncClient
    took: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    #: What did not answer 200.
    failed: list[str] = field(default_factory=list)

    async def visit(self, url: str, session: Mapping[str, str]) -> str:
        """The page, for whoever's headers those are; how long it took is kept."""
        began = time.perf_counter()
        answer = await self.client.get(url, headers=session)
        self.took[name_of(url)].append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200:
            self.failed.append(f"{answer.status_code} {url}")
        return answer.text


def name_of(url: str) -> str:
    """A page without what tells one thing from another."""
    return IDENTITY.sub("{id}", url)


async def main() -> int:
    """Grows, looks around, clicks under load; answers how many pages are slow, and 1 more where delivery is."""
    kept = Path(KEEP) if KEEP else None
    async with rig.sinking(_sink_before(kept)) as sink, rig.standing(sink, {}, kept=kept) as bench:
        if kept is None or not (kept / GROWN_AT).exists():
            await bench.fan_out("fans", EACH)
            await _grow(bench)
            if kept is not None:
                (kept / GROWN_AT).write_text(str(sink.port))
        await _traffic(bench, 5.0)
        sessions = [{"Cookie": f"{cookies.PLAIN}={token}"} for token in await _signed_in(bench)]
        async with httpx.AsyncClient(base_url=bench.stack.base_url, timeout=60) as client:
            looked = Visits(client=client)
            urls = await _all(looked, sessions[0])
            print(f"{len(urls)} pages and filters\n", flush=True)
            alone = await _traffic(bench, QUIET)
            visits = Visits(client=client)
            others, spent = facts.Others(), await _spent(bench)
            beside, _ = await asyncio.gather(_traffic(bench, CLICKING), _click(visits, urls, sessions))
            share = others.share(await _spent(bench) - spent)
    slow = _tell(looked, visits) + _compare(alone, beside)
    print(f"{share:.0%} of the cores were taken by what is not the bench while people clicked.", flush=True)
    return slow


def _sink_before(kept: Path | None) -> int:
    """The port of the sink that a kept database delivers to; 0: any."""
    return int((kept / GROWN_AT).read_text()) if kept is not None and (kept / GROWN_AT).exists() else 0


async def _grow(bench: Rig) -> None:
    began, url = time.perf_counter(), bench.stack.environ["HOOKLAKE_DATABASE_URL"]
    await bench.fan_out("others", 1)
    await crowd.gather(url, "com.hpe.greenlake.bench.v1.others.measured", WEBHOOKS - 1)
    connection = await asyncpg.connect(url)
    hooks: list[UUID] = [row["id"] for row in await connection.fetch("SELECT id FROM webhooks")]
    now = datetime.now(UTC)
    await partitions.make(connection, deliveries.PARTITIONED, seeding.days(now))
    await seeding.grow(connection, GROWN, hooks, workspace=bench.credentials["workspaceId"], now=now)
    await connection.execute(ROLLUPS, [*hooks, UUID(int=0)], timeout=seeding.PATIENCE)
    await connection.execute("VACUUM (ANALYZE) rollups", timeout=seeding.PATIENCE)
    size = await connection.fetchval("SELECT pg_size_pretty(pg_database_size(current_database()))")
    await connection.close()
    print(
        f"{GROWN:,} deliveries of {len(hooks):,} webhooks: {size}, in {time.perf_counter() - began:.0f} s", flush=True
    )


async def _signed_in(bench: Rig) -> list[str]:
    """The tokens of as many operators' sessions as people click."""
    ground = GroundSettings(
        database_url=bench.stack.environ["HOOKLAKE_DATABASE_URL"],
        vault_keys=bench.stack.environ["HOOKLAKE_VAULT_KEYS"],
    )
    stores = assembly.stores(ground)
    now = datetime.now(UTC)
    tokens = []
    for number in range(PEOPLE):
        # Of a kept database those of the run before are there still.
        name, workspace = f"bench {now:%Y-%m-%d %H:%M:%S} {number}", bench.credentials["workspaceId"]
        draft = PersonDraft(name=name, workspace_id=workspace, roles=frozenset({Role.OPERATOR}))
        person = await stores.people.create(draft, None, now=now)
        link = await stores.people.link(person.id, now=now)
        browser = Browser(address="127.0.0.1", agent="bench")
        tokens.append(await stores.people.sign_in_by_link(link, browser, now=now))
    await stores.close()
    return tokens


async def _all(looked: Visits, session: Mapping[str, str]) -> list[str]:
    """Every page, every choice of its filters, and a few of what each links to; each is looked at `ALONE` times."""
    waiting = [page.path for page in PAGES if page.method == "GET" and "{" not in page.path]
    found: dict[str, None] = {}
    shapes: dict[str, int] = defaultdict(int)
    while waiting:
        url = waiting.pop(0)
        if url in found or url.startswith(LEFT_OUT):
            continue
        found[url] = None
        for _ in range(ALONE):
            text = await looked.visit(url, session)
        waiting += filtered(text)
        for link in dict.fromkeys(unescape(each) for each in LINK.findall(text)):
            shape = urlsplit(name_of(link)).path
            if shapes[shape] < OF_A_SHAPE and "format=csv" not in link:
                shapes[shape] += 1
                waiting.append(link)
    return list(found)


def filtered(text: str) -> Iterator[str]:
    """The list with each choice of each of its filters, and something in each field."""
    samples = {"type": GREW, "eventType": GREW, "webhookId": str(UUID(int=7)), "status": "503", "tag": "customer:7"}
    today = datetime.now(UTC)
    for form in FORM.finditer(text):
        pairs = [(name, value) for name, options in SELECT.findall(form[0]) for value in OPTION.findall(options)]
        for kind, name in INPUT.findall(form[0]):
            if kind != "hidden":
                moment = f"{today:%Y-%m-%dT%H:%M}" if kind == "datetime-local" else ""
                pairs.append((name, moment or samples.get(name, "a")))
        action = unescape(form[1])
        more = "&" if "?" in action else "?"
        yield from (f"{action}{more}{urlencode({name: unescape(value)})}" for name, value in pairs)


async def _click(visits: Visits, urls: Sequence[str], sessions: Sequence[Mapping[str, str]]) -> None:
    until, draw = time.monotonic() + CLICKING, random.Random(1)
    deck = itertools.cycle(draw.sample(urls, len(urls)))

    async def person(session: Mapping[str, str]) -> None:
        await asyncio.sleep(draw.uniform(0, THINKING[1]))
        while time.monotonic() < until:
            await visits.visit(next(deck), session)
            await asyncio.sleep(draw.uniform(*THINKING))

    await asyncio.gather(*(person(session) for session in sessions))


async def _spent(bench: Rig) -> float:
    """CPU seconds of the stack and of the sink."""
    return sum(bench.counters.spent().values()) + float((await bench.sink.tell())["cpu"])


async def _traffic(bench: Rig, seconds: float) -> Mapping[str, float]:
    """What came of publications at the rate."""
    await bench.sink.tell("/reset")
    events = int(RATE * seconds)
    came = await bench.post(collection="fans", events=events, connections=16, rate=float(RATE), first=bench.first())
    told = await bench.sink.arrived(came["accepted"] * EACH)
    span = told["last"] - told["first"]
    return {"delivered": told["arrived"] / span, "p50": told["p50"], "p95": told["p95"], "p99": told["p99"]}


def _tell(looked: Visits, visits: Visits) -> int:
    """Of each page what it takes by itself, at its best, and while people click."""
    print(f"{'milliseconds':72}{'alone':>8}{'visits':>8}{'p50':>8}{'p95':>8}")
    slow, everything = 0, [each for took in visits.took.values() for each in took]
    for name, took in sorted(visits.took.items()):
        late = _p95(took) > WITHIN
        slow += late
        told = f"{name:72}{min(looked.took[name]):8.0f}{len(took):8}{statistics.median(took):8.0f}{_p95(took):8.0f}"
        print(told + ("  SLOW" if late else ""))
    print(f"{'all':80}{len(everything):8}{statistics.median(everything):8.0f}{_p95(everything):8.0f}")
    print("\n".join(f"NOT 200: {each}" for each in sorted({*visits.failed})))
    return slow + len(visits.failed)


def _compare(alone: Mapping[str, float], beside: Mapping[str, float]) -> int:
    slower = alone["delivered"] / beside["delivered"] > SLOWER
    for key, unit in (("delivered", "deliveries/s"), ("p50", "ms"), ("p95", "ms"), ("p99", "ms")):
        print(f"{key:12}{alone[key]:10.1f} {unit} alone, {beside[key]:10.1f} while {PEOPLE} people click")
    print("DELIVERY IS SLOWER" if slower else "Delivery goes on as before.", flush=True)
    return int(slower)


def _p95(took: Sequence[float]) -> float:
    return sorted(took)[max(0, round(0.95 * len(took)) - 1)]
