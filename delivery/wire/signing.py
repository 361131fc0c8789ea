"""The proofs on the wire: both signature families of a request, and the answer that a challenge asks for.

Pure: which secrets are live is the caller's knowledge, and so is the time.
"""

import base64
import hmac
from collections.abc import Sequence
from datetime import datetime

#: One header per secret, primary first (greenlake.md 3).
HPE_HEADERS = ("HPE-Webhook-Signature", "HPE-Webhook-Signature2")


def sign(body: bytes, *, parcel_id: str, secrets: Sequence[str], now: datetime) -> list[tuple[str, str]]:
    """The signature headers of one attempt made at `now` (greenlake.md D.6).

    HPE's cover the body alone; Standard Webhooks' cover id, timestamp (whole seconds) and body, with one `v1,` entry
    per secret. Both use the secret's UTF-8 bytes as the key. Without secrets only the id and the timestamp remain.
    """
    timestamp = str(int(now.timestamp()))
    signed = f"{parcel_id}.{timestamp}.".encode() + body
    keys = [secret.encode() for secret in secrets]
    headers = [(name, "sha256=" + _digest(key, body).hex()) for name, key in zip(HPE_HEADERS, keys, strict=False)]
    headers += [("webhook-id", parcel_id), ("webhook-timestamp", timestamp)]
    if keys:
        entries = ("v1," + base64.b64encode(_digest(key, signed)).decode() for key in keys)
        headers.append(("webhook-signature", " ".join(entries)))
    return headers


def answer(secret: str, challenge: str) -> str:
    """What a receiver that knows `secret` answers to `challenge`: lower-case hex HMAC-SHA256 (greenlake.md 2)."""
    return _digest(secret.encode(), challenge.encode()).hex()


def _digest(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")
