"""The data directory of an embedded stack: its lock, its secrets, its free space and its log files.

What is kept in it beside those is left to `postgres_store.py`, `redis_store.py` and `local.py`.
"""

import asyncio
import errno
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: Bytes that must be free: an empty PostgreSQL takes 65 MB, and its write-ahead log grows from there.
NEEDED_BYTES = 200 * 1024 * 1024
#: A log file larger than this is set aside (one generation is kept) when its part is started.
LOG_BYTES = 10 * 1024 * 1024
#: Seconds that the keeper of a killed supervisor may take to end its parts (`keeper.py` takes three at most).
PATIENCE = 8.0


class CannotStart(Exception):
    """The stack cannot run here; the message is one sentence that says why and what to do."""


def prepare(data: Path, *, needed: int = NEEDED_BYTES) -> None:
    """Makes the data directory; raises CannotStart where it cannot be written or its disk is full.

    As root others may pass through it (never list it), because PostgreSQL does not run as root.
    """
    with sentences(data):
        (data / "logs").mkdir(parents=True, exist_ok=True)
        (data / "logs").chmod(0o700)
        data.chmod(0o711 if os.geteuid() == 0 else 0o700)
        free = shutil.disk_usage(data).free
    if free < needed:
        raise CannotStart(
            f"The disk under {data} is full ({free // 2**20} MB free, {needed // 2**20} MB needed): "
            "free some space, or set HOOKLAKE_DATA_DIR to a directory on another disk."
        )


async def lock(data: Path) -> int:
    """The file descriptor that holds the lock of the data directory; raises CannotStart where another stack has it.

    A killed supervisor leaves the lock to its keeper until the last part is gone, so that one is waited for.
    """
    with sentences(data):
        descriptor = os.open(data / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + PATIENCE
    while not _locked(descriptor):
        holder = os.pread(descriptor, 32, 0).decode().strip()
        if _alive(holder) or time.monotonic() > deadline:
            os.close(descriptor)
            raise CannotStart(
                f"The data directory {data} is in use by another running stack (process {holder}): "
                "stop that one, or set HOOKLAKE_DATA_DIR and HOOKLAKE_PORT to run a second one beside it."
            )
        await asyncio.sleep(0.1)
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
    return descriptor


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """The secret in the file at `path`, which is made on the first call and readable by its owner alone."""
    with sentences(path.parent):
        if not path.exists():
            write_private(path, make() + "\n")
        return path.read_text().strip()


def write_private(path: Path, text: str) -> None:
    """Writes the file whole or not at all, with mode 0600."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def private(path: str, flags: int) -> int:
    """Opens a file that its owner alone may read, also where it stands from before."""
    descriptor = os.open(path, flags, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


def log_file(logs: Path, name: str) -> Path:
    """The log of one part, after a too large one was set aside."""
    path = logs / f"{name}.log"
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_name(f"{name}.log.1"))
    return path


def rotate(logs: Path, *, limit: int = LOG_BYTES) -> None:
    """Sets the logs aside that have grown too large while their parts write: copied, then emptied.

    Parts append, so they go on at the beginning. A line that is written between the two is lost.
    """
    for path in logs.glob("*.log"):
        with suppress(OSError):
            if path.stat().st_size > limit:
                with open(path, "rb") as whole, open(path.with_name(f"{path.name}.1"), "wb", opener=private) as aside:
                    shutil.copyfileobj(whole, aside)
                os.truncate(path, 0)


def last_line(path: Path, offset: int) -> str:
    """The last line that was written to a log after `offset` (bytes), or nothing; of a full disk the line that says so."""
    with open(path, "rb") as file:
        end = file.seek(0, os.SEEK_END)
        # It may have been set aside since.
        file.seek(max(offset if offset <= end else 0, end - 4096))
        lines = file.read().decode(errors="replace").split("\n")
    spoken = [line.strip()[:300] for line in reversed(lines) if line.strip()]
    return next((line for line in spoken if "No space left on device" in line), spoken[0] if spoken else "")


@contextmanager
def sentences(data: Path) -> Iterator[None]:
    """Turns the errors of a file system into CannotStart."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise CannotStart(f"The disk under {data} is full: free some space, or move HOOKLAKE_DATA_DIR.") from error
        raise CannotStart(
            f"The data directory {data} cannot be used ({error.strerror or error}): "
            "give this user the right to write there, or set HOOKLAKE_DATA_DIR to another directory."
        ) from error
