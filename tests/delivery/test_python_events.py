"""Python programs publish the CloudEvents SDK's objects, and get such objects back."""

from datetime import UTC, datetime
from typing import Any

import pytest

from delivery.publishing.python_events import PythonEvents
from subscriptions.events import sdk
from subscriptions.events.sdk import SdkEvent
from subscriptions.ground.errors import Conflicting, Refused
from tests.delivery.craft import TYPE, WORKSPACE, Craft

MADE_AT = datetime(2026, 5, 4, 10, 0, 0, 127443, tzinfo=UTC)


@pytest.fixture
def door(craft: Craft) -> PythonEvents:
    return PythonEvents(craft.intake.publish, craft.clock)


def made(number: int, **attributes: Any) -> SdkEvent:
    """As a program makes one; the SDK fills in what is left out."""
    given = {"id": "e1", "source": "/racks/7", "type": TYPE, "time": MADE_AT, "priority": 3}
    return SdkEvent(given | attributes, {"number": number})


def shown(event: SdkEvent) -> tuple[dict[str, Any], object]:
    return event.get_attributes(), event.get_data()


async def test_there_and_back(craft: Craft, door: PythonEvents) -> None:
    """What is published as the SDK's object is owed to who subscribed, and is that object again when it is read."""
    webhook = await craft.hook()

    [receipt, _] = await door.publish([made(1), made(2, id="e2")], workspace_id=WORKSPACE)

    kept = await craft.fetch("SELECT body FROM events ORDER BY key")
    read = [sdk.to_sdk(row["body"]) for row in kept]
    assert [shown(each) for each in read] == [shown(made(1)), shown(made(2, id="e2"))]
    assert (receipt.id, receipt.source, receipt.matched) == ("e1", "/racks/7", 1)
    assert await craft.states(webhook) == {"owed": 2}


async def test_the_same_id(craft: Craft, door: PythonEvents) -> None:
    """Published again it is one event; another under its id conflicts, unless the program says that the id decides alone."""
    for number, id_alone in ((1, False), (1, False), (3, True), (4, True)):
        await door.publish([made(number, id=f"of {id_alone}")], workspace_id=WORKSPACE, id_alone=id_alone)

    with pytest.raises(Conflicting):
        await door.publish([made(2, id="of False")], workspace_id=WORKSPACE)

    assert await craft.value("SELECT count(*) FROM events") == 2


async def test_what_the_sdk_lets_pass(craft: Craft, door: PythonEvents) -> None:
    """cloudevents.md S9: an event that breaks a rule refuses all that were handed over with it, and nothing is kept."""
    with pytest.raises(Refused, match="source"):
        await door.publish([made(1), made(2, id="e2", source="a b")], workspace_id=WORKSPACE)

    assert await craft.value("SELECT count(*) FROM events") == 0
