"""The `make` above a stack: told to stop by SIGINT alone, it forwards nothing and waits for its child to end.

A Ctrl-C in a terminal reaches both, SIGTERM is forwarded; who sends SIGINT to make's process by its number waits for ever.
What stopping means is left to `local.py`.
"""

import asyncio
import signal
from pathlib import Path

NAMES = frozenset({"make", "gmake"})
#: Seconds between two looks.
INTERVAL = 0.5


async def interrupted(pid: int) -> None:
    """Returns once the process is a make that has had SIGINT; never where that cannot be seen (there is no /proc)."""
    while not _interrupted(pid):  # noqa: ASYNC110 -- another process sets no event
        await asyncio.sleep(INTERVAL)


def _interrupted(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    fields = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    # In the handler of a signal, where make waits for its children, the signal itself is blocked (sigaction(2)).
    return fields.get("Name") in NAMES and bool(int(fields.get("SigBlk", "0"), 16) & 1 << signal.SIGINT - 1)
