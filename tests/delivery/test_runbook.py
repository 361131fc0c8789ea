"""The runbook's query for stuck rows names what is stuck, and nothing that only waits (protocol.md 10.1)."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from subscriptions.webhooks.webhook import Registration
from tests.clock import Clock
from tests.delivery.craft import OWNER, Craft
from tests.delivery.destinations import OLD, SECRET

RUNBOOK = Path(__file__).parents[2] / "deploy" / "README.md"
[QUERY] = re.findall(r"^```sql\n(.*?)^```", RUNBOOK.read_text(), re.DOTALL | re.MULTILINE)
#: Longer than two leases and a slow sweep.
LONG = 101.0


async def named(craft: Craft) -> list[tuple[str, str]]:
    """What the query names, and why, at the told time."""
    found = await craft.fetch(QUERY.replace("now()", "$1::timestamptz"), craft.clock())
    return [(row["what"], row["why"]) for row in found]


async def test_what_waits_is_not_named(craft: Craft, clock: Clock) -> None:
    """Rows in somebody's hands, due later, kept for a halted webhook or just fallen due; a challenge that is to come."""
    active, halted = await craft.hook(), await craft.hook(status="DISABLED", batching=True)
    await craft.webhook_lifecycle.register(Registration(name="hook", destination=OLD, secret=SECRET), OWNER)
    await craft.owe(active, due_in=3600)
    await craft.owe(active, due_in=-2 * LONG, leased_until=clock() + timedelta(seconds=20))
    await craft.owe(active, due_in=-60)
    await craft.owe(halted, state="parked")
    await craft.owe(halted, state="collecting")

    assert await named(craft) == []


@pytest.mark.parametrize("state", ["owed", "parked", "collecting", "bundled"])
async def test_stuck_deliveries_are_named_with_their_states(craft: Craft, clock: Clock, state: str) -> None:
    """A delivery that nobody will take any more is named with its state, and its webhook's."""
    await craft.owe(await craft.hook(), state=state)
    clock.advance(LONG)

    assert await named(craft) == [("delivery", f"{state} under ACTIVE")]


async def test_delivery_to_a_deleted_webhook(craft: Craft, clock: Clock) -> None:
    """What is kept for a webhook that will never come back is named at once."""
    await craft.owe(await craft.hook(status="DISABLED", deleted_at=clock()), state="parked")

    assert await named(craft) == [("delivery", "parked under DISABLED")]


async def test_what_is_no_delivery(craft: Craft, clock: Clock) -> None:
    """Spreads, challenges and jobs that are long due; a batch whose delivery is gone; a webhook that no challenge stands for."""
    [event] = await craft.owe(await craft.hook(), state="delivered")
    pending, challenged = await craft.hook(status="PENDING"), await craft.hook(status="ERROR")
    await craft.sql(
        "INSERT INTO spreads (event, workspace_id, type, due_at, fence) VALUES ($1, '', '', $2, 0)", event, clock()
    )
    await craft.sql("INSERT INTO jobs (id, kind, due_at, fence) VALUES ($1, 'wake', $2, 0)", event, clock())
    await craft.sql(
        "INSERT INTO challenges (webhook, epoch, purpose, tries, due_at, fence) VALUES ($1, 1, 'probe', 0, $2, 0)",
        *(challenged, clock()),
    )
    await craft.sql("INSERT INTO parcels (id, webhook, members) VALUES ($1, $2, ARRAY[$1::uuid])", event, pending)
    clock.advance(LONG)

    found = await named(craft)

    assert sorted(what for what, _ in found) == ["challenge", "job", "parcel", "spread", "webhook"]
    assert ("webhook", "PENDING without a challenge") in found
