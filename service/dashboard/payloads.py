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

#: Bytes of a body that are laid out; longer ones are shown as they are.
LAID_OUT = 512 * 1024
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:]|[^\s\[\]{},:"]+')
#: What a command has in the place of what would let its reader speak as Hooklake.
PLACES = {"authorization": "$AUTHORIZATION", "hpe-webhook-signature2": "$SIGNATURE2"}
#: Said by curl itself.
_OWN = frozenset({"host", "content-length", "accept-encoding"})


def laid_out(raw: bytes) -> str:
    """JSON on several lines; no number and no text is changed. What is no JSON comes back as it is."""
    text = raw.decode(errors="replace")
    if len(raw) > LAID_OUT or text[:1] not in ("{", "["):
        return text
    lines: list[str] = []
    line, depth, tokens = "", 0, _TOKEN.findall(text)
    for n, token in enumerate(tokens):
        if token in "{[":
            line += token
            if n + 1 < len(tokens) and tokens[n + 1] not in "}]":
                lines.append(line)
                depth += 1
                line = "  " * depth
        elif token in "}]":
            if tokens[n - 1] not in "{[":
                lines.append(line)
                depth -= 1
                line = "  " * depth
            line += token
        elif token == ",":
            lines.append(line + token)
            line = "  " * depth
        else:
            line += ": " if token == ":" else token
    return "\n".join([*lines, line])


def body_of(event: UUID, body: bytes | None, attempt: OneAttempt) -> bytes:
    """What an attempt had as its body: of an event that went in binary mode its data alone."""
    if body is None:
        return b""
    if any(name.lower().startswith("ce-") for name, _ in attempt.request_headers):
        with suppress(HooklakeError):
            return parcels.single(event, body, content_mode="binary").body
    return body


def curl(url: str, body: bytes, attempt: OneAttempt) -> str:
    """The request as a command for a shell; signatures and credentials are variables, never what was sent."""
    method = attempt.wire.method if attempt.wire is not None else "POST"
    words = [f"curl --request {method} {shlex.quote(url)}"]
    for name, value in attempt.request_headers:
        low = name.lower()
        if low in _OWN:
            continue
        if low in SIGNATURES | CREDENTIALS:
            words.append(f'--header "{name}: {PLACES.get(low, "$SIGNATURE")}"')
        else:
            words.append(f"--header {shlex.quote(f'{name}: {value}')}")
    if body:
        words.append(f"--data-binary {shlex.quote(body.decode(errors='replace'))}")
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
    try:
        msgspec.json.decode(body, type=msgspec.Raw)
    except msgspec.DecodeError:
        return body.decode(errors="replace")
    return msgspec.Raw(body)
