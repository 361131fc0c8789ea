"""The supervisor on parts of a few lines: readiness, deaths, order of stopping."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy import home
from deploy.home import CannotStart
from deploy.supervisor import Part, Supervisor
from tests.deploy import waiting

SLEEPER = "import time; time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
)
FATHER = (
    f"import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', '{SLEEPER}']).pid, flush=True); {SLEEPER}"
)


class Overseen:
    """A supervisor and what it said."""

    def __init__(self, data: Path, held: int) -> None:
        self.said: list[str] = []
        self.logs = data / "logs"
        self.supervisor = Supervisor(logs=self.logs, held=held, say=self.said.append, rotation=0.05)

    async def pid(self, name: str, *, other_than: int | None = None) -> int:
        """The process of a part, once it has another than the one given."""
        return await waiting.until(lambda: pid if (pid := self.supervisor.parts[name].pid) != other_than else None)

    async def words(self, name: str) -> str:
        """The first line that a part writes."""
        log = self.logs / f"{name}.log"
        return await waiting.until(lambda: text.strip() if (text := log.read_text()).endswith("\n") else None)


@pytest.fixture
async def overseen(data: Path) -> AsyncIterator[Overseen]:
    home.prepare(data)
    held = await home.lock(data)
    overseen = Overseen(data, held)
    yield overseen
    overseen.supervisor.hurry()
    await overseen.supervisor.close()
    os.close(held)


def part(name: str, code: str, *, grace: float = 10) -> Part:
    return Part(name=name, argv=(sys.executable, "-S", "-c", code), environ={}, grace=grace)


async def test_a_killed_part_is_started_again(overseen: Overseen) -> None:
    """With a new process, and the signal named."""
    await overseen.supervisor.start(part("beat", SLEEPER))
    first = await overseen.pid("beat")

    os.kill(first, signal.SIGKILL)
    second = await overseen.pid("beat", other_than=first)

    assert first != second
    assert overseen.said[0] == "beat ended (SIGKILL); it is started again in 0.2 s."


async def test_a_log_that_grows_is_set_aside(overseen: Overseen) -> None:
    """While its part goes on writing to it: what it wrote stands aside, and what it writes afterwards at the beginning again."""
    # So much at once as sets it aside, then a little, whenever somebody asks for it by a file.
    flood = (
        "import os, time\n"
        "os.write(1, b'x' * (11 * 2**20))\n"
        f"while not os.path.exists({str(overseen.logs / 'more')!r}): time.sleep(0.02)\n"
        "print('more', flush=True)\n"
        "time.sleep(600)"
    )
    await overseen.supervisor.start(part("worker-1", flood))
    written, aside = overseen.logs / "worker-1.log", overseen.logs / "worker-1.log.1"

    await waiting.until(
        lambda: (
            True if aside.exists() and aside.stat().st_size > home.LOG_BYTES and not written.stat().st_size else None
        ),
        seconds=60,
    )
    (overseen.logs / "more").touch()
    await waiting.until(lambda: True if written.read_text() == "more\n" else None, seconds=60)

    assert overseen.supervisor.parts["worker-1"].pid


async def test_five_deaths_are_enough(overseen: Overseen) -> None:
    """A part that cannot live is not tried for ever; each death says why, and the waits double."""
    with pytest.raises(
        CannotStart, match=r"^api ended 5 times within a minute \(last: exit status 3: no port\); its log"
    ):
        await overseen.supervisor.start(
            Part(name="api", argv=("sh", "-c", "echo no port; exit 3"), environ={"PATH": os.defpath}, ready=never)
        )

    reason = "api ended (exit status 3: no port); it is started again in"
    assert overseen.said == [f"{reason} 0.2 s.", f"{reason} 0.4 s.", f"{reason} 0.8 s.", f"{reason} 1.6 s."]


async def never() -> bool:
    return False


async def test_a_part_is_ready_when_it_says_so(overseen: Overseen) -> None:
    """Start returns after the ready check agreed, however often it is asked."""
    answers = iter([False, False, True])

    async def ready() -> bool:
        return next(answers)

    await overseen.supervisor.start(Part(name="api", argv=(sys.executable, "-c", SLEEPER), environ={}, ready=ready))

    assert next(answers, "all asked") == "all asked"


async def test_a_deaf_part_is_killed_after_its_grace(overseen: Overseen) -> None:
    """SIGTERM first, then SIGKILL; and stopping is not a death."""
    await overseen.supervisor.start(part("worker", STUBBORN, grace=0.2))
    await overseen.words("worker")
    pid = await overseen.pid("worker")

    await overseen.supervisor.stop("worker")

    assert await waiting.gone(pid)
    assert overseen.said == []


async def test_hurry_kills_at_once(overseen: Overseen) -> None:
    """The second Ctrl-C does not wait for anybody's grace."""
    await overseen.supervisor.start(part("worker", STUBBORN, grace=600))
    await overseen.words("worker")
    pid = await overseen.pid("worker")

    stopping = asyncio.create_task(overseen.supervisor.stop("worker"))
    overseen.supervisor.hurry()
    await stopping

    assert await waiting.gone(pid)


async def test_a_dead_part_leaves_no_children(overseen: Overseen) -> None:
    """What it had forked would hold its port."""
    await overseen.supervisor.start(part("api", FATHER))
    child = int(await overseen.words("api"))

    os.kill(await overseen.pid("api"), signal.SIGKILL)

    assert await waiting.gone(child)


async def test_a_chore_that_fails_is_one_sentence(overseen: Overseen) -> None:
    """Its name, its status, its last line, its log."""
    with pytest.raises(
        CannotStart, match=r"^migrate failed \(exit status 1: ValueError: no\); more is in .*migrate\.log\.$"
    ):
        await overseen.supervisor.run(part("migrate", "raise ValueError('no')"))


async def test_a_program_that_is_missing_is_named(overseen: Overseen) -> None:
    """Not a traceback."""
    with pytest.raises(CannotStart, match=r"^api failed \(exit status 127: .*not found\); more is in"):
        await overseen.supervisor.run(Part(name="api", argv=("/no/such/program",), environ={}))
