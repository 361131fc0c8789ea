"""Canaries: the secrets that the suite uses, made so that they are recognised wherever they turn up, and the search for them.

Where to look is left to those who write something: whoever needs a `directory` has it looked through before it goes, callers
of the API look through each answer, and `tests/conftest.py` through what each test logged, printed and left.
"""

import base64
import mmap
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
from sqlalchemy import Table

from subscriptions.ground import tables
from subscriptions.ground.database import Database

#: What every planted secret holds: letters and digits, so that neither JSON nor a URL nor base64 spells it in another way.
MARK = "cAnArYsInG"
#: What stands for it in reports.
MASK = "<canary>"
#: Files that are there to keep a secret, readable by their owner alone.
KEPT = frozenset({"vault.key", "postgres.password", "redis.password", "redis.conf", "credentials.json", "env"})
#: Those of a stack, in which what it drew at its first start stands alone, or behind an id and a colon.
DRAWN = ("vault.key", "postgres.password", "redis.password")
#: Answers that give a secret to whom it belongs, this once.
GIVEN = re.compile(r"/authorization/v2/(oauth2/[^/]+/token|clients(/[^/]+(/rotate)?)?)")
#: Shorter ones would be found where nobody put them.
SHORTEST = 12


def planted(what: str) -> str:
    """A secret to be used as this."""
    return f"{MARK}.{what}"


#: A vault's setting with one key, which is a canary too.
VAULT_KEY = base64.b64encode(base64.b64decode(f"{MARK}{'A' * (43 - len(MARK))}=")).decode()

_known: set[bytes] = set()


def add(*secrets: str) -> None:
    """Secrets that nobody could plant, since they are drawn while the suite runs: tokens, clients' secrets, passwords."""
    _known.update(secret.encode() for secret in secrets if len(secret) >= SHORTEST)


def spellings(secret: bytes) -> Iterator[bytes]:
    """What bytes that hold the secret hold: the secret, its hexadecimal digits, and what is fixed of its base64."""
    yield secret
    yield secret.hex().encode()
    for shift in range(3):
        text = base64.b64encode(bytes(shift) + secret)
        # The first characters hold bits of what stands before it, the last ones of what follows.
        yield text[-(-shift * 8 // 6) : (shift + len(secret)) * 8 // 6]


_MARKS = tuple(spellings(MARK.encode()))


def found(text: bytes | mmap.mmap, *, all_known: bool = True) -> list[int]:
    """Where canaries begin in it; without `all_known` the planted ones alone, for large files."""
    patterns = (*_MARKS, *(_known if all_known else ()))
    return sorted({at for pattern in patterns if (at := text.find(pattern)) >= 0})


def in_text(text: bytes | str, where: str) -> list[str]:
    """A sentence for each canary in the text, the canary masked."""
    raw = text.encode(errors="replace") if isinstance(text, str) else text
    return [f"{where}:{_line(raw, at)}: {_shown(raw, at)}" for at in found(raw)]


@contextmanager
def directory() -> Iterator[Path]:
    """A new one with a short path, which PostgreSQL's own user can reach; it goes with all that is in it.

    Raises AssertionError where secrets were written into it: canaries, or into a log those that its stack drew.
    """
    # Not under pytest's directories: it shuts them to other users, and as root PostgreSQL is another user.
    made = Path(tempfile.mkdtemp(prefix="hl-"))
    try:
        yield made
        told = in_files(made)
    finally:
        shutil.rmtree(made)
    nothing(told)


def nothing(told: Iterable[str]) -> None:
    """Raises AssertionError where a search has found something."""
    if lines := list(told):
        raise AssertionError("secrets were written:\n" + "\n".join(lines))


def in_files(directory: Path, pattern: str = "*") -> list[str]:
    """A sentence for each file under the directory with canaries, but for those that are there to keep them."""
    told = []
    for keeper in (found for name in DRAWN for found in directory.rglob(name)):
        add(keeper.read_text().strip().rpartition(":")[2])
    for file in sorted(directory.rglob(pattern)):
        if file.name in KEPT or file.is_symlink() or not file.is_file() or not file.stat().st_size:
            continue
        with file.open("rb") as opened, closing(mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)) as text:
            told += [f"{file}:{_line(text, at)}: {_shown(text, at)}" for at in found(text, all_known=_is_log(file))]
    return told


async def in_rows(database: Database) -> list[str]:
    """A sentence for each column of each table that holds canaries; what is sealed looks like nothing."""
    told: list[str] = []
    for table in tables.metadata.sorted_tables:
        async with database.raw() as connection:
            rows = await connection.fetch(f"SELECT * FROM {table.name}")
        if found(b"\n".join(_bytes(row.values()) for row in rows)):
            told += _columns(table, map(dict, rows))
    return told


async def in_answer(response: httpx.Response) -> None:
    """Raises AssertionError for an answer with canaries in headers or body, unless it is there to give one away."""
    if GIVEN.fullmatch(response.request.url.path):
        return
    await response.aread()
    head = "\n".join(f"{name}: {value}" for name, value in response.headers.items())
    told = in_text(f"{head}\n\n".encode() + response.content, f"{response.request.method} {response.request.url.path}")
    if told:
        raise AssertionError("; ".join(told))


def _columns(table: Table, rows: Iterable[dict[str, object]]) -> list[str]:
    held = {name: _bytes([value]) for row in rows for name, value in row.items() if found(_bytes([value]))}
    return [f"table {table.name}, column {name}: {_shown(text, found(text)[0])}" for name, text in held.items()]


def _bytes(values: Iterable[object]) -> bytes:
    return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for value in values)


def _is_log(file: Path) -> bool:
    return file.suffix == ".log"


def _line(text: bytes | mmap.mmap, at: int) -> int:
    return bytes(text[:at]).count(b"\n") + 1


def _shown(text: bytes | mmap.mmap, at: int) -> str:
    """What stands around a canary on its line, without a character of any."""
    start = text.rfind(b"\n", max(0, at - 200), at) + 1 or max(0, at - 200)
    end = text.find(b"\n", at, at + 200)
    line = bytes(text[start : end if end >= 0 else at + 200])
    for pattern in (*_MARKS, *sorted(_known, key=len, reverse=True)):
        line = re.sub(re.escape(pattern) + rb"[\w.+/=-]*", MASK.encode(), line)
    return re.sub(r"[^ -~]+", "?", line.decode(errors="replace"))
