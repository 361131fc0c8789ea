"""Hosts that never answered 2xx: how seldom they are tried, whatever is owed to them."""

from uuid import UUID, uuid4

import pytest

from delivery.tickets import Ticket
from delivery.wire.parcels import Failure, Parcel, Reply
from delivery.wire.sender import Destination
from subscriptions.webhooks.webhook_store import Hook
from tests.delivery.craft import Craft
from tests.delivery.destinations import TIMED_OUT, reply
from tests.workers.carrying import engine_of
from workers.unproven_hosts import BURST, SPARE, UnprovenHosts

HOUR = 3600.0
ONE, OTHER = "https://victim.example/a", "https://victim.example:8443/b?c"


def hook_of(url: str, webhook: UUID | None = None, *, challenged: bool = False) -> Hook:
    """A webhook that leads there."""
    return Hook(
        id=webhook or uuid4(),
        workspace_id="",
        generation=1,
        epoch=1,
        destination=url,
        secrets=(),
        authorization=None,
        oauth_client=None,
        trust=None,
        content_mode="json",
        challenge_request_enabled=challenged,
        sendable=True,
        request_origin="",
        sealed=None,
    )


def test_a_stranger_is_tried_at_a_crawl() -> None:
    """Five at once, then one for each interval, over all webhooks and ports of the host; other hosts
    have their own (cloudevents.md W13)."""
    strangers = UnprovenHosts(1.0)
    at_once = [strangers.begin(hook_of(url), 100.0) for url in (ONE, OTHER) * 5]
    later = [strangers.begin(hook_of(ONE), 100.0 + seconds) for seconds in (0.5, 1.0, 1.5, 2.0, 3.0)]

    assert at_once == [True] * BURST + [False] * BURST
    assert later == [False, True, False, True, True]
    assert strangers.begin(hook_of("https://other.example/"), 100.0)


def test_an_answer_ends_it() -> None:
    """From the first 2xx on the host is tried as any; its webhooks are barred no more."""
    strangers, webhook = UnprovenHosts(HOUR), uuid4()
    barred = [strangers.begin(hook_of(ONE, webhook), 0.0) for _ in range(BURST + 1)][-1], strangers.bars(webhook, 0.0)

    opened = [strangers.answered(OTHER), strangers.answered(ONE)]

    assert (barred, opened) == ((False, True), [True, False])
    assert all(strangers.begin(hook_of(ONE, webhook), 0.0) for _ in range(100))
    assert not strangers.bars(webhook, 0.0)
    assert strangers.narrowed({}, 64, 0.0) == {}


def test_whoever_has_passed_a_challenge_is_none() -> None:
    """An ACTIVE webhook with challenges opens its host at once, in every process and after every restart."""
    strangers = UnprovenHosts(HOUR)
    before = [strangers.begin(hook_of(ONE), 0.0) for _ in range(BURST + 1)]

    assert before[-1] is False
    assert strangers.begin(hook_of(OTHER, challenged=True), 0.0)
    assert strangers.begin(hook_of(ONE), 0.0)


def test_each_webhook_of_a_stranger_has_its_turn() -> None:
    """A look leaves out more webhooks than the host has attempts left for; the next look begins with those left out."""
    strangers, webhooks = UnprovenHosts(1.0), [uuid4() for _ in range(SPARE + 3)]
    for webhook in webhooks:
        strangers.begin(hook_of(ONE, webhook), 0.0)
    none = strangers.narrowed({webhooks[0]: (7, 2)}, 64, 0.0)
    first, second = ({w for w, n in strangers.narrowed({}, 64, 1.0).items() if n[0]} for _ in range(2))

    assert none == dict.fromkeys(webhooks, (0, None))
    assert (len(first), first | second) == (SPARE, set(webhooks))


@pytest.mark.parametrize("answer", [reply(404), reply(302), TIMED_OUT], ids=["404", "302", "time-out"])
async def test_one_cannot_send_a_strangers_host_traffic(craft: Craft, answer: Reply | Failure) -> None:
    """Two hundred events for two webhooks, by ticket and by drain: five posts, and the rest is still owed."""

    async def refuse(_parcel: Parcel, _destination: Destination) -> Reply | Failure:
        return answer

    craft.wire.answering = refuse
    engine = engine_of(craft, crawl=HOUR)
    hooks = await craft.hooks(2, challenge_request_enabled=False)
    owed = {hook: await craft.owe(hook, 100) for hook in hooks}
    for hook in hooks:
        await engine.deliver([Ticket(event, hook, 0, 0) for event in owed[hook][:50]])
    for _ in range(3):
        await engine.drain()
    await engine.close(5.0)

    assert len(craft.wire.sent) == BURST
    assert await craft.value("SELECT count(*) FROM deliveries WHERE attempts = 0 AND state = 'owed'") == 200 - BURST
    assert engine.slots.free == engine.slots.slots


async def test_one_that_answers_gets_all_of_it(craft: Craft) -> None:
    """What waited for the first answer goes out with the next drain, each event once."""
    engine = engine_of(craft, crawl=HOUR)
    hooks = await craft.hooks(2, challenge_request_enabled=False)
    for hook in hooks:
        await craft.owe(hook, 100)
    while "owed" in await craft.states():
        await engine.drain()
    await engine.close(5.0)

    assert await craft.states() == {"delivered": 200}
    assert len(craft.wire.sent) == 200
