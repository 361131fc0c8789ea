"""Challenges, probes and status moves against what is sent meanwhile (protocol.md 6)."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from delivery.reports.recent_deliveries import History
from delivery.tickets import Job, JobKind
from delivery.wire.parcels import Failure, FailureKind
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Absent, TooSoon
from subscriptions.webhooks.webhook import Change, Registration
from tests.clock import Clock
from tests.delivery.craft import OWNER, WORKSPACE, Craft
from tests.delivery.destinations import NEW, OLD, SECRET, Gate, obliging, reply

VERIFICATION = "com.hpe.greenlake.events.v1beta1.webhooks.verification"
REFUSED = Failure(kind=FailureKind.refused, cause="connection refused by 127.0.0.1:9")


async def registered(craft: Craft) -> UUID:
    registration = Registration(name="hook", destination=OLD, secret=SECRET)
    return (await craft.webhook_lifecycle.register(registration, OWNER)).id


async def test_a_registration_makes_a_webhook_and_its_challenge(craft: Craft) -> None:
    """A webhook and its challenge come into being together; the challenge answered, it is ACTIVE and waits for a heartbeat."""
    webhook = await registered(craft)
    status, announced = await craft.status(webhook), list(craft.announced)

    await craft.challenge(webhook)

    assert status == "PENDING"
    assert announced == [Job(kind=JobKind.CHALLENGE, key=webhook, fence=0)]
    assert await craft.status(webhook) == "ACTIVE"
    assert [row["purpose"] for row in await craft.fetch("SELECT purpose FROM challenges")] == ["heartbeat"]


@pytest.mark.parametrize("late", [None, REFUSED], ids=["proved", "refused"])
async def test_edit_while_the_old_challenge_hangs(craft: Craft, late: Failure | None) -> None:
    """A late answer from the old destination neither verifies the new one nor disables it; its
    own challenge decides (protocol.md 6.1, 6.3)."""
    webhook = await registered(craft)
    gate = Gate(late)
    craft.wire.answering = gate
    hanging = asyncio.create_task(craft.challenge(webhook))
    await gate.asked.wait()

    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(destination=NEW))
    gate.open.set()
    await hanging
    after_the_late_answer = await craft.fetch("SELECT purpose, tries, epoch FROM challenges")
    status = await craft.status(webhook)
    await craft.challenge(webhook)

    assert status == "PENDING"
    assert [tuple(row) for row in after_the_late_answer] == [("greet", 0, 2)]
    assert await craft.status(webhook) == "ACTIVE"
    assert [destination.url for _, destination in craft.wire.sent] == [OLD, NEW]


@pytest.mark.parametrize("late", [None, REFUSED], ids=["proved", "refused"])
@pytest.mark.parametrize(
    "changes",
    [
        (Change(destination=NEW),),
        (Change(secret="another secret"),),
        (Change(auth_type="APIKey", api_key="a key"),),
        (Change(paused=True), Change(paused=False)),
    ],
    ids=["destination", "secret", "credentials", "pause"],
)
async def test_change_while_a_verification_hangs(
    craft: Craft, changes: tuple[Change, ...], late: Failure | None
) -> None:
    """Its late answer is of what was before: it neither verifies nor disables what is there now, nor ends its challenge."""
    webhook = await registered(craft)
    await craft.challenge(webhook)
    gate = Gate(late)
    craft.wire.answering = gate
    hanging = asyncio.create_task(craft.webhook_lifecycle.verify(WORKSPACE, webhook))
    await gate.asked.wait()

    for change in changes:
        await craft.webhook_lifecycle.change(WORKSPACE, webhook, change)
    gate.open.set()
    verified, _ = await hanging
    challenges = await craft.fetch("SELECT purpose, tries, epoch FROM challenges")
    craft.wire.answering = obliging
    await craft.challenge(webhook)

    assert verified.status == "PENDING"
    assert [tuple(row) for row in challenges] == [("greet", 0, 1 + len(changes))]
    assert await craft.status(webhook) == "ACTIVE"


async def test_pause_while_a_verification_hangs(craft: Craft) -> None:
    """Its answer does not start what somebody halted."""
    webhook = await registered(craft)
    gate = Gate()
    craft.wire.answering = gate
    hanging = asyncio.create_task(craft.webhook_lifecycle.verify(WORKSPACE, webhook))
    await gate.asked.wait()

    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(paused=True))
    gate.open.set()
    verified, _ = await hanging

    assert (verified.status, await craft.value("SELECT count(*) FROM challenges")) == ("DISABLED", 0)


async def test_delivery_to_the_old_destination(craft: Craft, clock: Clock) -> None:
    """An outcome of a claim made before an edit says nothing of the webhook's health, and stands
    for its delivery (protocol.md 6.1)."""
    webhook = await craft.hook(destination=OLD, challenge_request_enabled=False)
    [event] = await craft.owe(webhook)
    [held] = await craft.drain()
    ended = await craft.attempt(held, reply(410))
    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(destination=NEW))

    await craft.rounds.outcomes.record([ended])

    assert await craft.status(webhook) == "ACTIVE"
    assert (await craft.row(event, webhook)).state == "failed"


async def test_challenge_that_fails(craft: Craft, clock: Clock) -> None:
    """A challenge is tried four times, 2, 3 and 5 s apart; then the webhook is ERROR, and probed
    a minute later (greenlake.md 2.3, D.3)."""
    webhook = await registered(craft)
    waits = []
    for _ in range(4):
        craft.wire.answers.append(REFUSED)
        await craft.challenge(webhook)
        [row] = await craft.fetch("SELECT purpose, due_at FROM challenges")
        waits.append((row["purpose"], (row["due_at"] - clock()).total_seconds()))

    assert waits == [("greet", 2), ("greet", 3), ("greet", 5), ("probe", 60)]
    assert await craft.status(webhook) == "ERROR"


async def test_pending_says_how_it_stands(craft: Craft, clock: Clock) -> None:
    """Which try it was, what came of it, and when the next is; ACTIVE says nothing, and no generation is
    counted for it (greenlake.md D.3)."""
    webhook = await registered(craft)
    said = []
    for answer in (REFUSED, reply(302), reply(200)):
        craft.wire.answers.append(answer)
        await craft.challenge(webhook)
        said += [row["state_reason"] for row in await craft.fetch("SELECT state_reason FROM webhooks")]
    generation = await craft.value("SELECT generation FROM webhooks")
    await craft.challenge(webhook)

    expected = '{"verification": "<HMAC of challengeRequest, in hex>"}'
    at = [f"{clock() + timedelta(seconds=wait):%H:%M:%S}" for wait in (2, 3, 5)]
    assert said == [
        f"Webhook URL unreachable. error: {REFUSED.cause} (try 1 of 4; the next at {at[0]} UTC)",
        "Webhook URL unreachable. error: the destination answered 302 Found: redirects are not followed"
        f" (try 2 of 4; the next at {at[1]} UTC)",
        f"The challenge was answered 200 OK with an empty body; expected is {expected} (try 3 of 4; the next at {at[2]} UTC)",
    ]
    assert await craft.fetch("SELECT status, state_reason FROM webhooks") == [("ACTIVE", "")]
    assert generation == 1


async def test_challenges_are_in_recent_deliveries(craft: Craft, clock: Clock) -> None:
    """Each attempt with its question, what came and why it failed, verifications too; nothing of it is owed or can be retried."""
    webhook = await registered(craft)
    craft.wire.answers += [reply(500, b"sorry"), REFUSED]
    for _ in range(3):
        await craft.challenge(webhook)
        clock.advance(1)
    history = History(craft.database, clock, craft.announced.extend)

    items, total = await history.recent(WORKSPACE, webhook, limit=10, offset=0)

    unreachable = "Webhook URL unreachable. error: "
    assert [(item.success, item.status, item.reason) for item in items] == [
        (True, 200, "the destination has proved itself"),
        (False, None, unreachable + REFUSED.cause),
        (False, 500, unreachable + "the destination answered 500 Internal Server Error"),
    ]
    assert [b"challengeRequest" in (item.request_body or b"") for item in items] == [True] * 3
    assert (items[2].response_body, total, {item.type for item in items}) == (b"sorry", 3, {VERIFICATION})
    assert {(item.undelivered, item.retrying, item.attempt_count) for item in items} == {(False, False, 1)}
    assert await craft.states() == {}
    with pytest.raises(Absent):
        await history.retry(WORKSPACE, webhook, items[2].key)


async def test_an_answered_challenge_is_no_delivery_that_arrived(craft: Craft, clock: Clock) -> None:
    """A webhook that answers challenges and refuses every event is halted all the same."""
    webhook = await registered(craft)
    await craft.challenge(webhook)
    long_ago = clock() - timedelta(minutes=20)
    await craft.sql("UPDATE webhooks SET failures = 20, first_failure_at = $1, last_failure_at = $1", long_ago)
    await craft.owe(webhook)
    [held] = await craft.drain()

    await craft.rounds.outcomes.record([await craft.attempt(held, reply(503))])

    assert await craft.status(webhook) == "ERROR"


async def test_killed_while_it_challenges(craft: Craft, database: Database, clock: Clock) -> None:
    """A challenge whose process died is taken over when its lease has lapsed, and not before (protocol.md 3.6)."""
    webhook = await registered(craft)
    gate = Gate()
    victim = Craft(database, clock)
    victim.wire.answering = gate
    killed = asyncio.create_task(victim.challenge(webhook))
    await gate.asked.wait()
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    early = await craft.queued_jobs()
    clock.advance(26)

    for queued_job in await craft.queued_jobs():
        await craft.webhook_lifecycle.challenge_jobs.carry(queued_job, craft.probe)

    assert early == []
    assert await craft.status(webhook) == "ACTIVE"


async def test_pause_claim_and_activate(craft: Craft, clock: Clock) -> None:
    """A claim that raced with pause and activation leaves its row parked under an active webhook: the slow sweep wakes it."""
    webhook = await craft.hook(challenge_request_enabled=False)
    [event] = await craft.owe(webhook)
    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(paused=True))
    await craft.drain()
    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(paused=False))
    # In the racing order the wake looked before the claim had parked the row.
    await craft.sql("DELETE FROM jobs")
    stuck = await craft.row(event, webhook)
    found = await craft.drain()
    clock.advance(60)

    await craft.upkeep.mend()
    await craft.run_jobs()
    clock.advance(1)

    assert (stuck.state, await craft.status(webhook), found) == ("parked", "ACTIVE", [])
    assert [held.claimed.event for held in await craft.drain()] == [event]


async def test_pause_claim_and_activate_at_once(craft: Craft, database: Database, clock: Clock) -> None:
    """The same with the claim really between both: it read the webhook as paused, and parks after the wake has looked."""
    webhook = await craft.hook(challenge_request_enabled=False)
    [event] = await craft.owe(webhook)
    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(paused=True))
    other = Craft(database, clock)
    async with database.raw() as connection, connection.transaction():
        # The claim's statement, up to but not including its commit.
        await connection.execute("UPDATE deliveries SET state = 'parked', due_at = NULL")
        await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(paused=False))
        await craft.run_jobs()
    stuck = await craft.row(event, webhook)
    clock.advance(60)

    await other.upkeep.mend()
    await other.run_jobs()
    clock.advance(1)

    assert stuck.state == "parked"
    assert [held.claimed.event for held in await craft.drain()] == [event]


async def test_pause_while_in_flight(craft: Craft) -> None:
    """An attempt that began before the pause stands; its retry waits parked, and comes after the activation."""
    webhook = await craft.hook(challenge_request_enabled=False)
    [event] = await craft.owe(webhook)
    [held] = await craft.drain()
    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(paused=True))
    await craft.rounds.outcomes.record([await craft.attempt(held, reply(503))])
    craft.clock.advance(10)
    during = await craft.drain()
    parked = await craft.row(event, webhook)

    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(paused=False))
    await craft.run_jobs()
    craft.clock.advance(1)

    assert (during, parked.state, parked.attempts) == ([], "parked", 1)
    assert len(await craft.drain()) == 1


@pytest.mark.parametrize(
    "succeeded_before", [None, 3600, 12 * 3600 + 1], ids=["never", "an hour ago", "before the window"]
)
async def test_failures_halt_what_nothing_succeeded_at(
    craft: Craft, clock: Clock, succeeded_before: int | None
) -> None:
    """More than 20 failures over 15 minutes halt a webhook only if no attempt succeeded within
    the failure window (greenlake.md D.8)."""
    webhook = await craft.hook(challenge_request_enabled=False)
    await craft.owe(webhook, 1)
    [held] = await craft.drain()
    if succeeded_before is not None:
        await craft.rounds.outcomes.record([await craft.attempt(held, reply(200))])
        clock.advance(succeeded_before)
    await craft.owe(webhook, 24)
    for failing in [await craft.drain(wanted=12), await craft.drain(wanted=12)]:
        await craft.rounds.outcomes.record([await craft.attempt(each, reply(503)) for each in failing])
        clock.advance(16 * 60)

    assert await craft.status(webhook) == ("WARNING" if succeeded_before == 3600 else "ERROR")


async def test_halt_parks(craft: Craft, clock: Clock) -> None:
    """A webhook that halts gets a probe a minute later; its rows are parked by the claims that find them."""
    webhook = await craft.hook(failures=20, first_failure_at=clock() - timedelta(minutes=20), last_failure_at=clock())
    await craft.owe(webhook, 5)
    [held] = await craft.drain(wanted=1)

    await craft.rounds.outcomes.record([await craft.attempt(held, reply(503))])
    craft.clock.advance(10)
    drained = await craft.drain()

    assert (await craft.status(webhook), drained) == ("ERROR", [])
    assert await craft.states() == {"parked": 5}
    [row] = await craft.fetch("SELECT purpose, due_at FROM challenges")
    assert (row["purpose"], row["due_at"]) == ("probe", clock() + timedelta(seconds=50))


async def test_410_disables_at_once(craft: Craft) -> None:
    """410 disables the webhook at once, in a new epoch: claims made before it say
    nothing any more (cloudevents.md W4, greenlake.md D.7)."""
    webhook = await craft.hook()
    await craft.owe(webhook, 2)
    one, other = await craft.drain()

    await craft.rounds.outcomes.record([await craft.attempt(one, reply(410))])
    epoch = await craft.value("SELECT epoch FROM webhooks")
    await craft.rounds.outcomes.record([await craft.attempt(other, reply(200))])

    assert (await craft.status(webhook), epoch) == ("DISABLED", 2)
    assert await craft.states() == {"failed": 1, "delivered": 1}


async def test_verifications_take_turns(craft: Craft, database: Database, clock: Clock) -> None:
    """One at a time per webhook, over all processes; whoever asks meanwhile is told when, and another webhook is
    not held up (protocol.md 6.9, greenlake.md D.13)."""
    webhook, other = await registered(craft), await craft.hook(status="PENDING")
    gate = Gate()
    craft.wire.answering = gate
    hanging = asyncio.create_task(craft.webhook_lifecycle.verify(WORKSPACE, webhook))
    await gate.asked.wait()
    process = Craft(database, clock)

    with pytest.raises(TooSoon, match="a verification of this webhook is under way"):
        await process.webhook_lifecycle.verify(WORKSPACE, webhook)
    await process.webhook_lifecycle.verify(WORKSPACE, other)
    gate.open.set()
    await hanging
    again, _ = await process.webhook_lifecycle.verify(WORKSPACE, webhook)

    assert [destination.url for _, destination in process.wire.sent] == ["http://127.0.0.1:9/hook", OLD]
    assert again.status == "ACTIVE"
    assert await craft.value("SELECT count(*) FROM jobs WHERE kind = 'verify'") == 0


async def test_killed_while_it_verifies(craft: Craft, clock: Clock) -> None:
    """A verification whose process died holds up the next for as long as it may last, and leaves nothing behind."""
    webhook = await registered(craft)
    gate = Gate()
    craft.wire.answering = gate
    killed = asyncio.create_task(craft.webhook_lifecycle.verify(WORKSPACE, webhook))
    await gate.asked.wait()
    killed.cancel()
    await asyncio.gather(killed, return_exceptions=True)
    craft.wire.answering = obliging
    clock.advance(9)
    with pytest.raises(TooSoon):
        await craft.webhook_lifecycle.verify(WORKSPACE, webhook)
    clock.advance(2)

    await craft.run_jobs()
    left = await craft.value("SELECT count(*) FROM jobs WHERE kind = 'verify'")
    verified, _ = await craft.webhook_lifecycle.verify(WORKSPACE, webhook)

    assert (left, verified.status) == (0, "ACTIVE")


async def test_a_blip_during_a_verification(craft: Craft, clock: Clock) -> None:
    """It halts no webhook that is sent to: it counts as one failure, is told, and the next good one clears it."""
    webhook = await registered(craft)
    await craft.challenge(webhook)
    craft.wire.answers.append(REFUSED)

    blip, said = await craft.webhook_lifecycle.verify(WORKSPACE, webhook)
    failures = await craft.value("SELECT failures FROM webhooks")
    heartbeat = await craft.value("SELECT purpose FROM challenges")
    well, _ = await craft.webhook_lifecycle.verify(WORKSPACE, webhook)

    assert (blip.status, blip.state_reason) == ("WARNING", f"Webhook URL unreachable. error: {REFUSED.cause}")
    assert (said.status_code, failures, heartbeat) == (0, 1, "heartbeat")
    assert (well.status, well.state_reason) == ("ACTIVE", "")


async def test_failing_verifications_halt_as_failing_deliveries_do(craft: Craft, clock: Clock) -> None:
    """Each counts as one: more than 20 without a success, a quarter of an hour apart, and the webhook is ERROR."""
    webhook = await craft.hook(failures=20, first_failure_at=clock() - timedelta(minutes=20), last_failure_at=clock())
    craft.wire.answers.append(REFUSED)

    halted, _ = await craft.webhook_lifecycle.verify(WORKSPACE, webhook)

    assert halted.status == "ERROR"
    assert await craft.value("SELECT purpose FROM challenges") == "probe"


async def test_verifications_leave_registrations_theirs(craft: Craft, database: Database, clock: Clock) -> None:
    """Viewers may verify, so what they use up of a minute is none of what the workspace may register and change."""
    craft = Craft(database, clock, registrations_per_minute=2)
    webhook = await registered(craft)
    for _ in range(2):
        await craft.webhook_lifecycle.verify(WORKSPACE, webhook)

    with pytest.raises(TooSoon, match="has made 2 verifications within a minute") as raised:
        await craft.webhook_lifecycle.verify(WORKSPACE, webhook)
    await craft.webhook_lifecycle.register(Registration(name="another", destination=OLD, secret=SECRET), OWNER)
    with pytest.raises(TooSoon, match="has made 2 registrations and changes that ask for a challenge within"):
        await craft.webhook_lifecycle.register(Registration(name="a third", destination=OLD, secret=SECRET), OWNER)
    clock.advance(60)
    await craft.webhook_lifecycle.verify(WORKSPACE, webhook)

    assert (raised.value.limit, raised.value.seconds <= 60) == (2, True)


async def test_what_a_workspace_may_ask_of_strangers(craft: Craft, database: Database, clock: Clock) -> None:
    """Registrations and changes that ask for a challenge share one limit a minute and workspace; verifications have theirs."""
    craft = Craft(database, clock, registrations_per_minute=2)
    webhook = await registered(craft)
    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(destination=NEW))
    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(description="asks for nothing"))
    for _ in range(2):
        await craft.webhook_lifecycle.verify(WORKSPACE, webhook)
    another = Registration(name="another", destination=OLD, secret=SECRET)
    before = await craft.fetch("SELECT generation, destination FROM webhooks")

    refused = []
    for asked in (
        craft.webhook_lifecycle.register(another, OWNER),
        craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(secret="another secret")),
        craft.webhook_lifecycle.verify(WORKSPACE, webhook),
    ):
        with pytest.raises(TooSoon) as raised:
            await asked
        refused.append((raised.value.limit, raised.value.seconds <= 60))
    after = await craft.fetch("SELECT generation, destination FROM webhooks")
    elsewhere = await craft.webhook_lifecycle.register(another, replace(OWNER, workspace_id="b" * 32))
    clock.advance(60)
    later = await craft.webhook_lifecycle.register(another, OWNER)

    assert refused == [(2, True)] * 3
    assert after == before
    assert elsewhere.id != later.id
