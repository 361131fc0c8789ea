"""Answers of JSON, made with as little ado as there is: every request has one.

What is in them is left to `api/writing.py` and `problems.py`.
"""

from collections.abc import Mapping
from functools import lru_cache

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

#: An extension of ASGI, and the type of its message: `status`, `lines` (of the head, as they travel) and `body`, in one.
WHOLE = "hooklake.whole"
#: Where a scope keeps whether anybody waits for its answer still (`subscriptions.ground.audience`).
AUDIENCE = "hooklake.audience"
#: Bytes of an answer that are sent at once; a longer one goes on when its reader has taken them.
LONG = 64 * 1024

_ALWAYS = (
    (b"content-type", b"application/json"),
    # A browser that is shown an answer takes it for what it says it is.
    (b"x-content-type-options", b"nosniff"),
)
#: The head of an answer that has no headers of its own.
_HEAD = b"content-length: %d\r\n" + b"".join(b"%b: %b\r\n" % line for line in _ALWAYS)


@lru_cache(64)
def _name(name: str) -> bytes:
    return name.lower().encode()


class JsonResponse(Response):
    """An answer whose body is JSON already; its headers are what Starlette would make of them, at a fifth of the cost."""

    #: What a refusal is found by in the log.
    debug_id: str | None = None

    def __init__(self, body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.body = body
        self.status_code = status
        self.background = None
        self.raw_headers = [(b"content-length", str(len(body)).encode()), *_ALWAYS]
        if headers:
            self.raw_headers += [(_name(name), value.encode("latin-1")) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends it: a long one in pieces, so that no more of it waits in the connection than its reader has room for."""
        size = len(self.body)
        # Of headers that are the answer's own uvicorn sees to it that they are headers.
        if size <= LONG and len(self.raw_headers) <= 1 + len(_ALWAYS) and WHOLE in scope.get("extensions", ()):
            await send({"type": WHOLE, "status": self.status_code, "lines": _HEAD % size, "body": self.body})
            return
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if size <= LONG:
            await send({"type": "http.response.body", "body": self.body})
            return
        for at in range(0, size - LONG, LONG):
            await send({"type": "http.response.body", "body": self.body[at : at + LONG], "more_body": True})
        await send({"type": "http.response.body", "body": self.body[(size - 1) // LONG * LONG :]})
