"""Errors become answers here: the one table from the error family to HTTP status, error code and wording.

Where an error is raised is left to everybody else; the body has the shape of greenlake.md 1.8.
"""

import logging
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from service.answers import JsonResponse
from service.limits.request_quota import QuotaState, TooMany
from subscriptions.events import http_binding
from subscriptions.ground import database, errors
from subscriptions.ground.audience import NobodyWaits

log = logging.getLogger("hooklake.service")

Answering = Callable[[Request, Exception], Awaitable[Response]]

#: The first that fits, so the special before the general.
TABLE: tuple[tuple[type[errors.HooklakeError], int, str], ...] = (
    (http_binding.FormatUnknown, 415, "HPE_GL_EVENTS_UNSUPPORTED_MEDIA_TYPE"),
    (errors.Unprocessable, 422, "HPE_GL_EVENTS_INVALID_REQUEST_BODY"),
    (errors.TooLarge, 413, "HPE_GL_EVENTS_PAYLOAD_TOO_LARGE"),
    (errors.Conflicting, 409, "HPE_GL_EVENTS_CONFLICT"),
    (errors.LimitReached, 403, "HPE_GL_UNIFIED_EVENTS_REGISTRATION_FORBIDDEN"),
    (errors.Forbidden, 403, "HPE_GL_ERROR_FORBIDDEN"),
    (errors.Refused, 400, "HPE_GL_ERROR_BAD_REQUEST"),
    (errors.Unauthorized, 401, "HPE_GL_ERROR_UNAUTHORIZED"),
    (errors.Absent, 404, "HPE_GL_ERROR_NOT_FOUND"),
    (errors.Unmatched, 412, "HPE_GL_ERROR_PRECONDITION_FAILED"),
    (TooMany, 429, "HPE_GL_ERROR_TOO_MANY_REQUESTS"),
    (errors.TooSoon, 429, "HPE_GL_ERROR_TOO_MANY_REQUESTS"),
    (errors.Unavailable, 503, "HPE_GL_ERROR_SERVICE_UNAVAILABLE"),
    (errors.Busy, 503, "HPE_GL_ERROR_SERVICE_UNAVAILABLE"),
)

#: Codes of answers that no error of ours stands behind: an unknown path, a method that a path does not have.
CODES = {404: "HPE_GL_ERROR_NOT_FOUND", 405: "HPE_GL_ERROR_METHOD_NOT_ALLOWED", 413: "HPE_GL_EVENTS_PAYLOAD_TOO_LARGE"}

#: RFC 6750 3: no error is named to who named no token.
CHALLENGE = 'Bearer realm="hooklake"'
INVALID = f'{CHALLENGE}, error="invalid_token"'
INSUFFICIENT = f'{CHALLENGE}, error="insufficient_scope"'
#: RFC 5789 3.1.
PATCHES = "application/merge-patch+json, application/json"

#: Seconds after which asking again makes sense while a dependency is away.
RETRY_AFTER = 2
#: Seconds between two lines about a dependency that stays away.
QUIET = 60.0


class Outages:
    """One log line a minute and dependency, however many requests find it away; the database's door tells of itself."""

    def __init__(self) -> None:
        self._told: dict[str, float] = {}
        self._untold: Counter[str] = Counter()

    def note(self, error: errors.Unavailable, path: str) -> None:
        """Logs it, or counts it for the next line."""
        now = time.monotonic()
        if now - self._told.get(error.dependency, -math.inf) < QUIET:
            self._untold[error.dependency] += 1
            return
        self._told[error.dependency] = now
        others = self._untold.pop(error.dependency, 0)
        log.warning("dependency.unavailable %r path=%r untold_before=%d", str(error), path[:256], others)


_outages = Outages()


@dataclass(frozen=True, kw_only=True, slots=True)
class Wording:
    """An error of the family as it is answered, by whatever door."""

    status: int
    code: str
    message: str
    details: list[object]
    headers: dict[str, str]


