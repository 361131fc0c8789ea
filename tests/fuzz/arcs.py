"""Which steps a call takes through the watched files: what tells an input that leads somewhere new from all the others.

What is done with the inputs is left to `__main__.py`.
"""

import sys
from collections.abc import Callable
from types import FrameType, ModuleType
from typing import Any

#: (file, the line before, the line): a step.
Arc = tuple[str, int, int]


def taken(watched: tuple[ModuleType, ...], call: Callable[[], object]) -> set[Arc]:
    """The steps that the call takes in these modules; raises what the call raises."""
    files = {str(module.__file__) for module in watched}
    arcs: set[Arc] = set()

    def entered(frame: FrameType, _event: str, _argument: Any) -> Any:
        file = frame.f_code.co_filename
        if file not in files:
            return None
        before = 0

        def stepped(frame: FrameType, event: str, _argument: Any) -> Any:
            nonlocal before
            if event == "line":
                arcs.add((file, before, frame.f_lineno))
                before = frame.f_lineno
            return stepped

        return stepped

    others = sys.gettrace()
    sys.settrace(entered)
    try:
        call()
    finally:
        sys.settrace(others)
    return arcs
