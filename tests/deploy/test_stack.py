"""The stack as `make run` runs it, with stand-ins for what Hooklake does: signals, kills, neighbours, sentences."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import stat
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from deploy import local, stores
from deploy.home import CannotStart
from tests import canaries
from tests.deploy import waiting

#: For tests that need no database: nothing embedded starts.
TIME = re.compile(r"^\d\d:\d\d:\d\d ")
BARE = {"HOOKLAKE_DATABASE_URL": "postgresql://elsewhere/db", "HOOKLAKE_BROKER_URL": "redis://elsewhere/0"}


class Command:
    """One run of the stand-in stack."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.output = ""

    async def line(self, start: str) -> str:
        """The next line that begins like this; raises EOFError where none comes."""
        assert self.process.stdout is not None
        async with asyncio.timeout(60):
            while line := (await self.process.stdout.readline()).decode():
                self.output += line
                if (said := TIME.sub("", line.strip())).startswith(start):
                    return said
        raise EOFError(self.output)

    async def end(self) -> int:
        """Its exit status, once it ended."""
        assert self.process.stdout is not None
        self.output += (await self.process.stdout.read()).decode()
        return await self.process.wait()

    def children(self) -> list[int]:
        """Every process below the supervisor, keeper included."""
        return [child.pid for child in psutil.Process(self.process.pid).children(recursive=True)]

    def child(self, words: str) -> int:
        """The process with these words in its command line."""
        found = (child for child in psutil.Process(self.process.pid).children() if words in " ".join(child.cmdline()))
        return int(next(found).pid)


@contextlib.asynccontextmanager
async def stack(data: Path, **settings: str) -> AsyncIterator[Command]:
    environ = {**os.environ, "HOOKLAKE_DATA_DIR": str(data), "HOOKLAKE_PORT": "0", **settings}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.deploy.stand_in",
        env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    command = Command(process)
    try:
        yield command
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await command.end()
    canaries.nothing([*canaries.in_files(data, "*.log"), *canaries.in_text(command.output, "what the stack printed")])


def modes(data: Path) -> tuple[set[str], list[Path]]:
    """What kinds of files there are beside PostgreSQL's, and those that others may read."""
    files = [path for path in data.rglob("*") if path.is_file() and not path.is_relative_to(data / "postgres")]
    return {path.suffix for path in files}, [path for path in files if path.stat().st_mode & 0o077]


async def test_a_life(data: Path) -> None:
    """Starts, shows its credentials once, stops on SIGINT with status 0, leaves no process, and no file that others may read.

    The second start finds what the first one made, the key that all secrets are sealed with above all.
    """
    private = ("vault.key", "postgres.password", "redis.password", "redis/redis.conf", "env")
    async with stack(data) as first:
        await first.line("README.md")
        made = {name: (data / name).read_text() for name in private[:3]}
        pids = first.children()
        first.process.send_signal(signal.SIGINT)
        status = await first.end()
    async with stack(data) as second:
        await second.line("README.md")

    kept = data / "credentials.json"
    assert status == 0
    assert {name: (data / name).read_text() for name in made} == made
    assert [stat.S_IMODE((data / name).stat().st_mode) for name in private] == [0o600] * 5
    written, open_to_others = modes(data)
    assert (written >= {".log", ".aof"}, open_to_others) == (True, [])
    assert await waiting.gone(*pids)
    waited = [line.split(";")[0] for line in first.output.splitlines() if line.startswith("Waiting for ")]
    stores = "Waiting for PostgreSQL and Redis, those that are embedded"
    assert waited == [stores, "Waiting for clients", "Waiting for api, beat, worker-1, worker-2"]
    assert "client_secret=something" in first.output
    assert "client_secret=SECRET" in second.output
    # A link for each start, and none left lying about.
    assert [each.output.count("/dashboard/sign-in?link=once") for each in (first, second)] == [1, 1]
    assert not (data / "sign-in").exists()
    assert second.output.split("API ")[1].split()[0] == json.loads(kept.read_text())["baseUrl"]


async def test_a_killed_supervisor_takes_everything_along(lived: Path) -> None:
    """SIGKILL leaves no process behind after five seconds, and the next start finds its data."""
    async with stack(lived) as first:
        await first.line("README.md")
        pids = first.children()
        first.process.kill()
        await first.end()
        left_nothing = await waiting.gone(*pids, seconds=5)
    async with stack(lived) as second:
        await second.line("README.md")

    assert (left_nothing, len(pids) >= 7) == (True, True)
    assert "First credentials" not in second.output


