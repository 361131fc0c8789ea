"""One occurrence on its way through our code: API and worker run in this one process, each from its own root.

`python -m tests.flows.way` prints the functions that ran, in order, as lines of JSON; what they should be is left to the tests.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType, SimpleNamespace
from typing import Any, cast

import uvicorn

from deploy import stores
from deploy.stores import free_port
from service import cli
from service.settings import ServiceSettings
from subscriptions.ground.database import Database
from subscriptions.ground.settings import GroundSettings, read
from tests import canaries
from tests.flows.stage import Stage
from tests.receiver import Receiver

ROOT = Path(__file__).parents[2]
ROOMS = ("service", "workers", "delivery", "subscriptions")
#: Seconds in which a process has done once what it does by itself.
IDLE = 3.0


#: Above all that a thread of the worker does: its main one, and its loop's.
ROOTS = ("run", "Loop._run")


class Trace:
    """The functions of ours that are called while it records, but for what the processes do by themselves."""

    def __init__(self) -> None:
        self.calls: list[CodeType] = []
        self._by_itself: set[CodeType] = set()
        self._take: Callable[[CodeType, CodeType], None] | None = None
        self._ours: dict[CodeType, bool] = {}

    @property
    def ended(self) -> bool:
        """Whether the outcome was written."""
        return any(code.co_qualname == "OutcomeWriter._tell" for code in self.calls)

    @contextmanager
    def idle(self) -> Iterator[None]:
        """What begins now does so by itself."""
        self._take = lambda beginning, _called: self._by_itself.add(beginning)
        yield
        self._take = None

    @contextmanager
    def recording(self) -> Iterator[None]:
        """What begins now belongs to the occurrence."""

        def take(beginning: CodeType, called: CodeType) -> None:
            if beginning not in self._by_itself:
                self.calls.append(called)

        self._take = take
        yield
        self._take = None

    def __call__(self, frame: FrameType, happened: str, _: Any) -> None:
        """As `sys.setprofile` calls it."""
        take = self._take
        if take is None or happened != "call" or not self._is_ours(frame.f_code):
            return
        beginning, above = frame.f_code, frame.f_back
        while above is not None:
            if above.f_code.co_qualname not in ROOTS and self._is_ours(above.f_code):
                beginning = above.f_code
            above = above.f_back
        take(beginning, frame.f_code)

    def _is_ours(self, code: CodeType) -> bool:
        known = self._ours.get(code)
        if known is None:
            path = Path(code.co_filename)
            known = path.is_relative_to(ROOT) and path.relative_to(ROOT).parts[0] in ROOMS
            self._ours[code] = known
        return known


async def drive(trace: Trace) -> None:
    """Publishes for one webhook, so that both processes are at work; then for another, which is recorded."""
    port = int(os.environ["HOOKLAKE_PORT"])
    http = cli._connections(ServiceSettings())
    config = uvicorn.Config("service.asgi:app", port=port, loop="asyncio", http=http, ws="none", log_config=None)
    server = uvicorn.Server(config)
    serving = threading.Thread(target=server.run, name="api", daemon=True)
    serving.start()
    while not server.started:  # noqa: ASYNC110  another thread sets no event
        await asyncio.sleep(0.05)
    database = Database(read(GroundSettings, os.environ))
    async with Receiver(tls=False) as receiver:
        stage = Stage(cast(Any, SimpleNamespace(base_url=f"http://127.0.0.1:{port}")), receiver, database)
        workspace = await stage.workspace()
        await workspace.hook()
        await workspace.settled(await workspace.publish(), delivered=1)
        workspace = await stage.workspace()
        hook = await workspace.hook()
        # What came before is over.
        await asyncio.sleep(1)
        with trace.idle():
            await asyncio.sleep(IDLE)
        with trace.recording():
            await workspace.publish()
            await receiver.wait_for(1, path=hook.path, timeout=30)
            while not trace.ended:  # noqa: ASYNC110  another thread sets no event
                await asyncio.sleep(0.05)
        await stage.close()
    await database.close()
    server.should_exit = True
    serving.join()


def main() -> None:
    """Everything, on a PostgreSQL and a Redis of its own."""
    trace = Trace()
    with tempfile.TemporaryDirectory(prefix="hl-") as directory, stores.running(Path(directory), say=_say) as running:
        os.environ |= {
            "HOOKLAKE_DATABASE_URL": running.database_url,
            "HOOKLAKE_BROKER_URL": running.broker_url,
            "HOOKLAKE_VAULT_KEYS": f"test:{canaries.VAULT_KEY}",
            "HOOKLAKE_PORT": str(free_port()),
            "HOOKLAKE_ALLOW_HTTP": "true",
            "HOOKLAKE_ALLOW_DESTINATIONS": "127.0.0.0/8",
            "HOOKLAKE_LOG_LEVEL": "error",
        }
        subprocess.run([sys.executable, "-m", "service.cli", "migrate"], check=True, stdout=subprocess.DEVNULL)
        # Threads that are begun from here on are watched, and this one.
        threading.setprofile(trace)
        driving = threading.Thread(target=_driven, args=(trace,), name="driver")
        from workers import main as worker  # noqa: PLC0415  a process root: importing it reads the environment

        driving.start()
        sys.setprofile(trace)
        worker.run(worker.WORKER_ARGV)
        sys.setprofile(None)
        driving.join()
    for code in trace.calls:
        print(json.dumps([str(Path(code.co_filename).relative_to(ROOT)), code.co_qualname]))


def _driven(trace: Trace) -> None:
    try:
        asyncio.run(drive(trace))
    finally:
        os.kill(os.getpid(), signal.SIGTERM)


def _say(line: str) -> None:
    print(line, file=sys.stderr)


if __name__ == "__main__":
    main()
