"""Whoever waits for the loop comes between the pieces of a large publication, and costs a small one nothing."""

import asyncio
import json

import httpx
import pytest

from service.server import pieces
from service.server.pieces import TURN
from service.settings import ServiceSettings
from subscriptions.access.clients import Role
from subscriptions.events.http_binding import BATCH
from tests.service.callers import Callers

DEEP: object = [json.loads("[" * 60 + "]" * 60)] * (TURN // 120)
OCCURRENCE = {"apiGroup": "compute-ops", "apiVersion": "v1", "event": "happened", "data": DEEP}
EVENT = {"specversion": "1.0", "id": "1", "source": "/acm", "type": "org.acm.x", "data": DEEP}
PUBLICATIONS = {
    "occurrences": ("application/json", [*[OCCURRENCE] * 100, {"event": 1}]),
    "cloudevents": (BATCH, [*[EVENT] * 100, {"id": 1}]),
}


@pytest.fixture
def entrance() -> ServiceSettings:
    """As many items as the largest publication has."""
    return ServiceSettings(publish_items=1000)


@pytest.mark.parametrize("where", PUBLICATIONS)
async def test_large_publications_are_read_by_turns(api: httpx.AsyncClient, callers: Callers, where: str) -> None:
    """Between two items of 32 KB others run, whatever becomes of the publication."""
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
    assert run >= 100


def test_small_publications_wait_for_nobody() -> None:
    """What is no larger than a turn is taken in one go."""
    with pytest.raises(StopIteration) as ended:
        pieces.taken([(TURN // 2, "a"), (TURN // 2, "b")]).send(None)

    assert ended.value.value == ["a", "b"]
