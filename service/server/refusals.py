"""The last words on a connection whose request reaches no handler: whole answers, made once.

When each is given is left to `connections.py`.
"""

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from service import problems
from service.server.connection_limits import HEAD_BYTES, HEADERS, URL_BYTES


def _answer(status: int, code: str, message: str, *more: bytes) -> bytes:
    """A whole answer; its debugId names the kind, not the request, of which nothing was kept."""
    response = problems.answer(status, code, message)
    lines = [name + b": " + value for name, value in response.raw_headers]
    return b"\r\n".join([STATUS_LINE[status][:-2], *lines, *more, b"connection: close", b"", bytes(response.body)])


_BAD = "HPE_GL_ERROR_BAD_REQUEST"
BUSY = _answer(
    503,
    "HPE_GL_ERROR_SERVICE_UNAVAILABLE",
    f"There are too many connections. Try again in {problems.RETRY_AFTER} s.",
    b"retry-after: %d" % problems.RETRY_AFTER,
)
UNREADABLE = _answer(400, _BAD, "The request is not HTTP/1.1 as it is read here")
NO_VERSION = _answer(400, _BAD, "The request line names no version: it has to end with HTTP/1.1")
HOST = _answer(400, _BAD, "The header has to have one Host, which is a name or an address, and a port")
SLOW = _answer(408, "HPE_GL_ERROR_REQUEST_TIMEOUT", "The request did not arrive whole in time")
LONG_BODY = _answer(413, "HPE_GL_EVENTS_PAYLOAD_TOO_LARGE", "The body goes on beyond all that is taken here")
LONG_URL = _answer(414, "HPE_GL_ERROR_URI_TOO_LONG", f"The URL has more than {URL_BYTES} bytes")
LONG_HEAD = _answer(
    431,
    "HPE_GL_ERROR_HEADERS_TOO_LARGE",
    f"The header has more than {HEADERS} lines or {HEAD_BYTES} bytes",
)
TUNNEL = _answer(501, "HPE_GL_ERROR_NOT_IMPLEMENTED", "CONNECT asks for a tunnel, and this is no proxy")
VERSION = _answer(
    505,
    "HPE_GL_ERROR_HTTP_VERSION_NOT_SUPPORTED",
    "HTTP/1.1 and HTTP/1.0 are spoken here; for HTTP/2 put a proxy in front",
)

#: What the parser says of what is HTTP, but not one that is spoken here.
OF_PARSER = {"Pause on PRI/Upgrade": VERSION, "Invalid HTTP version": VERSION}


class Over(Exception):
    """The head of a request is over a limit, or asks for what there is not."""

    def __init__(self, answer: bytes) -> None:
        self.answer = answer


def of(error: Exception) -> bytes:
    """The answer to what ended the parsing."""
    cause = error.__context__
    return cause.answer if isinstance(cause, Over) else OF_PARSER.get(str(error), UNREADABLE)
