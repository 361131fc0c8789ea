"""In-flight limits: how many tries this process may begin, in all and per webhook, and whose share has shrunk.

Pure bookkeeping on one event loop; what occupies the slots is left to `engine.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

#: Seconds that a webhook with a full share may go without an answer before tickets for it are no longer waited with.
STALL = 0.3


@dataclass(kw_only=True, slots=True)
class Lane:
    """One webhook's tries in this process."""

    #: How many it may have in flight: halved by each time-out, one more with each answer.
    share: float
    in_flight: int = 0
    #: When the share was last found used up, or an answer came since.
    moved_at: float = 0.0


class Lanes:
    """Slots of one process. A lane is kept while it is in use, or while its share is smaller than the full one."""

    def __init__(self, *, slots: int, share: int) -> None:
        self.slots = slots
        self.free = slots
        self._share = share
        self._lanes: dict[UUID, Lane] = {}

    def take(self, webhook: UUID, now: float) -> bool:
        """One slot of the process and of the webhook, if both have one."""
        lane = self._lanes.get(webhook)
        if lane is None:
            if self.free <= 0:
                return False
            lane = self._lanes[webhook] = Lane(share=self._share, moved_at=now)
        elif self.free <= 0 or lane.in_flight >= int(lane.share):
            return False
        lane.in_flight += 1
        self.free -= 1
        return True

    def hold(self, webhook: UUID, now: float) -> None:
        """One slot of the webhook for a delivery whose process slot was reserved before it was known."""
        lane = self._lanes.setdefault(webhook, Lane(share=self._share, moved_at=now))
        lane.in_flight += 1

    def unclaimed(self, webhook: UUID) -> None:
        """Gives both slots back: there was nothing to try."""
        self._leave(webhook)
        self.free += 1

    def ended(self, webhook: UUID, now: float, *, timed_out: bool) -> None:
        """A try ended: its webhook may have the next one, while the process's slot is held until the record is written.

        The webhook's share shrinks when the try timed out, and grows back with every answer.
        """
        lane = self._lanes[webhook]
        lane.share = max(1.0, lane.share / 2) if timed_out else min(self._share, lane.share + 1)
        if not timed_out:
            lane.moved_at = now
        self._leave(webhook)

    def recorded(self) -> None:
        """Gives the process's slot back."""
        self.free += 1

    def _leave(self, webhook: UUID) -> None:
        lane = self._lanes[webhook]
        lane.in_flight -= 1
        if lane.in_flight == 0 and lane.share >= self._share:
            del self._lanes[webhook]

    def stalled(self, webhook: UUID, now: float) -> bool:
        """Whether waiting for a slot of the webhook is idle: its share is used up, and no answer came for a while."""
        lane = self._lanes.get(webhook)
        return lane is not None and lane.in_flight >= int(lane.share) and now - lane.moved_at > STALL

    def reserve(self, wanted: int) -> int:
        """Process slots for claims whose webhooks are not known yet; answers how many there were."""
        taken = min(self.free, wanted)
        self.free -= taken
        return taken

    def give_back(self, slots: int) -> None:
        """Reserved slots that found nothing to do."""
        self.free += slots

    def shares(self) -> Mapping[UUID, int]:
        """The free shares of the webhooks that have not all of theirs."""
        return {webhook: max(0, int(lane.share) - lane.in_flight) for webhook, lane in self._lanes.items()}

    def crowded(self) -> bool:
        """Whether a webhook has its whole share in flight: more of its rows may be due than a drain could take."""
        return any(lane.in_flight >= int(lane.share) for lane in self._lanes.values())

    @property
    def in_flight(self) -> int:
        """Slots of the process in use."""
        return self.slots - self.free