def worded(error: errors.HooklakeError) -> Wording | None:
    """The error in words for people and programs; None for one that nobody expected here."""
    known = next(((status, code) for kind, status, code in TABLE if isinstance(error, kind)), None)
    if known is None:
        return None
    details: list[object] = []
    headers: dict[str, str] = {}
    message = str(error)
    if isinstance(error, errors.Refused):
        message = "; ".join(f"{issue.subject}: {issue.description}" for issue in error.issues)
        issues = [{"source": i.source, "subject": i.subject, "description": i.description} for i in error.issues]
        details = [{"type": "hpe.greenlake.bad_request", "issues": issues}]
    elif isinstance(error, errors.Absent):
        message = "; ".join(filter(None, (f"{error.kind} not found", error.hint)))
    elif isinstance(error, errors.Unauthorized):
        headers["WWW-Authenticate"] = INVALID if error.named else CHALLENGE
    elif isinstance(error, errors.TooSoon):
        seconds = max(1, math.ceil(error.seconds))
        at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=seconds)
        standing = QuotaState(limit=error.limit, remaining=0, resets_at=at, seconds=seconds, within=False)
        headers = {**standing.headers(), "Retry-After": str(seconds)}
        details = [{"type": "hpe.greenlake.retry_info", "retryAfterSeconds": seconds}]
    elif isinstance(error, TooMany):
        headers = {**error.standing.headers(), "Retry-After": str(error.standing.seconds)}
        details = [{"type": "hpe.greenlake.retry_info", "retryAfterSeconds": error.standing.seconds}]
    elif isinstance(error, errors.Unavailable | errors.Busy):
        message = _unsure(error) if isinstance(error, errors.Unavailable) else f"{error}. Try again in {RETRY_AFTER} s."
        headers["Retry-After"] = str(RETRY_AFTER)
        details = [{"type": "hpe.greenlake.retry_info", "retryAfterSeconds": RETRY_AFTER}]
    return Wording(status=known[0], code=known[1], message=message, details=details, headers=headers)


async def of_ours(request: Request, error: Exception) -> Response:
    """The answer to an error of the family."""
    assert isinstance(error, errors.HooklakeError)
    said = worded(error)
    if said is None:
        return await of_defect(request, error)
    outage(error, request.url.path)
    headers = _instead(request, error) if isinstance(error, errors.Refused) else said.headers
    return answer(said.status, said.code, said.message, details=said.details, headers=headers)


def outage(error: errors.HooklakeError, path: str) -> None:
    """Logs that something is away, where the error says so."""
    if isinstance(error, errors.Unavailable) and error.dependency != database.NAME:
        _outages.note(error, path)


def _unsure(error: errors.Unavailable) -> str:
    what = f"{error.dependency} does not answer"
    if isinstance(error, errors.Overloaded):
        what = "This process has more to do than it can"
    return (
        f"{what} at the moment; whether anything was changed is not known. "
        f"Try again in {RETRY_AFTER} s, under the same id where there is one."
    )


def _instead(request: Request, error: errors.Refused) -> dict[str, str]:
    """What a refusal says to programs: the token lacks a permission (RFC 6750 3.1), or what would be read (RFC 9110 15.5.16)."""
    if isinstance(error, errors.Forbidden):
        return {"WWW-Authenticate": INSUFFICIENT} if error.issues[0].subject == "Authorization" else {}
    if not isinstance(error, http_binding.FormatUnknown):
        return {}
    if error.issues[0].subject == "Content-Encoding":
        return {"Accept-Encoding": "gzip"}
    return {"Accept-Patch": PATCHES} if request.method == "PATCH" else {}


async def of_http(_request: Request, error: Exception) -> Response:
    """The answer to what Starlette itself refuses."""
    assert isinstance(error, HTTPException)
    code = CODES.get(error.status_code, "HPE_GL_ERROR_BAD_REQUEST")
    return answer(error.status_code, code, error.detail, headers=error.headers or {})


async def of_nobody(_request: Request, _error: Exception) -> Response:
    """The answer to a client that went away, while it sent its body or waited: nobody gets it, and nothing is wrong here."""
    return Response(status_code=400)


async def of_defect(request: Request, error: Exception) -> Response:
    """The answer to an error that nobody expected: the log has it under the same debugId."""
    body = answer(
        500,
        "HPE_GL_ERROR_INTERNAL_SERVER_ERROR",
        "Unexpected error occurred while handling the request; if the issue persists, give the debugId to your operator.",
    )
    log.error(
        "request.failed %s %r answer=%s", request.method, request.url.path, bytes(body.body).decode(), exc_info=error
    )
    return body


def answer(
    status: int,
    code: str,
    message: str,
    *,
    details: list[object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error body: httpStatusCode, errorCode, message, debugId, and errorDetails where there are any."""
    debug_id = str(uuid4())
    body: dict[str, object] = {"httpStatusCode": status, "errorCode": code, "message": message, "debugId": debug_id}
    if details:
        body["errorDetails"] = details
    made = JsonResponse(msgspec.json.encode(body), status, headers)
    made.debug_id = debug_id
    return made


def _counted(handler: Answering) -> Answering:
    """The handler, whose answers tell what the client has left where its request was counted (`auth.guarded`)."""

    async def answered(request: Request, error: Exception) -> Response:
        response = await handler(request, error)
        response.headers.update(getattr(request.state, "quota", {}))
        return response

    return answered


async def answered(request: Request, error: Exception) -> Response:
    """The answer to whatever a handler raised."""
    return await next(HANDLERS[kind] for kind in type(error).__mro__ if kind in HANDLERS)(request, error)


HANDLERS: Mapping[type[Exception], Answering] = {
    errors.HooklakeError: _counted(of_ours),
    HTTPException: _counted(of_http),
    ClientDisconnect: of_nobody,
    NobodyWaits: of_nobody,
    Exception: _counted(of_defect),
}
