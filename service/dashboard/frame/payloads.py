"""What was sent, as people read and copy it: JSON with its numbers and texts to the letter, a request as a command, a fixture.

Which delivery it is of is left to the pages.
"""

import re
import shlex
from contextlib import suppress
from uuid import UUID

import msgspec

from delivery.reports.one_delivery import OneAttempt
from delivery.wire import parcels
from service.api.redaction import CREDENTIALS, SIGNATURES
from subscriptions.ground.errors import HooklakeError

#: Bytes of a body that are laid out, how deep it may nest, and characters that this may come to. What is beyond one of them is
#: shown as it is: indentation grows with depth times length, and it is others who send it.
LAID_OUT, DEPTH, SHOWN = 160 * 1024, 64, 512 * 1024
#: What a string has begun it keeps (`*+`): one that never ends is looked at once, not once from each of its quotes.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[\]{},:]|[^\s\[\]{},:"]+', re.DOTALL)
#: What a command has in the place of what would let its reader speak as Hooklake.
PLACES = {"authorization": "$AUTHORIZATION", "hpe-webhook-signature2": "$SIGNATURE2"}
#: Said by curl itself.
_OWN = frozenset({"host", "content-length", "accept-encoding"})


def laid_out(raw: bytes) -> str:
    """JSON on several lines; no number and no text is changed. What is none, or nests or grows too far, comes back as it is."""
    text = raw.decode(errors="replace")
    if len(raw) > LAID_OUT or text[:1] not in ("{", "[") or not _is_json(raw):
        return text
    lines = _Lines()
    before = ""
    for found in _TOKEN.finditer(text):
        lines.put(found[0], before)
        if lines.depth > DEPTH or lines.size > SHOWN:
            return text
        before = found[0]
    return "\n".join([*lines.done, lines.last])


class _Lines:
    """Tokens of JSON, as they come to stand on lines."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.last = ""
        self.depth = 0
        #: Characters of what is done.
        self.size = 0

    def put(self, token: str, before: str) -> None:
        """One more, behind `before`; a bracket's line ends only where something follows that does not close it."""
        opened = before in ("{", "[")
        if token in ("}", "]"):
            self.depth -= 1
            if not opened:
                self._end()
        elif opened:
            self._end()
        self.last += ": " if token == ":" else token
        if token == ",":
            self._end()
        elif token in ("{", "["):
            self.depth += 1

    def _end(self) -> None:
        self.done.append(self.last)
        self.size += len(self.last) + 1
        self.last = "  " * self.depth


def _is_json(raw: bytes) -> bool:
    try:
        msgspec.json.decode(raw, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def body_of(event: UUID, body: bytes | None, attempt: OneAttempt) -> bytes:
    """What an attempt had as its body: of an event that went in binary mode its data alone, in ONAP's mode its envelope."""
    if body is None:
        return b""
    return _in_mode(event, body, _mode_of(attempt))


def sent_body(event: UUID, body: bytes, attempt: OneAttempt | None, content_mode: str) -> tuple[bytes, str]:
    """The body that an attempt had, or without one the next is to have by its webhook's content mode; and what it is."""
    mode = content_mode if attempt is None else _mode_of(attempt)
    sent, several = _in_mode(event, body, mode), body[:1] == b"["
    if sent == body:
        return sent, "Array of CloudEvents" if several else "CloudEvent"
    if mode == parcels.ONAP:
        return sent, "Array of legacy envelopes" if several else "Legacy envelope"
    return sent, "Data of the CloudEvent; the rest of it is in the headers"


def _mode_of(attempt: OneAttempt) -> str:
    """As far as it decides the body."""
    if attempt.wire is not None and attempt.wire.content_mode == parcels.ONAP:
        return parcels.ONAP
    return "binary" if any(name.lower().startswith("ce-") for name, _ in attempt.request_headers) else "structured"


def _in_mode(event: UUID, body: bytes, mode: str) -> bytes:
    make = parcels.batch if body[:1] == b"[" else parcels.single
    with suppress(HooklakeError):
        return make(event, body, content_mode=mode).body
    return body


def curl(url: str, body: bytes, attempt: OneAttempt) -> str:
    """The request as a command for a shell; signatures and credentials are variables, never what was sent."""
    method = attempt.wire.method if attempt.wire is not None else "POST"
    # --globoff: `[1-9]` and `{a,b}` of a URL are not patterns; --path-as-is: nor are its dots.
    words = [f"curl --globoff --path-as-is --request {method} {shlex.quote(url)}"]
    for name, value in attempt.request_headers:
        low = name.lower()
        if low in _OWN:
            continue
        if low in SIGNATURES | CREDENTIALS:
            words.append(f'--header "{name}: {PLACES.get(low, "$SIGNATURE")}"')
        else:
            words.append(f"--header {shlex.quote(f'{name}: {value}')}")
    if body:
        # Not --data-binary: of that a body that begins with `@` is the name of a file of whoever runs it.
        words.append(f"--data-raw {shlex.quote(body.decode(errors='replace'))}")
    return " \\\n  ".join(words)


def fixture(url: str, body: bytes, attempt: OneAttempt) -> str:
    """The attempt as JSON for a test: request and answer, without signatures and credentials, the body to the letter."""
    hidden = SIGNATURES | CREDENTIALS
    made = {
        "request": {
            "method": attempt.wire.method if attempt.wire is not None else "POST",
            "url": url,
            "headers": [list(pair) for pair in attempt.request_headers if pair[0].lower() not in hidden],
            "body": _to_the_letter(body),
        },
        "response": {
            "status": attempt.status,
            "headers": [list(pair) for pair in attempt.response_headers if pair[0].lower() not in hidden],
            "body": attempt.response_body.decode(errors="replace"),
        },
        "outcome": attempt.reason,
    }
    return laid_out(msgspec.json.encode(made))


def _to_the_letter(body: bytes) -> object:
    """As JSON where it is that, as text where it is not."""
    if not body:
        return None
    return msgspec.Raw(body) if _is_json(body) else body.decode(errors="replace")
