"""The demo with every part killed once while it publishes: what was accepted arrives.

Kills of what the demo does not show, such as the supervisor itself, are left to `tests/deploy`.
"""

import asyncio
import re
import sys
from pathlib import Path

import pytest

KILLS = ("redis@2", "worker-1@4", "api@6", "beat@8", "postgres@10")
CLOSING = re.compile(r"accepted=(\d+) delivered=(\d+) retried=(\d+) duplicates=(\d+) lost=(\d+)")


@pytest.fixture(scope="module")
def show() -> tuple[int, str]:
    """The exit status and the output of one demo."""
    return asyncio.run(_demo())


async def _demo() -> tuple[int, str]:
    words = [word for kill in KILLS for word in ("--kill", kill)]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "deploy.demo", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


def test_nothing_accepted_is_lost_when_every_part_is_killed(show: tuple[int, str]) -> None:
    """SIGKILL of Redis, a worker, the API, beat and PostgreSQL: each event arrives, verified, and the books agree."""
    status, output = show
    closing = CLOSING.fullmatch(output.splitlines()[-1])

    assert closing is not None, output
    accepted, delivered, retried, _, lost = (int(figure) for figure in closing.groups())
    assert (status, accepted, delivered, retried, lost) == (0, 203, 203, 3, 0), output


@pytest.mark.parametrize("part", [kill.partition("@")[0] for kill in KILLS])
def test_each_part_was_killed(show: tuple[int, str], part: str) -> None:
    """The run above is about something: each part died by SIGKILL."""
    _, output = show

    assert f"{part} ended (SIGKILL); it is started again in" in output


def test_its_directory_is_gone(show: tuple[int, str]) -> None:
    """A demo that went well leaves nothing behind."""
    _, output = show
    named = re.search(r"its data and logs are under (\S+)\.\n", output)

    assert named is not None, output
    assert not Path(named[1]).exists()
