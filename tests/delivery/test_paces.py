"""Send times of a granted rate: evenly spaced, over all processes, with nothing dropped (protocol.md 4.7)."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest

from delivery.attempts.endings import ClaimedDelivery
from delivery.judgement.pace import KEEP, SILENCE, UNASKED, RateTerms
from delivery.ledger.claims import paces
from delivery.ledger.claims.drains import DrainRoom
from delivery.ledger.claims.paces import AHEAD, MOVED
from delivery.ledger.webhooks import rate_limits
from delivery.tickets import JobKind, Ticket
from subscriptions.ground.database import Database
from subscriptions.webhooks.webhook import Change
from tests.clock import Clock
from tests.delivery.craft import WORKSPACE, Craft
from tests.delivery.destinations import reply


def send_times(held: Sequence[ClaimedDelivery]) -> list[datetime]:
    """When they may be sent."""
    found = [each.claimed.send_at for each in held]
    assert None not in found
    return sorted(at for at in found if at is not None)


def gaps(moments: Sequence[datetime]) -> list[float]:
    return [(later - earlier).total_seconds() for earlier, later in pairwise(moments)]


def fullest(moments: Sequence[datetime]) -> int:
    """The most that any minute held."""
    return max(sum(since <= at < since + timedelta(minutes=1) for at in moments) for since in moments)


async def allow(craft: Craft, webhook: UUID, rate: int | None) -> None:
    """The destination says so now."""
    epoch = await craft.value("SELECT epoch FROM webhooks WHERE id = $1", webhook)
    async with craft.database.raw() as connection, connection.transaction():
        await rate_limits.allow(connection, (webhook, epoch), RateTerms(rate=rate, origin=KEEP), now=craft.clock())


async def due_in(craft: Craft, webhook: UUID) -> list[float]:
    """Seconds from now at which rows that nobody holds are due."""
    rows = await craft.fetch(
        "SELECT due_at FROM deliveries WHERE webhook = $1 AND state = 'owed' AND leased_until IS NULL ORDER BY due_at",
        webhook,
    )
    return [(row["due_at"] - craft.clock()).total_seconds() for row in rows]


async def deliver(craft: Craft, held: Sequence[ClaimedDelivery]) -> None:
    for each in held:
        await craft.rounds.outcomes.record([await craft.attempt(each)])


async def test_send_times_are_spaced_by_the_rate(craft: Craft, clock: Clock) -> None:
    """Of 60 a minute those within the next 5 s are taken, a second apart and in order; the rest are due at theirs."""
    webhook = await craft.hook(endpoint_rate_limit=60)
    events = await craft.owe(webhook, 20)

    held = await craft.drain()

    assert [(at - clock()).total_seconds() for at in send_times(held)] == [0, 1, 2, 3, 4, 5]
    assert len(held) == AHEAD + 1
    assert await due_in(craft, webhook) == [float(second) for second in range(6, 20)]
    assert await craft.states() == {"owed": len(events)}


async def test_lease_counts_from_the_send_time(craft: Craft) -> None:
    """An attempt that is held for its send time has its whole lease from there."""
    webhook = await craft.hook(endpoint_rate_limit=60)
    await craft.owe(webhook, 3)

    held = await craft.drain()

    ends = [(await craft.row(each.claimed.event, webhook)).leased_until for each in held]
    assert sorted(end for end in ends if end) == [at + timedelta(seconds=20) for at in send_times(held)]


@pytest.mark.parametrize("rate", [1, 7, 60, 120, 1000, 6000])
async def test_never_above_the_rate(craft: Craft, database: Database, clock: Clock, rate: int) -> None:
    """Two processes that claim in turn, at odd times, stay within the rate over any minute, evenly,
    and lose nothing (cloudevents.md W14)."""
    webhook = await craft.hook(endpoint_rate_limit=rate)
    processes = [craft, Craft(database, clock, chance=0.9)]
    count = min(3 * rate, 600) + 1
    await craft.owe(webhook, count)
    taken: list[datetime] = []
    for turn in range(100_000):
        held = await processes[turn % 2].drain()
        taken += send_times(held)
        await deliver(processes[turn % 2], held)
        if len(taken) == count:
            break
        # As the sweep finds them: when the next one is due, and a little late.
        waits = await due_in(craft, webhook)
        clock.advance(max(waits[0], 0.0) + 0.013 * (turn % 7))

    apart = 60 / rate
    assert taken == sorted(taken)
    assert min(gaps(taken)) >= apart - 1e-5
    assert fullest(taken) <= max(1, rate * 1.1)
    assert await craft.states() == {"delivered": count}


async def test_two_at_once(craft: Craft, database: Database, clock: Clock) -> None:
    """Processes that claim at the same moment never give a send time twice."""
    webhook = await craft.hook(endpoint_rate_limit=600)
    await craft.owe(webhook, 60)
    processes = [craft, *(Craft(database, clock, chance=n / 4) for n in range(4))]

    claims = await asyncio.gather(*(process.drain(wanted=10) for process in processes))

    taken = sorted(at for held in claims for at in send_times(held))
    keys = [each.key for held in claims for each in held]
    assert len(keys) == len(set(keys))
    assert set(gaps(taken)) == {0.1}


async def test_while_another_claims(craft: Craft, database: Database, clock: Clock) -> None:
    """While one process gives a webhook's send times another leaves the webhook alone, and goes on behind them afterwards."""
    webhook = await craft.hook(endpoint_rate_limit=600)
    await craft.owe(webhook, 60)
    other, [day] = Craft(database, clock), await craft.rounds.claims.days_due()
    room = DrainRoom(wanted=10, retries=0, share=64, shares={}, start=UUID(int=0), chance=0.0)
    async with database.raw() as connection, connection.transaction():
        first = await paces.claim(connection, room, day=day, now=clock(), lease=20)
        await craft.owe(webhook, 5)
        meanwhile = await other.drain()
    after = send_times(await other.drain())

    given = sorted(claimed.send_at for claimed in first.taken if claimed.send_at)
    assert (len(given), meanwhile) == (10, [])
    assert set(gaps([*given, *after])) == {0.1}


