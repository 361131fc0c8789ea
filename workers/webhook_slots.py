"""One webhook's attempts in one process: how many it has in flight, what waits to be recorded, and whether it answers.

Which of them may begin is asked by `slots.py`.
"""

from dataclasses import dataclass
from enum import StrEnum

#: Seconds that a webhook with attempts in flight may go without an answer before it counts as silent.
SILENCE = 0.5


class Circuit(StrEnum):
    """What the last attempt of a webhook in this process says of the next one."""

    UNTRIED = "untried"
    #: It was answered, whatever the answer says.
    CLOSED = "closed"
    #: It was not.
    OPEN = "open"


@dataclass(kw_only=True, slots=True, eq=False)
class WebhookSlots:
    """One webhook's attempts in this process, under one epoch."""

    #: How many it may have in flight while there are slots enough.
    share: float
    circuit: Circuit
    in_flight: int = 0
    #: When an answer came last, or the first of its attempts in flight began after that.
    moved_at: float = 0.0
    #: None until a claim has told it.
    epoch: int | None = None
    #: Empty until a claim has told it.
    workspace: str = ""
    #: Outcomes that wait to be recorded, and the bytes of the last answer.
    unrecorded: int = 0
    size: int = 0

    @property
    def idle(self) -> bool:
        """Nothing of it is in flight, nor waits to be recorded."""
        return not self.in_flight and not self.unrecorded

    def silent(self, now: float) -> bool:
        """Attempts are in flight, and no answer came for a while."""
        return self.in_flight > 0 and now - self.moved_at > SILENCE

    def answers(self, now: float) -> bool:
        """Its last attempt was answered, and those in flight are young."""
        return self.circuit is Circuit.CLOSED and not self.silent(now)
