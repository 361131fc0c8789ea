"""The door for one delivery that somebody acts on: retried now, sent again, cancelled (protocol.md 8).

GreenLake's own retry, of what failed alone, is `reports/recent_deliveries.py`'s; many at a time are left to replays.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from delivery import lifecycle
from delivery.delivery_filter import DeliveryId
from delivery.ledger.owing import parking
from delivery.ledger.records import cancellations, replays
from delivery.ledger.records.cancellations import Cancel
from delivery.ledger.records.replays import NewestRound, RetryResult
from delivery.lifecycle import State
from delivery.tickets import Nudge
from subscriptions.ground import audit
from subscriptions.ground.audit import AuditChange
from subscriptions.ground.database import Clock, Database, Raw
from subscriptions.ground.errors import Absent, Issue, Refused

Announce = Callable[[Sequence[Nudge]], None]


class HandResult(StrEnum):
    """What asking came to."""

    #: It is due now.
    SUBMITTED = "SUBMITTED"
    #: An attempt is under way; nothing was changed.
    UNDERWAY = "UNDERWAY"
    #: It goes out once its webhook may be sent to.
    WAITING = "WAITING"
    #: It is not sent.
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """A delivery, and what was done with it."""

    result: HandResult
    #: The round that is under way now, or was: sending again makes another one.
    id: DeliveryId


class ByHand:
    """Moves one delivery; callers of a `workspace_id` their own alone, None any. All raise Absent and Refused."""

    def __init__(self, database: Database, clock: Clock, announce: Announce) -> None:
        self._database = database
        self._clock = clock
        self._announce = announce

    async def retry(self, workspace_id: str | None, id: DeliveryId) -> Moved:
        """What waits is due now; what ended undelivered is owed again, in the next round, whether it was ever tried or not."""
        return await self._again(workspace_id, id, again=False)

    async def resend(self, workspace_id: str | None, id: DeliveryId) -> Moved:
        """What has ended, delivered too, is owed again in the next round (protocol.md 8.4)."""
        return await self._again(workspace_id, id, again=True)

    async def cancel(self, workspace_id: str | None, id: DeliveryId) -> Moved:
        """What waits ends here; what is under way is left (protocol.md 8.5)."""
        now = self._clock()
        async with self._database.raw() as connection, connection.transaction():
            newest = await self._newest(connection, workspace_id, id)
            if lifecycle.final(newest.state):
                raise _refused(f"has ended ({newest.state}): there is nothing to cancel")
            if newest.state is State.BUNDLED:
                raise await self._carried(connection, id, "cancel")
            given = Cancel(event=id.event, webhook=id.webhook, round=id.round, now=now)
            if newest.leased or not await cancellations.cancel(connection, given):
                return Moved(result=HandResult.UNDERWAY, id=id)
            await self._note(connection, "delivery.cancelled", id, newest, HandResult.CANCELLED)
        return Moved(result=HandResult.CANCELLED, id=id)

    async def _again(self, workspace_id: str | None, id: DeliveryId, *, again: bool) -> Moved:
        now = self._clock()
        async with self._database.raw() as connection:
            async with connection.transaction():
                newest = await self._newest(connection, workspace_id, id)
                _check(newest, again=again)
                if newest.state is State.BUNDLED or not newest.sent_alone:
                    batch = await cancellations.batch_of(connection, id.event, id.webhook)
                    if batch is not None:
                        raise await self._carried(connection, id, "send")
                retried, ticket = await replays.retry(connection, id.event, id.webhook, newest, now=now)
                action = "delivery.resent" if again else "delivery.retried"
                await self._note(connection, action, id, newest, HandResult[retried.name])
            waiting = [id.webhook] if retried is RetryResult.WAITING else []
            nudges: list[Nudge] = [*await parking.look_again(connection, waiting, now=now)]
        nudges += [] if ticket is None else [ticket]
        if nudges:
            self._announce(nudges)
        number = id.round + 1 if lifecycle.final(newest.state) else id.round
        return Moved(result=HandResult[retried.name], id=id._replace(round=number))

    async def _note(
        self, connection: Raw, action: str, id: DeliveryId, newest: NewestRound, result: HandResult
    ) -> None:
        change = AuditChange(
            action=action,
            subject=str(id),
            name=str(id.event),
            workspace_id=await cancellations.owner(connection, id.webhook, None),
            before={"state": newest.state},
            after={"state": result},
        )
        await audit.note(connection, change)

    async def _newest(self, connection: Raw, workspace_id: str | None, id: DeliveryId) -> NewestRound:
        """The delivery's row, locked; raises Absent, and Refused where a later round is what counts."""
        found = None
        if await cancellations.owner(connection, id.webhook, workspace_id) is not None:
            found = await replays.newest(connection, id.event, id.webhook, now=self._clock())
        if found is None or id.round > found.round:
            raise Absent("Delivery", str(id))
        if id.round < found.round:
            newer = DeliveryId(id.event, id.webhook, found.round)
            raise _refused(f"was sent again since: {newer} is what stands now")
        return found

    async def _carried(self, connection: Raw, id: DeliveryId, verb: str) -> Refused:
        batch = await cancellations.batch_of(connection, id.event, id.webhook)
        named = "its batch" if batch is None else f"the batch {DeliveryId(batch, id.webhook, id.round)}"
        return _refused(f"goes with others in one request: {verb} {named} instead")


def _check(newest: NewestRound, *, again: bool) -> None:
    """Raises Refused where sending would be for nothing, or is not what was meant."""
    ended = lifecycle.final(newest.state)
    if not newest.payload:
        raise _refused("has no payload any more, for it was erased: there is nothing to send")
    if again and not ended:
        raise _refused(f"is {newest.state}, and will be sent: retry it to have that happen now")
    if not again and newest.state is State.DELIVERED:
        raise _refused("was delivered: resend it to have it sent once more")
    if newest.state is State.COLLECTING:
        raise _refused("waits for its batch to close, which sends it: there is nothing to hasten")
    if ended and newest.round >= replays.ROUNDS:
        raise _refused(
            f"was sent again {replays.ROUNDS} times, which is as often as is counted: publish the event anew"
        )


def _refused(said: str) -> Refused:
    return Refused(Issue(subject="id", description=said))


def parse(text: str, *, hint: str = "") -> DeliveryId:
    """The id in a path; raises Absent for what is none."""
    try:
        return DeliveryId.parse(text)
    except ValueError:
        raise Absent("Delivery", text, hint=hint) from None
