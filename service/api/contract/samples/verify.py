"""Verify what Hooklake sends, with Python's standard library alone; give every function the body's bytes as they came.

`secrets` are the live ones, `headers` a mapping with lower-case names; what to answer, and storing ids that were seen, is
left to the receiver.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence


def verify_hpe(secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> bool:
    """HPE's way: a signature over the body; either header may match either secret."""
    given = [headers.get("hpe-webhook-signature", ""), headers.get("hpe-webhook-signature2", "")]
    expected = ["sha256=" + _digest(secret, body).hex() for secret in secrets]
    return any(_same(each, one) for each in expected for one in given)


def verify_standard(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, *, tolerance: int = 300) -> bool:
    """The Standard Webhooks way: id and time are signed too, so that nobody can send it again later."""
    identity, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not stamp.isdecimal() or abs(time.time() - int(stamp)) > tolerance:
        return False
    message = f"{identity}.{stamp}.".encode() + body
    expected = ["v1," + base64.b64encode(_digest(secret, message)).decode() for secret in secrets]
    return any(_same(each, one) for each in expected for one in headers.get("webhook-signature", "").split())


def challenge_answer(secret: str, body: bytes) -> bytes | None:
    """The body to answer a challenge with, status 200; None for anything else, such as an event."""
    try:
        event = json.loads(body)
    except ValueError:  # an event in binary mode may hold anything
        return None
    if not isinstance(event, dict):
        return None
    # In the content mode onap they are called so.
    event_type, data = ("type", "data") if "type" in event else ("eventType", "event")
    if not str(event.get(event_type)).endswith(".events.v1beta1.webhooks.verification"):
        return None
    proof = _digest(secret, event[data]["challengeRequest"].encode()).hex()
    return json.dumps({"verification": proof}).encode()


def _digest(secret: str, message: bytes) -> bytes:
    return hmac.new(secret.encode(), message, hashlib.sha256).digest()


def _same(one: str, other: str) -> bool:
    # As bytes: a header may hold anything, and text beyond ASCII is refused.
    return hmac.compare_digest(one.encode(), other.encode())
