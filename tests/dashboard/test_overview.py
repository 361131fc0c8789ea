"""The overview: whether everything is being delivered, in five seconds; and what it says when that cannot be known."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from delivery.ledger.counts import rollups
from delivery.tickets import BrokerReport
from service.dashboard.attention import overview
from service.health import carriers
from service.health.carriers import Carriers
from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Unavailable
from subscriptions.webhooks.webhook import Webhook
from tests.builders import Builder
from tests.clock import Clock
from tests.dashboard import browser
from tests.dashboard.browser import Chrome
from tests.dashboard.conftest import Visit, signed_in
from tests.dashboard.test_webhook_pages import hook
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE

PATH = "/dashboard"
REDIS = BrokerReport(product="redis", version="7.0", waiting={"tickets": 1200, "drains": 0, "clock": 1})


async def counted(database: Database, webhook: Webhook, at: datetime, statuses: list[int]) -> None:
    """As if attempts had been recorded at that time."""
    came_to = [3 if 200 <= status < 300 else 0 for status in statuses]
    took = [40 + 7 * place for place in range(len(statuses))]
    async with database.raw() as connection, connection.transaction():
        await connection.execute(
            "INSERT INTO outcome_counts VALUES ($1, $2, $3, $4, $5, $6)",
            *(at, [webhook.id] * len(statuses), statuses, came_to, took),
            [each + 300 if bits else -1 for each, bits in zip(took, came_to, strict=True)],
        )
        await rollups.fold(connection, at_most=1000)


@pytest.fixture
async def at_work(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[], Awaitable[Any]]], None]:
    """Workers, beat and API have just spoken; the broker says what it is given."""
    upkeep = services.assembly.upkeep
    await upkeep.report("w1", slots=500, free=0, in_use=380)
    await upkeep.present("b", "beat")
    await upkeep.present("a", "api")
    async with services.database.raw() as connection:
        await connection.execute("UPDATE workers SET swept_at = seen_at WHERE kind = 'worker'")

    def broker(asked: Callable[[], Awaitable[Any]]) -> None:
        object.__setattr__(services, "carriers", Carriers(upkeep, asked))

    async def answers() -> BrokerReport:
        return REDIS

    broker(answers)
    return broker


@pytest.mark.usefixtures("at_work")
async def test_nothing_here_yet_says_what_to_do_first(visit: Visit) -> None:
    """Whoever may register is led there; who may look only is told so."""
    subscriber = (await (await visit(Role.SUBSCRIBER)).get(PATH)).text
    viewer = (await (await visit(Role.VIEWER)).get(PATH)).text

    assert "Nothing here yet" in subscriber
    assert 'href="/dashboard/webhooks/new"' in subscriber
    assert "your role may look only" in viewer
    assert f"in your workspace, {WORKSPACE}" in viewer
    assert "All quiet" not in subscriber + viewer


@pytest.mark.usefixtures("at_work")
async def test_all_quiet(visit: Visit, services: Services, clock: Clock) -> None:
    """Every webhook well, nothing waiting, everybody at work: one sentence, with the figures of an hour, a day, a week."""
    webhook = await hook(services)
    await counted(services.database, webhook, clock(), [200] * 1500)
    await counted(services.database, webhook, clock() - timedelta(hours=5), [200] * 8)
    operator = await visit(Role.OPERATOR)

    hour, day = (await operator.get(PATH)).text, (await operator.get(PATH, params={"span": "day"})).text

    assert ("All quiet" in hour, "counted <time" in hour) == (True, False)
    assert "1.5k" in hour
    assert "1.51k" in day
    assert "100 %" in hour
    assert "380 of 500 slots in use" in hour
    assert "redis 7.0; waiting in it: 1,200 deliveries, 1 signal of beat" in hour
    assert "Nothing was published in this time" not in hour
    assert (await operator.get(PATH, params={"span": "year"})).status_code == 400
    again = re.search(r'<div id="overview"[^>]*hx-get="([^"]+)"', day)
    assert again is not None
    block = (await operator.get(again[1], headers={"HX-Request": "true", "HX-Target": "div#overview"})).text
    assert "1.51k" in block
    assert "<main" not in block


@pytest.mark.usefixtures("at_work")
async def test_what_needs_somebody_stands_first_the_worst_on_top(
    visit: Visit, services: Services, clock: Clock
) -> None:
    """A halted webhook before one that warns, with why, what waits, and what to do; of one's own workspace alone."""
    halted, warned, late = [await hook(services, name) for name in ("halted", "warned", "late")]
    async with services.database.raw() as connection:
        move = "UPDATE webhooks SET status = $2, state_reason = $3, halted_since = $4 WHERE id = $1"
        await connection.execute(move, warned.id, "WARNING", "503 Service Unavailable", None)
        await connection.execute(move, halted.id, "ERROR", "21 attempts failed", clock() - timedelta(hours=2))
        await connection.execute("UPDATE webhooks SET failures = 21 WHERE id = $1", halted.id)
        sampled = "INSERT INTO backlogs VALUES ($1, $2, $3, $4, $5, $6)"
        await connection.execute(sampled, halted.id, WORKSPACE, 1000, True, clock() - timedelta(hours=2), clock())
        await connection.execute(sampled, late.id, WORKSPACE, 3, False, clock() - timedelta(minutes=20), clock())

    page = (await (await visit(Role.SUBSCRIBER)).get(PATH)).text
    other = (await (await visit(Role.SUBSCRIBER, workspace=OTHER_WORKSPACE)).get(PATH)).text

    assert page.index("halted") < page.index("warned") < page.index("does not keep up")
    assert (
        "21 attempts failed. More than 1,000 deliveries wait, the oldest for 2 h. Mend the receiver, then verify it."
        in page
    )
    assert f'href="/dashboard/webhooks/{halted.id}"' in page
    assert "All quiet" not in page
    assert "halted" not in other


