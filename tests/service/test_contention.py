"""What callers see while others hold the rows that they change: a request that takes longer, or a 503, never a 500."""

import asyncio

import asyncpg
import httpx
import pytest

from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.ground.database import Database, repeating
from subscriptions.ground.errors import Contended
from tests import canaries
from tests.service.callers import Callers

PATH = "/events/v1beta1/webhooks"
WAITING = "SELECT min(xact_start) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def test_a_change_of_a_locked_webhook(
    api: httpx.AsyncClient, callers: Callers, database: Database, services: Services
) -> None:
    """A transaction that waited for a lock in vain is made again, and the change is made when the lock is gone."""
    api.headers.update(await callers.headers(Role.SUBSCRIBER))
    body = {"name": "one", "destination": "https://127.0.0.1:9/hook", "secret": canaries.planted("secret")}
    made = (await api.post(PATH, json=body)).json()

    async with database.raw() as person, database.raw() as witness:
        async with person.transaction():
            await person.execute("SELECT FROM webhooks FOR UPDATE")
            change = asyncio.create_task(api.patch(f"{PATH}/{made['id']}", json={"description": "changed"}))
            tries: set[object] = set()
            while len(tries) < 2 and not change.done():
                tries |= {await witness.fetchval(WAITING)} - {None}
                await asyncio.sleep(0.01)
        response = await change

    assert (response.status_code, response.json()["description"]) == (200, "changed"), response.text


@pytest.mark.parametrize(
    ("committed", "made"), [(False, 4), (True, 1)], ids=["nothing committed", "something committed"]
)
async def test_what_is_made_again(database: Database, committed: bool, made: int) -> None:
    """A function whose transaction clashed is made again a few times, unless another transaction of it has been committed."""
    begun = 0

    @repeating
    async def clash() -> None:
        nonlocal begun
        begun += 1
        if committed:
            async with database.transaction():
                pass
        async with database.raw():
            raise asyncpg.SerializationError("could not serialize")

    with pytest.raises(Contended):
        await clash()

    assert begun == made
