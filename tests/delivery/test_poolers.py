"""Deliveries through PgBouncer in transaction mode: fewer connections than anybody asks for, and nothing that lasts on them."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from subscriptions.ground.database import Database
from subscriptions.ground.settings import GroundSettings
from tests.clock import Clock
from tests.conftest import VAULT_KEYS
from tests.delivery.craft import Craft
from tests.delivery.destinations import reply
from tests.pgbouncer import PROGRAM, PgBouncer

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="needs pgbouncer (apt-get install pgbouncer)")


@pytest.fixture
async def crafts(database_url: str, database: Database, clock: Clock) -> AsyncIterator[list[Craft]]:
    """Three processes that share two connections."""
    directory = Path(tempfile.mkdtemp(prefix="hl-"))
    with PgBouncer(directory / "pooler", database_url, mode="transaction", connections=2) as pooler:
        settings = GroundSettings(database_url=pooler.url, vault_keys=VAULT_KEYS, database_pooling="transaction")
        services = [Database(settings) for _ in range(3)]
        yield [Craft(door, clock) for door in services]
        for door in services:
            await door.close()
    shutil.rmtree(directory)


async def test_a_life_through_a_pooler(crafts: list[Craft]) -> None:
    """Published, claimed, failed, retried, delivered, swept: by several processes at once, each event once and none left."""
    craft = crafts[0]
    webhook = await craft.hook()
    made = await asyncio.gather(
        *(
            each.intake.publish([each.event(n, id=f"{index}.{n}"), each.event(n)])
            for index, each in enumerate(crafts)
            for n in range(20)
        )
    )
    craft.clock.advance(10)

    async def work(each: Craft, *answers: int) -> int:
        held = [one for _ in range(4) for one in await each.drain(wanted=20)]
        ended = [await each.attempt(one, *map(reply, answers)) for one in held]
        await each.rounds.outcomes.record(ended)
        return len(held)

    failed = await asyncio.gather(*(work(each, 503) for each in crafts))
    craft.clock.advance(60)
    again = await asyncio.gather(*(work(each) for each in crafts))
    await craft.upkeep.mend()

    assert len(made) == 60
    assert (sum(failed), sum(again)) == (120, 120)
    assert await craft.states(webhook) == {"delivered": 120}
