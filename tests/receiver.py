"""A subscriber's receiver on real sockets: answers challenges, verifies signatures, records, misbehaves by script.

What it should have received is left to the tests. It shares no code with `delivery.wire`: both must be right for a test
to pass. In tests `async with Receiver()`; as a process of its own `python -m tests.receiver`, which prints where it
listens and appends what it receives to a file.
"""

import argparse
import asyncio
import base64
import contextlib
import functools
import hashlib
import hmac
import json
import socket
import ssl
import struct
import tempfile
import time
import zlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import trustme

VERIFICATION = "com.hpe.greenlake.events.v1beta1.webhooks.verification"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How one request is met; all of it can be written as JSON for the process of its own."""

    #: `answer`; `hang` (never); `drip` (body byte by byte); `reset` (before the answer); `cut` (reset within the
    #: body); `close` (politely, before the answer); `huge` (`size` bytes of body); `bomb` (gzip); `raw` (`body` is
    #: all that is sent, status line included).
    act: str = "answer"
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    #: Seconds before anything is sent, or between two drips.
    delay: float = 0.0
    #: Bytes of a `huge` body, or of a `drip`.
    size: int = 1 << 30


OK = Answer()
#: What most handlers say to OPTIONS.
NOTHING_BUT_POST = Answer(status=405, headers=(("Allow", "POST"),))


@dataclass(frozen=True, kw_only=True)
class Request:
    """What arrived."""

    #: Seconds since the epoch, when it was complete.
    at: float
    #: The sender's end of the connection, which tells the process that sent it.
    port: int
    method: str
    #: With the query, byte for byte.
    path: str
    #: In order, in the sender's spelling.
    headers: list[tuple[str, str]]
    body: bytes
    #: Whether HPE's signature headers prove a secret of this path.
    hpe: bool
    #: Whether the Standard Webhooks headers do.
    standard: bool
    challenge: bool

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")


class Receiver:
    """Listens on 127.0.0.1; `script` maps a path to its next answers (then `default`), `secrets` to its live secrets.

    The path `*` stands for all that have no entry. `names` go into the certificate; its authority is the file `ca`.
    """

    def __init__(
        self,
        secrets: dict[str, tuple[str, ...]] | None = None,
        *,
        tls: bool = True,
        names: Sequence[str] = ("127.0.0.1", "localhost"),
        port: int = 0,
        record: str = "",
    ) -> None:
        self.secrets = secrets or {}
        self.script: dict[str, deque[Answer]] = {}
        self.default: Answer = OK
        #: How OPTIONS requests to a path are met; the others are told that nothing but POST is allowed.
        self.allowing: dict[str, Answer] = {}
        #: OPTIONS requests; `requests` and `script` know nothing of them.
        self.handshakes: list[Request] = []
        self.requests: list[Request] = []
        #: Connections accepted, whether or not a request came of them.
        self.connections = 0
        self.port = port
        self.ca = ""
        self._tls, self._names, self._record = tls, names, record
        self._arrived = asyncio.Condition()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        context = None
        if self._tls:
            authority = trustme.CA()
            self._folder = tempfile.TemporaryDirectory(prefix="receiver-")
            self.ca = str(Path(self._folder.name, "ca.pem"))
            authority.cert_pem.write_to_path(self.ca)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(*self._names).configure_cert(context)
            #: Of its TLS: what is changed there holds for the connections that come.
            self.context = context
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port, ssl=context, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)
        if self._tls:
            self._folder.cleanup()

    def url(self, path: str = "/hook", host: str = "127.0.0.1") -> str:
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    def plan(self, path: str, *answers: Answer) -> None:
        """The next requests to `path` are met with these, in order."""
        self.script.setdefault(path, deque()).extend(answers)
        if any(answer.act == "bomb" for answer in answers):
            # To pack it takes over a second, which is not to be the deadline's.
            _bomb()

    def deliveries(self, path: str | None = None) -> list[Request]:
        """All that are not challenges."""
        return [found for found in self.requests if not found.challenge and path in (None, found.path)]

    async def wait_for(self, count: int, *, path: str | None = None, timeout: float = 10.0) -> list[Request]:
        """The first `count` deliveries, once they are there; raises TimeoutError with what is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout), self._arrived:
                await self._arrived.wait_for(lambda: len(self.deliveries(path)) >= count)
        found = self.deliveries(path)
        if len(found) < count:
            raise TimeoutError(f"{len(found)} of {count} deliveries arrived within {timeout} s")
        return found[:count]

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while await self._exchange(reader, writer):
                pass
        except (OSError, EOFError, asyncio.CancelledError):
            # The other side has gone, or the test is over.
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request and its answer; whether the connection lives on."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head[:-4].split("\r\n")
        method, path, _ = first.split(" ")
        headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        length = int(next((value for name, value in headers if name.lower() == "content-length"), "0"))
        body = await reader.readexactly(length)
        secrets = self.secrets.get(path, self.secrets.get("*", ()))
        question = _question(body, dict(_lower(headers)))
        request = Request(
            at=time.time(),
            port=writer.get_extra_info("peername")[1],
            method=method,
            path=path,
            headers=headers,
            body=body,
            hpe=_hpe(secrets, dict(_lower(headers)), body),
            standard=_standard(secrets, dict(_lower(headers)), body),
            challenge=question is not None,
        )
        if method == "OPTIONS":
            self.handshakes.append(request)
            return await meet(self.allowing.get(path, NOTHING_BUT_POST), writer)
        await self._keep(request)
        planned = self.script.get(path) or self.script.get("*")
        if planned:
            return await meet(planned.popleft(), writer)
        if question is not None and secrets:
            proof = hmac.new(secrets[0].encode(), question.encode(), hashlib.sha256).hexdigest()
            body = json.dumps({"verification": proof}).encode()
            return await meet(Answer(headers=(("Content-Type", "application/json"),), body=body), writer)
        return await self.meet(request, reader, writer)

    async def meet(self, request: Request, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answers a delivery of which no script speaks; whether the connection lives on. Moods of one's own replace it."""
        return await meet(self.default, writer)

    async def _keep(self, request: Request) -> None:
        if self._record:
            _append(self._record, vars(request) | {"body": request.body.decode("latin-1")})
        async with self._arrived:
            self.requests.append(request)
            self._arrived.notify_all()


def _append(path: str, entry: dict[str, Any]) -> None:
    with open(path, "a") as file:
        file.write(json.dumps(entry) + "\n")


@functools.cache
def _bomb() -> bytes:
    """256 MB of zeros, packed a thousandfold, and never held unpacked."""
    packer, mebibyte = zlib.compressobj(wbits=zlib.MAX_WBITS | 16), bytes(1 << 20)
    return b"".join(packer.compress(mebibyte) for _ in range(256)) + packer.flush()


async def meet(answer: Answer, writer: asyncio.StreamWriter) -> bool:
    """Does what the answer says; whether the connection lives on."""
    if answer.act == "hang":
        await asyncio.Event().wait()
    if answer.act != "drip":
        await asyncio.sleep(answer.delay)
    if answer.act in ("reset", "close"):
        return _hang_up(writer, rudely=answer.act == "reset")
    if answer.act == "raw":
        writer.write(answer.body)
        await writer.drain()
        return _hang_up(writer, rudely=False)
    headers, size = list(answer.headers), {"huge": answer.size, "drip": answer.size, "cut": len(answer.body) + 1}
    body = _bomb() if answer.act == "bomb" else answer.body
    if answer.act == "bomb":
        headers.append(("Content-Encoding", "gzip"))
    headers.append(("Content-Length", str(size.get(answer.act, len(body)))))
    head = f"HTTP/1.1 {answer.status} Scripted\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers)
    writer.write(head.encode("latin-1") + b"\r\n" + body)
    await writer.drain()
    if answer.act == "cut":
        return _hang_up(writer, rudely=True)
    if answer.act in ("huge", "drip"):
        piece = b"x" if answer.act == "drip" else b"x" * 65536
        for _ in range(answer.size // len(piece)):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(answer.delay)
    return True


def _hang_up(writer: asyncio.StreamWriter, *, rudely: bool) -> bool:
    if rudely:
        opened: socket.socket = writer.get_extra_info("socket")
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    else:
        writer.close()
    return False


def _question(body: bytes, headers: dict[str, str]) -> str | None:
    binary = headers.get("ce-type") == VERIFICATION
    if not binary and VERIFICATION.encode() not in body:
        return None
    with contextlib.suppress(ValueError, KeyError, TypeError):
        event: dict[str, Any] = json.loads(body)
        # In ONAP's envelope they are called so.
        kind, data = ("type", "data") if "type" in event else ("eventType", "event")
        if binary or event[kind] == VERIFICATION:
            return str((event if binary else event[data])["challengeRequest"])
    return None


def _lower(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in headers]


def _hpe(secrets: Sequence[str], headers: dict[str, str], body: bytes) -> bool:
    """As HPE documents it: either header proves either secret."""
    given = [headers.get("hpe-webhook-signature", ""), headers.get("hpe-webhook-signature2", "")]
    return any("sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest() in given for secret in secrets)


def _standard(secrets: Sequence[str], headers: dict[str, str], body: bytes) -> bool:
    """As standardwebhooks.com has it, the timestamp within five minutes."""
    stamp, entries = headers.get("webhook-timestamp", ""), headers.get("webhook-signature", "").split(" ")
    if not stamp.isdigit() or abs(time.time() - int(stamp)) > 300:
        return False
    message = f"{headers.get('webhook-id', '')}.{stamp}.".encode() + body
    digests = (hmac.new(secret.encode(), message, hashlib.sha256).digest() for secret in secrets)
    return any("v1," + base64.b64encode(digest).decode() in entries for digest in digests)


async def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--record", default="", help="file to which each request is appended as one line of JSON")
    parser.add_argument("--secret", action="append", default=[], help="a live secret, primary first")
    parser.add_argument("--script", default="{}", help='{"/path": [{"status": 503}, {"act": "hang"}]}')
    parser.add_argument("--plain", action="store_true", help="http, not https")
    given = parser.parse_args()
    async with Receiver({"*": tuple(given.secret)}, tls=not given.plain, port=given.port, record=given.record) as here:
        for path, answers in json.loads(given.script).items():
            here.plan(path, *(Answer(**answer | {"body": answer.get("body", "").encode()}) for answer in answers))
        print(json.dumps({"url": here.url(""), "port": here.port, "ca": here.ca}), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main())
