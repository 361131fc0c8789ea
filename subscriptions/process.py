"""What every long-lived process of ours asks of Python once: how a log line is written, and how rarely garbage is sought.

Which lines there are is left to those who write them, the level to the process roots.
"""

import gc
import logging
import sys
import time

#: New objects that may be part of cycles until the youngest are looked through, and how many times as many until the older
#: ones are. Python's 700 cost a tenth of a worker's time: each delivery makes hundreds that live until its record.
YOUNG, MIDDLE, OLD = 50_000, 20, 20


class Line(logging.Formatter):
    """`2026-11-22 10:00:00,123 INFO hooklake.delivery text`, at a third of the cost of what comes with Python."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
        self._second = -1
        self._time = ""

    def format(self, record: logging.LogRecord) -> str:
        """One line; with a traceback as Python writes it."""
        if record.exc_info or record.stack_info:
            return super().format(record)
        second = int(record.created)
        if second != self._second:
            self._second, self._time = second, time.strftime(self.default_time_format, time.localtime(second))
        return f"{self._time},{int(record.msecs):03d} {record.levelname} {record.name} {record.getMessage()}"


def log_lines(level: int | str) -> None:
    """One line per fact on standard error, from this level up."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Line())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # No line tells them, and they are a third of what a line costs (the logging HOWTO, "Optimization").
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def collect_rarely() -> None:
    """What exists by now is looked at no more, what comes later seldom; to be called once a process is complete."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
