"""The rig: a real stack, a sink and loads as processes, and what they cost, for the runs to use.

What is measured, and how it is told, is left to `__main__.py`.
"""

import asyncio
import json
import shutil
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil

from deploy.local import Stack
from tests.bench.load import Load
from tests.bench.sink import SECRET

#: What a user would set for a workspace with many webhooks; nothing that trades safety for speed.
SETTINGS = {
    "HOOKLAKE_MAX_WEBHOOKS_PER_WORKSPACE": "20000",
    "HOOKLAKE_MAX_SUBSCRIPTIONS_PER_WEBHOOK": "100",
    "HOOKLAKE_ALLOW_DESTINATIONS": "127.0.0.0/8",
    "HOOKLAKE_ALLOW_HTTP": "true",
}
OURS = ("api", "worker-1", "worker-2", "beat")
STORES = ("postgres", "redis")


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

    async def arrived(self, count: int, *, patience: float = 120.0) -> dict[str, Any]:
        """Waits until so many different deliveries arrived; raises TimeoutError when nothing new comes for too long."""
        most, since = -1, time.monotonic()
        while True:
            told = await self.tell()
            if told["arrived"] >= count:
                return told
            if told["arrived"] > most:
                most, since = told["arrived"], time.monotonic()
            elif time.monotonic() - since > patience:
                raise TimeoutError(f"{told['arrived']} of {count} arrived, and no more for {patience:.0f} s")
            await asyncio.sleep(0.05)


@dataclass(kw_only=True)
class Rig:
    """A running stack and sink."""

    stack: Stack
    sink: Sink
    client: httpx.AsyncClient
    credentials: dict[str, Any]
    #: Event types that it has made.
    known: set[str] = field(default_factory=set)

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
        for number in range(webhooks):
            # A thousand handshakes would measure nothing that deliveries do not.
            await self.webhook(operator, collection, f"/{collection}/{number}", challenged=number == 0)

    async def operator(self) -> Mapping[str, str]:
        """The headers of an operator."""
        return {"Authorization": f"Bearer {await self.token('operator')}"}

    async def webhook(
        self, operator: Mapping[str, str], collection: str, path: str, *, challenged: bool = False
    ) -> None:
        """An active webhook for the event type of the collection, at a path of the sink."""
        kind = f"com.hpe.greenlake.bench.v1.{collection}.measured"
        if kind not in self.known:
            self.known.add(kind)
            await self._post("/events/v1beta1/event-types", {"eventType": kind}, operator)
        webhook = {
            "name": path.strip("/").replace("/", "-"),
            "destination": self.sink.url(path),
            "secret": SECRET.decode(),
            "challengeRequestEnabled": challenged,
        }
        made = await self._post("/events/v1beta1/webhooks", webhook, operator)
        order = [{"eventType": kind, "webhook": {"resourceUri": made["resourceUri"]}}]
        await self._post("/events/v1beta1/subscriptions", order, operator)
        while challenged and made["status"] != "ACTIVE":
            await asyncio.sleep(0.05)
            made = (await self.client.get(made["resourceUri"], headers=operator)).json()

    async def post(self, **load: Any) -> dict[str, Any]:
        """Runs a load in a process of its own; answers what came of it, and its CPU seconds."""
        port = int(self.stack.environ["HOOKLAKE_PORT"])
        whole = Load(host="127.0.0.1", port=port, token=await self.token("publisher"), **load)
        return await _json("tests.bench.load", json.dumps(asdict(whole)))

    async def bare(self, count: int) -> dict[str, Any]:
        """The yardstick, with nothing else running."""
        told = await _json("tests.bench.bare", self.sink.url("/bare"), str(count))
        await self.sink.tell("/reset")
        return told

    def spent(self) -> dict[str, float]:
        """CPU seconds of each part so far, children included."""
        return {name: _cpu(self.stack.stores.pid(name)) for name in (*OURS, *STORES)}

    async def _post(self, path: str, body: object, headers: Mapping[str, str]) -> Any:
        answer = await self.client.post(path, json=body, headers=headers)
        if answer.status_code >= 300:
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text}")
        return answer.json()


@asynccontextmanager
async def running(environ: Mapping[str, str]) -> AsyncIterator[Rig]:
    """A stack in a temporary directory, and a sink beside it."""
    directory = Path(tempfile.mkdtemp(prefix="hl-"))
    stack = Stack(data_dir=directory, port=0, environ={**SETTINGS, **environ}, say=lambda _line: None)
    sink = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.sink", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert sink.stdout is not None
        port = int(await sink.stdout.readline())
        await stack.start()
        async with httpx.AsyncClient(base_url=stack.base_url, timeout=30) as client:
            credentials = json.loads(stack.credentials.read_text())
            yield Rig(stack=stack, sink=Sink(port=port), client=client, credentials=credentials)
    finally:
        await stack.stop()
        sink.kill()
        await sink.wait()
        shutil.rmtree(directory, ignore_errors=True)


async def _json(module: str, *arguments: str) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{module} ended with {process.returncode}")
    told: dict[str, Any] = json.loads(out)
    return told


def _cpu(pid: int) -> float:
    total = 0.0
    root = psutil.Process(pid)
    for process in (root, *root.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
        if process == root:
            # Backends that have ended are counted by the postmaster that waited for them.
            total += times.children_user + times.children_system
    return total
