"""Documents that are the same for everybody until the next release: packed once, and known again by their entity tag.

What is in them is left to `openapi.py` and `reference.py`.
"""

import gzip
import hashlib
import re
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

#: For five minutes nobody asks again; after that, whether it is another one by now (RFC 9111, 4.3).
FRESH = {"Cache-Control": "public, max-age=300", "Vary": "Accept-Encoding", "X-Content-Type-Options": "nosniff"}
#: `gzip` or `*`, unless its weight is nothing (RFC 9110, 12.5.3).
_TAKES = re.compile(r"(?:^|,)\s*(?:x-)?(gzip|\*)\s*(?:;\s*q\s*=\s*(0(?:\.0*)?)\s*)?(?=,|;|$)", re.IGNORECASE)


class Document:
    """One document, as it is and packed with gzip."""

    def __init__(self, body: bytes, media_type: str, headers: Mapping[str, str] | None = None) -> None:
        self._media_type = media_type
        self._headers = {**FRESH, **(headers or {})}
        tag = hashlib.sha256(body).hexdigest()[:32]
        # A tag names the bytes that are sent, so each form has its own (RFC 9110, 8.8.3.3).
        self._plain = (body, {"ETag": f'"{tag}"'})
        self._packed = (gzip.compress(body, mtime=0), {"ETag": f'"{tag}-gzip"', "Content-Encoding": "gzip"})

    def answer(self, request: Request) -> Response:
        """It in the form that the client takes, or 304 where it has that already."""
        packed = takes_gzip(request.headers.get("accept-encoding", ""))
        body, variant = self._packed if packed else self._plain
        headers = {**self._headers, **variant}
        if _has(request.headers.get("if-none-match", ""), variant["ETag"]):
            headers.pop("Content-Encoding", None)
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type=self._media_type)


def takes_gzip(accepted: str) -> bool:
    """Whether an Accept-Encoding takes gzip; one that is not there says nothing, and gets the plain form."""
    weights = {name.lower(): nothing for name, nothing in _TAKES.findall(accepted)}
    return not weights.get("gzip", weights.get("*", "0"))


def _has(asked: str, tag: str) -> bool:
    """Whether one of the tags is this; weak ones count (RFC 9110, 13.1.2)."""
    return any(each.strip().removeprefix("W/") in (tag, "*") for each in asked.split(","))
