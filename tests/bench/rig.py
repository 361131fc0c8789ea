"""The rig: a real stack, a sink and loads as processes, for the runs to use.

What is measured is left to `workloads.py` and `counters.py`.
"""

import asyncio
import itertools
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx

from deploy.local import Stack, StackProcess, hooklake
from tests.bench import counters, crowd
from tests.bench.bare import CONNECTIONS
from tests.bench.counters import Counters
from tests.bench.load import Load
from tests.bench.sink import SECRET

#: What a user would set for a workspace with many webhooks; nothing that trades safety for speed.
SETTINGS = {
    "HOOKLAKE_MAX_WEBHOOKS_PER_WORKSPACE": "20000",
    "HOOKLAKE_REGISTRATIONS_PER_MINUTE": "0",
    "HOOKLAKE_PUBLISH_PER_MINUTE": "1000000000",
    "HOOKLAKE_OWED_PER_WORKSPACE": "1000000000",
    "HOOKLAKE_MAX_SUBSCRIPTIONS_PER_WEBHOOK": "100",
    "HOOKLAKE_ALLOW_DESTINATIONS": "127.0.0.0/8",
    "HOOKLAKE_ALLOW_HTTP": "true",
}
#: Seconds of a run of the yardstick before a run of a part: others on the machine come and go.
YARD = 0.8
#: Webhooks that are being registered at once.
REGISTERING = 16
#: Subscriptions made with one request.
ORDERS = 100
#: Seconds without anything new after which nothing more is expected: longer than leases, and the first waits for a retry.
PATIENCE = 60.0


@dataclass(frozen=True, kw_only=True)
class Sink:
    """The sink's process, told over HTTP."""

    port: int

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    async def tell(self, path: str = "/counts") -> dict[str, Any]:
        def ask() -> dict[str, Any]:
            with urllib.request.urlopen(self.url(path), timeout=30) as answer:
                told: dict[str, Any] = json.load(answer)
                return told

        return await asyncio.to_thread(ask)

    async def arrived(self, count: int, *, patience: float = PATIENCE) -> dict[str, Any]:
        """Waits until so many different deliveries arrived, or nothing new comes for too long; answers what came."""
        await self.reached("arrived", count, patience=patience)
        return await self.tell("/told")

    async def reached(self, what: str, count: int, *, patience: float = PATIENCE) -> bool:
        """Waits until a count of the sink is as high as that; False where it stays below for too long."""
        most, since = -1, time.monotonic()
        while True:
            came = (await self.tell())[what]
            if came >= count:
                return True
            if came > most:
                most, since = came, time.monotonic()
            elif time.monotonic() - since > patience:
                return False
            await asyncio.sleep(0.1)

    async def bare(self, seconds: float, connections: int = CONNECTIONS) -> dict[str, Any]:
        """One run of the yardstick."""
        told = await _json("tests.bench.bare", self.url("/bare"), str(seconds), str(connections))
        await self.tell("/reset")
        return told


