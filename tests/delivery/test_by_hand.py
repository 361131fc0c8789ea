"""One delivery moved by hand: retried, sent again, cancelled (protocol.md 8.2, 8.3, 8.4, 8.5)."""

from uuid import UUID, uuid4

import pytest

from delivery.delivery_filter import DeliveryId
from delivery.tickets import Ticket
from delivery.upkeep import by_hand
from delivery.upkeep.by_hand import ByHand, HandResult
from subscriptions.ground.errors import Absent, Refused
from tests.clock import Clock
from tests.delivery import batching
from tests.delivery.craft import WORKSPACE, Craft
from tests.delivery.destinations import reply


@pytest.fixture
def hands(craft: Craft) -> ByHand:
    return craft.assembly.by_hand


async def stands(craft: Craft, id: DeliveryId) -> tuple[str, int]:
    [row] = await craft.fetch(
        "SELECT state, fence FROM deliveries WHERE event = $1 AND webhook = $2 AND round = $3", *id
    )
    return row["state"], row["fence"]


async def owed(craft: Craft, **row: object) -> DeliveryId:
    webhook = await craft.hook(**({"status": "DISABLED"} if row.get("state") == "parked" else {}))
    [event] = await craft.owe(webhook, due_in=600.0, **row)  # type: ignore[arg-type]  # columns
    return DeliveryId(event, webhook, 0)


@pytest.mark.parametrize("state", ["owed", "parked", "collecting"])
async def test_what_waits_is_cancelled(craft: Craft, hands: ByHand, state: str) -> None:
    """It ends there, and a ticket of before claims nothing (protocol.md 8.5)."""
    id = await owed(craft, state=state)

    moved = await hands.cancel(WORKSPACE, id)

    assert moved.result is HandResult.CANCELLED
    assert await stands(craft, id) == ("cancelled", 1)
    assert await craft.claim(Ticket(*id, 0)) == []
    assert await craft.value("SELECT ended_at FROM deliveries") == craft.clock()
    with pytest.raises(Refused, match="has ended"):
        await hands.cancel(WORKSPACE, id)


async def test_what_is_under_way_is_not_cancelled(craft: Craft, hands: ByHand, clock: Clock) -> None:
    """Its attempt may arrive; once its lease has lapsed, nobody has it in hands (protocol.md 8.5)."""
    webhook = await craft.hook()
    [event] = await craft.owe(webhook)
    [held] = await craft.drain()
    id = DeliveryId(event, webhook, 0)

    under_way = await hands.cancel(WORKSPACE, id)
    before = await stands(craft, id)
    clock.advance(30)
    lapsed = await hands.cancel(WORKSPACE, id)
    await craft.rounds.outcomes.record([await craft.attempt(held, reply(503))])

    assert (under_way.result, before) == (HandResult.UNDERWAY, ("owed", 1))
    assert lapsed.result is HandResult.CANCELLED
    assert (await stands(craft, id))[0] == "cancelled"


async def test_a_batch_is_cancelled_with_its_members(craft: Craft, hands: ByHand) -> None:
    """A member goes with its batch, to which the refusal points (protocol.md 8.5)."""
    webhook = await craft.hook(batching=True)
    batch = (await batching.closed(craft, 3)).event
    members = await batching.members(craft, batch)
    parcel = DeliveryId(batch, webhook, 0)

    with pytest.raises(Refused, match=f"cancel the batch {parcel} instead"):
        await hands.cancel(WORKSPACE, DeliveryId(members[0], webhook, 0))
    await hands.cancel(WORKSPACE, parcel)

    assert await craft.states(webhook) == {"cancelled": 1 + len(members)}
    with pytest.raises(Refused, match=f"send the batch {parcel} instead"):
        await hands.resend(WORKSPACE, DeliveryId(members[0], webhook, 0))
    assert (await hands.resend(WORKSPACE, parcel)).id == DeliveryId(batch, webhook, 1)
    assert await craft.states(webhook) == {"cancelled": 1 + len(members), "owed": 1, "bundled": len(members)}


async def test_sending_again_what_was_delivered(craft: Craft, hands: ByHand) -> None:
    """A retry of it is refused; sent again it is the next round, once, and the one before stands (protocol.md 8.4)."""
    webhook = await craft.hook()
    [event] = await craft.owe(webhook)
    [held] = await craft.drain()
    await craft.rounds.outcomes.record([await craft.attempt(held, reply(200))])
    id, again = DeliveryId(event, webhook, 0), DeliveryId(event, webhook, 1)

    with pytest.raises(Refused, match="was delivered"):
        await hands.retry(WORKSPACE, id)
    moved = await hands.resend(WORKSPACE, id)

    assert (moved.result, moved.id) == (HandResult.SUBMITTED, again)
    assert craft.announced[-1] == Ticket(*again, 0)
    assert [await stands(craft, each) for each in (id, again)] == [("delivered", 1), ("owed", 0)]
    with pytest.raises(Refused, match=f"{again} is what stands now"):
        await hands.resend(WORKSPACE, id)
    with pytest.raises(Refused, match="retry it to have that happen now"):
        await hands.resend(WORKSPACE, again)


async def test_what_was_never_tried_is_retried(craft: Craft, hands: ByHand) -> None:
    """What waits is due now, its fence raised; what was cancelled is owed again, or parked for a halted webhook."""
    id = await owed(craft)

    hastened = await hands.retry(WORKSPACE, id)
    await hands.cancel(WORKSPACE, id)
    await craft.sql("UPDATE webhooks SET status = 'DISABLED'")
    parked = await hands.retry(WORKSPACE, id)

    assert (hastened.result, parked.result) == (HandResult.SUBMITTED, HandResult.WAITING)
    assert parked.id == id._replace(round=1)
    assert [await stands(craft, each) for each in (id, parked.id)] == [("cancelled", 2), ("parked", 0)]


async def test_what_is_not_there_to_be_moved(craft: Craft, hands: ByHand) -> None:
    """Others' deliveries, those of deleted webhooks, rounds to come, texts that are no id: absent; what was erased: refused."""
    id = await owed(craft)

    for asked in (id._replace(round=1), id._replace(event=uuid4()), id._replace(webhook=uuid4())):
        with pytest.raises(Absent):
            await hands.cancel(WORKSPACE, asked)
    with pytest.raises(Absent):
        await hands.retry("0" * 32, id)
    with pytest.raises(Absent):
        by_hand.parse(f"{UUID(int=1)}.{UUID(int=2)}")
    await craft.assembly.erasure.event(id.event)
    with pytest.raises(Refused, match="no payload any more"):
        await hands.retry(None, id)
