"""What all flow tests stand on: one receiver and one stack for the run, and a workspace for each test."""

from collections.abc import AsyncIterator

import pytest_asyncio

from tests import canaries
from tests.flows import stage as stages
from tests.flows.stage import Stage
from tests.flows.workspaces import Workspace
from tests.receiver import Receiver

#: Waits before attempts 2 to 5, in seconds, and the share by which each may differ.
DELAYS = (1.0, 2.0, 1.0, 1.0)
JITTER = 0.1
#: The least wait after a 429, and how long one attempt may take, in seconds.
FLOOR = 3.0
DEADLINE = 4.0
#: Two, so that what one has sealed can be sealed again with the other.
VAULT_KEYS = (f"first:{canaries.VAULT_KEY}", f"second:{canaries.VAULT_KEY[::-1].strip('=')}=")
#: Attempts that one worker has in flight to one webhook.
SHARE = 8


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def stage(receiver: Receiver) -> AsyncIterator[Stage]:
    """The stack that most flows share."""
    settings = {
        "HOOKLAKE_RETRY_DELAYS": ",".join(map(str, DELAYS)),
        "HOOKLAKE_RETRY_JITTER": str(JITTER),
        "HOOKLAKE_RATE_LIMITED_FLOOR": str(FLOOR),
        "HOOKLAKE_DELIVERY_TIMEOUT": str(DEADLINE),
        "HOOKLAKE_IN_FLIGHT_PER_WEBHOOK": str(SHARE),
        "HOOKLAKE_VAULT_KEYS": ",".join(VAULT_KEYS),
    }
    async with stages.running(receiver, settings) as stage:
        yield stage


@pytest_asyncio.fixture(loop_scope="session")
async def workspace(stage: Stage) -> Workspace:
    """A workspace of the test's own."""
    return await stage.workspace()
