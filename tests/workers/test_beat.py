"""The clock over a real Redis: what it sends, and how often it asks what is due."""

import time

from redis import Redis

from workers import app as broker
from workers import schedule
from workers.beat import WAITING, Clock
from workers.settings import Settings


def ticked(broker_url: str, *, seconds: float, interval: float) -> int:
    """A clock that runs for so long as Celery's service runs it; answers how often it was asked."""
    settings = Settings(broker_url=broker_url, sweep_interval=interval)
    clock, asked, end = Clock(app=broker.make(settings)), 0, time.monotonic() + seconds
    while time.monotonic() < end:
        wait = clock.tick()
        asked += 1
        if wait > 0:
            time.sleep(min(wait, max(0.0, end - time.monotonic())))
    return asked


def test_asks_when_something_is_due(broker_url: str) -> None:
    """Between two sweeps it sleeps: it asks a few times for each message, not thousands of times in the milliseconds before."""
    asked = ticked(broker_url, seconds=1.0, interval=0.1)

    with Redis.from_url(broker_url) as redis:
        assert 1 <= redis.llen(schedule.CLOCK) <= WAITING
    assert asked < 200


def test_nobody_takes_its_messages(broker_url: str) -> None:
    """No more than twenty of its messages wait."""
    ticked(broker_url, seconds=2.0, interval=0.02)

    with Redis.from_url(broker_url) as redis:
        assert redis.llen(schedule.CLOCK) == WAITING
