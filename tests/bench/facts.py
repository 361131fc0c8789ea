"""Facts of the machine that figures depend on, and how busy others keep it.

What is measured on it is left to the parts.
"""

import os
import platform
import resource
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import psutil

#: Seconds of a sleep whose end is looked at.
NAP = 0.004


def machine() -> dict[str, str]:
    """Its kind and size, how quick its disk and what runs on it, as one reads them."""
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GB",
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "disk": f"{_of_a_hundred(_flush())} to write and flush 8 KB",
        "timer": f"{_of_a_hundred(_late())} late when nothing else runs",
        "load": f"{os.getloadavg()[0]:.1f} processes wanted a core in the minute before",
        "version": _version(),
    }


class Others:
    """How much of the cores others took since it was made."""

    def __init__(self) -> None:
        self._began = time.perf_counter(), _busy(), _mine()

    def share(self, ours: float) -> float:
        """From 0 to 1, less the CPU seconds that were `ours` since then, and this process's and its ended children's."""
        began, busy, mine = self._began
        seconds = (time.perf_counter() - began) * (os.cpu_count() or 1)
        return max(0.0, (_busy() - busy - ours - (_mine() - mine)) / seconds)


def _mine() -> float:
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def _busy() -> float:
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    # Guests are counted as users already.
    guests = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    return float(sum(times) - idle - guests)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _of_a_hundred(took: list[float]) -> str:
    """Milliseconds as one reads them: a delivery waits for several of them, and its p99 for the late ones."""
    return f"{statistics.median(took):.1f} ms (one in a hundred {statistics.quantiles(took, n=100)[-1]:.1f})"


def _flush() -> list[float]:
    took = []
    with tempfile.TemporaryFile() as file:
        for _ in range(200):
            began = time.perf_counter()
            file.write(b"x" * 8192)
            file.flush()
            os.fsync(file.fileno())
            took.append((time.perf_counter() - began) * 1000)
    return took


def _late() -> list[float]:
    took = []
    for _ in range(400):
        began = time.perf_counter()
        time.sleep(NAP)
        took.append((time.perf_counter() - began - NAP) * 1000)
    return took


def _version() -> str:
    """The commit, and whether it was changed since."""
    here = Path(__file__).parent
    try:
        told = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=here, capture_output=True, text=True, check=False
        )
    except OSError:
        return "unknown"
    return told.stdout.strip() or "unknown"
