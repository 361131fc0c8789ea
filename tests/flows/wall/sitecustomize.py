"""A wall clock that is told how far it is ahead, for every Python process that finds this on its path before all else.

Which process is told what is left to `clocks.py`. Its monotonic clock goes as ever, as where a machine's clock is set.
"""

import ctypes
import datetime
import gc
import os
import time
from pathlib import Path

FILE = Path(os.environ["WALL_CLOCK_AHEAD"])

_time = time.time


def _told() -> float:
    return _time() + float(FILE.read_text())


def _now(cls: type[datetime.datetime], tz: datetime.tzinfo | None = None) -> datetime.datetime:
    return cls.fromtimestamp(_told(), tz)


def _utcnow(cls: type[datetime.datetime]) -> datetime.datetime:
    return cls.fromtimestamp(_told(), datetime.UTC).replace(tzinfo=None)


time.time = _told
time.time_ns = lambda: int(_told() * 1e9)
# A subclass in its place would not be what libraries written in C make and ask for: the type itself is changed.
[_members] = gc.get_referents(datetime.datetime.__dict__)
_members["now"] = classmethod(_now)
_members["utcnow"] = classmethod(_utcnow)
ctypes.pythonapi.PyType_Modified(ctypes.py_object(datetime.datetime))
