"""OPTIONS beside each challenge, and heartbeats: what a destination allows, and from when on (greenlake.md 5.5)."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from delivery.judgement import pace
from delivery.tickets import Job, JobKind
from delivery.wire.parcels import Failure, FailureKind, Reply
from subscriptions.ground.database import Database
from subscriptions.webhooks.webhook import Change, Registration
from tests.clock import Clock
from tests.delivery.craft import OWNER, TYPE, WORKSPACE, Craft
from tests.delivery.destinations import NEW, OLD, SECRET, TIMED_OUT, Gate, reply

ORIGIN = "https://common.cloud.hpe.com"
HOUR = 3600.0


def allows(rate: str, origin: str = "*") -> Reply:
    return reply(200, b"", ("WebHook-Allowed-Rate", rate), ("WebHook-Allowed-Origin", origin))


async def registered(craft: Craft, **fields: Any) -> UUID:
    registration = Registration(name="hook", destination=OLD, secret=SECRET, **fields)
    return (await craft.webhook_lifecycle.register(registration, OWNER)).id


async def terms(craft: Craft, webhook: UUID) -> tuple[int | None, str, int]:
    """Rate, origin and generation as they stand."""
    [row] = await craft.fetch(
        "SELECT endpoint_rate_limit, request_origin, generation FROM webhooks WHERE id = $1", webhook
    )
    return tuple(row)


async def next_beat(craft: Craft, webhook: UUID) -> tuple[str, float]:
    """What the webhook's row is for, and in how many seconds it is due."""
    [row] = await craft.fetch("SELECT purpose, due_at FROM challenges WHERE webhook = $1", webhook)
    return row["purpose"], (row["due_at"] - craft.clock()).total_seconds()


async def beat(craft: Craft, answer: Reply | Failure) -> None:
    """The next heartbeat finds this answer."""
    craft.clock.advance(HOUR)
    craft.wire.allowing = answer
    for queued_job in await craft.queued_jobs():
        if queued_job.kind is JobKind.CHALLENGE:
            await craft.webhook_lifecycle.challenge_jobs.carry(queued_job, craft.probe)


async def test_registration_asks(craft: Craft) -> None:
    """Challenge and OPTIONS go out together; rate and origin stand before the first delivery, which repeats the origin."""
    craft.wire.allowing = allows("120", ORIGIN)
    webhook = await registered(craft)

    await craft.challenge(webhook)
    await craft.subscribe([webhook], TYPE)
    await craft.publish()
    [held] = await craft.drain()
    await craft.attempt(held)

    assert [(origin, to.url) for origin, to in craft.wire.asked] == [(ORIGIN, OLD)]
    assert await craft.status(webhook) == "ACTIVE"
    assert (await terms(craft, webhook))[:2] == (120, ORIGIN)
    assert [to.request_origin for _, to in craft.wire.sent] == ["", ORIGIN]
    # What may come twice over a kept connection that was dead.
    assert [parcel.question for parcel, _ in craft.wire.sent] == [True, False]


async def test_registration_without_challenge_asks_too(craft: Craft) -> None:
    """The webhook is ACTIVE at once, and asked at once; nothing else is sent."""
    craft.wire.allowing = allows("60")
    webhook = await registered(craft, challenge_request_enabled=False)
    status = await craft.status(webhook)

    [queued_job] = craft.announced
    assert isinstance(queued_job, Job)
    await craft.webhook_lifecycle.challenge_jobs.carry(queued_job, craft.probe)

    assert (status, craft.wire.sent) == ("ACTIVE", [])
    assert (await terms(craft, webhook))[:2] == (60, ORIGIN)
    assert (await next_beat(craft, webhook))[0] == "heartbeat"


@pytest.mark.parametrize("answer", [TIMED_OUT, reply(500), reply(405), allows("nonsense")])
async def test_options_decide_nothing(craft: Craft, answer: Reply | Failure) -> None:
    """Whatever becomes of them, the challenge alone says whether the webhook is verified."""
    craft.wire.allowing = answer
    webhook = await registered(craft)

    await craft.challenge(webhook)

    assert await craft.status(webhook) == "ACTIVE"
    assert (await terms(craft, webhook))[0] is None


async def test_a_failed_challenge_still_tells_the_rate(craft: Craft) -> None:
    """The terms of a destination hold whether or not it knows the secret."""
    craft.wire.allowing = allows("30")
    craft.wire.answers.append(reply(200, b"{}"))
    webhook = await registered(craft)

    await craft.challenge(webhook)

    assert await craft.status(webhook) == "PENDING"
    assert (await terms(craft, webhook))[0] == 30


