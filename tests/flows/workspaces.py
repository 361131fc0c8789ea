"""What a tenant does over HTTP: registers webhooks, subscribes, publishes, and asks what became of it.

Waits are for facts, each with a bound; where the stack comes from is left to `stage.py`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID, uuid4

import httpx

from tests import canaries
from tests.receiver import Receiver

F = TypeVar("F")
Json = dict[str, Any]

EVENTS = "/events/v1beta1"
PREFIX = "com.hpe.greenlake"
#: What occurrences are unless a test says otherwise: a documented type.
REBOOTED = f"{PREFIX}.compute-ops.v1.servers.rebooted"
SOURCE = "//global.api.greenlake.hpe.com/compute-ops"
#: What the giving up of a delivery is told by (greenlake.md D.14).
DELIVERY_FAILED = f"{PREFIX}.events.v1beta1.webhooks.delivery-failed"
FAILED_SOURCE = "//global.api.greenlake.hpe.com/events"
SECRET = canaries.planted("secret")


def occurrence(**fields: object) -> Json:
    """A server was rebooted; `fields` add to that or replace it."""
    return {
        "apiGroup": "compute-ops",
        "apiVersion": "v1",
        "resourceCollection": "servers",
        "event": "rebooted",
        "data": {"id": "server-1"},
    } | fields


async def until(fact: Callable[[], Awaitable[F | None]], what: str, *, seconds: float = 30) -> F:
    """What `fact` returns once it is not None; raises TimeoutError saying what was waited for."""
    try:
        async with asyncio.timeout(seconds):
            while (found := await fact()) is None:  # noqa: ASYNC110 -- other processes set no event
                await asyncio.sleep(0.05)
            return found
    except TimeoutError:
        raise TimeoutError(f"not within {seconds} s: {what}") from None


@dataclass(frozen=True, kw_only=True)
class Hook:
    """A webhook, and where it points."""

    id: str
    #: The receiver's path; "" for a destination elsewhere.
    path: str

    @property
    def uri(self) -> str:
        return f"{EVENTS}/webhooks/{self.id}"


class Workspace:
    """One tenant; `http` sends its token along."""

    def __init__(self, workspace_id: str, http: httpx.AsyncClient, receiver: Receiver) -> None:
        self.id = workspace_id
        self.http = http
        self._receiver = receiver

    async def hook(self, *events: str, path: str = "", **fields: object) -> Hook:
        """A webhook at a path of its own, once it is ACTIVE; subscribed to `events`, or to REBOOTED."""
        if "destination" not in fields:
            path = path or f"/{uuid4().hex[:8]}"
            self._receiver.secrets[path] = (SECRET,)
            fields["destination"] = self._receiver.url(path)
        given = {"name": f"hook-{uuid4().hex[:8]}", "secret": SECRET} | fields
        made = (await self.http.post(f"{EVENTS}/webhooks", json=given)).raise_for_status().json()
        hook = Hook(id=made["id"], path=path)
        await self.status(hook, "ACTIVE")
        subscription_store = [
            {"eventType": event, "webhook": {"resourceUri": hook.uri}} for event in events or (REBOOTED,)
        ]
        (await self.http.post(f"{EVENTS}/subscriptions", json=subscription_store)).raise_for_status()
        return hook

    async def status(self, hook: Hook, *wanted: str) -> str:
        """The webhook's status once it is one of `wanted`."""

        async def reached() -> str | None:
            shown = (await self.http.get(hook.uri)).raise_for_status().json()
            return str(shown["status"]) if shown["status"] in wanted else None

        return await until(reached, f"{hook.id} is {' or '.join(wanted)}")

    async def post(self, body: object) -> httpx.Response:
        """Publishes, whatever comes of it; text and bytes are sent as they are."""
        url = f"{EVENTS}/occurrences"
        if isinstance(body, str | bytes):
            return await self.http.post(url, content=body, headers={"Content-Type": "application/json"})
        return await self.http.post(url, json=body)

    async def publish(self, **fields: object) -> Json:
        """Publishes one occurrence; its receipt."""
        answer = await self.post(occurrence(**fields))
        receipt: Json = answer.raise_for_status().json()
        return receipt

    async def publish_many(self, count: int) -> list[Json]:
        """Publishes so many occurrences in one array; their receipts."""
        answer = await self.post([occurrence(data={"id": f"server-{number}"}) for number in range(count)])
        receipts: list[Json] = answer.raise_for_status().json()
        return receipts

    async def event(self, identity: str, source: str = SOURCE) -> httpx.Response:
        """What is known of an event; one whose id its publisher chose is found by its source."""
        return await self.http.get(f"{EVENTS}/events/{identity}", params={} if _ours(identity) else {"source": source})

    async def settled(self, *receipts: Json, source: str = SOURCE, seconds: float = 30, **counts: int) -> list[Json]:
        """What is known of the events, once the deliveries of each stand like this and no other way."""

        async def settled(receipt: Json) -> Json:
            async def stands() -> Json | None:
                shown: Json = (await self.event(receipt["id"], source)).raise_for_status().json()
                standing = {state: count for state, count in shown["deliveries"].items() if count}
                return shown if standing == counts and not shown["spreading"] else None

            return await until(stands, f"the deliveries of {receipt['id']} stand {counts}", seconds=seconds)

        return [await settled(receipt) for receipt in receipts]

    async def recent(self, hook: Hook) -> list[Json]:
        """The webhook's recent deliveries, without the challenges among them."""
        shown: Mapping[str, list[Json]] = (
            (await self.http.get(f"{hook.uri}/recent-deliveries")).raise_for_status().json()
        )
        return [item for item in shown["items"] if not item["description"].endswith(VERIFICATION)]

    async def tried(self, hook: Hook, times: int = 1, *, status: str = "") -> Json:
        """A delivery to the webhook, once it was tried so many times at least, last with this status; or any."""

        async def tried() -> Json | None:
            items = (item for item in await self.recent(hook) if status in ("", item["status"]))
            return next((item for item in items if item["generation"] >= times), None)

        return await until(tried, f"a delivery to {hook.id} was tried {times} times")


VERIFICATION = ".webhooks.verification"


def _ours(identity: str) -> bool:
    try:
        return UUID(identity).version == 7
    except ValueError:
        return False