async def test_the_next_start_waits_for_the_keeper(lived: Path) -> None:
    """Started in the very moment in which the old supervisor is killed, it neither fails nor shares the data."""
    async with stack(lived) as first:
        await first.line("README.md")
        first.process.kill()
        async with stack(lived) as second:
            await second.line("README.md")
        await first.end()

    assert "ended" not in second.output


async def test_a_killed_keeper_is_replaced_and_told(data: Path) -> None:
    """Its successor ends the parts that began before it."""
    async with stack(data, **BARE) as first:
        await first.line("README.md")
        pids = first.children()
        keeper = first.child("keeper.py")
        os.kill(keeper, signal.SIGKILL)
        await waiting.gone(keeper)
        await waiting.until(lambda: first.child("keeper.py") if "keeper.py" in commands(first) else None)
        first.process.kill()
        await first.end()

    assert await waiting.gone(*pids, seconds=5)


def commands(command: Command) -> str:
    lines = []
    for child in psutil.Process(command.process.pid).children():
        with contextlib.suppress(psutil.Error):
            lines.append(" ".join(child.cmdline()))
    return "\n".join(lines)


async def test_a_killed_part_is_told_of_and_comes_back(data: Path) -> None:
    """The reason is printed, the stack goes on."""
    async with stack(data, **BARE) as first:
        await first.line("README.md")
        os.kill(first.child("http.server"), signal.SIGKILL)
        died = await first.line("api ended")
        back = await first.line("api runs again")

    assert died == "api ended (SIGKILL); it is started again in 0.2 s."
    assert [TIME.match(line) is not None for line in first.output.splitlines() if died in line] == [True]
    assert back.startswith("api runs again (process ")


async def test_a_part_that_dies_five_times_ends_the_stack(data: Path) -> None:
    """With a status that is not 0, and everything else stopped in order."""
    async with stack(data, **BARE) as first:
        await first.line("README.md")
        pids = first.children()
        for _ in range(4):
            os.kill(first.child("http.server"), signal.SIGKILL)
            await first.line("api runs again")
        os.kill(first.child("http.server"), signal.SIGKILL)
        sentence = await first.line("api ended 5 times")
        status = await first.end()

    assert (status, sentence.startswith("api ended 5 times within a minute (last: SIGKILL")) == (1, True)
    assert await waiting.gone(*pids)


async def test_two_stacks_side_by_side(data: Path) -> None:
    """Another directory and another port are all it takes."""
    async with stack(data / "one", **BARE) as one, stack(data / "two", **BARE) as two:
        addresses = {await one.line("API"), await two.line("API")}

    assert len(addresses) == 2


async def test_the_same_directory_twice_is_refused(data: Path) -> None:
    """The second one is told which process has it."""
    async with stack(data, **BARE) as first:
        await first.line("README.md")
        async with stack(data, **BARE) as second:
            status = await second.end()

    assert status == 1
    assert f"is in use by another running stack (process {first.process.pid}): " in second.output
    assert "Traceback" not in second.output


async def test_a_port_in_use_is_one_sentence(data: Path) -> None:
    """Before anything is started, and before a directory is made that would have to be cleaned up."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        async with stack(data / "new", **BARE, HOOKLAKE_PORT=str(port)) as first:
            status = await first.end()

    assert (status, (data / "new").exists()) == (1, False)
    assert first.output == f"Port {port} of 127.0.0.1 is in use: set HOOKLAKE_PORT to a free one.\n"


@pytest.mark.parametrize("port", ["http", "-1", "65536", "8080.5"])
def test_a_port_that_is_none_is_one_sentence(port: str) -> None:
    """What it is and what it must be."""
    with pytest.raises(
        CannotStart, match=r"^HOOKLAKE_PORT is '.*', and must be a number from 0 \(a free port\) to 65535\.$"
    ):
        local.from_environ({"HOOKLAKE_PORT": port})


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="there is no /proc on this machine")
async def test_a_signal_for_make_alone(data: Path) -> None:
    """SIGINT to make's process, which forwards none, stops the stack in order as Ctrl-C does."""
    file = data / "Makefile"
    file.write_text(f"run:\n\t@{sys.executable} -m tests.deploy.stand_in\n")
    environ = {**os.environ, **BARE, "HOOKLAKE_DATA_DIR": str(data / "stack"), "HOOKLAKE_PORT": "0"}
    process = await asyncio.create_subprocess_exec(
        *("make", "-f", file, "run"),
        env=environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        # Make ignores what it was started to ignore, as everything in the background of a shell is.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    command = Command(process)
    try:
        await command.line("README.md")
        pids = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]

        process.send_signal(signal.SIGINT)
        await asyncio.wait_for(command.end(), 30)
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()

    assert "Stopping; what is in flight is finished first" in command.output
    assert await waiting.gone(*pids)


