"""Exceptions that nobody foresaw on the wire: attempts and challenges that end in one are recorded, and repeated as
others are."""

import pytest

from delivery.wire.parcels import Failure, FailureKind, Parcel, Reply
from delivery.wire.sender import Destination
from subscriptions.webhooks.webhook import Registration
from tests.clock import Clock
from tests.delivery.craft import OWNER, WORKSPACE, Craft
from tests.delivery.destinations import OLD, SECRET

CAUSE = "internal error: ValueError"


async def breaking(parcel: Parcel, destination: Destination) -> Reply | Failure:
    raise ValueError("nobody foresaw this")


async def test_a_try_that_breaks_is_recorded(craft: Craft, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """As an attempt with its reason, which says nothing of the webhook's health; the next one is due as
    after any failure (protocol.md 5.4)."""
    webhook = await craft.hook()
    [event] = await craft.owe(webhook)
    [held] = await craft.drain()
    craft.wire.answering = breaking

    await craft.rounds.outcomes.record([await craft.attempt(held)])

    row = await craft.row(event, webhook)
    assert (row.state, row.attempts, row.lost, row.reason) == ("owed", 1, 0, CAUSE)
    assert row.due_at is not None
    assert row.due_at > clock()
    assert await craft.status(webhook) == "ACTIVE"
    assert "nobody foresaw this" in caplog.text


@pytest.mark.parametrize("kind", [FailureKind.internal, FailureKind.unacknowledged, FailureKind.stale])
async def test_what_is_no_receivers_fault(craft: Craft, kind: FailureKind) -> None:
    """A want of file descriptors here, a path that forgot a kept connection, or a receiver that closed one as the request
    went out: the attempt is one, and says nothing of the webhook's health, nor opens its circuit."""
    webhook = await craft.hook()
    [event] = await craft.owe(webhook)
    [held] = await craft.drain()

    ended = await craft.attempt(held, Failure(kind=kind, cause="some cause"))
    await craft.rounds.outcomes.record([ended])

    row = await craft.row(event, webhook)
    assert (row.state, row.attempts, row.reason, ended.answered) == ("owed", 1, "some cause", True)
    assert await craft.status(webhook) == "ACTIVE"


async def test_what_can_never_be_written_ends_at_once(craft: Craft) -> None:
    """An event that an earlier release took, for a webhook in binary mode: one attempt, which is not held against the webhook."""
    webhook = await craft.hook(content_mode="binary")
    [event] = await craft.owe(webhook)
    body = b'{"specversion":"1.0","id":"1","source":"/a","type":"t","datacontenttype":"text/a;charset=punycode","data":"x"}'
    await craft.sql("UPDATE events SET body = $1", body)
    [held] = await craft.drain()

    await craft.rounds.outcomes.record([await craft.attempt(held)])

    row = await craft.row(event, webhook)
    assert (row.state, row.attempts, row.due_at) == ("failed", 1, None)
    assert "in the charset 'punycode'" in str(row.reason)
    assert await craft.status(webhook) == "ACTIVE"


async def test_a_challenge_that_breaks_counts(craft: Craft) -> None:
    """The webhook does not wait for ever: after its four tries it is in ERROR, and says why."""
    craft.wire.answering = breaking
    webhook = (
        await craft.webhook_lifecycle.register(Registration(name="hook", destination=OLD, secret=SECRET), OWNER)
    ).id

    for _ in range(4):
        await craft.challenge(webhook)

    assert await craft.status(webhook) == "ERROR"
    assert await craft.value("SELECT state_reason FROM webhooks") == f"Webhook URL unreachable. error: {CAUSE}"


async def test_a_verification_that_breaks_is_answered(craft: Craft) -> None:
    """As one to which no answer came."""
    webhook = await craft.hook(status="ERROR")
    craft.wire.answering = breaking

    found, response = await craft.webhook_lifecycle.verify(WORKSPACE, webhook)

    assert (found.status, response.status_code, response.message) == ("ERROR", 0, CAUSE)


async def test_options_that_break_decide_nothing(craft: Craft) -> None:
    """As those that are not answered: the challenge alone says whether the webhook is verified, and heartbeats go on."""
    craft.wire.allowing = ValueError("nor this")
    webhook = await craft.hook(status="PENDING", endpoint_rate_limit=60)
    await craft.upkeep.mend()

    for _ in range(2):
        await craft.challenge(webhook)

    [row] = await craft.fetch("SELECT status, endpoint_rate_limit FROM webhooks")
    assert tuple(row) == ("ACTIVE", 60)
    assert await craft.value("SELECT purpose FROM challenges") == "heartbeat"
