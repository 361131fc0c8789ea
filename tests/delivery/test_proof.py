"""What is asked of destinations before they are sent anything, where the deployment wants a proof (HOOKLAKE_REQUIRE_PROOF)."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from delivery.reports.recent_deliveries import History
from delivery.wire.parcels import Reply
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Absent, Refused
from subscriptions.webhooks.webhook import Change, Registration
from tests.clock import Clock
from tests.delivery.craft import OWNER, TYPE, WORKSPACE, Craft
from tests.delivery.destinations import NEW, OLD, SECRET, reply

ALLOWS = reply(200, b"", ("WebHook-Allowed-Origin", "https://common.cloud.hpe.com"))
UNASKED = Registration(name="hook", destination=OLD, secret=SECRET, challenge_request_enabled=False)
REASON = "The answer to OPTIONS (200) has to allow https://common.cloud.hpe.com by WebHook-Allowed-Origin, and does not"


@pytest.fixture
async def craft(database: Database, clock: Clock) -> AsyncIterator[Craft]:
    """A deployment that wants an OPTIONS answer."""
    async with Craft(database, clock, require_proof="origin") as craft:
        yield craft


async def registered(craft: Craft, allowing: Reply) -> UUID:
    """A webhook without challenges, subscribed, and asked once."""
    craft.wire.allowing = allowing
    webhook = (await craft.webhook_lifecycle.register(UNASKED, OWNER)).id
    await craft.subscribe([webhook], TYPE)
    assert await craft.status(webhook) == "PENDING"
    await craft.challenge(webhook)
    return webhook


async def delivered(craft: Craft) -> list[str]:
    """What was sent, once all that may be has been."""
    await craft.run_jobs()
    craft.clock.advance(3)
    for held in await craft.drain():
        await craft.rounds.outcomes.record([await craft.attempt(held)])
    return [parcel.body.decode() for parcel, _ in craft.wire.sent]


async def test_a_destination_that_allows_us(craft: Craft) -> None:
    """It is PENDING until OPTIONS is answered so, is sent no challenge, and then gets its events."""
    webhook = await registered(craft, ALLOWS)
    await craft.publish()

    sent = await delivered(craft)

    assert await craft.status(webhook) == "ACTIVE"
    assert (len(sent), "challengeRequest" in sent[0]) == (1, False)


async def test_a_destination_that_never_agreed(craft: Craft) -> None:
    """It is asked as challenges are tried, with OPTIONS alone: not a single POST; ERROR says what to answer."""
    webhook = await registered(craft, reply(200))
    await craft.publish(5)
    for _ in range(3):
        await craft.challenge(webhook)
    reason = await craft.value("SELECT state_reason FROM webhooks")
    for _ in range(2):
        await craft.challenge(webhook)
    sent = await delivered(craft)
    verified, said = await craft.webhook_lifecycle.verify(WORKSPACE, webhook)

    assert (await craft.status(webhook), reason, sent, craft.wire.sent) == ("ERROR", REASON, [], [])
    assert (verified.status, said.status_code, len(craft.wire.asked)) == ("ERROR", 200, 7)


async def test_proofs_are_in_recent_deliveries(craft: Craft, clock: Clock) -> None:
    """Each OPTIONS that is to prove something, as a challenge is: what was asked, what came, why it proved nothing; of first
    attempts, probes and verifications alike. A question about rates alone is not listed, and nothing of it can be retried."""
    webhook = await registered(craft, reply(405, b"no"))
    for _ in range(4):
        clock.advance(1)
        await craft.challenge(webhook)
    craft.wire.allowing = ALLOWS
    clock.advance(1)
    await craft.webhook_lifecycle.verify(WORKSPACE, webhook)
    clock.advance(3600)
    await craft.challenge(webhook)
    history = History(craft.database, clock, craft.announced.extend)

    items, total = await history.recent(WORKSPACE, webhook, limit=10, offset=0)

    refused = REASON.replace("200", "405")
    told = [(item.success, item.status, item.reason, item.response_body) for item in items]
    assert told == [(True, 200, "the destination allows us", b"")] + [(False, 405, refused, b"no")] * 5
    assert {(item.type, item.request_body, item.undelivered, item.retrying) for item in items} == {
        ("OPTIONS", b"{}", False, False)
    }
    # The heartbeat that followed.
    assert (total, len(craft.wire.asked)) == (6, 7)
    with pytest.raises(Absent):
        await history.retry(WORKSPACE, webhook, items[1].key)


async def test_one_that_agrees_later(craft: Craft) -> None:
    """The next probe finds it, and what was kept goes out."""
    webhook = await registered(craft, reply(200))
    for _ in range(3):
        await craft.challenge(webhook)
    await craft.publish(2)
    craft.wire.allowing = ALLOWS
    craft.clock.advance(60)
    await craft.challenge(webhook)

    assert await craft.status(webhook) == "ACTIVE"
    assert len(await delivered(craft)) == 2


async def test_one_that_agreed_is_probed_with_its_deliveries(craft: Craft, clock: Clock) -> None:
    """Halted for its failures, it heals by one that succeeds, as it does where no proof is wanted."""
    webhook = await registered(craft, ALLOWS)
    long_ago = clock() - timedelta(minutes=20)
    await craft.sql("UPDATE webhooks SET failures = 20, first_failure_at = $1, last_failure_at = $1", long_ago)
    await craft.publish()
    craft.clock.advance(3)
    [held] = await craft.drain()
    await craft.rounds.outcomes.record([await craft.attempt(held, reply(503))])
    halted = await craft.status(webhook)
    await craft.challenge(webhook)

    assert (halted, await craft.status(webhook), len(craft.wire.asked)) == ("ERROR", "ACTIVE", 1)


async def test_another_destination_is_another_proof(craft: Craft) -> None:
    """What the old one allowed says nothing of the new one, and an enable asks again."""
    webhook = await registered(craft, ALLOWS)

    moved = await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(destination=NEW))
    craft.wire.allowing = reply(405)
    await craft.challenge(webhook)

    assert (moved.status, await craft.status(webhook)) == ("PENDING", "PENDING")


async def test_a_deployment_that_wants_challenges(database: Database, clock: Clock) -> None:
    """`challenge`: it cannot be left out, neither by a registration nor by a change."""
    craft = Craft(database, clock, require_proof="challenge")
    with pytest.raises(Refused, match="challengeRequestEnabled: has to be true"):
        await craft.webhook_lifecycle.register(UNASKED, OWNER)
    asked = Registration(name="hook", destination=OLD, secret=SECRET)
    webhook = (await craft.webhook_lifecycle.register(asked, OWNER)).id
    with pytest.raises(Refused, match="challengeRequestEnabled: has to be true"):
        await craft.webhook_lifecycle.change(WORKSPACE, webhook, Change(challenge_request_enabled=False))
    await craft.challenge(webhook)

    assert await craft.status(webhook) == "ACTIVE"
