"""How every process of ours writes its log: one line per fact on standard error, as text or as JSON.

Which lines there are is left to those who write them. A line is a name (`delivery.attempted`) and its facts
(`status=%d`); as JSON each fact is a member of its own.
"""

import asyncio
import logging
import re
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Literal

import msgspec

#: A fact in a line's text as its writer has it, and what stands for a value there at all.
FACT = re.compile(r"(?:(\w+)=)?%(?:\.\d+)?[srdf]")
NAME = re.compile(r"[a-z_]+(?:\.[a-z_]+)+(?= |$)")
#: What stands in a text for a fact that there is not.
NOTHING = "-"
#: What a fact may not be called: the line's own members.
OWN = frozenset({"time", "level", "logger", "name", "message", "exception"})


class LogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Read by every process."""

    #: `text` for people, `json` for programs: one object a line.
    log_format: Literal["text", "json"] = "text"
    #: The least that is logged.
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class LogLine(logging.Formatter):
    """`2026-11-22 10:00:00,123 INFO hooklake.delivery text`, at a third of the cost of what comes with Python."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
        self._second = -1
        self._time = ""

    def format(self, record: logging.LogRecord) -> str:
        """One line; with a traceback as Python writes it."""
        if record.exc_info or record.stack_info:
            return super().format(record)
        return f"{self.moment(record.created)} {record.levelname} {record.name} {record.getMessage()}"

    def moment(self, created: float) -> str:
        """`2026-11-22 10:00:00,123`, by the epoch's seconds."""
        second = int(created)
        if second != self._second:
            self._second, self._time = second, time.strftime(self.default_time_format, time.localtime(second))
        return f"{self._time},{int((created - second) * 1000):03d}"


class Json(logging.Formatter):
    """`{"time": "2026-11-22T10:00:00.123Z", "level": "info", "name": "delivery.attempted", "status": 200, ...}`."""

    def format(self, record: logging.LogRecord) -> str:
        """One object, its text in `message`; a traceback stands in `exception`."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:-6] + "Z",
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        line["message"] = message = record.getMessage()
        if named := NAME.match(message):
            line["name"] = named[0]
        names = _names(record.msg) if isinstance(record.msg, str) else ()
        values = record.args if isinstance(record.args, tuple) else ()
        if len(values) == len(names):
            pairs = zip(names, values, strict=True)
            line |= {name: _plain(value) for name, value in pairs if name and value != NOTHING}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


class Frequent:
    """A logger whose lines are as many as requests: where they are plain text on this process's own log, they go past all that
    `logging` does for a line, at a third of the cost, and those of one pass of a loop are written together; else through it."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)
        self._lines: list[str] = []

    def info(self, text: str, *values: object) -> None:
        """As `logging.Logger.info`."""
        if not self._logger.isEnabledFor(logging.INFO):
            return
        handlers = logging.root.handlers
        handler = handlers[0] if len(handlers) == 1 else None
        if type(handler) is logging.StreamHandler and type(handler.formatter) is LogLine:
            self._lines.append(f"{handler.formatter.moment(time.time())} INFO {self._logger.name} {text % values}\n")
            if len(self._lines) == 1:
                try:
                    asyncio.get_running_loop().call_soon(self._write, handler)
                except RuntimeError:
                    self._write(handler)
        else:
            self._logger.info(text, *values)

    def _write(self, handler: logging.StreamHandler[Any]) -> None:
        lines, self._lines = self._lines, []
        handler.acquire()
        try:
            handler.stream.write("".join(lines))
        finally:
            handler.release()


FORMATS: Mapping[str, type[logging.Formatter]] = {"text": LogLine, "json": Json}


def write(settings: LogSettings) -> None:
    """From now on this process's log is written so."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(FORMATS[settings.log_format]())
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    # No line tells them, and they are a third of what a line costs (the logging HOWTO, "Optimization").
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def described(settings: LogSettings) -> dict[str, Any]:
    """The same as `logging.config.dictConfig` takes it, for servers that set logging up themselves."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": FORMATS[settings.log_format]}},
        "handlers": {"line": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["line"], "level": settings.log_level.upper()},
    }


@lru_cache(maxsize=512)
def _names(text: str) -> tuple[str, ...]:
    """The name of each value in a line's text; an empty one for what has none."""
    return tuple(name if name not in OWN else f"{name}_" for name in FACT.findall(text))


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
