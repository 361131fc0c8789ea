"""The demo's callers: one that sets up a webhook, and internal services that publish what happens to their resources.

What became of it all is left to `demo_tally.py`.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from cloudevents.core.bindings.http import to_structured_event
from cloudevents.core.v1.event import CloudEvent
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    retry_if_result,
    stop_after_delay,
    wait_fixed,
)

from deploy.demo_tally import PREFIX, Tally

EVENTS = "/events/v1beta1"
CAPTURED = Path(__file__).with_name("captured")
SERVERS = PREFIX + "compute-ops.v1.servers."
OFFLINE = PREFIX + "data-services.v1.service-offline"
#: What is subscribed to; the first two stand in every catalogue, the others are registered.
TYPES = (
    PREFIX + "audit-log.v1.logs.created",
    PREFIX + "subscriptions.v1.expiring-subscriptions",
    *(SERVERS + event for event in ("created", "updated", "rebooted", "deleted")),
    OFFLINE,
)
#: How many servers live, and the seconds between two births and between two events of one life.
FLEET, BIRTHS, PACE = 40, 0.25, 0.4
#: Seconds that all of it takes where nothing breaks.
DURATION = FLEET * BIRTHS + 4 * PACE
#: Seconds between two tries to publish, and until a publisher gives up.
PAUSE, PATIENCE = 0.2, 45.0


class Declined(Exception):
    """The API refused what the demo asked; the message is its sentence."""


@dataclass(kw_only=True)
class PublisherClient:
    """One client of the credentials file; `await caller.enter(...)` comes first."""

    http: httpx.AsyncClient
    headers: dict[str, str] = field(default_factory=dict)

    async def enter(self, workspace: str, client: Mapping[str, str]) -> None:
        """Gets the bearer token of a client."""
        form = {"grant_type": "client_credentials", "client_id": client["clientId"]}
        asked = await self.http.post(
            f"/authorization/v2/oauth2/{workspace}/token", data={**form, "client_secret": client["clientSecret"]}
        )
        self.headers["Authorization"] = f"Bearer {_told(asked)['access_token']}"

    async def ask(self, method: str, path: str, body: object = None, **params: str) -> Any:
        """One call; returns the decoded answer, raises Declined where it is a refusal."""
        content = None if body is None else json.dumps(body)
        headers = {**self.headers, "Content-Type": "application/json"}
        return _told(await self.http.request(method, EVENTS + path, content=content, params=params, headers=headers))


async def subscribe(subscriber: PublisherClient, *, url: str, secret: str) -> None:
    """Registers the webhook, waits until its challenge was answered, and subscribes to every type."""
    webhook = await subscriber.ask("POST", "/webhooks", {"name": "Demo", "destination": url, "secret": secret})
    until = time.monotonic() + PATIENCE
    while webhook["status"] != "ACTIVE":
        if webhook["status"] == "ERROR" or time.monotonic() > until:
            raise Declined(f"The webhook is {webhook['status']}: {webhook.get('stateReason', 'no challenge came')}")
        await asyncio.sleep(0.05)
        webhook = await subscriber.ask("GET", f"/webhooks/{webhook['id']}")
    target = {"resourceUri": webhook["resourceUri"]}
    await subscriber.ask("POST", "/subscriptions", [{"eventType": each, "webhook": target} for each in TYPES])


class Publishers:
    """Services inside the house: each event keeps its id through all attempts, so that none is taken twice."""

    def __init__(self, caller: PublisherClient, tally: Tally, say: Callable[[str], None]) -> None:
        self._caller = caller
        self._tally = tally
        self._say = say
        self._repeats = 0
        self._away = ""

    async def register(self) -> None:
        """Puts the event types of the demo into the catalogue."""
        for event_type in TYPES[2:]:
            await self._caller.ask("POST", "/event-types", {"eventType": event_type})

    async def publish(self) -> None:
        """Everything that happens in the demo, in about DURATION seconds."""
        relayed = (self._relay(body) for body in _captured())
        await asyncio.gather(*relayed, self._hand_over(_offline()), *(self._live(number) for number in range(FLEET)))

    async def settled(self, event_id: str, source: str) -> bool:
        """Whether Hooklake's own books have every delivery of the event as delivered."""
        try:
            trace = await self._caller.ask("GET", f"/events/{event_id}", source=source)
        except (httpx.TransportError, Declined):
            # The API, or what it stands on, was killed a moment ago.
            return False
        counts = {state: count for state, count in trace["deliveries"].items() if count}
        return counts == {"delivered": 1} and not trace["spreading"]

    async def _live(self, number: int) -> None:
        await asyncio.sleep(number * BIRTHS)
        for occurrence in _life(f"server-{number + 1:02}"):
            await self._occur(occurrence)
            await asyncio.sleep(PACE)

    async def _occur(self, occurrence: dict[str, Any]) -> None:
        collection = (occurrence["resourceCollection"],) if "resourceCollection" in occurrence else ()
        parts = (occurrence["apiGroup"], occurrence["apiVersion"], *collection, occurrence["event"])
        self._tally.published(
            occurrence["id"], PREFIX + ".".join(parts), f"//global.api.greenlake.hpe.com/{occurrence['apiGroup']}"
        )
        await self._post("/occurrences", "application/json", json.dumps(occurrence).encode(), occurrence["id"])

    async def _relay(self, body: bytes) -> None:
        """A CloudEvent that another system made, in structured mode; it has to arrive as it is."""
        event = json.loads(body)
        self._tally.published(event["id"], event["type"], event["source"], expected=body)
        await self._post("/cloudevents", "application/cloudevents+json", body, event["id"])

    async def _hand_over(self, event: CloudEvent) -> None:
        """A CloudEvent that a program made with the SDK, as the SDK writes it."""
        message = to_structured_event(event)
        self._tally.published(event.get_id(), event.get_type(), event.get_source())
        await self._post("/cloudevents", message.headers["content-type"], message.body, event.get_id())

    async def _post(self, path: str, media_type: str, body: bytes, event_id: str) -> None:
        """Publishes until it is accepted; an answer that never came is no answer, and 503 asks to try again."""
        headers = {**self._caller.headers, "Content-Type": media_type}
        sending = AsyncRetrying(
            retry=retry_if_exception_type(httpx.TransportError)
            | retry_if_result(lambda answer: answer.status_code == 503),
            wait=wait_fixed(PAUSE),
            stop=stop_after_delay(PATIENCE),
            before_sleep=self._wait,
            retry_error_callback=lambda _: None,
        )
        answer: httpx.Response | None = await sending(
            self._caller.http.post, EVENTS + path, content=body, headers=headers
        )
        if answer is None:
            return
        if answer.status_code == 202:
            self._tally.accepted(event_id)
            self._go_on()
        else:
            self._tally.wrong.append(f"an event was answered {answer.status_code}: {answer.text}")

    def _wait(self, state: RetryCallState) -> None:
        self._repeats += 1
        if not self._away and state.outcome is not None:
            self._away = type(state.outcome.exception()).__name__ if state.outcome.failed else "503"
            self._say(f"Publishing fails ({self._away}); the same events are sent again until they are accepted.")

    def _go_on(self) -> None:
        if self._away:
            self._say(f"Publishing works again; {self._repeats} tries had failed.")
        self._away, self._repeats = "", 0