async def test_missed_send_times_are_not_saved_up(craft: Craft, clock: Clock) -> None:
    """After an hour without anything to send the first goes at once, the next one a minute's share later."""
    webhook = await craft.hook(endpoint_rate_limit=60)
    await craft.owe(webhook, 1)
    await deliver(craft, await craft.drain())
    clock.advance(3600)
    await craft.owe(webhook, 10)

    held = await craft.drain()

    assert [(at - clock()).total_seconds() for at in send_times(held)] == [0, 1, 2, 3, 4, 5]


async def test_the_pace_outlasts_a_moment_of_silence(craft: Craft, clock: Clock) -> None:
    """What comes shortly after a delivery waits until its send time."""
    webhook = await craft.hook(endpoint_rate_limit=60)
    await craft.owe(webhook, 1)
    await deliver(craft, await craft.drain())
    clock.advance(0.25)
    await craft.owe(webhook, 1)

    [held] = await craft.drain()

    assert send_times([held]) == [clock() + timedelta(seconds=0.75)]


async def test_retries_need_send_times(craft: Craft, clock: Clock) -> None:
    """A retry takes its turn among the others, and is no more than one of them."""
    webhook = await craft.hook(endpoint_rate_limit=60)
    await craft.owe(webhook, 3)
    first = await craft.drain()
    for each in first:
        await craft.rounds.outcomes.record([await craft.attempt(each, reply(503))])
    clock.advance(20)
    await craft.owe(webhook, 3)

    again = await craft.drain()

    assert [(at - clock()).total_seconds() for at in send_times(again)] == [0, 1, 2, 3, 4, 5]
    assert sorted(each.claimed.attempts for each in again) == [0, 0, 0, 1, 1, 1]


@pytest.mark.parametrize("share", [0, 1, 4])
async def test_send_times_are_given_within_the_free_share(craft: Craft, share: int) -> None:
    """No more are taken than the webhook's free share, and what it leaves is not spent: the next claim goes on from there."""
    webhook = await craft.hook(endpoint_rate_limit=6000)
    await craft.owe(webhook, 20)

    held = await craft.drain(**{webhook.hex: share})
    craft.clock.advance(1)
    more = await craft.drain(wanted=5)

    assert (len(held), len(more)) == (share, 5)
    assert len({each.key for each in [*held, *more]}) == share + 5


