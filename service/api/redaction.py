"""What those who may only look do not see of a delivery: signatures, proofs of the secret, and credentials.

With one of them they could speak to the receiver as if they were Hooklake. The secrets themselves are never recorded
(`delivery/wire/masking.py`).
"""

import re
from dataclasses import replace
from typing import TypeVar

from delivery.reports.one_delivery import OneAttempt
from delivery.reports.recent_deliveries import Pairs, RecentDelivery
from delivery.wire import masking
from delivery.wire.masking import MASK

SIGNATURES = frozenset({"hpe-webhook-signature", "hpe-webhook-signature2", "webhook-signature"})
CREDENTIALS = frozenset({"authorization", "proxy-authorization", "cookie", "set-cookie"})
#: An HMAC-SHA256 in hexadecimal: what HPE's signatures are, and what answers a challenge.
DIGEST = re.compile(r"[0-9A-Fa-f]{64,}")
CUT = re.compile(rb"[0-9A-Fa-f]{1,127}\Z")
#: Standard Webhooks' form of the same: a page that is full leaves out the headers that would tell it to the letter.
STANDARD = re.compile(r"v1,[A-Za-z0-9+/]{43}=?")
#: What was sent and answered.
Shown = TypeVar("Shown", RecentDelivery, OneAttempt)
#: What stands before a signature within its header.
SCHEMES = ("sha256=", "v1,")


def redacted(item: Shown) -> Shown:
    """The delivery with `***` in the place of each, in what was sent and in what was answered."""
    signed = [value for name, value in item.request_headers if name.lower() in SIGNATURES]
    spelled = masking.spelled_out([_bare(part) for value in signed for part in value.split()])
    answered = masking.in_headers(item.response_headers, spelled)
    body = masking.in_body(item.response_body, spelled, truncated=item.truncated or item.cut)
    if item.truncated or item.cut:
        # The cut may have gone through one.
        body = CUT.sub(b"", body)
    return replace(
        item,
        request_headers=_masked(item.request_headers, SIGNATURES | CREDENTIALS),
        response_headers=tuple((name, _covered(value)) for name, value in _masked(answered, CREDENTIALS)),
        # As Latin-1 each byte is one character, whatever the body is.
        response_body=_covered(body.decode("latin-1")).encode("latin-1"),
    )


def _covered(text: str) -> str:
    return STANDARD.sub(MASK, DIGEST.sub(MASK, text))


def _masked(headers: Pairs, names: frozenset[str]) -> Pairs:
    return tuple((name, MASK if name.lower() in names else value) for name, value in headers)


def _bare(signature: str) -> str:
    for scheme in SCHEMES:
        signature = signature.removeprefix(scheme)
    return signature
