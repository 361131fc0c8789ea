"""What the broker says of itself, asked over the connection that carries messages: a real Redis; RabbitMQ in flows."""

from collections.abc import Iterator
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import make_url

from workers import app as broker
from workers import redis_broker, schedule
from workers.announcer import Announcer
from workers.settings import WorkerSettings

GIGABYTE = 1 << 30


@pytest.fixture
def redis(broker_url: str) -> Iterator[Any]:
    with Redis.from_url(broker_url) as client:
        yield client


@pytest.fixture
def without_info(broker_url: str, redis: Any) -> Iterator[str]:
    """The URL of a user who may not ask for INFO."""
    redis.execute_command("ACL SETUSER silent on >word ~* &* +@all -info")
    yield make_url(broker_url).set(username="silent", password="word").render_as_string(hide_password=False)
    redis.execute_command("ACL DELUSER silent")


def announcer(broker_url: str) -> Announcer:
    settings = WorkerSettings(broker_url=broker_url)
    return Announcer(broker.make(settings), settings)


def test_of_redis(broker_url: str, redis: Any) -> None:
    """Its version, and how much waits in each of our queues; nothing is to be warned of."""
    redis.rpush(schedule.TICKETS, "one", "two")
    redis.rpush(schedule.CLOCK, "one")
    asking = announcer(broker_url)

    report = asking.report()
    asking.close()

    assert report.product in ("redis", "valkey")
    assert report.version == redis.info("server").get(f"{report.product}_version")
    assert report.waiting == {name.rpartition(".")[2]: redis.llen(name) for name in schedule.QUEUES}
    assert (report.waiting["tickets"], report.warnings) == (2, ())


def test_who_may_not_ask_for_info(without_info: str, redis: Any) -> None:
    """Depths are told all the same, without version and warnings: queues work as well as before."""
    redis.rpush(schedule.TICKETS, "one")
    asking = announcer(without_info)

    report = asking.report()
    asking.close()

    assert (report.version, report.warnings, report.waiting["tickets"]) == ("", (), 1)


@pytest.mark.parametrize(
    ("most", "used", "policy", "said"),
    [
        (0, 8 * GIGABYTE, "allkeys-lru", ()),
        (GIGABYTE, 0, "noeviction", ()),
        (GIGABYTE, GIGABYTE // 2, "volatile-lru", ()),
        (GIGABYTE, 0, "allkeys-lfu", (redis_broker.EVICTS.format(policy="allkeys-lfu"),)),
        (100, 90, "noeviction", ("the broker uses 90% of its maxmemory, and refuses messages beyond it",)),
        (100, 90, "volatile-ttl", ("the broker uses 90% of its maxmemory, and refuses messages beyond it",)),
    ],
)
def test_a_memory_limit_that_evicts_is_told(most: int, used: int, policy: str, said: tuple[str, ...]) -> None:
    """A limit with a policy that evicts queues, which have no end of their own, and one that is nearly reached, are told."""
    memory = {"maxmemory": most, "used_memory": used, "maxmemory_policy": policy}

    assert tuple(redis_broker.warnings(memory)) == said
