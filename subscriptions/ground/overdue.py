"""What took too long of late, and who asked for it: for a while it is not tried again, nor anything else of that caller's begun.

What is tried, and how it is ended, is left to `beside.py`.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

from subscriptions.ground.errors import TooSoon

#: Seconds for which a caller's piece of work is remembered, and after it the caller waits before anything else is begun for it:
#: of ten seconds nobody has more than one deadline.
REMEMBERED, REST = 60.0, 10.0
#: Pieces that are remembered; the oldest go first.
MOST = 10_000


class OverdueWork:
    """Pieces of work that came to their deadline."""

    def __init__(self, of: str, *, steady: Callable[[], float] = time.monotonic) -> None:
        """`of` is what one waits for, in words."""
        self._of = of
        self._steady = steady
        #: Until when; those of callers are under None.
        self._until: OrderedDict[tuple[Hashable, Hashable], float] = OrderedDict()

    def check(self, caller: Hashable, about: Hashable) -> None:
        """Raises TooSoon where a piece like it, or another one of the caller's, was overdue a short time ago."""
        if not self._until:
            return
        now = self._steady()
        left = max(self._until.get((caller, what), 0.0) - now for what in (about, None))
        if left > 0:
            seconds = float(math.ceil(left))
            said = f"{self._of} was held up by what this client asked a short time ago, which took too long"
            raise TooSoon(f"{said}: nothing like it is begun for {seconds:.0f} seconds", limit=1, seconds=seconds)

    def note(self, caller: Hashable, about: Hashable, *, seconds: float = REMEMBERED) -> None:
        """It was overdue."""
        now = self._steady()
        for what, until in ((about, now + seconds), (None, now + REST)):
            self._until[caller, what] = until
            self._until.move_to_end((caller, what))
        while len(self._until) > MOST:
            self._until.popitem(last=False)
