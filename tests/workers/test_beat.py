"""The clock over a real Redis: what it sends, and how often it asks what is due."""

import json
import time

import pytest
from redis import Redis

from workers import app as broker
from workers import schedule
from workers.beat import WAITING, Clock
from workers.settings import WorkerSettings


def ticked(broker_url: str, sweeps: int) -> int:
    """A clock that runs, as Celery's service runs it, for so many sweeps; answers how often it was asked what is due."""
    clock, asked = Clock(app=broker.make(WorkerSettings(broker_url=broker_url, sweep_interval=0.05))), 0
    while clock.schedule[schedule.SWEEP].total_run_count < sweeps:
        wait = clock.tick()
        asked += 1
        time.sleep(max(0.0, wait))
    return asked


def test_asks_when_something_is_due(broker_url: str) -> None:
    """Between two sweeps it sleeps: it asks a few times for each message, not hundreds of times in the milliseconds before."""
    asked = ticked(broker_url, 10)

    with Redis.from_url(broker_url) as redis:
        assert redis.llen(schedule.CLOCK) >= 10
    assert asked < 100


def test_nobody_takes_its_messages(broker_url: str, caplog: pytest.LogCaptureFixture) -> None:
    """No more than twenty of its messages wait, without a time after which they count for nothing; it tells so, once."""
    ticked(broker_url, WAITING * 2)

    with Redis.from_url(broker_url) as redis:
        waiting = redis.lrange(schedule.CLOCK, 0, -1)
    assert len(waiting) == WAITING
    assert {json.loads(message)["headers"]["expires"] for message in waiting} == {None}
    assert sum("beat.unheard" in record.getMessage() for record in caplog.records) == 1
