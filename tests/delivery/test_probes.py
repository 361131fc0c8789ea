"""Probes of a webhook in ERROR: one of its own deliveries at a time, behind its challenge if it has any (protocol.md 6.6)."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from delivery.reports.recent_deliveries import History
from delivery.tickets import Job, JobKind
from subscriptions.ground.database import Database
from tests.clock import Clock
from tests.delivery.craft import WORKSPACE, Craft
from tests.delivery.destinations import OLD, Gate, choosy, reply


async def test_probe_without_challenges(craft: Craft, clock: Clock) -> None:
    """An ERROR webhook without challenges is probed with one delivery at a time, not counted among its row's attempts."""
    webhook = await craft.hook(status="ERROR", challenge_request_enabled=False, halted_since=clock())
    events = await craft.owe(webhook, 3, state="parked")
    await craft.upkeep.mend()
    waits = []
    for _ in range(3):
        craft.wire.answers.append(reply(503))
        await craft.challenge(webhook)
        waits.append((await craft.value("SELECT due_at FROM challenges") - clock()).total_seconds())
        assert await craft.status(webhook) == "ERROR"

    assert waits == [120, 240, 480]
    # Not the same one each time: the receiver may have something against that alone.
    assert [parcel.id for parcel, _ in craft.wire.sent] == [str(event) for event in events]
    row = await craft.row(events[0], webhook)
    assert (row.state, row.attempts, row.due_at) == ("parked", 0, None)
    assert await craft.states() == {"parked": 3}


async def test_probe_that_succeeds(craft: Craft, clock: Clock) -> None:
    """A probe that succeeds delivers its row, makes the webhook ACTIVE and wakes the rest."""
    webhook = await craft.hook(status="ERROR", challenge_request_enabled=False, halted_since=clock(), failures=21)
    events = await craft.owe(webhook, 3, state="parked")
    await craft.upkeep.mend()
    clock.advance(3600)

    await craft.challenge(webhook)
    await craft.run_jobs()

    assert await craft.status(webhook) == "ACTIVE"
    assert (await craft.row(events[0], webhook)).state == "delivered"
    assert await craft.states() == {"delivered": 1, "owed": 2}
    [row] = await craft.fetch("SELECT failures, halted_seconds, halted_since FROM webhooks")
    assert tuple(row) == (0, 3600, None)
    assert [row["purpose"] for row in await craft.fetch("SELECT purpose FROM challenges")] == ["heartbeat"]


async def test_challenges_of_probes_are_in_recent_deliveries(craft: Craft, clock: Clock) -> None:
    """As those of a registration are: with an ERROR that lasts, they are the only ones that tell what the receiver says now."""
    webhook = await craft.hook(status="ERROR", halted_since=clock())
    await craft.upkeep.mend()
    craft.wire.answers.append(reply(502, b"upstream is down"))

    await craft.challenge(webhook)

    items, _ = await History(craft.database, clock, craft.announced.extend).recent(
        WORKSPACE, webhook, limit=9, offset=0
    )
    assert [(item.success, item.status, item.response_body) for item in items] == [(False, 502, b"upstream is down")]


async def test_one_probe_at_a_time(craft: Craft, database: Database, clock: Clock) -> None:
    """While a probe is in flight no other process begins one, and drains take nothing of an ERROR webhook."""
    webhook = await craft.hook(status="ERROR", challenge_request_enabled=False, destination=OLD)
    await craft.owe(webhook, 2, state="parked")
    await craft.upkeep.mend()
    [queued_job] = await craft.queued_jobs()
    gate, other = Gate(), Craft(database, clock)
    craft.wire.answering = gate
    probing = asyncio.create_task(craft.webhook_lifecycle.challenge_jobs.carry(queued_job, craft.probe))
    await gate.asked.wait()

    await other.webhook_lifecycle.challenge_jobs.carry(queued_job, other.probe)
    found, drained = await other.queued_jobs(), await other.drain()
    gate.open.set()
    await probing

    assert (other.wire.sent, found, drained) == ([], [], [])
    assert await craft.states() == {"delivered": 1, "parked": 1}


async def test_probe_of_a_healthy_webhook(craft: Craft) -> None:
    """A probe takes nothing of a webhook that is in ERROR no more."""
    webhook = await craft.hook(challenge_request_enabled=False)
    await craft.owe(webhook)

    assert await craft.rounds.claims.probe(webhook) is None


async def test_probe_with_nothing_owed(craft: Craft, clock: Clock) -> None:
    """Without anything to probe with the webhook stays ERROR, and is looked at again at the same interval."""
    webhook = await craft.hook(status="ERROR", challenge_request_enabled=False)
    await craft.upkeep.mend()

    await craft.challenge(webhook)
    await craft.challenge(webhook)

    [row] = await craft.fetch("SELECT tries, due_at FROM challenges")
    assert (row["tries"], row["due_at"]) == (0, clock() + timedelta(seconds=60))


async def test_killed_while_it_probes(craft: Craft, clock: Clock) -> None:
    """A probe whose process died leaves its row owed under a lapsed lease: the next probe, or a drain, takes care of it."""
    webhook = await craft.hook(status="ERROR", challenge_request_enabled=False)
    [event] = await craft.owe(webhook, state="parked")
    await craft.rounds.claims.probe(webhook)
    clock.advance(20)

    drained = await craft.drain()

    assert drained == []
    assert (await craft.row(event, webhook)).state == "parked"
    assert await craft.probe(webhook) is True