@dataclass(kw_only=True)
class Rig:
    """A running stack and sink."""

    stack: Stack
    sink: Sink
    client: httpx.AsyncClient
    credentials: dict[str, Any]
    counters: Counters
    #: Event types that it has made.
    known: set[str] = field(default_factory=set)
    #: Runs of the yardstick beside the part that is being measured.
    yards: list[dict[str, float]] = field(default_factory=list)
    _firsts: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1_000_000, 1_000_000))

    def first(self) -> int:
        """Where the numbering of a run may begin: no other one's numbers follow within a million."""
        return next(self._firsts)

    async def token(self, role: str) -> str:
        """A fresh one: they live for fifteen minutes."""
        mine = next(each for each in self.credentials["clients"] if each["role"] == role)
        form = {
            "grant_type": "client_credentials",
            "client_id": mine["clientId"],
            "client_secret": mine["clientSecret"],
        }
        path = f"/authorization/v2/oauth2/{self.credentials['workspaceId']}/token"
        answer = (await self.client.post(path, data=form)).raise_for_status()
        return str(answer.json()["access_token"])

    async def fan_out(self, collection: str, webhooks: int) -> None:
        """An event type with so many webhooks behind it, all active."""
        operator = await self.operator()
        # A thousand handshakes would measure nothing that deliveries do not.
        await self.webhook(operator, collection, f"/{collection}/0", challenged=True)
        numbers = iter(range(1, webhooks))
        made: list[str] = []

        async def register() -> None:
            for number in numbers:
                made.append((await self._webhook(operator, f"/{collection}/{number}", challenged=False))["resourceUri"])

        await asyncio.gather(*(register() for _ in range(REGISTERING)))
        for first in range(0, len(made), ORDERS):
            await self._subscribe(operator, collection, made[first : first + ORDERS])

    async def refuse(self, collection: str, webhooks: int) -> None:
        """So many webhooks more for the type, whose filters refuse what is published."""
        await crowd.gather(self.stack.environ["HOOKLAKE_DATABASE_URL"], _kind(collection), webhooks)

    async def operator(self) -> Mapping[str, str]:
        """The headers of an operator."""
        return {"Authorization": f"Bearer {await self.token('operator')}"}

    async def webhook(
        self, operator: Mapping[str, str], collection: str, path: str, *, challenged: bool = False
    ) -> None:
        """An active webhook for the event type of the collection, at a path of the sink."""
        kind = _kind(collection)
        if kind not in self.known:
            self.known.add(kind)
            await self._post("/events/v1beta1/event-types", {"eventType": kind}, operator)
        made = await self._webhook(operator, path, challenged=challenged)
        await self._subscribe(operator, collection, [made["resourceUri"]])
        while challenged and made["status"] != "ACTIVE":
            await asyncio.sleep(0.05)
            made = (await self.client.get(made["resourceUri"], headers=operator)).json()

    async def _webhook(self, operator: Mapping[str, str], path: str, *, challenged: bool) -> Any:
        webhook = {
            "name": path.strip("/").replace("/", "-"),
            "destination": self.sink.url(path),
            "secret": SECRET.decode(),
            "challengeRequestEnabled": challenged,
        }
        return await self._post("/events/v1beta1/webhooks", webhook, operator)

    async def _subscribe(self, operator: Mapping[str, str], collection: str, webhooks: Sequence[str]) -> None:
        subscription_store = [{"eventType": _kind(collection), "webhook": {"resourceUri": uri}} for uri in webhooks]
        await self._post("/events/v1beta1/subscriptions", subscription_store, operator)

    async def post(self, **load: Any) -> dict[str, Any]:
        """Runs a load in a process of its own; answers what came of it, and its CPU seconds."""
        port = int(self.stack.environ["HOOKLAKE_PORT"])
        whole = Load(host="127.0.0.1", port=port, token=await self.token("publisher"), **load)
        return await _json("tests.bench.load", json.dumps(asdict(whole)))

    async def bare(self) -> None:
        """One more of `yards` while our processes stand still, so that nothing else runs beside it."""
        groups = [pid for name in counters.OURS if (pid := self.stack.parts[name].pid) is not None]
        for group in groups:
            os.killpg(group, signal.SIGSTOP)
        try:
            self.yards.append(await self.sink.bare(YARD))
        finally:
            for group in groups:
                os.killpg(group, signal.SIGCONT)

    async def halt(self, *parts: str) -> None:
        """Stops parts of the stack, which finish what is in flight."""
        await self.stack.stores.supervisor.stop(*parts)

    async def resume(self, *parts: str) -> None:
        """Starts them again."""
        await self.stack.stores.supervisor.start(*(self.stack.parts[name].part for name in parts))

    async def _post(self, path: str, body: object, headers: Mapping[str, str]) -> Any:
        answer = await self.client.post(path, json=body, headers=headers)
        if answer.status_code >= 300:
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text}")
        return answer.json()


@asynccontextmanager
async def running(environ: Mapping[str, str]) -> AsyncIterator[Rig]:
    """A sink, and a stack in a temporary directory beside it."""
    async with sinking() as sink, standing(sink, environ) as rig:
        yield rig


@asynccontextmanager
async def sinking(port: int = 0) -> AsyncIterator[Sink]:
    """A sink, on a port that was free, or on this one."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.sink", str(port)), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        yield Sink(port=int(await process.stdout.readline()))
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def standing(
    sink: Sink,
    environ: Mapping[str, str],
    program: Callable[[Mapping[str, str]], StackProcess] = hooklake,
    *,
    kept: Path | None = None,
) -> AsyncIterator[Rig]:
    """A stack in a temporary directory, or in one that is kept, for which a sink runs already; `program` says which processes
    it has."""
    directory = kept or Path(tempfile.mkdtemp(prefix="hl-"))
    given = {**SETTINGS, **environ}
    stack = Stack(data_dir=directory, port=0, environ=given, say=lambda _line: None, program=program)
    try:
        await stack.start()
        async with (
            httpx.AsyncClient(base_url=stack.base_url, timeout=30) as client,
            counters.of(stack) as counting,
        ):
            credentials = json.loads(stack.credentials.read_text())
            yield Rig(stack=stack, sink=sink, client=client, credentials=credentials, counters=counting)
    finally:
        await stack.stop()
        if kept is None:
            shutil.rmtree(directory, ignore_errors=True)


def _kind(collection: str) -> str:
    return f"com.hpe.greenlake.bench.v1.{collection}.measured"


async def _json(module: str, *arguments: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{module} ended with {process.returncode}")
    told: dict[str, Any] = json.loads(out)
    return told
