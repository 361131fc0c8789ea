"""The demo's subscriber: an HTTPS server as one would write it to receive GreenLake's webhooks, standard library alone.

It shares no code with Hooklake. What should have arrived, and when, is left to `demo_tally.py`.
"""

import base64
import hashlib
import hmac
import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import trustme

VERIFICATION = "com.hpe.greenlake.events.v1beta1.webhooks.verification"
#: Seconds that a standard webhook's timestamp may be old: whoever repeats an old request is refused.
TOLERANCE = 300


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """One delivery that arrived, and how it was met."""

    #: Seconds of the monotonic clock, when it was complete.
    at: float
    #: Of the event.
    id: str
    type: str
    #: As it came.
    body: bytes
    #: What it is answered with; None: with nothing, until the sender gives up.
    status: int | None


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What the subscriber does wrong on purpose, by event type."""

    #: How often an event of the type is answered with 503.
    refused: Mapping[str, int]
    #: How often one is not answered at all.
    ignored: Mapping[str, int]
    #: Seconds for which one is not answered.
    silence: float


class Subscriber:
    """Listens on a free port of 127.0.0.1 while the block lasts; tells `heard` of each delivery, from any thread."""

    def __init__(self, secret: str, folder: Path, faults: Faults, heard: Callable[[Arrival], None]) -> None:
        self.secret = secret
        #: The file of the authority that signed its certificate: what HOOKLAKE_CA_BUNDLE takes.
        self.authority = folder / "demo-ca.pem"
        self.heard = heard
        self._silence = faults.silence
        self._refused = dict(faults.refused)
        self._ignored = dict(faults.ignored)
        self._lock = threading.Lock()
        self._closing = threading.Event()

    def __enter__(self) -> Self:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self.authority))
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(tls)
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        # Each connection shakes hands in its own thread, at its first byte.
        self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}/hooks/greenlake"
        threading.Thread(target=self._server.serve_forever, name="subscriber", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def status(self, event_type: str) -> int | None:
        """The answer to a genuine delivery: 204, or what the faults have for its type."""
        with self._lock:
            for fault, status in ((self._refused, 503), (self._ignored, None)):
                if fault.get(event_type, 0) > 0:
                    fault[event_type] -= 1
                    return status
        return 204

    def keep_silent(self) -> None:
        """Returns when no sender waits for an answer any more."""
        self._closing.wait(self._silence)


def genuine(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether both proofs hold: HPE's over the body, and Standard Webhooks' over id, timestamp and body."""
    key = secret.encode()
    hpe = "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()
    stamp = headers.get("webhook-timestamp", "0")
    signed = f"{headers.get('webhook-id', '')}.{stamp}.".encode() + body
    standard = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    fresh = stamp.isdigit() and abs(time.time() - int(stamp)) < TOLERANCE
    given = headers.get("webhook-signature", "").split(" ")
    return (
        hmac.compare_digest(hpe, headers.get("hpe-webhook-signature", ""))
        and fresh
        and any(hmac.compare_digest(standard, one) for one in given)
    )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_: Any) -> None:
        """A sender that went away, or was killed, is nothing to print a traceback for."""


def _handler(subscriber: Subscriber) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Seconds after which a silent connection is closed.
        timeout = 60

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            arrived = time.monotonic()
            if not genuine(subscriber.secret, self.headers, body):  # type: ignore[arg-type]  # a Message has `get`
                self.answer(401)
                subscriber.heard(Arrival(at=arrived, id="", type="", body=body, status=401))
                return
            event = json.loads(body)
            if event["type"] == VERIFICATION:
                question = event["data"]["challengeRequest"].encode()
                proof = hmac.new(subscriber.secret.encode(), question, hashlib.sha256).hexdigest()
                self.answer(200, json.dumps({"verification": proof}).encode())
                return
            status = subscriber.status(event["type"])
            subscriber.heard(Arrival(at=arrived, id=event["id"], type=event["type"], body=body, status=status))
            if status is None:
                subscriber.keep_silent()
                self.close_connection = True
                return
            self.answer(status)

        def answer(self, status: int, body: bytes = b"") -> None:
            self.send_response(status)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            if body:
                self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """The demo prints a line of its own."""

    return Handler
