"""What each field of a webhook may hold, by itself: a rule answers a sentence, or None where all is well.

What fields mean together is left to `webhook.py`.
"""

import re
from collections.abc import Callable, Mapping

from subscriptions.webhooks import certificates

#: What each authType needs beside itself; the spelling is the answered one (greenlake.md D.4).
CREDENTIALS: Mapping[str, tuple[str, ...]] = {
    "": (),
    "APIKey": ("api_key",),
    "Oauth": ("client_id", "client_secret", "issuer_url"),
}
CONTENT_MODES = ("json", "structured", "binary", "onap")

_NAME = re.compile(r"[A-Za-z0-9 ._@-]{1,50}\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
#: What a header value holds whatever stands between us and the destination.
_HEADER_VALUE = re.compile(r"[!-~](?:[ -~]{0,4094}[!-~])?\Z")


def _name(text: str) -> str | None:
    fits = _NAME.match(text) and text.strip()
    return None if fits else "must be 1 to 50 letters, digits, spaces and - . _ @"


def _destination(text: str) -> str | None:
    return None if text else "is required"


def _secret(text: str) -> str | None:
    return None if 4 <= len(text) <= 100 else f"must have 4 to 100 characters, and has {len(text)}"


def _description(text: str) -> str | None:
    if len(text) > 100:
        return f"must have at most 100 characters, and has {len(text)}"
    return "must not hold control characters" if _CONTROL.search(text) else None


def _auth_type(text: str) -> str | None:
    return None if text in CREDENTIALS else f"must be Oauth, APIKey or empty, and is {text[:50]!r}"


def _api_key(text: str) -> str | None:
    fits = not text or _HEADER_VALUE.match(text)
    return (
        None
        if fits
        else "must be up to 4096 printable ASCII characters without space at either end: it is sent as a header"
    )


def _client_credential(text: str) -> str | None:
    if len(text) > 1000:
        return f"must have at most 1000 characters, and has {len(text)}"
    return "must not hold control characters" if _CONTROL.search(text) else None


def _content_mode(text: str) -> str | None:
    return None if text in CONTENT_MODES else f"must be json, structured, binary or onap, and is {text[:50]!r}"


def _certificates(text: str) -> str | None:
    return _parse(certificates.certificates, text)


def _key(text: str) -> str | None:
    return _parse(certificates.key, text)


def _parse(parse: Callable[[str], str], text: str) -> str | None:
    try:
        if text:
            parse(text)
    except ValueError as error:
        return str(error)
    return None


RULES: Mapping[str, Callable[..., str | None]] = {
    "name": _name,
    "destination": _destination,
    "secret": _secret,
    "secondary_secret": lambda text: _secret(text) if text else None,
    "description": _description,
    "auth_type": _auth_type,
    "client_id": _client_credential,
    "client_secret": _client_credential,
    "issuer_url": _client_credential,
    "api_key": _api_key,
    "content_mode": _content_mode,
    "ca_bundle": _certificates,
    "client_certificate": _certificates,
    "client_key": _key,
}
