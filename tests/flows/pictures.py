"""README's pictures, taken anew (`make pictures`): a stack of its own delivers for a while, and its dashboard is looked at.

What is seen is real: four receivers take what is published, one of them fails towards the end. With `--data` the stack is kept,
and what it delivered before is in the plots of the next run.
"""

import argparse
import asyncio
import json
import os
import random
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from playwright.async_api import FloatRect, Page, expect

from deploy.demo_publisher import PublisherClient
from deploy.demo_tally import PREFIX
from deploy.local import Stack
from tests.dashboard import browser
from tests.receiver import OK, Answer, Receiver

PICTURES = Path(__file__).parents[2] / "deploy" / "pictures"
#: Seconds of traffic, and the share of it in which one receiver fails.
TRAFFIC, FAILING = 600.0, 0.25
#: Of pictures, so that none weighs more than 120 KB.
WIDTH, HEIGHT = 1200, 780
#: Seconds that a token is used for.
FRESH = 600.0
SECRET = "pictured-s3cr3t"
SERVERS = f"{PREFIX}compute-ops.v1.servers."
LOGS = f"{PREFIX}audit-log.v1.logs.created"
EXPIRING = f"{PREFIX}subscriptions.v1.expiring-subscriptions"
#: What is subscribed to by whom.
HOOKS: Mapping[str, tuple[str, ...]] = {
    "inventory-sync": tuple(SERVERS + event for event in ("created", "updated", "rebooted", "deleted")),
    "billing": (EXPIRING, SERVERS + "created", SERVERS + "deleted"),
    "audit-archive": (LOGS,),
    "ticketing": (SERVERS + "rebooted",),
}
BROKEN = "billing"
DOWN = Answer(
    status=503,
    headers=(("Content-Type", "application/json"), ("Retry-After", "2")),
    body=b'{"error": "ledger is read-only", "incident": "INC-2041"}',
    delay=0.04,
)
#: A delivery is given up within a minute, so that one can be shown that was.
SETTINGS = {"HOOKLAKE_RETRY_DELAYS": "2,5,10,20"}


class Scene:
    """A stack with receivers, and programs that publish to it."""

    def __init__(self, stack: Stack, receiver: Receiver, http: httpx.AsyncClient) -> None:
        self._stack = stack
        self._receiver = receiver
        self._kept: dict[str, Any] = json.loads(stack.credentials.read_text())
        self._http = http
        self._draw = random.Random(7)

    async def caller(self, role: str) -> PublisherClient:
        """A program of this role with a token of its own."""
        made = PublisherClient(http=self._http)
        clients = {client["role"]: client for client in self._kept["clients"]}
        await made.enter(self._kept["workspaceId"], clients[role])
        return made

    async def set_up(self) -> None:
        """Registers the types and webhooks that are not there yet."""
        publisher, subscriber = await self.caller("publisher"), await self.caller("subscriber")
        known = {each["eventType"] for each in (await subscriber.ask("GET", "/event-types", limit="1000"))["items"]}
        for event_type in sorted({each for types in HOOKS.values() for each in types} - known):
            await publisher.ask("POST", "/event-types", {"eventType": event_type})
        there = {each["name"] for each in (await subscriber.ask("GET", "/webhooks"))["items"]}
        for name, types in HOOKS.items():
            self._receiver.secrets[f"/{name}"] = (SECRET,)
            if name in there:
                continue
            asked = {"name": name, "destination": self._receiver.url(f"/{name}"), "secret": SECRET}
            made = await subscriber.ask("POST", "/webhooks", asked)
            target = {"resourceUri": made["resourceUri"]}
            await subscriber.ask("POST", "/subscriptions", [{"eventType": each, "webhook": target} for each in types])
        # What is planned for a receiver would be its answer to the challenge, too.
        for _ in range(60):
            if {each["status"] for each in (await subscriber.ask("GET", "/webhooks"))["items"]} == {"ACTIVE"}:
                return
            await asyncio.sleep(0.5)
        raise SystemExit("not all destinations have answered their challenge: no pictures were taken")

    async def traffic(self, seconds: float) -> None:
        """Publishes what happens to servers, by waves; towards the end `BROKEN` answers most requests with 503."""
        began = entered = time.monotonic()
        publisher = await self.caller("publisher")
        while (gone := time.monotonic() - began) < seconds:
            if time.monotonic() - entered > FRESH:
                publisher, entered = await self.caller("publisher"), time.monotonic()
            self._answers(failing=gone > seconds * (1 - FAILING))
            many = 2 + round(4 * abs(((gone / 240) % 2) - 1)) + self._draw.randrange(3)
            with suppress(httpx.TransportError):  # the API may be started again meanwhile
                await publisher.ask("POST", "/occurrences", [self._occurrence() for _ in range(many)])
            await asyncio.sleep(1)

    def _answers(self, *, failing: bool) -> None:
        for name in HOOKS:
            path = f"/{name}"
            self._receiver.script.pop(path, None)
            share = 0.75 if failing and name == BROKEN else 0.0
            slow = Answer(delay=self._draw.uniform(0.005, 0.06))
            self._receiver.plan(path, *[DOWN if self._draw.random() < share else slow for _ in range(60)])

    def _occurrence(self) -> dict[str, Any]:
        number, id, kind = self._draw.randrange(1, 400), str(uuid4()), self._draw.random()
        data: dict[str, Any]
        if kind < 0.3:
            group = {"apiGroup": "audit-log", "apiVersion": "v1", "resourceCollection": "logs", "event": "created"}
            data = {"id": id, "user": {"username": "ada@example.com"}, "description": "Signed in"}
        elif kind < 0.4:
            group = {"apiGroup": "subscriptions", "apiVersion": "v1", "event": "expiring-subscriptions"}
            data = {"id": id, "key": f"S-{number:04}", "endTime": "2027-01-31T00:00:00.000Z"}
        else:
            event = self._draw.choice(("created", "updated", "updated", "updated", "rebooted", "deleted"))
            group = {"apiGroup": "compute-ops", "apiVersion": "v1", "resourceCollection": "servers", "event": event}
            data = {
                "type": "compute-ops/server",
                "id": f"server-{number}",
                "powerState": "ON",
                "generation": number % 9,
            }
        return {"id": id, **group, "data": data}