async def halted(craft: Craft, **columns: Any) -> UUID:
    """A webhook whose deliveries failed more often than is borne, and whose first probe is due."""
    now = craft.clock()
    failing: dict[str, Any] = {"failures": 21, "first_failure_at": now, "last_failure_at": now, "halted_since": now}
    webhook = await craft.hook(status="ERROR", state_reason="Failure in Event Deliveries", **failing | columns)
    await craft.upkeep.mend()
    return webhook


async def reason(craft: Craft) -> str:
    return str(await craft.value("SELECT state_reason FROM webhooks"))


async def test_answers_challenges_and_refuses_every_event(craft: Craft, clock: Clock) -> None:
    """After a halt an answered challenge earns one delivery, however many wait; while that is refused the webhook stays ERROR,
    says so, and is asked ever less often."""
    webhook = await halted(craft)
    await craft.owe(webhook, 20, state="parked")
    craft.wire.answering = choosy
    waits, sent = [], []
    for _ in range(4):
        before = len(craft.wire.sent)
        await craft.challenge(webhook)
        waits.append((await craft.value("SELECT due_at FROM challenges") - clock()).total_seconds())
        sent.append(len(craft.wire.sent) - before)

    assert (waits, sent) == ([120, 240, 480, 960], [2, 2, 2, 2])
    assert (await craft.status(webhook), await craft.states()) == ("ERROR", {"parked": 20})
    assert await reason(craft) == (
        "Failure in Event Deliveries. The challenge was answered; the delivery that followed it as a probe failed"
    )


async def test_takes_the_probing_delivery(craft: Craft) -> None:
    """One that takes it is ACTIVE, and what waits is started."""
    webhook = await halted(craft)
    await craft.owe(webhook, 20, state="parked")

    await craft.challenge(webhook)
    await craft.run_jobs()

    assert (await craft.status(webhook), await reason(craft)) == ("ACTIVE", "")
    assert await craft.states() == {"delivered": 1, "owed": 19}


async def test_halted_and_its_challenge_fails_too(craft: Craft) -> None:
    """Nothing is tried then, and the reason says both."""
    webhook = await halted(craft)
    await craft.owe(webhook, state="parked")
    craft.wire.answers.append(reply(500))

    await craft.challenge(webhook)

    assert (len(craft.wire.sent), await craft.states()) == (1, {"parked": 1})
    assert (await reason(craft)).startswith("Failure in Event Deliveries. The last challenge failed too: ")


@pytest.mark.parametrize("challenged", [True, False])
async def test_nothing_to_try(craft: Craft, clock: Clock, challenged: bool) -> None:
    """Where nothing waits, the next event is the probe, at once and not after an hour; what it comes to decides."""
    webhook = await halted(craft, challenge_request_enabled=challenged)
    await craft.sql("UPDATE challenges SET tries = 6")
    await craft.challenge(webhook)
    status, told = await craft.status(webhook), await reason(craft)

    await craft.publish(2)
    queued_jobs = await craft.queued_jobs()
    announced = craft.announced[-1:]
    await craft.webhook_lifecycle.challenge_jobs.carry(queued_jobs[0], craft.probe)

    assert (status, told.endswith("the next event is sent at once, as a probe")) == ("ERROR", challenged)
    assert announced == queued_jobs == [Job(kind=JobKind.CHALLENGE, key=webhook, fence=queued_jobs[0].fence)]
    assert (await craft.status(webhook), (await craft.states())["delivered"]) == ("ACTIVE", 1)


async def test_no_slot_for_a_probe(craft: Craft, clock: Clock) -> None:
    """Where something waits, and no slot was free to try it, the probe is made again at the same interval, not at once."""
    webhook = await halted(craft)
    await craft.owe(webhook, state="parked")

    async def no_slot(_: UUID) -> bool | None:
        return None

    await craft.challenge(webhook, no_slot)

    [row] = await craft.fetch("SELECT purpose, tries, due_at FROM challenges")
    assert tuple(row) == ("probe", 0, clock() + timedelta(seconds=60))


async def test_verification_of_a_halted_webhook_that_fails(craft: Craft, clock: Clock) -> None:
    """It does not bring the probes together again."""
    webhook = await halted(craft)
    await craft.sql("UPDATE challenges SET tries = 6, due_at = $1", clock() + timedelta(hours=1))
    craft.wire.answers.append(reply(500))

    await craft.webhook_lifecycle.verify(WORKSPACE, webhook)

    [row] = await craft.fetch("SELECT tries, due_at FROM challenges")
    assert tuple(row) == (6, clock() + timedelta(hours=1))
    assert await craft.status(webhook) == "ERROR"


async def test_challenge_that_failed_at_registration(craft: Craft) -> None:
    """Where no delivery was refused, an answered challenge is all it takes."""
    webhook = await craft.hook(status="ERROR", state_reason="HMAC validation failed. Please verify webhook secret.")
    await craft.owe(webhook, 2, state="parked")
    await craft.upkeep.mend()

    await craft.challenge(webhook)

    assert (await craft.status(webhook), len(craft.wire.sent)) == ("ACTIVE", 1)
