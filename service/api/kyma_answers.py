"""What Kyma's publisher proxy says where a request is refused: text at the doors for CloudEvents, bodies of its own elsewhere.

Who calls, and what they may do, is answered as everywhere (401, 403); which rule was broken is left to whoever raises.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from service import problems
from service.api import writing
from service.auth import Handler
from subscriptions.events import legacy_events
from subscriptions.events.legacy_events import FieldInvalid, FieldMissing, FieldRefused
from subscriptions.ground.audience import NobodyWaits
from subscriptions.ground.errors import (
    Conflicting,
    Forbidden,
    HooklakeError,
    Issue,
    LimitReached,
    Refused,
    TooLarge,
    Unauthorized,
)

#: The words of the CloudEvents SDK for Go, which publishers of Kyma know.
_GO = {"type": "MUST be a non-empty string", "id": "MUST be a non-empty string", "source": "REQUIRED"}
_AS_GO = {(name, ours): said for name, said in _GO.items() for ours in ("is required", "must not be empty")}
#: Go's, of a body that is too large.
TOO_LARGE = "http: request body too large"
#: Kyma's types of refusals with their messages, and of what is wrong with one member.
_BAD, _VIOLATION = ("bad_payload_syntax", "Bad payload syntax"), "validation_violation"
_LARGE = ("request_body_too_large", "Request body too large")
_MISSING, _INVALID = ("missing_field", "Missing field"), ("invalid_field", "Invalid field")

_Say = Callable[[HooklakeError, Response], Response]


def _caught(say: _Say, handler: Handler) -> Handler:
    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except (Unauthorized, Forbidden, NobodyWaits):
            raise
        except HooklakeError as error:
            return say(error, await problems.of_ours(request, error))

    return answer


def in_words(handler: Handler) -> Handler:
    """The handler, whose refusals of an event are text: 400, but 409 for an id in use and 403 for a full catalogue."""
    return _caught(_words, handler)


def as_legacy(handler: Handler) -> Handler:
    """The handler, whose refusals are the legacy event API's, and what else fails `{"status", "message"}`."""
    return _caught(_legacy, handler)


def as_code(handler: Handler) -> Handler:
    """The handler, whose failures are `{"code", "error"}`."""
    return _caught(_code, handler)


def _words(error: HooklakeError, ours: Response) -> Response:
    if not isinstance(error, Refused):
        return ours
    status = ours.status_code if isinstance(error, Conflicting | LimitReached) else 400
    text = "\n".join(f"{name}: {said}" for name, said in map(_as_go, error.issues))
    return PlainTextResponse(text, status, headers={"X-Content-Type-Options": "nosniff"})


def _as_go(issue: Issue) -> tuple[str, str]:
    name = issue.subject.removeprefix("ce-")
    return name, _AS_GO.get((name, issue.description), issue.description)


def _legacy(error: HooklakeError, ours: Response) -> Response:
    match error:
        case FieldMissing():
            return _violated(_MISSING, error.issues)
        case FieldRefused():
            return _violated(_INVALID, error.issues, more=_sentence(error.issues))
        case FieldInvalid():
            return _violated(_INVALID, error.issues)
        case TooLarge():
            said = TOO_LARGE if error.issues[0].subject == "body" else _sentence(error.issues)
            return _answer(413, *_LARGE, moreInfo=said)
        case Conflicting() | LimitReached():
            said = _sentence(legacy_events.named(error).issues)
            return writing.json({"status": ours.status_code, "message": said}, ours.status_code)
        case Refused():
            # Of an empty body there is no more to say.
            said = error.issues[0].description if error.issues[0].subject == "" else _sentence(error.issues)
            return _answer(400, *_BAD, moreInfo=said)
        case _:
            return writing.json({"status": ours.status_code, "message": _message(ours)}, ours.status_code, _more(ours))


def _violated(kind: tuple[str, str], issues: Sequence[Issue], *, more: str = "") -> Response:
    word, message = kind
    # A fault within the data is the data's.
    fields = dict.fromkeys(issue.subject.partition("/")[0] for issue in issues)
    details = [{"field": field, "type": word, "message": message} for field in fields]
    return _answer(400, _VIOLATION, message, **({"moreInfo": more} if more else {}), details=details)


def _answer(status: int, word: str, message: str, **more: object) -> Response:
    return writing.json({"status": status, "type": word, "message": message, **more}, status)


def _code(_error: HooklakeError, ours: Response) -> Response:
    return writing.json({"code": ours.status_code, "error": _message(ours)}, ours.status_code, _more(ours))


def _sentence(issues: Sequence[Issue]) -> str:
    return "; ".join(f"{issue.subject}: {issue.description}" for issue in issues)


def _message(ours: Response) -> str:
    message: str = msgspec.json.decode(ours.body)["message"]
    return message


def _more(ours: Response) -> Mapping[str, str]:
    """The headers that an answer of ours has beside those of its body: when to ask again, what is left of a quota."""
    return {name: value for name, value in ours.headers.items() if not name.startswith(("content-", "x-content-"))}
