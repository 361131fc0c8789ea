"""Secrets that destinations say back: what is recorded of their answers has `***` in the place of each, however it is spelled.

What is sent is left to `sender`, which records its own Authorization masked. The rule is greenlake.md 4.4.
"""

import base64
import json
import re
import sys
from collections.abc import Iterator, Sequence
from urllib.parse import quote, quote_plus

from subscriptions.ground.kept import BoundedCache

Pairs = tuple[tuple[str, str], ...]

MASK = "***"
#: Characters of a webhook's secret that is masked in answers; shorter ones stand in many a word, and in digests. So do
#: spellings in base64.
SHORTEST = 8
#: Bytes of spellings that a process keeps: a secret has some 400, a token of 4 KB up to 90 KB.
MOST = 32 << 20
#: From how many characters on what is sought takes time that is linear only in a text of so many (CPython); what is shorter
#: takes at most 2,500 times its length.
LONG, IN = 100, 30_000


Known = tuple[tuple[str, ...], str | None]


def hidden(secrets: tuple[str, ...], authorization: str | None) -> tuple[str, ...]:
    """What is not kept of an answer: the credential it was sent, and the secrets it knows without being sent them.

    Longest first: where one holds another, nothing of it is left. Kept, for this is asked for every delivery.
    """
    return kept((secrets, authorization))


def _hidden(key: Known) -> tuple[str, ...]:
    secrets, authorization = key
    known = [secret for secret in secrets if len(secret) >= SHORTEST]
    if authorization:
        known.append(_credential(authorization))
    return spelled_out(known)


def size(key: Known, spellings: tuple[str, ...]) -> int:
    """Bytes that they take, with the key that they are kept under."""
    secrets, authorization = key
    return 512 + sum(map(sys.getsizeof, (*spellings, *secrets, authorization or "")))


#: Of the webhooks that were sent to of late.
kept = BoundedCache(_hidden, size=size, most=MOST)


def spelled_out(known: Sequence[str]) -> tuple[str, ...]:
    """Each of them as an answer may spell it, longest first."""
    # What cannot be encoded was never sent, and must not raise here.
    sendable = [secret.encode(errors="replace").decode() for secret in known]
    return tuple(sorted({spelled for secret in sendable for spelled in _spellings(secret)}, key=len, reverse=True))


def in_text(text: str, spellings: Sequence[str]) -> str:
    """The text with each of them masked."""
    for spelled in spellings:
        if len(spelled) <= len(text):
            searched, more = _searched(text, spelled)
            searched = searched.replace(spelled, MASK)
            text = searched[: len(searched) - more]
    return text


def in_headers(headers: Pairs, spellings: Sequence[str]) -> Pairs:
    """The headers with their values masked."""
    # One text for all: hardly any answer has something to be masked, and all of them are asked.
    values = "\n".join([value for _, value in headers])
    if not any(spelled in (values if len(spelled) < LONG else _searched(values, spelled)[0]) for spelled in spellings):
        return headers
    return tuple([(name, in_text(value, spellings)) for name, value in headers])


def in_body(body: bytes, spellings: Sequence[str], *, truncated: bool) -> bytes:
    """The body masked; where it is truncated, the cap may have cut through one, whose beginning goes too."""
    if not body:
        return body
    for spelled in spellings:
        raw = spelled.encode()
        if len(raw) < LONG or len(body) >= IN:
            body = body.replace(raw, MASK.encode())
        elif len(raw) <= len(body):
            # No UTF-8 holds 0xFF.
            more = IN - len(body)
            body = body.ljust(IN, b"\xff").replace(raw, MASK.encode())
            body = body[: len(body) - more]
    cut = max([_begun(body, spelled.encode()) for spelled in spellings], default=0) if truncated else 0
    return body[: len(body) - cut]


def _searched(text: str, spelled: str) -> tuple[str, int]:
    """The text so long that the search through it is linear, and by how many characters it grew."""
    more = IN - len(text)
    if len(spelled) < LONG or more <= 0:
        return text, 0
    # Half of a surrogate pair: what is sought has been encoded, and so holds none.
    return text.ljust(IN, "\udcff"), more


def _begun(body: bytes, raw: bytes) -> int:
    """How many bytes at the body's end are the beginning of `raw`: each is looked at twice at most (Knuth, Morris, Pratt)."""
    tail = body[-len(raw) + 1 :] if len(raw) > 1 else b""
    # Whatever begins earlier has its first eight bytes there; nearly always nothing does.
    start = tail.find(raw[:8])
    tail = tail[start if start >= 0 else max(0, len(tail) - 7) :]
    # Of the first bytes of `raw`, how many of their last are its first ones too.
    falls = [0] * len(tail)
    for text, fits in ((raw[1 : len(tail)], falls), (tail, None)):
        at = 0
        for number, byte in enumerate(text, 1):
            while at and raw[at] != byte:
                at = falls[at - 1]
            at += raw[at] == byte
            if fits is not None:
                fits[number] = at
    return at if tail else 0


def _credential(authorization: str) -> str:
    """The part that is secret: an answer may echo a token without its scheme."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if token.strip() and scheme.lower() in {"bearer", "basic"} else authorization


def _spellings(secret: str) -> Iterator[str]:
    """As it is, and as JSON, a URL or a form, and base64 have it, which leaves most secrets four."""
    yield secret
    for plain in (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
        yield plain
        yield plain.replace("/", "\\/")
    for quoted in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield quoted
        yield re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), quoted)
    if len(secret) >= SHORTEST:
        yield from _in_base64(secret.encode())


def _in_base64(secret: bytes) -> Iterator[str]:
    """What is fixed of it: the first and last characters hold bits of what stands before and after it, a scheme or a name."""
    for shift in range(3):
        text = base64.b64encode(bytes(shift) + secret).decode()
        fixed = text[-(-shift * 8 // 6) : (shift + len(secret)) * 8 // 6]
        yield fixed
        yield fixed.translate(str.maketrans("+/", "-_"))