async def test_carriers_that_are_away_are_said_with_the_remedy(visit: Visit, services: Services, at_work: Any) -> None:
    """To operators each by name with what to do; to others that deliveries are late. The page waits no longer than it says."""
    await hook(services)

    async def silent() -> BrokerReport:
        raise Unavailable("The broker", "connection refused")

    at_work(silent)
    async with services.database.raw() as connection:
        await connection.execute("DELETE FROM workers WHERE kind = 'beat'")

    operator = (await (await visit(Role.OPERATOR)).get(PATH)).text
    subscriber = (await (await visit(Role.SUBSCRIBER)).get(PATH)).text

    assert "The broker does not answer" in operator
    assert "HOOKLAKE_BROKER_URL" in operator
    assert "No beat runs" in operator
    assert "Start it with <code>hooklake beat</code>" in operator
    assert "What carries deliveries" in operator
    # Whoever counts what waits is away: it is not "nothing".
    assert ["counted <time" in page for page in (operator, subscriber)] == [True, True]
    assert "Deliveries are late" in subscriber
    assert "HOOKLAKE_BROKER_URL" not in subscriber
    assert "What carries deliveries" not in subscriber


async def test_how_long_somebody_is_silent_is_the_true_time(
    visit: Visit, services: Services, at_work: Any, clock: Clock
) -> None:
    """Workers that stopped are told by how long ago they spoke, and what waits by when it was counted last; a sweep that is late
    is no part that is well."""
    await hook(services)
    async with services.database.raw() as connection:
        await connection.execute("UPDATE workers SET seen_at = seen_at - interval '47 s' WHERE kind = 'worker'")
        await connection.execute("UPDATE workers SET swept_at = swept_at - interval '47 s'")

    page = (await (await visit(Role.OPERATOR)).get(PATH)).text

    assert re.search(r"No worker has said anything for 4[78] s<", page)
    assert re.search(r"silent for 4[78] s", page)
    assert re.search(r'counted <time datetime="[^"]+"[^>]*>4[678] s ago</time>', page)
    assert re.search(r"<td>Beat</td>.*?Late.*?last look for what is due 4[78] s ago", page, re.DOTALL)