async def test_no_more_than_wanted(craft: Craft) -> None:
    """Over all paced webhooks together no more rows are taken than the process has slots, the nearest first."""
    for webhook in await craft.hooks(5, endpoint_rate_limit=60):
        await craft.owe(webhook, 5)

    held = await craft.drain(wanted=7)

    assert len(held) == 7
    assert len({each.claimed.webhook for each in held}) == 5


async def test_paced_ones_leave_the_others_room(craft: Craft) -> None:
    """Webhooks without a rate, or with any, are claimed at once and without send times, beside those that have one."""
    paced, silent, unlimited = (
        await craft.hook(endpoint_rate_limit=60),
        await craft.hook(),
        await craft.hook(endpoint_rate_limit=-1),
    )
    for webhook in (paced, silent, unlimited):
        await craft.owe(webhook, 50)

    held = await craft.drain()

    by_webhook = {w: [h.claimed.send_at for h in held if h.claimed.webhook == w] for w in (paced, silent, unlimited)}
    assert len(by_webhook[paced]) == 6
    assert by_webhook[silent] == by_webhook[unlimited] == [None] * 50


async def test_tickets_give_no_send_times(craft: Craft) -> None:
    """A paced webhook's delivery gets no ticket, and one that is carried all the same claims nothing."""
    webhook = await craft.hook(endpoint_rate_limit=60)
    [receipt] = await craft.publish()
    row = await craft.row(receipt.key, webhook)

    claimed = await craft.claim(Ticket(receipt.key, webhook, 0, row.fence))
    held = await craft.drain()

    assert [nudge for nudge in craft.announced if isinstance(nudge, Ticket)] == []
    assert claimed == []
    assert [each.claimed.event for each in held] == [receipt.key]


async def test_pause_while_a_claim_waits(craft: Craft, clock: Clock) -> None:
    """What waits looks again at its send time: not sent, given back, and there after the webhook is enabled (protocol.md 4.8)."""
    webhook = await craft.hook(endpoint_rate_limit=6000, challenge_request_enabled=False)
    await craft.owe(webhook, 1)
    await deliver(craft, await craft.drain())
    # So far ahead that it looks again, so near that the test does not wait.
    await craft.sql("UPDATE webhooks SET next_at = $1", clock() + timedelta(seconds=0.5))
    [event] = await craft.owe(webhook, 1)
    [held] = await craft.drain()
    sent = len(craft.wire.sent)

    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(paused=True))
    turn = await craft.rounds.claims.turn(held)
    await craft.rounds.claims.give_back([held])
    found = await craft.drain()
    parked = (await craft.row(event, webhook)).state
    await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(paused=False))
    await craft.run_jobs()
    clock.advance(1)
    [again] = await craft.drain()

    assert (turn, found, parked, len(craft.wire.sent)) == (False, [], "parked", sent)
    assert again.claimed.event == event
    assert await craft.rounds.claims.turn(again) is True


async def test_lost_while_held(craft: Craft, database: Database, clock: Clock) -> None:
    """A process that dies with claims that wait loses nothing: after the lease its rows get new times, and count as lost once."""
    webhook = await craft.hook(endpoint_rate_limit=60)
    await craft.owe(webhook, 4)
    await craft.drain()
    clock.advance(60)
    other = Craft(database, clock)

    held = await other.drain()

    assert [(at - clock()).total_seconds() for at in send_times(held)] == [0, 1, 2, 3]
    assert {(await craft.row(each.claimed.event, webhook)).lost for each in held} == {1}


async def test_lost_too_often(craft: Craft, clock: Clock) -> None:
    """A row whose attempts are lost again and again waits, and is given up at last, as without a rate."""
    webhook = await craft.hook(endpoint_rate_limit=60)
    waits = clock() - timedelta(seconds=1)
    [often] = await craft.owe(webhook, lost=2, leased_until=waits)
    [last] = await craft.owe(webhook, lost=19, leased_until=waits)

    held = await craft.drain()

    assert held == []
    assert (await craft.row(often, webhook)).due_at == clock() + timedelta(minutes=1)
    assert (await craft.row(last, webhook)).state == "failed"


async def test_more_than_one_statement_moves(craft: Craft, clock: Clock) -> None:
    """However many are due at once, they are put off in order, and none of them twice as late as it has to be."""
    webhook = await craft.hook(endpoint_rate_limit=600)
    await craft.owe(webhook, MOVED + 10)

    first = await craft.drain()
    second = await craft.drain()

    waits = await due_in(craft, webhook)
    assert (len(first), len(second)) == (51, 0)
    assert len(waits) == MOVED + 10 - 51
    assert waits[-1] <= (MOVED + 10) / 10


