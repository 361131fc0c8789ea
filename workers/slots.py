"""In-flight limits: how many attempts this process may begin, in all and per webhook, and whose circuit is open
(protocol.md 4.6).

Pure bookkeeping on one event loop; what occupies the slots is left to `engine.py`.

A webhook that answers has a closed circuit. One whose last attempt had no answer (timed out, or never came to an exchange) has
an open one: its share halves with each such attempt, down to one, which is a probe at a time, and grows by one with each answer,
which doubles it with each round. Three rules keep slots for those that answer, from the first second on:

1. While half of the slots are free a webhook may hold its share; as they grow short, in proportion less, and at least one.
2. Those that are open, or silent (attempts in flight, and no answer for `SILENCE`), begin nothing while attempts
   without an answer hold half of the slots; those that were never tried, while they hold three quarters.
3. While a drain is short of slots, those that retries lack to a fifth of all are kept from tickets.

A slot is held until the outcome is recorded. So what waits for that counts too: a webhook begins nothing while its attempts and
unrecorded outcomes hold twice as many slots as are free, and what its workspace has unrecorded bounds it by number and by
bytes (`unrecorded.py`): long answers are written slowly, and would take slot by slot from all others.

A webhook that was changed (a new epoch) begins as one that was never tried: what hangs at its old destination holds slots of
the process, and counts in the second rule, but takes nothing of the new one's share. The claims tell which epoch it is.
"""

from collections.abc import Mapping
from itertools import chain, islice
from math import nan
from uuid import UUID

from workers.unrecorded import Unrecorded
from workers.webhook_slots import Circuit, WebhookSlots

#: The parts of the slots that attempts without an answer may hold: for webhooks that do not answer, and for untried ones.
OPEN_PART, UNTRIED_PART = 0.5, 0.75
#: A webhook's attempts in flight and its unrecorded outcomes hold at most so many times the free slots.
HELD = 2
#: One slot in so many is kept for retries.
RETRIES = 5
#: Seconds after which a webhook that is not tried any more counts as untried again.
FORGET = 60.0
#: Webhooks that are remembered as answering while they have nothing in flight.
REMEMBERED = 10_000
#: How many of them are named to a drain that may not take untried ones: it compares the slots of each with each.
NAMED = 1000