async def test_what_nobody_has_counted_is_a_gap(
    visit: Visit, services: Services, at_work: Any, clock: Clock, builder: Builder
) -> None:
    """While nobody counts, the line of what waits ends where it was counted last; when the outage is over it stays a gap, and so
    do the attempts until they are counted: what was not counted is not nothing, in the plot, its table, and the list."""
    webhook = await hook(services)
    await builder.owe(builder.event(), webhook.id)
    viewer, counting = await visit(Role.OPERATOR), services.assembly.counting

    async def drawn() -> list[str]:
        page = (await viewer.get(PATH)).text
        said = re.findall(r"UTC: waiting ([^<]+)<", page)[-4:]
        # The table behind the plot says the same.
        assert [f'<td class="num">{each}</td>' in page for each in said] == [True] * 4
        return said

    clock.advance(60)
    await counting.count()
    clock.advance(180)
    async with services.database.raw() as connection:
        await connection.execute("UPDATE workers SET seen_at = seen_at - interval '180 s'")
    services.carriers._look = None
    during, attempts = await drawn(), re.findall(r"UTC: delivered ([^,]+),", (await viewer.get(PATH)).text)[-4:]
    listed = (await viewer.get("/dashboard/webhooks")).text
    await counting.count()
    after = await drawn()

    assert during == ["1", "not counted", "not counted", "not counted"]
    assert attempts == ["0", "not counted", "not counted", "not counted"]
    assert re.search(r"was counted [23] min ago", listed)
    assert after == ["1", "not counted", "not counted", "1"]


async def test_a_broker_that_hangs_is_told_before_the_page_gives_up(
    visit: Visit, services: Services, at_work: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look at the broker ends before the page's wait for all of them: what lives is shown, and what hangs is named; whoever
    publishes is told that deliveries are late."""
    assert carriers.WAIT < overview.WAIT
    monkeypatch.setattr(carriers, "WAIT", 0.5)
    await hook(services)

    async def hanging() -> BrokerReport:
        await asyncio.Event().wait()
        raise AssertionError

    at_work(hanging)
    operator = (await (await visit(Role.OPERATOR)).get(PATH)).text
    subscriber = (await (await visit(Role.SUBSCRIBER)).get(PATH)).text

    assert "The broker does not answer" in operator
    assert "380 of 500 slots in use" in operator
    assert "not told within" not in operator
    assert "Deliveries are late" in subscriber


async def test_parts_that_do_not_answer_are_said(
    visit: Visit, services: Services, at_work: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that hangs behind the sign-in, a broker that hangs: the page comes all the same, and says what is missing."""
    monkeypatch.setattr(overview, "WAIT", 0.05)
    asked = []

    async def hanging(*_: object) -> Any:
        asked.append(1)
        await asyncio.Event().wait()

    at_work(hanging)
    monkeypatch.setattr(services.assembly.figures, "over", hanging)
    monkeypatch.setattr(services.assembly.standing, "of", hanging)

    response = await (await visit(Role.OPERATOR)).get(PATH)

    assert response.status_code == 200
    assert len(asked) == 3
    assert "The database does not answer" in response.text
    assert "All quiet" not in response.text
    assert response.text.count("not told within") == 3


@browser.needed
@pytest.mark.usefixtures("at_work")
async def test_in_a_browser(url: str, chrome: Chrome, services: Services, clock: Clock) -> None:
    """On a desktop, a phone, in the dark: no complaint of the browser, no barrier, nothing wider than the screen."""
    session = await signed_in(services, "Ada", WORKSPACE, [Role.OPERATOR])
    async with chrome.tab(url, session=session) as tab:
        await tab.page.goto(PATH)
        await tab.picture("overview-nothing")
    webhook, halted = await hook(services), await hook(services, "billing")
    for minute in range(58):
        statuses = [200] * (400 + minute * 13 % 90) + [503] * (minute % 7) + [0] * (minute % 3)
        await counted(services.database, webhook, clock() - timedelta(minutes=minute), statuses)
    for size, scheme in (("desktop", "light"), ("phone", "light"), ("desktop", "dark")):
        async with chrome.tab(url, size=size, scheme=scheme, session=session) as tab:  # type: ignore[arg-type]
            await tab.page.goto(PATH)
            await tab.picture("overview-quiet")
            assert await tab.barriers() == []
            assert await tab.sideways() == 0
    async with services.database.raw() as connection:
        await connection.execute(
            "UPDATE webhooks SET status = 'ERROR', state_reason = '21 attempts failed: 503', halted_since = $2 WHERE id = $1",
            *(halted.id, clock() - timedelta(hours=2)),
        )
        await connection.execute(
            "INSERT INTO backlogs VALUES ($1, $2, 1000, true, $3, $4)",
            *(halted.id, WORKSPACE, clock() - timedelta(hours=2), clock()),
        )
    async with chrome.tab(url, session=session) as tab:
        await tab.page.goto(PATH)
        await tab.picture("overview-failing")
        assert await tab.barriers() == []
