"""The handlers to copy, each run as it stands on the page: asked a challenge, sent a signed event, and one that is not."""

import asyncio
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from delivery.wire import challenge, parcels, signing
from delivery.wire.parcels import Parcel, Reply
from delivery.wire.sender import Destination
from service.dashboard.webhooks import handler_programs
from tests.delivery.wire.attempts import EVENT, WEBHOOK, opened

BODY = b'{"specversion":"1.0","id":"e-1","source":"//here","type":"com.example.thing","data":{"n":1}}'
QUESTION = "8cbecfea-d708-4706-bba3-669225084a10"
RUN = {"python": (sys.executable, "-u"), "node": ("node",), "go": ("go", "run"), "java": ("java",)}
#: Seconds until a program is there: Go's and Java's compile first, on a machine that does other things.
PATIENCE = 90


@asynccontextmanager
async def running(language: str, folder: Path, name: str = "Licence watch") -> AsyncIterator[tuple[str, "list[bytes]"]]:
    """The program of a webhook of this name, with its secret in its variable: where it listens, and what it prints."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/hook"
    [program] = [each for each in handler_programs.programs(name, url) if each.language == language]
    (folder / program.file).write_text(program.text)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "GOFLAGS", "GOCACHE") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *RUN[language],
        program.file,
        cwd=folder,
        env={**kept, handler_programs.variable(name): "first"},
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    printed: list[bytes] = []
    assert process.stdout is not None
    try:
        await _listening(url, process)
        yield url, printed
    finally:
        os.killpg(process.pid, 9)
        printed += (await process.stdout.read()).splitlines()
        await process.wait()


async def _listening(url: str, process: asyncio.subprocess.Process) -> None:
    port = int(url.rpartition(":")[2].partition("/")[0])
    async with asyncio.timeout(PATIENCE):
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                await writer.wait_closed()
                return
    pytest.fail(f"it ended with {process.returncode}")


@pytest.mark.parametrize("language", [language for language, _, _ in handler_programs.LANGUAGES])
async def test_a_handler_to_copy_does_what_it_says(language: str, tmp_path: Path) -> None:
    """The challenge is met in each content mode, by either header; event and batch are printed; a wrong secret is a 401."""
    if shutil.which(RUN[language][0]) is None:
        pytest.skip(f"there is no {RUN[language][0]} on this machine")
    question = challenge.event(challenge=QUESTION, event_id=str(EVENT), workspace_id="0" * 32, now=datetime.now(UTC))
    asked = Parcel(id=str(EVENT), body=question, headers=(("Content-Type", "application/json"),))
    binary = parcels.single(event=EVENT, body=question, content_mode="binary")
    legacy = parcels.single(event=EVENT, body=question, content_mode="onap")
    event = parcels.single(event=EVENT, body=BODY, content_mode="json")
    envelopes = parcels.batch(EVENT, b"[" + BODY + b"," + BODY + b"]", content_mode="onap")
    batch = Parcel(id=str(EVENT), body=b"[" + BODY + b"," + BODY + b"]", headers=asked.headers)
    answers = []
    async with running(language, tmp_path) as (url, printed), opened("") as sender:
        for parcel, secrets in (
            (asked, ("first",)),
            (asked, ("other", "first")),
            (binary, ("first",)),
            (legacy, ("first",)),
            (event, ("first", "other")),
            (batch, ("first",)),
            (envelopes, ("first",)),
            (event, ("other",)),
        ):
            to = Destination(webhook=WEBHOOK, url=url, secrets=secrets, authorization=None)
            answers.append((await sender.send(parcel, to, deadline=10)).answer)

    replies = [each for each in answers if isinstance(each, Reply)]
    assert [each.status for each in replies] == [200] * 7 + [401], answers
    proof = signing.answer("first", QUESTION).encode()
    assert [proof in each.body for each in replies] == [True] * 4 + [False] * 4
    assert b"".join(printed).count(b"e-1") == 5


def test_a_handler_reads_the_secret_of_its_webhook() -> None:
    """A variable that the webhook's name makes, and the destination's own port; names that make none have the usual ones."""
    [python, *_] = handler_programs.programs("Licence watch.2", "https://example.com:8443/hook")
    [plain, *_] = handler_programs.programs("@@", "https://example.com/hook")

    assert 'os.environ["LICENCE_WATCH_2_SECRET"]' in python.text
    assert '("", 8443)' in python.text
    assert 'os.environ["WEBHOOK_SECRET"]' in plain.text
    assert '("", 9000)' in plain.text
