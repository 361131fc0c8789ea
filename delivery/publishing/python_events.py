"""The door for Python programs: events come as objects of the CloudEvents SDK, and are published as those of the API are.

What the SDK makes up or lets pass is dealt with in `subscriptions/events/sdk.py`; how events are kept and whom they are owed
to, in `intake.py`. As at the intake, nobody asks here whether a type is in the catalogue, or whose it is.
"""

from collections.abc import Awaitable, Callable, Sequence

from msgspec import structs

from delivery.publishing.receipts import Receipt
from subscriptions.events import cloudevent, event, sdk
from subscriptions.events.event import Event
from subscriptions.events.sdk import SdkEvent
from subscriptions.ground import event_keys
from subscriptions.ground.database import Clock


class PythonEvents:
    """Publishes the SDK's events."""

    def __init__(self, publish: Callable[[Sequence[Event]], Awaitable[list[Receipt]]], clock: Clock) -> None:
        """`publish` is the intake's; `clock` gives keys their time."""
        self._publish = publish
        self._clock = clock

    async def publish(self, events: Sequence[SdkEvent], *, workspace_id: str, id_alone: bool = False) -> list[Receipt]:
        """Receipts in the order given, after the commit; an event published again under its source and id makes no second one.

        With `id_alone` that holds whatever it says; otherwise another event under the same id raises Conflicting. Raises what
        `sdk.from_sdk` and `cloudevent.event_of` raise for an event that breaks a rule, and what `Intake.publish` raises.
        """
        keys = event_keys.rising(self._clock(), len(events))
        made = [
            cloudevent.event_of(sdk.from_sdk(each), key=key, workspace_id=workspace_id)
            for each, key in zip(events, keys, strict=True)
        ]
        if id_alone:
            made = [structs.replace(each, digest=event.digest(each.id.encode())) for each in made]
        return await self._publish(made)
