"""The proofs on the wire: both signature families of a request, and the answer that a challenge asks for.

Pure: which secrets are live is the caller's knowledge, and so is the time.
"""

import binascii
import functools
import hashlib
from collections.abc import Sequence
from datetime import datetime

#: One header per secret, primary first (greenlake.md 3.1).
HPE_HEADERS = ("HPE-Webhook-Signature", "HPE-Webhook-Signature2")

#: Bytes of SHA-256's block, and what HMAC makes of each byte of the key.
_BLOCK = 64
_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))


def sign(body: bytes, *, parcel_id: str, secrets: Sequence[str], now: datetime) -> list[tuple[str, str]]:
    """The signature headers of one attempt made at `now` (greenlake.md D.6).

    HPE's cover the body alone; Standard Webhooks' cover id, timestamp (whole seconds) and body, with one `v1,` entry
    per secret. Both use the secret's UTF-8 bytes as the key. Without secrets only the id and the timestamp remain.
    """
    timestamp = str(int(now.timestamp()))
    stamp = f"{parcel_id}.{timestamp}.".encode()
    headers = [(name, hpe(secret, body)) for name, secret in zip(HPE_HEADERS, secrets, strict=False)]
    headers += [("webhook-id", parcel_id), ("webhook-timestamp", timestamp)]
    if secrets:
        digests = [binascii.b2a_base64(_digest(secret, stamp, body), newline=False) for secret in secrets]
        headers.append(("webhook-signature", " ".join(["v1," + digest.decode() for digest in digests])))
    return headers


def hpe(secret: str, body: bytes) -> str:
    """HPE's signature of a body, as its header has it (greenlake.md 3.1)."""
    return "sha256=" + _digest(secret, body).hex()


def answer(secret: str, challenge: str) -> str:
    """What a receiver that knows `secret` answers to `challenge`: lower-case hex HMAC-SHA256 (greenlake.md 2.2)."""
    return _digest(secret, challenge.encode()).hex()


def _digest(secret: str, *parts: bytes) -> bytes:
    """HMAC-SHA256 (RFC 2104) of the parts in a row; from states that know the key, in half of the time `hmac` takes."""
    inner, outer = _keyed(secret)
    hashed, sealed = inner.copy(), outer.copy()
    for part in parts:
        hashed.update(part)
    sealed.update(hashed.digest())
    return sealed.digest()


@functools.lru_cache(4096)
def _keyed(secret: str) -> "tuple[hashlib._Hash, hashlib._Hash]":
    key = secret.encode()
    block = (key if len(key) <= _BLOCK else hashlib.sha256(key).digest()).ljust(_BLOCK, b"\0")
    return hashlib.sha256(block.translate(_INNER)), hashlib.sha256(block.translate(_OUTER))
