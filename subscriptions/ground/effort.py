"""Whether a wait was long because this process had other things to do, in which case an answer may lie unread.

What was waited for is left to whoever waits.
"""

import time

#: What part of all that callers wait the end of a wait may be late before that says something of the process.
LATE = 0.25


class Effort:
    """A wait, from when it is made."""

    __slots__ = ("_began", "_worked")

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._worked = time.thread_time()

    @property
    def lasted(self) -> float:
        """Seconds."""
        return time.monotonic() - self._began

    def busy(self, due: float, patience: float) -> bool:
        """Whether this thread worked for more than half of the wait, or came late to its end, which was `due` in so many seconds;
        callers wait for `patience` of them."""
        lasted = self.lasted
        return time.thread_time() - self._worked > lasted / 2 or lasted - due > patience * LATE
