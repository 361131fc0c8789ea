"""Work in place of time: how many lines of Python something runs, whatever else the machine is doing.

What C does within one of them is not seen.
"""

import gc
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def work(does: Callable[[], object]) -> int:
    """The lines run, in whatever is called."""
    lines = 0

    def trace(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return trace

    before = sys.gettrace()
    # A collection would run what others left to be run at one.
    gc.disable()
    sys.settrace(trace)
    try:
        does()
    finally:
        sys.settrace(before)
        gc.enable()
    return lines