def _captured() -> list[bytes]:
    """The events of greenlake.md 7.1, as they were once sent."""
    return [(CAPTURED / f"{name}.json").read_bytes().strip() for name in ("audit-log", "expiring-subscriptions")]


def _life(name: str) -> Iterator[dict[str, Any]]:
    """A server is created, switched on, rebooted by hand, renamed and deleted; the moments are those of the asking."""
    server: dict[str, Any] = {"type": "compute-ops/server", "id": str(uuid4()), "name": name, "powerState": "OFF"}
    server |= {"generation": 1, "createdAt": _now()}
    server["updatedAt"] = server["createdAt"]
    yield _of_server("created", server)
    server |= {"powerState": "ON", "generation": 2, "updatedAt": _now()}
    yield _of_server("updated", server)
    yield _of_server("rebooted", {"type": server["type"], "id": server["id"], "reason": "firmware update"})
    server |= {"name": f"{name}-spare", "generation": 3, "updatedAt": _now()}
    yield _of_server("updated", server)
    yield _of_server("deleted", server)


def _of_server(event: str, data: Mapping[str, Any]) -> dict[str, Any]:
    parts = {"apiGroup": "compute-ops", "apiVersion": "v1", "resourceCollection": "servers", "event": event}
    return {"id": str(uuid4()), **parts, "data": data}


def _offline() -> CloudEvent:
    attributes = {"id": str(uuid4()), "source": "//global.api.greenlake.hpe.com/data-services", "type": OFFLINE}
    return CloudEvent(attributes, {"service": "backup", "reason": "planned maintenance"})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _told(answer: httpx.Response) -> Any:
    if answer.is_success:
        return answer.json()
    raise Declined(
        f"{answer.request.method} {answer.request.url.path} was answered {answer.status_code}: {answer.text}"
    )
