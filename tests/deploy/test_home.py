"""The data directory: lock, free space, secrets and logs."""

import os
from pathlib import Path

import pytest

from deploy import home
from deploy.home import CannotStart


def test_a_secret_is_made_once_and_is_private(data: Path) -> None:
    """The same secret on every start, in a file that its owner alone may read."""
    first = home.kept_secret(data / "some.key", lambda: "made")
    second = home.kept_secret(data / "some.key", lambda: "made again")

    assert (first, second, (data / "some.key").stat().st_mode & 0o777) == ("made", "made", 0o600)


def test_a_full_disk_is_one_sentence(data: Path) -> None:
    """What is free and what is needed, before anything is written."""
    with pytest.raises(CannotStart, match=r"^The disk under .* is full \(\d+ MB free, \d+ MB needed\): free some"):
        home.prepare(data, needed=2**62)


def test_a_directory_that_cannot_be_is_one_sentence(data: Path) -> None:
    """A file in the way, as for a directory that belongs to somebody else."""
    (data / "file").write_text("")

    with pytest.raises(CannotStart, match=r"^The data directory .*/file/data cannot be used \(Not a directory\): "):
        home.prepare(data / "file" / "data")


async def test_a_directory_in_use_is_one_sentence(data: Path) -> None:
    """The second stack on the same data is told who has it."""
    held = await home.lock(data)

    with pytest.raises(CannotStart, match=f"is in use by another running stack \\(process {os.getpid()}\\): "):
        await home.lock(data)
    os.close(held)


async def test_a_lock_is_free_after_its_holder(data: Path) -> None:
    """A lock file that was left behind stops nobody."""
    os.close(await home.lock(data))

    held = await home.lock(data)

    assert held >= 0
    os.close(held)


def test_a_log_is_set_aside_while_it_is_written(data: Path) -> None:
    """What writes it goes on at its beginning, and the last line of it is found all the same; nobody else may read what was
    set aside."""
    path = data / "api.log"
    with open(path, "ab", buffering=0) as writer:
        writer.write(b"x" * 100 + b"\n")
        offset = path.stat().st_size

        home.rotate(data, limit=100)
        writer.write(b"later\n")
        home.rotate(data, limit=100)

    assert (path.read_text(), (data / "api.log.1").stat().st_size) == ("later\n", 101)
    assert home.last_line(path, offset) == "later"
    assert (data / "api.log.1").stat().st_mode & 0o777 == 0o600


def test_a_large_log_is_set_aside(data: Path) -> None:
    """One generation is kept, so that logs stay bounded."""
    (data / "api.log").write_bytes(b"x" * (home.LOG_BYTES + 1))

    path = home.log_file(data, "api")

    assert (data / "api.log", False, True) == (path, path.exists(), (data / "api.log.1").exists())


@pytest.mark.parametrize(
    ("written", "offset", "expected"),
    [
        (b"", 0, ""),
        (b"old\n", 4, ""),
        (b"old\nTraceback\n  File\nValueError: no\n\n", 4, "ValueError: no"),
        (b"x" * 10_000 + b"\nlast", 0, "last"),
        (b"error: No space left on device\nremoving what was made\n", 0, "error: No space left on device"),
    ],
)
def test_last_words(data: Path, written: bytes, offset: int, expected: str) -> None:
    """The last line that says something, of this life only."""
    (data / "api.log").write_bytes(written)

    assert expected == home.last_line(data / "api.log", offset)