async def test_verify_tells_the_rate(craft: Craft) -> None:
    """`requestedRate` is what this answer named, `endpointRateLimit` what holds after it (greenlake.md 1.4)."""
    webhook = await registered(craft)
    said = []
    for answer in (allows("120"), allows("*"), allows("0"), TIMED_OUT, reply(404)):
        craft.wire.allowing = answer
        found, response = await craft.webhook_lifecycle.verify(WORKSPACE, webhook)
        said.append((response.status_code, response.requested_rate, found.endpoint_rate_limit))

    assert said == [(200, 120, 120), (200, -1, -1), (200, None, -1), (200, None, -1), (200, None, None)]


async def test_generation_counts_changes_alone(craft: Craft) -> None:
    """An answer that says what held already changes nothing; one that differs counts once."""
    webhook = await registered(craft)
    await craft.challenge(webhook)
    counted = []
    for answer in (allows("60"), allows("60"), allows("-5"), allows("61"), allows("61", "https://other.example")):
        await beat(craft, answer)
        counted.append(await terms(craft, webhook))

    first = counted[0][2]
    assert counted == [
        (60, ORIGIN, first),
        (60, ORIGIN, first),
        (60, ORIGIN, first),
        (61, ORIGIN, first + 1),
        (61, "", first + 2),
    ]


async def test_heartbeats_go_on(craft: Craft) -> None:
    """An active webhook is asked within each interval, whatever it answers, and sent no challenge."""
    webhook = await registered(craft)
    await craft.challenge(webhook)
    due = [await next_beat(craft, webhook)]
    for answer in (allows("60"), TIMED_OUT, reply(503), reply(405)):
        await beat(craft, answer)
        due.append(await next_beat(craft, webhook))

    assert [purpose for purpose, _ in due] == ["heartbeat"] * 5
    assert [seconds for _, seconds in due] == pytest.approx([pace.beat_after(webhook, HOUR)] * 5, abs=1e-3)
    assert (len(craft.wire.sent), len(craft.wire.asked)) == (1, 5)
    # Announced, a heartbeat would not wait for its time.
    announced = [nudge.kind for nudge in craft.announced if isinstance(nudge, Job)]
    assert announced.count(JobKind.CHALLENGE) == 1
    assert (await terms(craft, webhook))[0] is None


async def test_heartbeat_of_a_failing_webhook(craft: Craft) -> None:
    """WARNING is asked too; ERROR is probed instead, and once healed is asked again."""
    webhook = await craft.hook(status="WARNING", failures=1, challenge_request_enabled=False)
    await craft.upkeep.mend()
    await beat(craft, allows("60"))
    warned = (await terms(craft, webhook))[0]
    now = craft.clock()
    await craft.sql(
        "UPDATE webhooks SET failures = 20, first_failure_at = $1, last_failure_at = $1", now - timedelta(hours=1)
    )
    [event] = await craft.owe(webhook)
    [held] = await craft.drain()
    await craft.rounds.outcomes.record([await craft.attempt(held, reply(503))])
    halted = (await craft.status(webhook), (await next_beat(craft, webhook))[0])
    craft.clock.advance(60)
    await craft.challenge(webhook)

    assert (warned, halted) == (60, ("ERROR", "probe"))
    assert (await craft.status(webhook), (await next_beat(craft, webhook))[0]) == ("ACTIVE", "heartbeat")
    assert (await craft.row(event, webhook)).state == "delivered"


async def test_paused_and_deleted_webhooks_are_not_asked(craft: Craft) -> None:
    """Neither has a heartbeat, and one under way is of no effect; once enabled again it is asked anew."""
    webhook = await registered(craft, challenge_request_enabled=False)
    await craft.challenge(webhook)
    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(paused=True))
    while_paused = await craft.value("SELECT count(*) FROM challenges")
    await craft.upkeep.mend()
    mended = await craft.value("SELECT count(*) FROM challenges")
    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(paused=False))
    enabled = await next_beat(craft, webhook)
    await craft.webhook_lifecycle.remove(WORKSPACE, webhook, force=True)

    assert (while_paused, mended, enabled) == (0, 0, ("heartbeat", 0))
    assert await craft.value("SELECT count(*) FROM challenges") == 0


async def test_a_new_destination_is_asked_anew(craft: Craft) -> None:
    """What the old one allowed ends with the edit; what it answers late says nothing of the new one."""
    craft.wire.allowing = allows("1", ORIGIN)
    webhook = await registered(craft)
    await craft.challenge(webhook)
    granted = await terms(craft, webhook)
    gate = Gate()
    craft.wire.answering = gate
    verifying = asyncio.create_task(craft.webhook_lifecycle.verify(WORKSPACE, webhook))
    await gate.asked.wait()

    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(destination=NEW))
    edited = await terms(craft, webhook)
    gate.open.set()
    await verifying
    after_the_late_answer = await terms(craft, webhook)
    craft.wire.allowing = allows("600", "https://other.example")
    await craft.challenge(webhook)

    assert granted[:2] == (1, ORIGIN)
    assert edited[:2] == after_the_late_answer[:2] == (None, "")
    assert (await terms(craft, webhook))[:2] == (600, "")