async def test_a_shell_beside_the_stack(data: Path) -> None:
    """It reads one file, and is where the stack is: settings, `hooklake` and `psql`."""
    async with stack(data, HOOKLAKE_OIDC_ROLES_CLAIM="it's $HOME") as first:
        await first.line("README.md")
        asked = (
            f'. "{data}/env"; psql -tA "$HOOKLAKE_DATABASE_URL" -c "SELECT current_user"; '
            'command -v hooklake; echo "$HOOKLAKE_OIDC_ROLES_CLAIM"'
        )
        shell = await asyncio.create_subprocess_exec(
            *("sh", "-euc", asked), env={"PATH": "/usr/bin:/bin"}, stdout=asyncio.subprocess.PIPE
        )
        said = (await shell.communicate())[0].decode().splitlines()

    assert said == ["hooklake", str(Path(sys.executable).parent / "hooklake"), "it's $HOME"]


async def test_a_stack_is_started_from_such_a_shell(data: Path) -> None:
    """What the shell has of the last start, and nobody gave, is drawn anew; what was given holds."""
    async with stack(data, HOOKLAKE_HALT_FAILURES="7") as first:
        await first.line("README.md")
    asked = f'. "{data}/env"; {sys.executable} -c "import json, os; print(json.dumps(dict(os.environ)))"'
    shell = await asyncio.create_subprocess_exec("sh", "-euc", asked, stdout=asyncio.subprocess.PIPE)
    environ = json.loads((await shell.communicate())[0])

    made = local.from_environ(environ)

    assert "HOOKLAKE_DATABASE_URL" in environ
    assert (made.stores.database_url, made.stores.broker_url) == ("", "")
    assert made.environ["HOOKLAKE_HALT_FAILURES"] == "7"
    assert local.from_environ({**environ, **BARE}).stores.database_url == BARE["HOOKLAKE_DATABASE_URL"]


async def test_a_setting_that_cannot_be_read_is_one_sentence(data: Path) -> None:
    """Before anything is started: each process would end by it, and be started again and again."""
    async with stack(data, HOOKLAKE_RETRY_WINDOW="half a day") as first:
        status = await first.end()

    assert (status, first.output.count("\n")) == (1, 1)
    assert first.output.startswith("HOOKLAKE_RETRY_WINDOW takes a duration: ")
    assert os.listdir(data) == []


async def test_a_setting_that_does_not_exist_is_told(data: Path) -> None:
    """With the one that was meant; the stack runs all the same."""
    async with stack(data, **BARE, HOOKLAKE_RETRY_DELAY="3,8") as first:
        told = await first.line("HOOKLAKE_RETRY_DELAY ")
        await first.line("README.md")

    assert told == "HOOKLAKE_RETRY_DELAY is not a setting, and changes nothing; did you mean HOOKLAKE_RETRY_DELAYS?"


def test_what_the_user_set_wins(data: Path) -> None:
    """Only what is not set gets the values of a stack on one machine."""
    environ = {"HOOKLAKE_ALLOW_HTTP": "false", "HOOKLAKE_BASE_URL": "https://hooks.example.com"}

    made = local.Stack(data_dir=data, port=8081, environ=environ, say=print)

    assert made.environ == {
        "HOOKLAKE_ALLOW_DESTINATIONS": "127.0.0.0/8,::1,localhost",
        "HOOKLAKE_ALLOW_HTTP": "false",
        "HOOKLAKE_BASE_URL": "https://hooks.example.com",
        "HOOKLAKE_DATA_DIR": str(data),
        "HOOKLAKE_HOST": "127.0.0.1",
        "HOOKLAKE_PORT": "8081",
        "PYTHONUNBUFFERED": "1",
    }


@pytest.mark.parametrize(
    ("host", "base_url"),
    [
        ("", "http://127.0.0.1:8081"),
        ("0.0.0.0", "http://127.0.0.1:8081"),
        ("::1", "http://[::1]:8081"),
        ("::", "http://[::1]:8081"),
        ("hooks.example.com", "http://hooks.example.com:8081"),
    ],
)
def test_the_base_url_follows_the_host(data: Path, host: str, base_url: str) -> None:
    """Every address is one that a caller on this machine can dial."""
    made = local.Stack(data_dir=data, port=8081, environ={"HOOKLAKE_HOST": host}, say=print)

    assert made.base_url == base_url


def test_free_ports_stay_clear_of_outgoing_connections() -> None:
    """A server's port must not be one that a client may be given while the server is down."""
    assert stores.free_port() in range(15000, 30000)
