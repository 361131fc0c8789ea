"""The tenant of a storm: registers webhooks of every mood, publishes steadily, keeps its list of 202s, and edits one webhook.

What is expected of whom stands in `HOOKS`; counting what arrived is left to `tally.py`.
"""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from tests.crash.subscriber import SECRET

Json = dict[str, Any]

EVENTS = "/events/v1beta1"
SOURCE = "//global.api.greenlake.hpe.com/compute-ops"
PREFIX = "com.hpe.greenlake.compute-ops.v1.servers."
#: `rebooted` goes to everybody, and so is spread; of the others most, of `deleted` one in ten.
CREATED, UPDATED, DELETED, REBOOTED = (PREFIX + event for event in ("created", "updated", "deleted", "rebooted"))
TURNS = (CREATED, UPDATED, CREATED, UPDATED, DELETED, CREATED, UPDATED, CREATED, UPDATED, REBOOTED)
#: Seconds between two attempts of a call, and for one call.
PAUSE, DEADLINE = 0.2, 5.0
#: Publications under way at most.
LINES = 16


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A webhook to register; its name is the first word of its path, which names its mood."""

    events: tuple[str, ...]
    #: Asks for the even ones only.
    even: bool = False
    #: Subscribes in the middle of the storm, and has sent by a replay what it was never owed.
    late: bool = False
    fields: Mapping[str, object] = field(default_factory=dict)


HOOKS: Mapping[str, Wish] = {
    "swift": Wish(events=(CREATED, UPDATED, DELETED, REBOOTED)),
    "slow": Wish(events=(UPDATED, REBOOTED)),
    "moody": Wish(events=(CREATED, UPDATED, REBOOTED), fields={"contentMode": "binary"}),
    "mute": Wish(events=(CREATED, REBOOTED)),
    "rude": Wish(events=(CREATED, UPDATED, REBOOTED)),
    "strict": Wish(events=(UPDATED, REBOOTED), even=True),
    "gathering": Wish(events=(CREATED, UPDATED, REBOOTED), fields={"batching": True}),
    "paced": Wish(events=(DELETED, REBOOTED)),
    "fickle": Wish(events=(CREATED, REBOOTED)),
    "latecomer": Wish(events=(UPDATED, REBOOTED), late=True),
}


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """An event that was answered with 202."""

    #: Of all that were published.
    number: int
    type: str
    #: Its id was the tenant's choice.
    named: bool


@dataclass(kw_only=True)
class Books:
    """What the tenant knows of its publications."""

    #: What was answered with 202, by the events' ids.
    accepted: dict[str, Accepted] = field(default_factory=dict)
    #: Answers that were no 202, and calls without an answer, by their words.
    refused: Counter[str] = field(default_factory=Counter)
    #: What was answered and should never be.
    wrong: list[str] = field(default_factory=list)


class Tenant:
    """One workspace; `http` sends a token along that may do everything a tenant may."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.books = Books()
        #: Names by the ids of their webhooks.
        self.hooks: dict[str, str] = {}
        self._caught_up = False
        self._count = 0
        self._published: set[asyncio.Task[None]] = set()

    async def trace(self, event: str) -> Json:
        """What the API knows of an accepted event."""
        source = {"source": SOURCE} if self.books.accepted[event].named else {}
        shown: Json = await self.insist("GET", f"/events/{event}", **source)
        return shown

    async def settle_in(self, destinations: str) -> None:
        """Registers event types, webhooks and subscriptions, and waits until all webhooks are ACTIVE."""
        for event_type in (CREATED, UPDATED, DELETED):
            await self.ask("POST", "/event-types", {"eventType": event_type})
        for name, wish in HOOKS.items():
            given = {"name": name, "destination": f"{destinations}/{name}", "secret": SECRET, **wish.fields}
            made = await self.ask("POST", "/webhooks", given)
            self.hooks[made["id"]] = name
            subscription_store = [
                {"eventType": each, "webhook": {"resourceUri": made["resourceUri"]}} for each in wish.events
            ]
            if wish.late:
                continue
            if wish.even:
                subscription_store = [{**order, "eventFilter": "parity eq 'even'"} for order in subscription_store]
            await self.ask("POST", "/subscriptions", subscription_store)
        for webhook in self.hooks:
            await self.until_active(webhook)

    async def publish(self, seconds: float, *, rate: float = 20.0) -> None:
        """So many publications a second, every two seconds an array of ten; every third goes without ids.

        Returns when each publication with ids was accepted: one without an answer is sent again. Without ids it is not. While
        as many as have a line each wait for their answer, nothing new is published.
        """
        end, turn = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            if len(self._published) < LINES:
                self._begin(10 if turn % int(rate * 2) == 0 else 1, named=turn % 3 != 0)
                turn += 1
            await asyncio.sleep(1 / rate)
        await asyncio.gather(*self._published)

    async def fidget(self, seconds: float, destinations: str) -> None:
        """Pauses and resumes the fickle webhook and moves it to and fro, again and again; ends with it resumed."""
        [webhook] = [key for key, name in self.hooks.items() if name == "fickle"]
        end, moves = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            await self.insist("PATCH", f"/webhooks/{webhook}", {"paused": True})
            await asyncio.sleep(0.5)
            await self.insist("PATCH", f"/webhooks/{webhook}", {"paused": False})
            await asyncio.sleep(1.0)
            moves += 1
            moved = {"destination": f"{destinations}/fickle/{moves}"}
            await self.insist("PATCH", f"/webhooks/{webhook}", moved)
            await asyncio.sleep(2.0)
        await self.until_active(webhook)

    async def catch_up(self, seconds: float) -> None:
        """The latecomer subscribes after some time, and what it was never owed is replayed to it, in the middle of the storm.

        Returns when that was accepted; a replay whose answer was lost is asked for again, and finds nothing that is lacking.
        """
        await asyncio.sleep(seconds / 3)
        [webhook] = [key for key, name in self.hooks.items() if HOOKS[name].late]
        at = f"{EVENTS}/webhooks/{webhook}"
        wanted = [{"eventType": each, "webhook": {"resourceUri": at}} for each in HOOKS["latecomer"].events]
        await self.insist("POST", "/subscriptions", wanted)
        self._caught_up = True
        await self.insist("POST", "/replays", {"webhookIds": [webhook], "missing": True, "ratePerSecond": 200})

    async def replays(self) -> list[Json]:
        """All that were asked for."""
        shown: Json = await self.insist("GET", "/replays")
        return list(shown["items"])

    async def ask(self, method: str, path: str, body: object = None, **params: str) -> Any:
        """One call and its decoded answer; raises httpx.HTTPError."""
        answer = await self.http.request(method, EVENTS + path, json=body, params=params)
        return answer.raise_for_status().json()

    async def insist(self, method: str, path: str, body: object = None, **params: str) -> Any:
        """The same, again and again while there is no answer or a 5xx; raises HTTPStatusError of another refusal."""
        while True:
            try:
                return await self.ask(method, path, body, **params)
            except httpx.HTTPStatusError as error:
                if error.response.status_code < 500:
                    raise
            except httpx.TransportError:
                pass
            await asyncio.sleep(PAUSE)

    async def until_active(self, webhook: str, *, seconds: float = 60.0) -> None:
        """Waits for it; raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while (shown := await self.insist("GET", f"/webhooks/{webhook}"))["status"] not in ("ACTIVE", "WARNING"):
                await asyncio.sleep(0.05)
                if shown["paused"]:
                    raise RuntimeError(f"{webhook} is paused, and nobody resumes it")

    def expected(self) -> set[tuple[str, str]]:
        """(event, name of the webhook): what has to arrive, of all that was accepted."""
        return {
            (key, name)
            for key, event in self.books.accepted.items()
            for name in _wanted_by(event)
            if self._caught_up or not HOOKS[name].late
        }

    def _begin(self, count: int, *, named: bool) -> None:
        numbers = range(self._count, self._count + count)
        self._count += count
        task = asyncio.create_task(self._publish([_occurrence(number, named=named) for number in numbers], named))
        self._published.add(task)
        task.add_done_callback(self._published.discard)

    async def _publish(self, occurrences: Sequence[Json], named: bool) -> None:
        body = occurrences if len(occurrences) > 1 else occurrences[0]
        while not await self._accepted(body, occurrences) and named:  # noqa: ASYNC110 -- each look is an attempt
            await asyncio.sleep(PAUSE)

    async def _accepted(self, body: object, occurrences: Sequence[Json]) -> bool:
        """Whether nothing more is to be done: it was accepted, or refused for good."""
        try:
            answer = await self.http.post(f"{EVENTS}/occurrences", json=body)
        except httpx.TransportError as error:
            self.books.refused[type(error).__name__] += 1
            return False
        if answer.status_code == 202:
            receipts = answer.json()
            for receipt, event in zip(receipts if isinstance(receipts, list) else [receipts], occurrences, strict=True):
                number, event_type = event["data"]["number"], PREFIX + event["event"]
                self.books.accepted[receipt["id"]] = Accepted(number=number, type=event_type, named="id" in event)
            return True
        self.books.refused[str(answer.status_code)] += 1
        if answer.status_code != 503:
            self.books.wrong.append(f"a publication was answered {answer.status_code}: {answer.text}")
        elif "retry-after" not in answer.headers:
            self.books.wrong.append("a 503 came without Retry-After")
        return answer.status_code != 503


def _occurrence(number: int, *, named: bool) -> Json:
    event = TURNS[number % len(TURNS)].removeprefix(PREFIX)
    data = {"type": "compute-ops/server", "id": f"server-{number}", "number": number, "parity": _parity(number)}
    given = {"apiGroup": "compute-ops", "apiVersion": "v1", "resourceCollection": "servers", "event": event}
    return {**given, "data": data} | ({"id": str(uuid4())} if named else {})


def _wanted_by(event: Accepted) -> list[str]:
    even = _parity(event.number) == "even"
    return [name for name, wish in HOOKS.items() if event.type in wish.events and (even or not wish.even)]


def _parity(number: int) -> str:
    # By tens: an event type comes at even or odd places only.
    return "odd" if number // 10 % 2 else "even"


@asynccontextmanager
async def entered(credentials: Mapping[str, Any]) -> AsyncIterator[Tenant]:
    """A tenant with these credentials: `baseUrl`, `workspaceId`, `clientId` and `clientSecret`."""
    limits = httpx.Limits(max_connections=200)
    async with httpx.AsyncClient(base_url=credentials["baseUrl"], timeout=DEADLINE, limits=limits) as http:
        path = f"/authorization/v2/oauth2/{credentials['workspaceId']}/token"
        form = {"grant_type": "client_credentials", "client_id": credentials["clientId"]}
        answer = await http.post(path, data={**form, "client_secret": credentials["clientSecret"]})
        http.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"
        yield Tenant(http)