class InFlightSlots:
    """Slots of one process. What a webhook has is kept while it is in use, or says more than that it answers: shortly."""

    def __init__(self, *, slots: int, share: int) -> None:
        self.slots = slots
        self.free = slots
        #: Attempts in flight that are not their delivery's first.
        self.retrying = 0
        #: A drain would have taken more than there were slots for.
        self.short = False
        self._share = share
        self._by_webhook: dict[UUID, WebhookSlots] = {}
        #: Of epochs that are over, as long as attempts of theirs are in flight.
        self._outlived: dict[tuple[UUID, int], WebhookSlots] = {}
        #: In the order of their last answers, each with its workspace.
        self._answering: dict[UUID, str] = {}
        self._unrecorded = Unrecorded()
        self._counted_at, self._unanswered = nan, 0

    def take(self, webhook: UUID, now: float) -> WebhookSlots | None:
        """One slot of the process and of the webhook for a ticket, if both have one; to be `claimed`, or `unclaimed`."""
        webhook_slots = self._of_webhook(webhook)
        if self.free <= (self.kept if self.short else 0) or self._free(webhook_slots) <= 0:
            return None
        if not webhook_slots.answers(now) and self._room(webhook_slots, now) <= 0:
            return None
        self._by_webhook[webhook] = webhook_slots
        self._begin(webhook, webhook_slots, now)
        self.free -= 1
        return webhook_slots

    def claimed(self, webhook: UUID, webhook_slots: WebhookSlots, epoch: int, now: float) -> WebhookSlots:
        """What a ticket took is used, for the epoch that its claim told; answers those that it is in from now on."""
        right = self._of(webhook, epoch)
        if right is not webhook_slots:
            self._begin(webhook, right, now)
            self._leave(webhook, webhook_slots)
        return right

    def hold(self, webhook: UUID, epoch: int, now: float) -> WebhookSlots:
        """One slot of the webhook for a delivery whose process slot was reserved before it was known."""
        webhook_slots = self._of(webhook, epoch)
        self._begin(webhook, webhook_slots, now)
        return webhook_slots

    def unclaimed(self, webhook: UUID, webhook_slots: WebhookSlots) -> None:
        """Gives both slots back: there was nothing to try."""
        self._leave(webhook, webhook_slots)
        self.free += 1

    def ended(self, webhook: UUID, webhook_slots: WebhookSlots, now: float, *, answered: bool, size: int = 0) -> bool:
        """An attempt ended: its webhook may have the next one, while the process's slot is held until the record is written.

        `size`: bytes of the answer that are to be recorded. Says whether the webhook had its whole share in flight, so that what
        it is owed may have waited for this.
        """
        full = webhook_slots.in_flight >= self._share_of(webhook_slots)
        if answered:
            webhook_slots.circuit, webhook_slots.share, webhook_slots.moved_at = (
                Circuit.CLOSED,
                min(self._share, webhook_slots.share + 1),
                now,
            )
        else:
            webhook_slots.circuit, webhook_slots.share = Circuit.OPEN, max(1.0, webhook_slots.share / 2)
            if self._by_webhook.get(webhook) is webhook_slots:
                self._answering.pop(webhook, None)
        webhook_slots.unrecorded, webhook_slots.size = webhook_slots.unrecorded + 1, size
        self._unrecorded.add(webhook_slots.workspace, size)
        self._leave(webhook, webhook_slots)
        return full

    def recorded(self, webhook: UUID, webhook_slots: WebhookSlots, size: int = 0) -> bool:
        """Gives the process's slot back; says whether what was not recorded kept the webhook from more."""
        kept = self._beside(webhook_slots) <= 0
        self.free += 1
        webhook_slots.unrecorded -= 1
        self._unrecorded.remove(webhook_slots.workspace, size)
        if self._by_webhook.get(webhook) is webhook_slots:
            self._rest(webhook, webhook_slots)
        return kept

    def circuit(self, webhook: UUID) -> Circuit:
        """What is known of the webhook."""
        return self._of_webhook(webhook).circuit

    def stalled(self, webhook: UUID, now: float) -> bool:
        """Whether a ticket that found no slot waits in vain: its webhook does not answer."""
        webhook_slots = self._of_webhook(webhook)
        return webhook_slots.circuit is Circuit.OPEN or webhook_slots.silent(now)

    @property
    def kept(self) -> int:
        """Slots that retries lack to their part."""
        return max(0, self.slots // RETRIES - self.retrying)

    def reserve(self, wanted: int, now: float) -> int:
        """Process slots for claims whose webhooks are not known yet; answers how many there were."""
        taken = max(0, min(self.free, wanted))
        room = self._limit(UNTRIED_PART, now)
        # Where there is no room for webhooks that were never tried, `share` is 0 and leaves them out.
        taken = min(taken, room) if room > 0 else taken
        self.free -= taken
        return taken

    def give_back(self, slots: int) -> None:
        """Reserved slots that found nothing to do."""
        self.free += slots

    def share(self, now: float) -> int:
        """What a webhook that this process knows nothing of may have in flight now."""
        return self._allowance() if self._limit(UNTRIED_PART, now) > 0 else 0

    def shares(self, now: float) -> Mapping[UUID, tuple[int, int | None]]:
        """The free shares of the webhooks that may not have `share`, and of which epoch; None: of any.

        Those that were idle for long are forgotten.
        """
        for webhook in [
            w
            for w, webhook_slots in self._by_webhook.items()
            if webhook_slots.idle and now - webhook_slots.moved_at > FORGET
        ]:
            del self._by_webhook[webhook]
        allowance = self._allowance()
        idle = () if self.share(now) else islice(reversed(self._answering), NAMED)
        shares: dict[UUID, tuple[int, int | None]] = dict.fromkeys(idle, (allowance, None))
        for webhook, webhook_slots in self._by_webhook.items():
            free = max(0, self._free(webhook_slots))
            if not webhook_slots.answers(now):
                # What is left is given out once: to those first whose last attempt began longest ago.
                free = max(0, min(free, self._room(webhook_slots, now)))
                self._unanswered += free
            shares[webhook] = free, webhook_slots.epoch
        self._counted_at = nan
        return shares

    def crowded(self) -> bool:
        """Whether a webhook may have no more than it has: more of its rows may be due than a drain could take."""
        return any(self._free(webhook_slots) <= 0 for webhook_slots in self._by_webhook.values())

    @property
    def in_flight(self) -> int:
        """Slots of the process in use."""
        return self.slots - self.free

    def _of_webhook(self, webhook: UUID) -> WebhookSlots:
        webhook_slots = self._by_webhook.get(webhook)
        if webhook_slots is None:
            of = self._answering.get(webhook)
            known = Circuit.UNTRIED if of is None else Circuit.CLOSED
            webhook_slots = WebhookSlots(share=self._share, circuit=known, workspace=of or "")
        return webhook_slots

    def _of(self, webhook: UUID, epoch: int) -> WebhookSlots:
        """The webhook's slots of that epoch; one that is newer than what was known becomes the webhook's."""
        webhook_slots = self._of_webhook(webhook)
        if webhook_slots.epoch is None:
            webhook_slots.epoch = epoch
        if webhook_slots.epoch > epoch:
            fresh = WebhookSlots(share=self._share, circuit=Circuit.UNTRIED, epoch=epoch)
            return self._outlived.setdefault((webhook, epoch), fresh)
        if webhook_slots.epoch < epoch:
            if webhook_slots.in_flight:
                self._outlived[webhook, webhook_slots.epoch] = webhook_slots
            self._answering.pop(webhook, None)
            webhook_slots = WebhookSlots(share=self._share, circuit=Circuit.UNTRIED, epoch=epoch)
            self._by_webhook.pop(webhook, None)
        self._by_webhook[webhook] = webhook_slots
        return webhook_slots

    def _begin(self, webhook: UUID, webhook_slots: WebhookSlots, now: float) -> None:
        if self._by_webhook.get(webhook) is webhook_slots:  # the one that began last stands last
            self._by_webhook[webhook] = self._by_webhook.pop(webhook)
        if not webhook_slots.in_flight:
            webhook_slots.moved_at = now
        webhook_slots.in_flight += 1
        self._unanswered += not webhook_slots.answers(now)

    def _leave(self, webhook: UUID, webhook_slots: WebhookSlots) -> None:
        webhook_slots.in_flight -= 1
        self._counted_at = nan
        if self._by_webhook.get(webhook) is not webhook_slots:
            if not webhook_slots.in_flight and webhook_slots.epoch is not None:
                self._outlived.pop((webhook, webhook_slots.epoch), None)
            return
        self._rest(webhook, webhook_slots)

    def _rest(self, webhook: UUID, webhook_slots: WebhookSlots) -> None:
        """Forgets what says no more than that the webhook answers."""
        full = webhook_slots.share >= self._share
        if not webhook_slots.idle or webhook_slots.size or webhook_slots.circuit is Circuit.OPEN or not full:
            return
        del self._by_webhook[webhook]
        if webhook_slots.circuit is Circuit.CLOSED:
            self._answering.pop(webhook, None)
            self._answering[webhook] = webhook_slots.workspace
            if len(self._answering) > REMEMBERED:
                del self._answering[next(iter(self._answering))]

    def _allowance(self) -> int:
        """The share of a webhook that answers: the whole while half of the slots are free."""
        if self.free * 2 >= self.slots:
            return self._share
        return max(1, self._share * self.free * 2 // self.slots)

    def _free(self, webhook_slots: WebhookSlots) -> int:
        """Attempts that its webhook may begin: of its share, and beside what of it and of its workspace is not recorded yet."""
        return min(self._share_of(webhook_slots) - webhook_slots.in_flight, self._beside(webhook_slots))

    def _beside(self, webhook_slots: WebhookSlots) -> int:
        """How many may begin beside what is not recorded yet."""
        in_flight = webhook_slots.in_flight
        room = self._unrecorded.room(webhook_slots.workspace, self.free, webhook_slots.size, in_flight)
        return min(room, HELD * self.free - in_flight - webhook_slots.unrecorded)

    def _share_of(self, webhook_slots: WebhookSlots) -> int:
        return min(int(webhook_slots.share), self._allowance())

    def _room(self, webhook_slots: WebhookSlots, now: float) -> int:
        fresh = webhook_slots.circuit is Circuit.UNTRIED and not webhook_slots.silent(now)
        return self._limit(UNTRIED_PART if fresh else OPEN_PART, now)

    def _limit(self, part: float, now: float) -> int:
        """Attempts without an answer that may begin until they hold this part of the slots; one at least in all."""
        if now != self._counted_at:
            self._counted_at = now
            known = chain(self._by_webhook.values(), self._outlived.values())
            self._unanswered = sum(webhook_slots.in_flight for webhook_slots in known if not webhook_slots.answers(now))
        return max(1, int(self.slots * part)) - self._unanswered
