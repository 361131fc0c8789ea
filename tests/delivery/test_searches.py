"""The searches for deliveries and events: what each filter finds, in which order, and how far a page reads."""

import functools
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from msgspec import structs

from delivery.delivery_filter import DeliveryFilter, DeliveryId
from delivery.lifecycle import State
from delivery.reports import search_steps
from delivery.reports.delivery_search import DeliverySearch
from delivery.reports.event_search import EventSearch
from delivery.reports.search_steps import Reach, SearchPage, Step
from delivery.tickets import Ticket
from delivery.wire.parcels import Failure, Reply
from subscriptions.ground import event_keys
from tests.clock import Clock
from tests.delivery import batching
from tests.delivery.craft import TYPE, WORKSPACE, Craft
from tests.delivery.destinations import TIMED_OUT, reply

OTHER = "0" * 31 + "1"
EVERY = DeliverySearch(workspace_id=None)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Deliveries of every kind, by what became of them; `all` of them, newest first."""

    craft: Craft
    hook: UUID
    named: dict[str, DeliveryId]
    #: Of another workspace.
    strange: DeliveryId

    async def found(self, asked: DeliverySearch = EVERY, **filters: Any) -> set[str]:
        """The names of what is found."""
        asked = structs.replace(asked, filter=DeliveryFilter(**filters)) if filters else asked
        page = await self.craft.assembly.inspection.deliveries.search(asked)
        names = {id: name for name, id in self.named.items()} | {self.strange: "strange"}
        return {names.get(each.id, str(each.id)) for each in page.items}


@pytest.fixture
async def scene(craft: Craft, clock: Clock) -> Scene:
    hook, halted = await craft.hook(), await craft.hook(status="DISABLED")
    stranger = await craft.hook(workspace=OTHER, subscribed=None)
    named: dict[str, DeliveryId] = {}

    async def one(name: str, *, to: UUID = hook, **row: Any) -> None:
        clock.advance(60)
        [event] = await craft.owe(to, **row)
        named[name] = DeliveryId(event, to, 0)

    answers: dict[str, Reply | Failure]
    answers = {"delivered": reply(200), "refused": reply(503), "late": TIMED_OUT, "failed": reply(410)}
    for name, answer in answers.items():
        await one(name)
        [held] = await craft.claim(Ticket(*named[name], 0))
        await craft.rounds.outcomes.record([await craft.attempt(held, answer)])
    await one("parked", to=halted, state="parked")
    await one("gone", to=halted, state="cancelled", ended_at=clock())
    await one("fresh")
    await one("strange", to=stranger)
    return Scene(craft=craft, hook=hook, named=named, strange=named.pop("strange"))


async def test_each_filter_narrows(scene: Scene) -> None:
    """States, status classes, statuses, reasons, types, ids, webhooks and time, whichever source is read for them."""
    every = {"delivered", "failed", "refused", "late", "parked", "gone", "fresh"}
    mine = DeliverySearch(workspace_id=WORKSPACE)

    assert await scene.found() == every | {"strange"}
    assert await scene.found(mine) == every
    assert await scene.found(states=(State.DELIVERED,)) == {"delivered"}
    assert await scene.found(states=(State.FAILED, State.CANCELLED)) == {"failed", "gone"}
    assert await scene.found(states=(State.OWED,)) == {"refused", "late", "fresh", "strange"}
    assert await scene.found(states=(State.PARKED, State.DELIVERED)) == {"parked", "delivered"}
    assert await scene.found(status_classes=(5, 0)) == {"refused", "late"}
    assert await scene.found(structs.replace(EVERY, statuses=(410,))) == {"failed"}
    assert await scene.found(reason="gone") == {"failed"}
    assert await scene.found(types=("no.such",)) == set()
    assert await scene.found(types=(TYPE,), states=(State.PARKED,)) == {"parked"}
    assert await scene.found(webhooks=(scene.hook,)) == every - {"parked", "gone"}
    assert await scene.found(ids=(scene.named["late"], scene.named["gone"])) == {"late", "gone"}
    assert await scene.found(mine, webhooks=(scene.strange.webhook,)) == set()
    since = event_keys.time_of(scene.named["parked"].event)
    assert await scene.found(mine, since=since) == {"parked", "gone", "fresh"}
    assert await scene.found(until=since) == {"delivered", "failed", "refused", "late"}
    assert await scene.found(structs.replace(EVERY, event_id=str(scene.strange.event))) == {"strange"}


@pytest.mark.parametrize("workspace", [None, WORKSPACE])
async def test_pages_go_on_where_the_one_before_ended(scene: Scene, workspace: str | None) -> None:
    """Newest first; no delivery twice and none left out, though one comes in between."""
    asked = DeliverySearch(workspace_id=workspace, limit=3)
    pages: list[SearchPage[DeliveryId, Any]] = []
    while not pages or pages[-1].next is not None:
        page = await scene.craft.assembly.inspection.deliveries.search(asked)
        pages.append(page)
        asked = structs.replace(asked, after=page.next)
        scene.craft.clock.advance(1)
        await scene.craft.owe(scene.hook)

    met = [each.id for page in pages for each in page.items]
    wanted = {*scene.named.values()} | ({scene.strange} if workspace is None else set())
    assert met == sorted(wanted, reverse=True)
    assert [page.full for page in pages][:2] == [True, True]


async def test_what_a_batch_carries_is_found_with_its_batch(craft: Craft) -> None:
    """Its members are not listed beside it; one that is asked for by name is found."""
    webhook = await craft.hook(batching=True)
    ticket = await batching.closed(craft, 3)
    await batching.sent(craft, ticket, reply(200))
    [member, *_] = await batching.members(craft, ticket.event)

    for asked in (EVERY, structs.replace(EVERY, filter=DeliveryFilter(webhooks=(webhook,)))):
        page = await craft.assembly.inspection.deliveries.search(asked)
        assert [(each.id.event, each.members, each.type) for each in page.items] == [(ticket.event, 3, "")]
    named = await craft.assembly.inspection.deliveries.search(structs.replace(EVERY, event_id=str(member)))
    assert [each.id.event for each in named.items] == [member]


async def test_text_and_tags_are_sought_where_they_stand(craft: Craft) -> None:
    """Text in the data alone, to the letter or escaped; tags among the attributes alone, as text or as a number."""
    hook = await craft.hook()
    first, second = (
        b'{"id":"a","tenant":"t-1","size":5,"data":{"name":"caf\xc3\xa9 \\"x\\"","n":12345678901234567890}}',
        (b'{"id":"12345678901234567890","data":{"tenant":"t-1"}}'),
    )
    keys = [await owe_body(craft, hook, body) for body in (first, second)]

    async def text(said: str) -> list[UUID]:
        both = [
            {
                each.id.event
                for each in (await craft.assembly.inspection.deliveries.search(structs.replace(EVERY, text=said))).items
            },
            {
                each.key
                for each in (
                    await craft.assembly.inspection.events.search(EventSearch(workspace_id=None, text=said))
                ).items
            },
        ]
        assert both[0] == both[1]
        return sorted(both[0])

    async def tags(*asked: tuple[str, str]) -> list[UUID]:
        both = [
            {
                each.id.event
                for each in (
                    await craft.assembly.inspection.deliveries.search(structs.replace(EVERY, tags=asked))
                ).items
            },
            {
                each.key
                for each in (
                    await craft.assembly.inspection.events.search(EventSearch(workspace_id=None, tags=asked))
                ).items
            },
        ]
        assert both[0] == both[1]
        return sorted(both[0])

    assert await text("café") == [keys[0]]
    assert await text('"x"') == [keys[0]]
    assert await text("12345678901234567890") == [keys[0]]
    assert await text('"tenant":"t-1"') == [keys[1]]
    assert await tags(("tenant", "t-1")) == [keys[0]]
    assert await tags(("tenant", "t-1"), ("size", "5")) == [keys[0]]
    assert await tags(("tenant", "t-1"), ("size", "6")) == []


async def owe_body(craft: Craft, hook: UUID, body: bytes) -> UUID:
    craft.clock.advance(1)
    [event] = await craft.owe(hook)
    await craft.sql("UPDATE events SET body = $2 WHERE key = $1", event, body)
    return event


async def test_events_are_found(craft: Craft) -> None:
    """By id and source, by our key, type, workspace and time, with how many webhooks they are owed to; questions are none."""
    await craft.hooks(2)
    given = craft.event(id="order 7")
    await craft.intake.publish([given])
    craft.clock.advance(60)
    [late] = await craft.publish()

    async def found(**asked: Any) -> list[UUID]:
        page = await craft.assembly.inspection.events.search(EventSearch(**{"workspace_id": WORKSPACE, **asked}))
        return [each.key for each in page.items]

    assert await found() == [late.key, given.key]
    assert await found(id="order 7") == await found(id="order 7", source="//here") == [given.key]
    assert await found(id=str(given.key)) == [given.key]
    assert await found(id="order 8") == await found(source="//there") == await found(workspace_id=OTHER) == []
    assert await found(types=(TYPE,), since=craft.clock()) == [late.key]
    assert await found(until=craft.clock()) == [given.key]
    [first] = (await craft.assembly.inspection.events.search(EventSearch(workspace_id=None, limit=1))).items
    assert (first.key, first.webhooks, first.accepted_at) == (late.key, 2, craft.clock())


async def test_a_page_reads_so_far_and_says_where_it_stopped(craft: Craft) -> None:
    """What is not found within the rows of a page is sought from there on by the next (count of rows, not of seconds)."""
    hook = await craft.hook()
    for _ in range(5):
        craft.clock.advance(1)
        await craft.owe(hook, 100, state="delivered", ended_at=craft.clock(), first_try_at=craft.clock())
    [oldest, *_] = [row["event"] for row in await craft.fetch("SELECT event FROM deliveries ORDER BY event LIMIT 1")]
    await craft.sql("UPDATE deliveries SET status = 418, attempts = 1 WHERE event = $1", oldest)
    steps: list[int] = []

    async def step(after: int | None, rows: int, wanted: int) -> Step[int, int]:
        steps.append(rows)
        start = 0 if after is None else after
        return Step(items=[], read=rows, last=start + rows, cut=False)

    page = await search_steps.walk(step, lambda each: each, Reach(after=None, limit=10, patience=60.0))
    short = await search_steps.walk(step, lambda each: each, Reach(after=page.next, limit=10, patience=0.0))

    assert (page.read, page.next, page.full) == (search_steps.ROWS, search_steps.ROWS, False)
    assert max(steps) == search_steps.LARGEST
    assert (short.read, short.next) == (search_steps.FIRST, search_steps.ROWS + search_steps.FIRST)
    found = await craft.assembly.inspection.deliveries.search(structs.replace(EVERY, statuses=(418,)))
    assert [each.id.event for each in found.items] == [oldest]


async def test_a_page_begins_no_step_that_there_is_no_time_for() -> None:
    """However slowly rows are read, a page of a search takes its patience and no more: steps follow the pace so far, told by a
    clock of the test's."""
    for each, most in ((1e-6, search_steps.ROWS), (20e-6, search_steps.ROWS), (100e-6, 800), (1.0, search_steps.FIRST)):
        told = [0.0]

        async def step(
            after: int | None, rows: int, _wanted: int, each: float = each, told: list[float] = told
        ) -> Step[int, int]:
            told[0] += rows * each
            return Step(items=[], read=rows, last=(after or 0) + rows, cut=False)

        page = await search_steps.walk(
            step, int, Reach(after=None, limit=10, clock=functools.partial(told.__getitem__, 0))
        )

        assert search_steps.FIRST <= page.read <= most
        # The first step is made in any case, or a search would come to no end.
        assert told[0] <= max(search_steps.PATIENCE, search_steps.FIRST * each) * 1.001
        assert told[0] >= search_steps.PATIENCE * 0.8 or page.read == search_steps.ROWS
