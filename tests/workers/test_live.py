"""What workers say to who looks: nothing while nobody does, little while somebody does, over either way."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from delivery.attempts.endings import EndedAttempt
from delivery.judgement.breaker import Result
from delivery.ledger.records.outcomes import Record
from delivery.lifecycle import State
from subscriptions.ground import notices
from subscriptions.ground.database import Database
from subscriptions.ground.settings import GroundSettings
from tests.builders import WORKSPACE
from tests.conftest import VAULT_KEYS
from workers import app as broker
from workers import live_publisher, live_summaries, live_ways
from workers.live_publisher import LivePublisher
from workers.live_summaries import LiveSummary
from workers.recorder import Recorder
from workers.settings import WorkerSettings


@pytest.fixture(params=["redis", "postgres"])
def app(request: pytest.FixtureRequest, broker_url: str) -> Any:
    """An application on either broker; RabbitMQ itself is not asked."""
    url = broker_url if request.param == "redis" else "amqp://127.0.0.1:1"
    made = broker.make(WorkerSettings(broker_url=url))
    made.serve("0123abcd")
    return made


@pytest.fixture
def ground(database_url: str) -> GroundSettings:
    return GroundSettings(database_url=database_url, vault_keys=VAULT_KEYS)


@pytest.fixture
async def told(
    app: Any, ground: GroundSettings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Recorder]:
    """A recorder whose process tells who looks."""
    for name, seconds in {"PAUSE": 0.01, "LOOK": 0.02, "AWAY": 0.02}.items():
        monkeypatch.setattr(live_publisher, name, seconds)
    recorder = Recorder(written, lambda _job: None, window=0.0)
    running = asyncio.create_task(LivePublisher(live_ways.mouth(app, database), recorder).run())
    yield recorder
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def written(_ended: object) -> list[Any]:
    return []


def ended(state: State = State.DELIVERED, workspace: str = WORKSPACE) -> EndedAttempt:
    now = datetime.now(UTC)
    record = Record(
        event=uuid4(),
        webhook=uuid4(),
        round=0,
        fence=1,
        state=state,
        due_at=None,
        counts=1,
        delivery_failed=False,
        started_at=now,
        milliseconds=12,
        status=200,
        reason="200 OK",
        request_headers=b"[]",
        response_headers=b"[]",
        response_body=b"",
    )
    return EndedAttempt(
        record=record,
        workspace=workspace,
        result=Result(ok=True, at=now, disables=False, reason="200 OK"),
        epoch=0,
        batch=False,
        matters=False,
        answered=True,
    )


async def until(recorder: Recorder, *, watched: bool) -> None:
    async with asyncio.timeout(10):
        while (recorder.noted is not None) is not watched:  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.005)


async def test_a_worker_speaks_while_somebody_looks(app: Any, ground: GroundSettings, told: Recorder) -> None:
    """What is written is told to who listens, and noted for nobody before and after."""
    ear = live_ways.ear(app, ground)
    assert ear is not None
    assert told.noted is None
    heard: asyncio.Queue[str] = asyncio.Queue()
    listening = asyncio.create_task(ear(heard.put_nowait))
    await until(told, watched=True)
    one = ended()
    await told.record(one)
    async with asyncio.timeout(10):
        said = msgspec.json.decode(await heard.get())
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    assert said["n"] == [[WORKSPACE, one.record.webhook.hex, 1, 0, 0]]
    assert said["d"] == [[WORKSPACE, one.record.webhook.hex, one.record.event.hex, 0, "delivered", 200, 12]]
    await until(told, watched=False)


def test_nobody_can_listen_through_a_pooler_of_transactions(ground: GroundSettings) -> None:
    """Where PostgreSQL is the way, and its connections change with each transaction, no page is live."""
    app = broker.make(WorkerSettings(broker_url="amqp://127.0.0.1:1"))
    pooled = msgspec.structs.replace(ground, database_pooling="transaction")

    assert live_ways.ear(app, pooled) is None


def test_what_is_said_is_short_however_much_happens() -> None:
    """Of a thousand webhooks in as many workspaces all attempts are counted, and the text is one that PostgreSQL takes."""
    summary = LiveSummary()
    for n in range(1000):
        summary.note(ended((State.DELIVERED, State.FAILED, State.OWED, State.PARKED)[n % 4], uuid4().hex))

    text = summary.text()

    said = msgspec.json.decode(text)
    assert len(text) <= notices.LONGEST
    assert [sum(row[place] for row in said["n"]) for place in (2, 3, 4)] == [250, 250, 500]
    assert len(said["d"]) == live_summaries.LAST
    assert not summary
