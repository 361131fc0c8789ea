"""Ends a PostgreSQL that outlived both its supervisor and its keeper, so that the next start owns the data alone.

A Redis left behind is asked by its old port (`redis_store.py`); everything else is left to `keeper.py`.
"""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

#: Seconds that an orphan gets before SIGKILL.
GRACE = 5.0


def end(pid_file: Path, mark: str, number: signal.Signals) -> None:
    """Ends the process of `pid_file` if its command line holds `mark`; removes the file if another process has its pid.

    The caller holds the lock of the data directory, so that no running stack owns that process. The file of a process
    that is gone is left: PostgreSQL reads from it whether its shared memory is still in use.
    """
    try:
        pid = int(pid_file.read_text().split()[0])
        os.kill(pid, 0)
    except (OSError, ValueError, IndexError):
        return
    if mark not in _command(pid):
        pid_file.unlink(missing_ok=True)
        return
    with suppress(ProcessLookupError):
        os.kill(pid, number)
    deadline = time.monotonic() + GRACE
    while mark in _command(pid):
        if time.monotonic() > deadline:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def _command(pid: int) -> str:
    """The command line of a process, or nothing where it is gone (a zombie has none)."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    if Path("/proc/self").exists():
        return ""
    asked = subprocess.run(["ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False)
    return asked.stdout
