"""The vault's keys rotate while everything runs: deliveries go on, and the old key may go."""

import asyncio
from collections import Counter

import pytest

from subscriptions import key_rotation
from subscriptions.ground.database import Database
from subscriptions.ground.settings import GroundSettings, read
from subscriptions.ground.vault import Vault
from tests.flows.conftest import VAULT_KEYS
from tests.flows.stage import Stage
from tests.flows.workspaces import Json, Workspace
from tests.receiver import Receiver

pytestmark = pytest.mark.asyncio(loop_scope="session")

FIRST, SECOND = VAULT_KEYS
THERE, BACK = Vault.parse(f"{SECOND},{FIRST}"), Vault.parse(f"{FIRST},{SECOND}")


async def test_rotation_under_load(stage: Stage, workspace: Workspace, receiver: Receiver) -> None:
    """There and back while events keep coming: each is delivered once and verified, and one key alone opens what there is."""
    hook = await workspace.hook(authType="APIKey", apiKey="Token of the destination")
    database = Database(read(GroundSettings, stage.stack.environ))
    receipts: list[Json] = []
    enough = asyncio.Event()

    async def publish() -> None:
        while not enough.is_set():
            receipts.append(await workspace.publish())

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(publish())
        for vault in (THERE, BACK, THERE, BACK):
            await key_rotation.reseal(database, vault)
            await receiver.wait_for(len(receiver.deliveries(hook.path)) + 10, path=hook.path)
        changed = await workspace.http.patch(hook.uri, json={"apiKey": "Token, a new one"})
        done = await key_rotation.reseal(database, THERE)
        enough.set()
    # After a change of credentials it is challenged again.
    await workspace.status(hook, "ACTIVE")
    receipts += await workspace.publish_many(5)
    await workspace.settled(*receipts, delivered=1)

    requests = receiver.deliveries(hook.path)
    assert changed.status_code == 200
    assert Counter(found.header("webhook-id") for found in requests) == Counter(each["id"] for each in receipts)
    assert all(found.hpe and found.standard for found in requests)
    assert {found.header("authorization") for found in requests[-5:]} == {"Token, a new one"}
    assert (done.resealed > 0, set(done.in_use), done.shut) == (True, {"second"}, ())
    async with database.raw() as connection:
        assert await key_rotation.missing_keys(connection, Vault.parse(SECOND), *key_rotation.SHELVES) == []
    await database.close()
