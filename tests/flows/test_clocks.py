"""Machines whose clocks differ, and are set while they run: what is owed is sent, and sent again, all the same."""

import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from deploy.local import http_ok
from tests.flows import stage as stages
from tests.flows.clocks import Clocks
from tests.flows.stage import Stage
from tests.flows.workspaces import until
from tests.receiver import Answer, Receiver

pytestmark = pytest.mark.asyncio(loop_scope="module")

PARTS = ("api", "beat", "worker-1", "worker-2")
#: Seconds that clocks are ahead, so that one is set back and forth from each to the next.
AHEAD = (1, -1, 5, -5, 70, -70, 3600, -3600)
#: The API, beat and all workers, each at each of them while the others show the true time.
ALONE = tuple(
    dict.fromkeys(parts, ahead) for parts in (("api",), ("beat",), ("worker-1", "worker-2")) for ahead in AHEAD
)
#: All at once, no two of them alike, and each at each of them once.
TOGETHER = tuple(
    {part: AHEAD[(turn + 3 * place) % len(AHEAD)] for place, part in enumerate(PARTS)} for turn in range(len(AHEAD))
)
#: Seconds that a signature or a token may be from the true time, on a slow machine.
NEAR = 60.0


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def told(tmp_path_factory: pytest.TempPathFactory) -> Clocks:
    directory: Path = tmp_path_factory.mktemp("clocks")
    return Clocks(directory, PARTS)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(told: Clocks) -> AsyncIterator[Stage]:
    settings = {"HOOKLAKE_RETRY_DELAYS": "300ms,20s", "HOOKLAKE_RETRY_JITTER": "0"}
    async with Receiver() as receiver, stages.running(receiver, settings, program=told.program) as stage:
        yield stage


@pytest.mark.parametrize("ahead", [*ALONE, *TOGETHER], ids=str)
async def test_clocks_differ(stage: Stage, told: Clocks, ahead: dict[str, float]) -> None:
    """Whoever's clock is wrong, by however much, since just now: a webhook is verified, an event sent and sent again.

    Signatures and tokens tell the database's time.
    """
    told.set(ahead)
    workspace = await stage.workspace()
    hook = await workspace.hook()
    stage.receiver.plan(hook.path, Answer(status=503))

    [receipt] = await workspace.publish_many(1)
    await workspace.settled(receipt, delivered=1, seconds=10)

    requests = stage.receiver.deliveries(hook.path)
    assert [request.standard for request in requests] == [True, True]
    assert max(abs(int(request.header("webhook-timestamp")) - request.at) for request in requests) < NEAR
    token = workspace.http.headers["Authorization"].split(".")[1]
    issued = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))["iat"]
    assert abs(issued - time.time()) < NEAR


async def test_a_difference_is_told(stage: Stage, told: Clocks) -> None:
    """Each process tells once that its machine's clock is an hour ahead, and once that it no longer is."""

    async def shown() -> bool | None:
        async with httpx.AsyncClient(base_url=stage.stack.base_url) as client:
            health = (await client.get("/health/workers")).raise_for_status().json()
        ahead = [each["process"] for each in health["clocks"] if each["aheadSeconds"] > 3500]
        return True if ahead.count("worker") == 2 and "beat" in ahead else None

    told.set({})
    await _all_tell(stage, lambda lines: not lines or "clock.agrees" in lines[-1])
    before = {part: len(_told(stage, part)) for part in PARTS}

    told.set(dict.fromkeys(PARTS, 3600.0))
    await _all_tell(stage, lambda lines: bool(lines) and "clock.differs ahead=+3" in lines[-1])
    await until(shown, "their health tells it too")
    told.set({})
    await _all_tell(stage, lambda lines: "clock.agrees" in lines[-1])

    assert {part: len(_told(stage, part)) - before[part] for part in PARTS} == dict.fromkeys(PARTS, 2)


async def _all_tell(stage: Stage, what: Callable[[list[str]], bool]) -> None:
    async def tell() -> bool | None:
        # An API process looks at the time when it is asked whether it can serve.
        await http_ok("127.0.0.1", int(stage.stack.environ["HOOKLAKE_PORT"]), "/health/ready")
        return True if all(what(_told(stage, part)) for part in PARTS) else None

    await until(tell, "all processes tell of their clocks")


def _told(stage: Stage, part: str) -> list[str]:
    log = stage.stack.data_dir / "logs" / f"{part}.log"
    return [line for line in log.read_text().splitlines() if "hooklake.clock" in line]
