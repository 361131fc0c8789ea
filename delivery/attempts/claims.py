"""Claiming: deliveries come into this process's hands, each with the webhook it goes to, and leave them again untried.

The statements stand in `delivery/ledger/claims`; when to claim, and how many, is left to `workers/engine.py`. The rules are
those of protocol.md 4.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from delivery.attempts.endings import ClaimedDelivery
from delivery.foundation import WiredFoundation
from delivery.ledger.claims import claiming, drains, paces
from delivery.ledger.claims.claiming import Claim
from delivery.ledger.claims.drains import DrainRoom, Shares
from delivery.ledger.claims.foreign import Foreign
from delivery.ledger.owing import parking
from delivery.ledger.records import outcomes
from delivery.ledger.upkeep import sweeps
from delivery.tickets import Ticket
from subscriptions.ground.database import Raw
from subscriptions.webhooks.webhook_store import Hook

#: Seconds that an attempt may wait for its send time without another look at its webhook.
GLANCE = 0.5
#: Webhooks whose destination and unsealed secrets one process keeps at hand.
HOOKS = 10_000


class FreeShares(NamedTuple):
    """What webhooks may have in flight beside what they have: those that are not in `shares`, `share`."""

    share: int
    shares: Shares


class Claims:
    """Deliveries from due to held; raises Unavailable while PostgreSQL is away."""

    def __init__(self, base: WiredFoundation) -> None:
        self._base = base
        self._lease = base.settings.delivery_timeout + base.settings.lease_margin
        self._deadline = timedelta(seconds=base.settings.delivery_timeout)
        self._hooks: dict[tuple[UUID, int], Hook] = {}
        #: Tickets that named nothing of ours.
        self.foreign = Foreign()

    async def by_ticket(self, tickets: Sequence[Ticket]) -> list[ClaimedDelivery]:
        """Claims by ticket, the caller having taken a slot for each; raises Unavailable."""
        async with self._base.database.raw() as connection:
            now = await self._now(connection)
            claim = await claiming.by_ticket(connection, tickets, now=now, lease=self._lease)
            held = await self._held(connection, claim)
            if len(held) < len(tickets):
                claimed = {each.key[:3] for each in held}
                await self.foreign.look(connection, [ticket for ticket in tickets if ticket[:3] not in claimed])
            return held

    async def days_due(self) -> list[date]:
        """The days that have due rows, oldest first; raises Unavailable."""
        async with self._base.database.raw() as connection:
            return await drains.days_due(connection, now=await self._now(connection))

    async def drain(
        self, day: date, *, wanted: int, retries: int, free: FreeShares, paced: bool = True
    ) -> list[ClaimedDelivery]:
        """Claims at most `wanted` due rows of the day, of a webhook its free share; raises Unavailable.

        First attempts go before retries, for which `retries` of them are kept, or a fifth, whichever is more. Without `paced`,
        what webhooks with a rate are owed is looked for only where nothing else is found.
        """
        # Each drain begins at another webhook, so that none is always first.
        chance = self._base.chance()
        kept = min(wanted, max(retries, int(wanted * drains.RETRIES + chance)))
        start = UUID(int=int(chance * (1 << 128)))
        room = DrainRoom(
            wanted=wanted, retries=kept, share=free.share, shares=free.shares, start=start, chance=self._base.chance()
        )
        async with self._base.database.raw() as connection:
            now = await self._now(connection)
            claim = await drains.drain(connection, room, day=day, now=now, lease=self._lease)
            held = await self._held(connection, claim)
            if len(held) < wanted and (paced or not held):
                left = replace(room, wanted=wanted - len(held))
                with_rate = await paces.claim(connection, left, day=day, now=now, lease=self._lease)
                held += await self._held(connection, with_rate)
            return held

    async def turn(self, held: ClaimedDelivery) -> bool:
        """Waits for the send time of a claim, if it has one; false where its attempt may not begin any more by then.

        Because the webhook may not be sent to, or because the attempt could outlast its lease: a process that stood still
        since its claim would send what another one has claimed meanwhile, or what was paused or deleted long ago.
        """
        send_at = held.claimed.send_at
        wait = 0.0 if send_at is None else (send_at - self._base.clock()).total_seconds()
        if wait > 0:
            await self._base.sleep(wait)
        if send_at is not None:
            late = (self._base.clock() - send_at).total_seconds()
            if max(wait, late) >= GLANCE and not await self._still(held):
                return False
        return self._base.clock() + self._deadline <= held.claimed.leased_until

    async def _still(self, held: ClaimedDelivery) -> bool:
        async with self._base.database.raw() as connection:
            return await claiming.still(connection, held.claimed)

    async def probe(self, webhook: UUID) -> ClaimedDelivery | None:
        """Claims the next row of a webhook in ERROR; None where there is none, or the webhook is in ERROR no more."""
        async with self._base.database.raw() as connection:
            now = await self._now(connection)
            claim = await claiming.by_probe(connection, webhook, now=now, lease=self._lease)
            held = await self._held(connection, claim)
        return ClaimedDelivery(claimed=held[0].claimed, hook=held[0].hook, probe=True) if held else None

    async def give_back(self, held: Sequence[ClaimedDelivery]) -> None:
        """Returns claims whose attempt will not begin: due at once, for any process."""
        async with self._base.database.raw() as connection:
            await outcomes.give_back(connection, [h.key for h in held], now=self._base.clock())

    async def _now(self, connection: Raw) -> datetime:
        if self._base.clock.slept():
            self._base.clock.follow(await sweeps.database_now(connection))
        return self._base.clock()

    async def _held(self, connection: Raw, claim: Claim) -> list[ClaimedDelivery]:
        if claim.database_now is not None:
            self._base.clock.follow(claim.database_now)
        await parking.look_again(connection, claim.parked, now=self._base.clock())
        wanted = {(c.webhook, c.generation) for c in claim.taken}
        missing = [webhook for webhook, generation in wanted if (webhook, generation) not in self._hooks]
        if missing:
            if len(self._hooks) > HOOKS:
                self._hooks.clear()
            fresh = await self._base.webhook_store.hooks(connection, missing)
            for webhook, generation in wanted:
                if webhook in fresh:
                    # Whatever changed between claim and look-up, this attempt goes to the newer address under its old epoch.
                    self._hooks[webhook, generation] = fresh[webhook]
        # A webhook deleted since the claim has no address any more: the lease lapses, and the next claim cancels the row.
        found = ((c, self._hooks.get((c.webhook, c.generation))) for c in claim.taken)
        return [ClaimedDelivery(claimed=c, hook=hook) for c, hook in found if hook is not None]
