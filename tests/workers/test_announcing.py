"""Announcing to a real Redis: how many messages, and what becomes of nudges that it cannot take."""

import base64
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from redis import Redis

from delivery.tickets import Job, JobKind, Ticket
from deploy.stores import free_port
from workers import app as broker
from workers import schedule
from workers.announcer import Announcer
from workers.settings import WorkerSettings


@pytest.fixture
def redis(broker_url: str) -> Iterator[Any]:
    with Redis.from_url(broker_url) as client:
        yield client


def announcer(broker_url: str, **given: Any) -> Announcer:
    settings = WorkerSettings(broker_url=broker_url, **given)
    return Announcer(broker.make(settings), settings)


def tickets(count: int) -> list[Ticket]:
    return [Ticket(uuid4(), uuid4(), 0, 0) for _ in range(count)]


def jobs(count: int) -> list[Job]:
    return [Job(kind=JobKind.SPREAD, key=uuid4(), fence=0) for _ in range(count)]


def test_tickets_travel_together(broker_url: str, redis: Any) -> None:
    """A thousand tickets given together travel in messages of 200; jobs go by a queue of their own."""
    announcing = announcer(broker_url)
    announcing.announce([*tickets(1000), *jobs(3)])

    announcing.start()
    announcing.close()

    assert redis.llen(schedule.TICKETS) == 5
    assert redis.llen(schedule.JOBS) == 1


def test_broker_that_holds_enough(broker_url: str, redis: Any) -> None:
    """While the broker holds more than 2,000 tickets none are sent, for the sweep finds their
    rows; jobs are (protocol.md 3.1)."""
    redis.rpush(schedule.TICKETS, *["a message"] * 2001)
    announcing = announcer(broker_url)
    announcing.announce([*tickets(1000), *jobs(1)])

    announcing.start()
    announcing.close()

    assert redis.llen(schedule.TICKETS) == 2001
    assert redis.llen(schedule.JOBS) == 1


def test_broker_away() -> None:
    """While the broker is away nudges are dropped, and whoever announces neither waits nor hears of it (protocol.md 3.1)."""
    announcing = announcer(f"redis://127.0.0.1:{free_port()}/0", broker_wait=0.2)
    announcing.start()

    for _ in range(50):
        announcing.announce(tickets(10))

    announcing.close()

    # One that was left behind told of the broker in the middle of another test.
    assert not announcing._thread.is_alive()


def test_a_ticket_carries_keys_and_fence_alone(broker_url: str, redis: Any) -> None:
    """A ticket's message carries its keys and its fence, nothing else of the delivery, and no time for clocks
    to disagree on (protocol.md 3.1, 3.5)."""
    announcing = announcer(broker_url)
    [ticket] = given = tickets(1)
    announcing.announce(given)

    announcing.start()
    announcing.close()

    [message] = redis.lrange(schedule.TICKETS, 0, -1)
    arguments, *_ = json.loads(base64.b64decode(json.loads(message)["body"]))
    headers = json.loads(message)["headers"]
    assert arguments == [[[ticket.event.hex, ticket.webhook.hex, 0, 0]]]
    assert (headers["expires"], headers["eta"]) == (None, None)