@pytest.mark.parametrize("change", [{"secret": "another secret"}, {"auth_type": "APIKey", "api_key": "a key"}])
async def test_new_credentials_ask_anew(craft: Craft, change: dict[str, Any]) -> None:
    """At once, with the new ones, with a challenge or without; the rate holds until the answer."""
    craft.wire.allowing = allows("60")
    webhook = await registered(craft, challenge_request_enabled=False)
    await craft.challenge(webhook)

    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(**change))
    between = await terms(craft, webhook)
    craft.wire.allowing = allows("90")
    await craft.challenge(webhook)

    assert between[0] == 60
    assert (await terms(craft, webhook))[0] == 90
    assert craft.wire.asked[-1][1].authorization == change.get("api_key")


async def test_slow_sweep_gives_heartbeats(craft: Craft, clock: Clock) -> None:
    """Active webhooks that no row stands for get one each, spread over the interval, once, in their epoch."""
    hooks = [*await craft.hooks(200, epoch=3), *await craft.hooks(200, status="WARNING", epoch=3)]
    await craft.hooks(3, status="DISABLED")

    await asyncio.gather(*(craft.upkeep.mend() for _ in range(3)))
    await craft.upkeep.mend()

    rows = await craft.fetch("SELECT webhook, purpose, epoch, due_at FROM challenges")
    due = sorted((row["due_at"] - clock()).total_seconds() for row in rows)
    assert {row["webhook"] for row in rows} == set(hooks)
    assert {(row["purpose"], row["epoch"]) for row in rows} == {("heartbeat", 3)}
    assert 0 <= due[0] < HOUR / 4 < HOUR / 2 < due[300] <= due[-1] <= HOUR
    assert craft.announced == []


async def test_killed_while_it_asks(craft: Craft, database: Database, clock: Clock) -> None:
    """A heartbeat whose process died is taken over when its lease has lapsed, and not before."""
    webhook = await registered(craft, challenge_request_enabled=False)
    [queued_job] = await craft.queued_jobs()
    async with database.raw() as connection:
        await connection.execute(
            "UPDATE challenges SET fence = fence + 1, leased_until = $1", clock() + timedelta(seconds=25)
        )
    craft.wire.allowing = allows("60")
    await craft.webhook_lifecycle.challenge_jobs.carry(queued_job, craft.probe)
    early = await craft.queued_jobs()
    clock.advance(26)
    for found in await craft.queued_jobs():
        await craft.webhook_lifecycle.challenge_jobs.carry(found, craft.probe)

    assert early == []
    assert (await terms(craft, webhook))[0] == 60
    assert len(craft.wire.asked) == 1


async def test_a_heartbeat_does_not_stand_for_a_challenge(craft: Craft) -> None:
    """A webhook that waits for a challenge and has nothing but a heartbeat is given its challenge by
    the slow sweep (protocol.md 6.3)."""
    webhook = await craft.hook(status="PENDING", epoch=2)
    await craft.sql(
        "INSERT INTO challenges (webhook, epoch, purpose, tries, due_at, fence) VALUES ($1, 1, 'heartbeat', 0, $2, 0)",
        *(webhook, craft.clock() + timedelta(hours=1)),
    )

    await craft.upkeep.mend()

    assert await next_beat(craft, webhook) == ("greet", 0)


async def test_sealed_credentials_are_not_asked_with(craft: Craft) -> None:
    """A webhook whose secret cannot be unsealed is sent nothing, keeps its terms, and is looked at again."""
    webhook = await craft.hook(secret=b"broken", endpoint_rate_limit=60)
    await craft.upkeep.mend()

    await beat(craft, allows("90"))

    assert craft.wire.asked == []
    assert (await terms(craft, webhook))[0] == 60
    assert (await next_beat(craft, webhook))[1] > 0


async def test_refused_for_want_of_a_token(craft: Craft) -> None:
    """Without a token nothing was asked: the rate stays."""
    webhook = await registered(craft)
    craft.wire.allowing = allows("60")
    await craft.challenge(webhook)

    await beat(craft, Failure(kind=FailureKind.token, cause="token endpoint answered 401 invalid_client"))

    assert (await terms(craft, webhook))[0] == 60
