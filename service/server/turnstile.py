"""Which request begins next: by turns between addresses, and so many in one turn of the loop.

A publication takes some ten turns of the loop, and each turn serves whoever is ready: six hundred connections of one address,
all of whose requests are refused at once, would make every turn a tenth of a second. What a request does once it has begun is
left to the application; long work goes by turns of its own (`pieces.py`).
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Iterable

from service.limits.addresses import household

#: Requests that begin in one turn of the loop; more at a time would hardly spare the loop anything.
MOST = 4

#: Begins a request; whether anybody waits for it still.
Begin = Callable[[], bool]


class Turnstile:
    """Lets requests begin: at once while few do, else by turns between those who send them, each one's oldest first."""

    def __init__(self, loop: asyncio.AbstractEventLoop, most: int = MOST) -> None:
        self._loop = loop
        self._most = self._left = most
        #: Whether the next turn is told of.
        self._counting = False
        #: The one that was let in last stands last.
        self._lines: OrderedDict[Hashable, deque[Begin]] = OrderedDict()

    def __len__(self) -> int:
        """How many wait."""
        return sum(map(len, self._lines.values()))

    def passes(self) -> bool:
        """Whether a request may begin now; it counts then. Else it has to `wait`."""
        if not self._left or self._lines:
            return False
        self._left -= 1
        if not self._counting:
            self._counting = True
            self._loop.call_soon(self._turn)
        return True

    def wait(self, whose: Hashable, begin: Begin) -> None:
        """Begins it when its turn comes."""
        line = self._lines.get(whose)
        if line is None:
            line = self._lines[whose] = deque()
        line.append(begin)

    def _turn(self) -> None:
        self._left = self._most
        while self._left and self._lines:
            whose, line = next(iter(self._lines.items()))
            begin = line.popleft()
            if line:
                self._lines.move_to_end(whose)
            else:
                del self._lines[whose]
            self._left -= begin()
        self._counting = self._left < self._most or bool(self._lines)
        if self._counting:
            self._loop.call_soon(self._turn)


def forwarded(headers: Iterable[tuple[bytes, bytes]]) -> Hashable:
    """For whom a proxy sends a request, as far as it says; None where it says nothing.

    What a client says itself stands before that, in the same line or in one of its own.
    """
    lines = [value for name, value in headers if name == b"x-forwarded-for"]
    address = lines[-1].rpartition(b",")[2].strip().decode("latin-1") if lines else ""
    return household(address) if address else None
