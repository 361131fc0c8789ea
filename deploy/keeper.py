"""Ends the parts of a stack whose supervisor was killed; a script of its own, one process per stack.

Starting, watching and stopping parts in order is left to `supervisor.py`, which holds the other end of its input.

Why a process: prctl's parent-death signal is Linux alone, is lost when a program changes its user, and reaches one
process instead of its group. A pipe that closes works everywhere. Why nothing but the standard library: it starts in
10 ms and has nothing that can break.
"""

import os
import signal
import sys
import time

#: Seconds that parts get to end by themselves before SIGKILL.
GRACE = 3.0


def main() -> None:
    """Reads `+ pid signal` (a part began, its group has its pid) and `- pid` (it ended) until the pipe closes."""
    for deaf_to in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(deaf_to, signal.SIG_IGN)
    parts: dict[int, int] = {}
    for line in sys.stdin:
        match line.split():
            case ["+", pid, number]:
                parts[int(pid)] = int(number)
            case ["-", pid]:
                parts.pop(int(pid), None)
    end(parts)


def end(parts: dict[int, int]) -> None:
    """Sends each group its signal, waits until all are gone, and kills those that are not after the grace."""
    left = [pid for pid, number in parts.items() if send(pid, number)]
    deadline = time.monotonic() + GRACE
    while any(runs(pid) for pid in left) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in left:
        send(pid, signal.SIGKILL)


def runs(group: int) -> bool:
    """Whether a group is there, and its first process more than a zombie (in a container often nobody collects those)."""
    if not send(group, 0):
        return False
    try:
        with open(f"/proc/{group}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return True


def send(group: int, number: int) -> bool:
    """Whether the group was there to be signalled."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        # macOS says so of a group that holds only zombies.
        return False
    return True


if __name__ == "__main__":
    main()
