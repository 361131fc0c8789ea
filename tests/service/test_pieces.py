"""Whoever waits for the loop comes between the pieces of a large publication, and costs a small one nothing."""

import asyncio
import json

import httpx
import pytest

from service.server import pieces
from service.server.pieces import ITEM, TURN, LongWork
from service.settings import ServiceSettings
from subscriptions.access.clients import Role
from subscriptions.events.http_binding import BATCH
from subscriptions.ground.audience import STAYS, Audience, NobodyWaits
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE, Callers

DEEP: object = [json.loads("[" * 60 + "]" * 60)] * (TURN // 240)
OCCURRENCE = {"apiGroup": "compute-ops", "apiVersion": "v1", "event": "happened", "data": DEEP}
EVENT = {"specversion": "1.0", "id": "1", "source": "/acm", "type": "org.acm.x", "data": DEEP}
PUBLICATIONS = {
    "occurrences": ("application/json", [*[OCCURRENCE] * 100, {"event": 1}]),
    "cloudevents": (BATCH, [*[EVENT] * 100, {"id": 1}]),
    "onap": ("application/json", [*[{"eventType": "t", "event": DEEP}] * 100, {"eventId": 1}]),
}


@pytest.fixture
def entrance() -> ServiceSettings:
    """As many items as the largest publication has."""
    return ServiceSettings(publish_items=1000)


@pytest.mark.parametrize("where", PUBLICATIONS)
async def test_large_publications_are_read_by_turns(api: httpx.AsyncClient, callers: Callers, where: str) -> None:
    """Between two turns of 64 KB others run, whatever becomes of the publication."""
    content_type, items = PUBLICATIONS[where]
    headers = await callers.headers(Role.PUBLISHER) | {"Content-Type": content_type}
    run = 0

    async def others() -> None:
        nonlocal run
        while True:
            run += 1
            await asyncio.sleep(0)

    waiting = asyncio.create_task(others())
    response = await api.post(f"/events/v1beta1/{where}", content=json.dumps(items).encode(), headers=headers)
    waiting.cancel()

    assert response.status_code == 422, response.text
    assert run >= 50


async def test_many_small_items_are_long_work() -> None:
    """An item costs something, however small it is: a thousand of them are not taken in one go."""
    turns = list[int]()

    async def turn() -> None:
        turns.append(len(turns))

    assert len(await pieces.taken([(2, "{}")] * 1000, turn)) == 1000
    assert len(turns) >= 1000 * ITEM // (TURN + ITEM)


def test_small_publications_wait_for_nobody() -> None:
    """What is no larger than a turn is taken in one go."""

    async def never() -> None:
        pytest.fail("it waited for a turn")

    with pytest.raises(StopIteration) as ended:
        pieces.taken([(TURN // 2 - ITEM, "a"), (TURN // 2 - ITEM, "b")], never).send(None)

    assert ended.value.value == ["a", "b"]


async def test_clients_take_turns() -> None:
    """One piece in a turn of the loop, by turns between clients; of each the request that came first goes on first, and who has
    gone is left out."""
    work, done, gone = LongWork(), list[str](), Audience()

    async def asked(client: str, number: int, audience: Audience = STAYS) -> None:
        for piece in range(3):
            await work.turn(client, audience, goes_on=piece > 0)
            done.append(f"{client}{number}")

    flood = [asked("a", 1), asked("a", 2), asked("a", 3, gone), asked("a", 4)]
    running = [asyncio.create_task(each) for each in (*flood, asked("b", 1))]
    # All of them ask in this turn, and the first is granted in the next.
    await asyncio.sleep(0)
    assert len(work) == len(running)
    gone.gone = True
    most = 0
    while len(work):
        before = len(done)
        await asyncio.sleep(0)
        most = max(most, len(done) - before)
    ended = await asyncio.gather(*running, return_exceptions=True)

    assert done == ["a1", "b1", "a1", "b1", "a1", "b1", *["a2"] * 3, *["a4"] * 3]
    assert most == 1
    assert [type(each) for each in ended if each is not None] == [NobodyWaits]


async def test_arrays_of_one_workspace_and_of_another(api: httpx.AsyncClient, callers: Callers) -> None:
    """However many long publications of one workspace are refused, another's are answered after its next ones, not after all."""
    items = [{**OCCURRENCE, "data": {"id": str(n)}, "event": f"unknown{n}"} for n in range(1000)]
    content, order = json.dumps(items).encode(), list[str]()

    async def post(workspace: str) -> None:
        headers = await callers.headers(Role.PUBLISHER, workspace=workspace)
        response = await api.post("/events/v1beta1/occurrences", content=content, headers=headers)
        assert response.status_code == 400, response.text
        order.append(workspace)

    await asyncio.gather(*(post(WORKSPACE) for _ in range(8)), post(OTHER_WORKSPACE))

    assert order.index(OTHER_WORKSPACE) <= 2
