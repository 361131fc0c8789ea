"""What others sent, laid out in bounds, and as a command that does what Hooklake did and nothing else."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from uuid import UUID

import msgspec
import pytest

from delivery.reports.one_delivery import OneAttempt
from delivery.wire import notes
from delivery.wire.notes import WireNotes
from service.dashboard.frame.payloads import LAID_OUT, SHOWN, body_of, curl, fixture, laid_out, sent_body

TYPE = ("content-type", "text/plain")


class Heard(ThreadingHTTPServer):
    """Keeps what it was asked: path and body."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Keeps)
        self.asked: list[tuple[str, bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Keeps(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Heard)
        self.server.asked.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def heard() -> Iterator[Heard]:
    with Heard() as server:
        serving = Thread(target=server.serve_forever, args=[0.01])
        serving.start()
        yield server
        server.shutdown()
        serving.join()


def attempt(answer: bytes = b"") -> OneAttempt:
    return OneAttempt(
        number=1,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        milliseconds=1,
        success=True,
        status=200,
        reason="",
        request_headers=(TYPE,),
        response_headers=(),
        response_body=answer,
        cut=False,
        wire=None,
        signed_with=(),
    )


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 65_536,
        b"[" * LAID_OUT,
        b"[" * 1_000 + b"]" * 1_000,
        b'{"a":' * 10_000,
        b'{"a":' * 200 + b"1" + b"}" * 200,
        b'{"' + b'\\"' * 32_768,
        b'["' + b"\\" * 65_535,
        b'{"a":1,',
        b"[1] and more",
        b"[" * 60 + b"1," * 60_000 + b"1" + b"]" * 60,
        b"[" + b"1," * LAID_OUT + b"1]",
    ],
)
def test_what_would_grow_is_shown_as_it_is(raw: bytes) -> None:
    """JSON that nests deeply, is very long, or would be laid out very long, and what is no JSON at all: to the letter."""
    assert laid_out(raw) == raw.decode()


def test_what_is_laid_out_is_a_page_at_most() -> None:
    """However it nests: lines indented by their depth stay within the bound."""
    for depth in range(1, 70):
        made = laid_out(b"[" * depth + b"1," * 5_000 + b"1" + b"]" * depth)
        assert len(made) <= SHOWN
    assert laid_out(b"[" * 3 + b"]" * 3) == "[\n  [\n    []\n  ]\n]"


def test_a_fixture_of_a_bomb() -> None:
    """An answer and a body that nest without end are texts in it, one line each."""
    made = fixture("https://example.com", b"[" * 65_536, attempt(b"[" * 65_536))
    assert len(made) < 4 * 65_536


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed (apt-get install curl)")
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/x", "{file}"),
        ("/x%5B1%5D/../y", "{file}\n"),
        ("/x[1-3]", "@-"),
        ("/{a,b}", "-"),
        ("/[", "'; touch {file}.made; '"),
        ("/x?q={1..9}", "$(id)"),
        ("/x?q=$(id)&r='", "a\r\nb<{file}"),
    ],
)
def test_the_command_does_what_was_done(heard: Heard, tmp_path: Path, path: str, body: str) -> None:
    """Run, it makes one request with the very body and path; it reads no file of whoever runs it, and no pattern."""
    secret = tmp_path / "secret"
    secret.write_text("secret")
    sent = body.replace("{file}", f"@{secret}").encode()

    command = curl(heard.url + path, sent, attempt())
    subprocess.run(["/bin/sh", "-c", f"{command} --silent --max-time 20"], check=True, stdin=subprocess.DEVNULL)

    assert heard.asked == [(path, sent)]
    assert [each.name for each in tmp_path.iterdir()] == ["secret"]


def test_what_was_sent_in_onaps_envelope_is_copied_so() -> None:
    """Its headers are those of a CloudEvent as JSON: what was noted of the attempt tells it. Of a batch too."""
    event = b'{"specversion":"1.0","id":"a","source":"//x","type":"t","data":{"n":1.0}}'
    envelope = b'{"eventId":"a","eventSource":"//x","eventType":"t","event":{"n":1.0}}'
    legacy = WireNotes(method="POST", url="https://example.com", content_mode="onap")
    tried = replace(attempt(), wire=legacy)

    assert body_of(UUID(int=1), event, tried) == envelope
    assert body_of(UUID(int=1), b"[%b]" % event, tried) == b"[%b]" % envelope
    assert body_of(UUID(int=1), event, attempt()) == event
    assert notes.read(msgspec.json.encode(legacy)) == legacy
    assert notes.read(b'["POST","https://example.com"]') == WireNotes(method="POST", url="https://example.com")


def test_a_payload_is_shown_as_it_goes_out() -> None:
    """By the newest attempt, or where there is none by what the webhook asks for; and named as what it is."""
    event = b'{"specversion":"1.0","id":"a","source":"//x","type":"t","datacontenttype":"application/json","data":{"n":1.0}}'
    envelope = b'{"eventId":"a","eventSource":"//x","eventType":"t","event":{"n":1.0}}'
    key, legacy = (
        UUID(int=1),
        replace(attempt(), wire=WireNotes(method="POST", url="https://x.de", content_mode="onap")),
    )
    binary = replace(attempt(), request_headers=(("ce-id", "a"),))

    assert sent_body(key, event, legacy, "json") == (envelope, "Legacy envelope")
    assert sent_body(key, b"[%b]" % event, None, "onap") == (b"[%b]" % envelope, "Array of legacy envelopes")
    assert sent_body(key, event, attempt(), "onap") == (event, "CloudEvent")
    assert sent_body(key, b"[%b]" % event, None, "binary") == (b"[%b]" % event, "Array of CloudEvents")
    assert sent_body(key, event, binary, "json")[0] == b'{"n":1.0}'
    assert sent_body(key, event, None, "binary")[1].startswith("Data")
