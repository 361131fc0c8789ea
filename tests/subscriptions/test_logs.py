"""Log lines as text and as JSON."""

import asyncio
import io
import json
import logging
import re
from typing import Literal
from uuid import UUID

import pytest

from subscriptions.ground import logs

KEY = UUID(int=7)


@pytest.fixture
def told() -> tuple[logging.Logger, io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.Json())
    logger = logging.Logger("hooklake.test")
    logger.addHandler(handler)
    return logger, stream


def test_facts_are_members(told: tuple[logging.Logger, io.StringIO]) -> None:
    """What a line says as `name=value` a program finds under the name, numbers as numbers, beside the text."""
    logger, stream = told
    logger.warning(
        "delivery.attempted event=%s status=%d ms=%.1f level=%r by=%s why it was", KEY, 200, 1.25, "x\ny", "-"
    )

    line = json.loads(stream.getvalue())

    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "warning",
        "logger": "hooklake.test",
        "name": "delivery.attempted",
        "message": f"delivery.attempted event={KEY} status=200 ms=1.2 level='x\\ny' by=- why it was",
        "event": str(KEY),
        "status": 200,
        "ms": 1.25,
        "level_": "x\ny",
    }


def test_any_line_is_one_object(told: tuple[logging.Logger, io.StringIO]) -> None:
    """Lines of libraries, tracebacks and percent signs included."""
    logger, stream = told
    try:
        raise ValueError("broken\nin two")
    except ValueError as error:
        logger.error("try.failed", exc_info=error)
    logger.info("100%% of %s: done", "it")
    logger.info(KEY)
    logger.info("%(named)s", {"named": "x"})

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]

    assert [line["message"] for line in lines] == ["try.failed", "100% of it: done", str(KEY), "x"]
    assert lines[0]["name"] == "try.failed"
    assert "in two" in lines[0]["exception"]
    assert [line.get("name") for line in lines[1:]] == [None] * 3


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_frequent_lines_are_lines_like_others(
    log_format: Literal["text", "json"], capsys: pytest.CaptureFixture[str]
) -> None:
    """What goes past `logging` where it may reads the same, and does not come below the least that is logged."""
    kept, least = logging.root.handlers[:], logging.root.level
    try:
        for level in ("info", "warning"):
            logs.write(logs.LogSettings(log_format=log_format, log_level=level))
            logs.Frequent("hooklake.test").info("request.answered status=%d", 200)
            logging.getLogger("hooklake.test").info("request.answered status=%d", 200)
    finally:
        logging.root.handlers[:] = kept
        logging.root.setLevel(least)

    one, other = capsys.readouterr().err.splitlines()
    assert re.sub(r"\d\d:\d\d:\d\d[.,]\d+", "", one) == re.sub(r"\d\d:\d\d:\d\d[.,]\d+", "", other)
    assert "request.answered status=200" in one


async def test_frequent_lines_of_one_pass_are_one_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line is there once, in order, before the loop's next pass is over; a system call is not made for each of them."""
    written: list[str] = []

    class Stream(io.StringIO):
        def write(self, text: str) -> int:
            written.append(text)
            return len(text)

    handler = logging.StreamHandler(Stream())
    handler.setFormatter(logs.LogLine())
    monkeypatch.setattr(logging.root, "handlers", [handler])
    monkeypatch.setattr(logging.root, "level", logging.INFO)
    frequent = logs.Frequent("hooklake.test.pass")

    for number in range(3):
        frequent.info("request.answered status=%d", number)
    await asyncio.sleep(0)
    frequent.info("request.answered status=%d", 3)
    await asyncio.sleep(0)

    assert [re.findall(r"status=(\d)\n", each) for each in written] == [["0", "1", "2"], ["3"]]
