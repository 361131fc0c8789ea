"""Addresses of names: asked for in threads of our own, once for all who wait, and remembered for some seconds.

Whether an address may be dialled is left to the guard, each time.
"""

import asyncio
import socket
import time
from collections import OrderedDict
from collections.abc import Callable, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

#: Gives the addresses of (host name, port); runs in a thread, raises OSError where there are none.
Lookup = Callable[[str, int], Sequence[str]]

#: Seconds that an answer is used for.
REMEMBERED = 10.0
#: How long the system's resolver waits for each name server, and how often it goes round them. Its own 5 s are as long as a
#: connection may take in all: with the first server of two dead, no name that is asked for anew would ever be reached, and
#: tens of such names hold all threads.
PATIENCE = "timeout:1 attempts:2"
#: Names that are remembered.
MOST = 8192
# A name server that does not answer holds its thread for tens of seconds, and the loop's own pool has six of them on two
# cores (uvloop's has four).
_THREADS = 32


def impatient(environ: MutableMapping[str, str]) -> None:
    """Sets the resolver's patience (`RES_OPTIONS`) unless it is set; for process roots, before anything is looked up.

    What resolv.conf says of the two is overruled, the rest of it stands. The C library of some systems has no such options.
    """
    environ.setdefault("RES_OPTIONS", PATIENCE)


def look_up(host: str, port: int) -> Sequence[str]:
    """All addresses of a name, in the system's order of preference; raises socket.gaierror."""
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class Names:
    """The names that one loop asks for."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="names")
        self._asked: OrderedDict[str, tuple[asyncio.Future[Sequence[str]], float]] = OrderedDict()

    async def addresses(self, host: str, port: int) -> Sequence[str]:
        """All addresses of a name, perhaps some seconds old; raises what the look-up raises."""
        # Whoever gives up does not end it for the others. No variable holds it: its error would hold this frame, and so itself.
        return await asyncio.shield(self._asking(host, port))

    def _asking(self, host: str, port: int) -> asyncio.Future[Sequence[str]]:
        kept = self._asked.get(host)
        if kept is None or _stale(*kept):
            answer = asyncio.get_running_loop().run_in_executor(self._threads, self._lookup, host, port)
            answer.add_done_callback(partial(self._answered, host))
            kept = self._asked[host] = answer, time.monotonic() + REMEMBERED
            self._asked.move_to_end(host)
            if len(self._asked) > MOST:
                self._asked.popitem(last=False)
        return kept[0]

    def _answered(self, host: str, answer: asyncio.Future[Sequence[str]]) -> None:
        # Retrieved here too: all who wait for it may have gone by then. An error is not kept, for it holds whoever it was
        # raised in, and what they were about to send.
        if (answer.cancelled() or answer.exception() is not None) and self._asked.get(host, (None,))[0] is answer:
            del self._asked[host]

    def close(self) -> None:
        """Ends the look-ups that wait for a thread."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _stale(answer: asyncio.Future[Sequence[str]], until: float) -> bool:
    return answer.done() and time.monotonic() > until
