"""The clock over a real Redis: what it sends, and how often it asks what is due."""

import time

from redis import Redis

from workers import app as broker
from workers import schedule
from workers.beat import WAITING, Clock
from workers.settings import Settings


def ticked(broker_url: str, sweeps: int) -> int:
    """A clock that runs, as Celery's service runs it, for so many sweeps; answers how often it was asked what is due."""
    clock, asked = Clock(app=broker.make(Settings(broker_url=broker_url, sweep_interval=0.05))), 0
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


def test_nobody_takes_its_messages(broker_url: str) -> None:
    """No more than twenty of its messages wait."""
    ticked(broker_url, WAITING * 2)

    with Redis.from_url(broker_url) as redis:
        assert redis.llen(schedule.CLOCK) == WAITING