async def take(url: str, link: str, folder: Path) -> None:
    """The three pictures, as whoever follows the link sees them."""
    async with browser.chrome() as chrome, chrome.tab(url) as tab:
        page = tab.page
        await page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
        await page.goto(link)
        await page.get_by_role("button", name="Sign in as").click()
        await expect(page.locator("#attention")).to_contain_text(BROKEN)
        await _taken(page, folder / "overview.png")
        await page.goto("/dashboard/deliveries?state=failed")
        await page.locator("tr[data-row] a").first.click()
        # What it is and its life line alone, which are higher than a screen.
        await _taken(page, folder / "delivery.png", ".heading", ".timeline")
        await page.goto("/dashboard/webhooks")
        await page.get_by_role("link", name=BROKEN, exact=True).click()
        await page.get_by_role("link", name="Last hour").click()
        await _taken(page, folder / "webhook.png")


async def _taken(page: Page, file: Path, first: str = "", last: str = "") -> None:
    """What one sees at once, once scripts have run; or all from the first of these elements to the last."""
    await expect(page.locator("[data-keys]")).to_be_visible()
    if first:
        above, below = await page.locator(first).first.bounding_box(), await page.locator(last).first.bounding_box()
        assert above is not None
        assert below is not None
        height = below["y"] + below["height"] - above["y"]
        clip = FloatRect(x=above["x"] - 24, y=above["y"] - 24, width=above["width"] + 48, height=height + 36)
        taken = await page.screenshot(path=file, clip=clip, full_page=True)
    else:
        taken = await page.screenshot(path=file)
    print(f"{file}: {len(taken):,} bytes")


async def run(arguments: argparse.Namespace) -> None:
    """Traffic, then pictures."""
    with tempfile.TemporaryDirectory(prefix="hl-") as own:
        data = Path(arguments.data or own)
        environ = {name: value for name, value in os.environ.items() if not name.startswith("HOOKLAKE_")} | SETTINGS
        stack = Stack(data_dir=data, port=arguments.port, environ=environ, say=lambda _: None)
        async with Receiver(tls=False, port=arguments.receiver) as receiver:
            receiver.default = OK
            try:
                await stack.start()
                async with httpx.AsyncClient(base_url=stack.base_url, timeout=20) as http:
                    scene = Scene(stack, receiver, http)
                    await scene.set_up()
                    await scene.traffic(arguments.seconds)
                await take(stack.base_url, stack.link, Path(arguments.out))
            finally:
                await stack.stop()


def main() -> None:
    """The process root of `make pictures`."""
    parser = argparse.ArgumentParser(prog="python -m tests.flows.pictures")
    parser.add_argument("--seconds", type=float, default=TRAFFIC, help="of traffic before the pictures are taken")
    parser.add_argument("--out", default=str(PICTURES), help="the folder of the pictures")
    parser.add_argument("--data", default="", help="keeps the stack's data here, for another run")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument(
        "--receiver", type=int, default=0, help="the port of the receivers; the same for each run on one --data"
    )
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
