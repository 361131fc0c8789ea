"""How much a search reads: so many rows and seconds, in steps that grow while there is time for them.

What is read, and what is told of where it stopped, is left to whoever searches.
"""

import time
from collections.abc import Callable

#: How much larger a step may be than the one before it.
GROWTH = 4


class ReadBudget:
    """Rows and seconds that are spent step by step.

    A step is no larger than what is left of the seconds, at the pace so far, has room for: the last one would otherwise take as
    long as all before it, and on a busy machine many times as long as meant.
    """

    def __init__(
        self, rows: int, seconds: float, *, steps: tuple[int, int], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`steps` are the rows of the first step, which is made in any case, and of the largest."""
        self._rows = rows
        self._seconds = seconds
        self._first, self._largest = steps
        self._clock = clock
        self._began = clock()
        #: Rows that the last step might read, and that it read.
        self._step = self._last = 0
        #: Rows that were read.
        self.read = 0

    def step(self) -> int:
        """Rows that the next step may read; 0: there is none."""
        if not self._step:
            self._step = min(self._first, self._rows)
            return self._step
        spent = self._clock() - self._began
        left = self._seconds - spent
        if left <= 0:
            return 0
        # A step that found fewer than it might read says nothing of what rows take.
        if self._last >= self._step:
            room = int(self.read / spent * left) if spent > 0 else self._largest
            if room < min(self._step, self._first) // 2:
                return 0
            self._step = min(self._step * GROWTH, self._largest, max(room, 1))
        return min(self._step, self._rows - self.read)

    def took(self, read: int) -> None:
        """The step has read so many rows."""
        self._last = read
        self.read += read