@pytest.mark.parametrize(("rate", "gap"), [(6000, 0.01), (-1, None), (None, None)])
async def test_a_faster_pace_holds_from_the_next_claim(
    craft: Craft, clock: Clock, rate: int | None, gap: float | None
) -> None:
    """What a slow pace has put off by hours comes as soon as the new one allows, in its order."""
    webhook = await craft.hook(endpoint_rate_limit=1)
    await craft.owe(webhook, 1300)
    first = await craft.drain()
    await craft.drain()
    last = (await due_in(craft, webhook))[-1]
    await deliver(craft, first)
    clock.advance(30)

    await allow(craft, webhook, rate)
    await craft.run_jobs()
    clock.advance(7)
    held = await craft.drain(share=100)

    assert (len(first), len(held)) == (1, 100)
    assert last > 900 * 60
    assert len({each.claimed.event for each in held}) == 100
    if gap is None:
        assert {each.claimed.send_at for each in held} == {None}
    else:
        assert set(gaps(send_times(held))) == {gap}


async def test_a_retry_keeps_its_wait(craft: Craft, clock: Clock) -> None:
    """A faster pace brings forward what waited for the pace, not what waits for its retry."""
    webhook = await craft.hook(endpoint_rate_limit=1)
    await craft.owe(webhook, 1, attempts=3, due_in=600)
    await craft.owe(webhook, 2, due_in=700)

    await allow(craft, webhook, 60)
    await craft.run_jobs()

    soon, sooner, retry = sorted(await due_in(craft, webhook))
    assert max(soon, sooner) < 0.01
    assert retry == 600


async def test_a_slower_pace_holds_from_the_next_claim(craft: Craft, clock: Clock) -> None:
    """What is held is sent; after it the new spacing begins, and nothing is brought forward."""
    webhook = await craft.hook(endpoint_rate_limit=600)
    await craft.owe(webhook, 60)
    before = send_times(await craft.drain())

    await allow(craft, webhook, 60)
    jobs = await craft.value("SELECT count(*) FROM jobs")
    clock.advance(6)
    after = send_times(await craft.drain())

    assert (len(before), jobs) == (51, 0)
    assert set(gaps([before[-1], *after])[1:]) == {1.0}
    assert after[0] - before[-1] >= timedelta(seconds=0.1)


async def test_a_faster_pace_does_not_overtake_what_is_held(craft: Craft, clock: Clock) -> None:
    """The new spacing begins behind the send times of what is in somebody's hands, never between them."""
    webhook = await craft.hook(endpoint_rate_limit=60)
    await craft.owe(webhook, 30)
    held = send_times(await craft.drain())

    await allow(craft, webhook, 120)
    await craft.run_jobs()
    clock.advance(1)
    more = send_times(await craft.drain())

    assert gaps(held) == [1.0] * 5
    assert more[0] > held[-1]
    assert set(gaps(more)) <= {0.5}


async def test_terms_of_an_epoch_that_is_over(craft: Craft) -> None:
    """They are another destination's: nothing is written."""
    webhook = await craft.hook(endpoint_rate_limit=60, epoch=2)
    async with craft.database.raw() as connection, connection.transaction():
        told = [
            await rate_limits.allow(connection, (webhook, epoch), terms, now=craft.clock())
            for epoch, terms in ((1, UNASKED), (2, SILENCE))
        ]

    assert told == [[], []]
    assert await craft.value("SELECT endpoint_rate_limit FROM webhooks") == 60


async def test_hastening_ends_while_drains_put_off(craft: Craft, database: Database, clock: Clock) -> None:
    """A drain that gives new send times to what the job brings forward does not keep it from ending, and both lose nothing."""
    webhook = await craft.hook(endpoint_rate_limit=1)
    await craft.owe(webhook, 2500)
    for _ in range(3):
        await craft.drain()
    other = Craft(database, clock)
    await allow(craft, webhook, 60)
    clock.advance(1)

    await asyncio.gather(craft.run_jobs(), other.drain(), other.drain())

    assert [queued_job for queued_job in await craft.queued_jobs() if queued_job.kind is JobKind.JOB] == []
    assert await craft.states() == {"owed": 2500}
