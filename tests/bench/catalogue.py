"""What the catalogue takes: documents that are read and registered, schemas that are given, events that are judged.

`PART=catalogue make bench`. Each measure is a process of its own, whose memory it tells with that of what it begins; nothing
else should run meanwhile.
"""

import asyncio
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from deploy import stores
from subscriptions.catalogue.api_drafts import EventApiDraft
from subscriptions.catalogue.event_apis import CatalogueLimits, EventApiStore
from subscriptions.catalogue.event_schemas import EventSchemaStore, SchemaDraft
from subscriptions.catalogue.judging import PayloadJudge
from subscriptions.catalogue.misfit_counts import MisfitCounts
from subscriptions.catalogue.schemas.schema import vet
from subscriptions.events import catalogue
from subscriptions.events.event import Event
from subscriptions.events.event_type_rows import (
    REJECT,
)
from subscriptions.ground.apart import Apart
from subscriptions.ground.beside import Beside
from subscriptions.ground.database import Database
from subscriptions.ground.settings import GroundSettings
from subscriptions.ground.vault import Vault
from tests.conftest import VAULT_KEYS, make_tables

MESSAGES, DOCUMENTS = 5000, 50
#: Seconds and megabytes of a registration; microseconds of an event of a kilobyte that is held to a schema.
SECONDS, MEGABYTES, JUDGED = 5.0, 200, 30.0
TIMES = 20_000


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What a measure stands on."""

    database: Database
    apis: EventApiStore
    schemas: EventSchemaStore


def document(messages: int, first: int = 0) -> bytes:
    """An AsyncAPI document of so many messages, each of its own event type."""
    payload = {"type": "object", "properties": {"n": {"type": "integer"}}}
    channels = {
        f"com.bench.e{number}": {"subscribe": {"message": {"payload": payload}}}
        for number in range(first, first + messages)
    }
    return json.dumps(
        {"asyncapi": "2.6.0", "info": {"title": f"B{first}", "version": "1"}, "channels": channels}
    ).encode()


def schema(number: int) -> bytes:
    """A schema of a kilobyte, like no other."""
    texts = {f"p{each}": {"type": "string", "maxLength": 100} for each in range(20)}
    numbered = {"n": {"type": "integer", "minimum": number}}
    return json.dumps({"type": "object", "required": ["n"], "properties": {**numbered, **texts}}).encode()


async def one(on: Ground) -> None:
    """All messages in one document."""
    await on.apis.register(EventApiDraft(text=document(MESSAGES)), by=None, now=datetime.now(UTC))


async def many(on: Ground) -> None:
    """The same in fifty documents, one after another."""
    each = MESSAGES // DOCUMENTS
    for number in range(DOCUMENTS):
        draft = EventApiDraft(text=document(each, first=number * each))
        await on.apis.register(draft, by=None, now=datetime.now(UTC))


async def schemas(on: Ground) -> None:
    """As many schemas, each a type's own."""
    for number in range(MESSAGES):
        draft = SchemaDraft(schema=vet(schema(number)), version="own", dataschema=None, served_at="http://x/schemas")
        await on.schemas.put(f"com.bench.e{number}", draft, by=None, now=datetime.now(UTC))


async def judged(on: Ground) -> float:
    """One event after another, each of a kilobyte that fits, held to a schema; the seconds of that alone."""
    name = "com.bench.e7"
    draft = SchemaDraft(schema=vet(schema(7)), version="1", dataschema=None, served_at="http://x/schemas")
    await on.schemas.put(name, draft, by=None, now=datetime.now(UTC))
    counts = MisfitCounts(on.database, lambda: datetime.now(UTC))
    judge = PayloadJudge(on.schemas, counts, Beside(of="the judge"))
    await judge.know({name})
    data = {"n": 9} | {f"p{each}": "x" * 32 for each in range(20)}
    body = msgspec.json.encode({"specversion": "1.0", "id": "1", "source": "/b", "type": name, "data": data})
    event = Event(
        key=uuid4(),
        id="1",
        source="/b",
        type=name,
        workspace_id="0" * 32,
        time=None,
        body=body,
        digest=b"",
        given_id=True,
    )
    everybody: Callable[[str, str], bool] = lambda _type, _workspace: True  # noqa: E731
    assert [found for _, found in judge.each([event], {name: REJECT}, everybody)] == [[]]
    began = time.perf_counter()
    assert not any(found for _, found in judge.each([event] * TIMES, {name: REJECT}, everybody))
    return time.perf_counter() - began


#: In this order: the later stand on the types of the first. Of the last its microseconds an event count.
MEASURES: Mapping[str, Callable[[Ground], Awaitable[float | None]]] = {
    "one": one,
    "schemas": schemas,
    "judged": judged,
    "many": many,
}


async def measured(name: str, url: str) -> dict[str, Any]:
    """What one measure came to, in this process."""
    settings = GroundSettings(database_url=url, vault_keys=VAULT_KEYS)
    database, apart, vault = Database(settings), Apart(), Vault.parse(VAULT_KEYS)
    limits = CatalogueLimits(apis=10**6, types=10**6, schema_bytes=1 << 40)
    on = Ground(
        database=database,
        apis=EventApiStore(database, apart, prefix=catalogue.PREFIX, limits=limits, vault=vault),
        schemas=EventSchemaStore(database, apart),
    )
    began = time.perf_counter()
    try:
        alone = await MEASURES[name](on)
    finally:
        seconds = time.perf_counter() - began
        await database.close()
    own, begun = (resource.getrusage(of).ru_maxrss / 1024 for of in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {"seconds": seconds if alone is None else alone, "own": own, "begun": begun}


async def main() -> int:
    """Measures each, prints a line of it, and answers how many are over what they may take."""
    print(f"load {' '.join(f'{each:.1f}' for each in os.getloadavg())}, {os.cpu_count()} processors")
    over = 0
    for name in MEASURES:
        directory = Path(tempfile.mkdtemp(prefix="hl-"))
        try:
            with stores.running(directory, say=lambda _line: None) as running:
                await make_tables(running.database_url)
                if name in ("schemas", "judged"):
                    await _apart("one", running.database_url)
                found = await _apart(name, running.database_url)
        finally:
            shutil.rmtree(directory, ignore_errors=True)
        over += _tell(name, found)
    return over


async def _apart(name: str, url: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.bench.catalogue", name, url]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    answer, _ = await process.communicate()
    found: dict[str, Any] = json.loads(answer)
    return found


def _tell(name: str, found: Mapping[str, Any]) -> bool:
    own, begun, seconds = found["own"], found["begun"], found["seconds"]
    if name == "judged":
        each = seconds / TIMES * 1e6
        print(f"{name:8} {each:6.1f} us an event of a kilobyte (at most {JUDGED:g})")
        return bool(each > JUDGED)
    said = f"{seconds:6.1f} s, {own:.0f} MB, and {begun:.0f} MB in what it began"
    if name != "one":
        print(f"{name:8} {said}")
        return False
    print(f"{name:8} {said} (at most {SECONDS:g} s and {MEGABYTES} MB)")
    return bool(seconds > SECONDS or max(own, begun) > MEGABYTES)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measured(*sys.argv[1:]))))
