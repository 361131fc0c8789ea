"""What a running worker does about its memory."""

import pytest

from tests.flows.stage import Stage
from tests.flows.workspaces import Workspace, until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_worker_gives_memory_back(workspace: Workspace, stage: Stage) -> None:
    """A worker that holds more than it began with, by the slack that is set, gives back what is free, and tells it."""
    await workspace.hook()
    receipts = [await workspace.publish(data={"id": "x" * 50_000}) for _ in range(40)]
    await workspace.settled(*receipts, delivered=1)

    async def given() -> list[str] | None:
        return stage.logged("memory.given_back from=") or None

    assert await until(given, "a worker gave memory back")
