"""What comes in: bodies, ids and paging, read strictly, each refusal naming the field.

What the values mean is left to the doors.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, TypeVar, cast
from uuid import UUID

import msgspec
from starlette.requests import ClientDisconnect, Request

from service.api import long_work, misfits
from service.auth import CALLER
from service.limits.addresses import household
from service.server import unpacking
from service.server.bodies import SMALL, Hold
from service.services import services_of
from subscriptions.events import attributes, json_text
from subscriptions.events.http_binding import FormatUnknown
from subscriptions.ground.errors import Absent, Issue, Malformed, Refused, TooLarge, Unmatched, Unprocessable

T = TypeVar("T")

#: Bodies of the small API; publications have their own limit.
BODY_BYTES = 1 << 20
PAGING = ("limit", "offset")
#: Names of the one charset of JSON, and of what is part of it.
UTF_8 = (None, "utf-8", "utf8", "us-ascii", "ascii")
#: Media types of any body.
ANY = ("text/plain", "application/octet-stream")

#: Where a request keeps what it has taken of the bytes for bodies; `routes.py` gives it back when it has ended.
HOLD = "hooklake.hold"
#: Where it keeps its body.
KEPT = "hooklake.body"


async def body(request: Request, limit: int = BODY_BYTES) -> bytes:
    """The request body as it was before it was packed; raises TooLarge as soon as it passes the limit, packed or not.

    Raises Crowded where there is no room for it: before any of it is read, if it tells its length. Raises FormatUnknown for a
    Content-Encoding that is not read here. It is kept for a handler that is made again (`routes.py`); a publication is not, for
    its handler is made once.
    """
    if limit > BODY_BYTES:
        return await _received(request, limit)
    if KEPT not in request.scope:
        request.scope[KEPT] = await _received(request, limit)
    return cast(bytes, request.scope[KEPT])


async def _received(request: Request, limit: int) -> bytes:
    declared, packed = _announced(request)
    if declared.isdigit():
        if (announced := int(declared)) > limit:
            raise too_large(limit)
        if announced > SMALL:
            hold(request).up_to(announced)
    chunks: list[bytes] = []
    size = 0
    # Not `request.stream()`, which comes to the same by way of a generator.
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise too_large(limit)
        if size > SMALL:
            hold(request).up_to(size)
        if not message.get("more_body", False):
            whole = b"".join((*chunks, chunk)) if chunks else bytes(chunk)
            if size > SMALL:
                await long_work.turn(request)
            return await _unpacked(request, whole, limit) if packed else whole
        chunks.append(chunk)


def _announced(request: Request) -> tuple[bytes, bool]:
    """The length that the head tells, and whether the body is packed with gzip."""
    length, codings = b"", b""
    for name, value in request.scope["headers"]:
        if name == b"content-length":
            length = value
        elif name == b"content-encoding":
            codings += b"," + value
    if not codings:
        return length, False
    named = [
        each.strip().lower() for each in codings.split(b",") if each.strip() and each.strip().lower() != b"identity"
    ]
    if named not in ([], [b"gzip"], [b"x-gzip"]):
        said = "is not understood here: a body comes as it is, or packed once with gzip"
        raise FormatUnknown(Issue(subject="Content-Encoding", description=said, source="header"))
    return length, bool(named)


async def _unpacked(request: Request, packed: bytes, limit: int) -> bytes:
    try:
        return await unpacking.gunzip(packed, limit, hold(request).up_to, partial(long_work.turn, request))
    except ValueError as error:
        raise Malformed(Issue(subject="body", description=f"is not what Content-Encoding says: {error}")) from None
    except OverflowError:
        raise too_large(limit) from None


def hold(request: Request) -> Hold:
    """What the request has taken of the bytes for bodies: its client's, or its address's where it has no token."""
    held: Hold | None = request.scope.get(HOLD)
    if held is None:
        known = request.scope.get(CALLER)
        address = request.client.host if request.client else ""
        client = (known.issuer, known.client_id) if known else household(address)
        held = request.scope[HOLD] = Hold(services_of(request).bodies, client)
    return held


def too_large(limit: int) -> TooLarge:
    """The refusal of a body that has more than `limit` bytes."""
    return TooLarge(Issue(subject="body", description=f"is larger than {limit} bytes"))


def decode(raw: bytes, kind: type[T]) -> T:
    """JSON as the given msgspec type; Malformed (400) where it is not JSON, Unprocessable (422) where it is of another shape."""
    try:
        # PostgreSQL keeps none in a text; JSON has no other way to spell it.
        if b"\\u0000" in raw and _holds_nul(msgspec.json.decode(raw)):
            raise Malformed(
                Issue(subject="body", description="has a text that holds a NUL character, which is not taken")
            )
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise Unprocessable(*_issues(str(error), raw, kind)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        said = f"is not valid JSON: {error}" if raw.strip() else json_text.EMPTY
        raise Malformed(Issue(subject="body", description=said)) from None


def _holds_nul(value: object) -> bool:
    """Whether a text in it does: a backslash before `\\u0000` would make it six ordinary characters."""
    if isinstance(value, dict):
        return any(_holds_nul(each) for pair in value.items() for each in pair)
    if isinstance(value, list):
        return any(map(_holds_nul, value))
    return isinstance(value, str) and "\0" in value


def media_type(request: Request, *accepted: str) -> None:
    """Raises FormatUnknown (415) for a Content-Type that is none of these; one that is absent says nothing wrong."""
    given = _content_type(request)
    if given and given.partition(";")[0].strip().lower() not in accepted:
        said = f"{given[:100]} is not understood here; {' and '.join(accepted)} are"
        raise FormatUnknown(Issue(subject="Content-Type", description=said, source="header"))


def labelled(request: Request) -> None:
    """Raises FormatUnknown (415) for a Content-Type that plainly names something else than JSON.

    One that is absent, or that senders give to any text (a `fetch` of JavaScript does), says nothing wrong.
    """
    # Every publication comes by here, and nearly every one is as it should be.
    for name, value in request.scope["headers"]:
        if name == b"content-type" and value != b"application/json":
            break
    else:
        return
    given = _content_type(request)
    named = given.partition(";")[0].strip().lower()
    if "/" in named and not attributes.is_json(named) and named not in ANY:
        said = f"{given[:100]} is not understood here; application/json is"
        raise FormatUnknown(Issue(subject="Content-Type", description=said, source="header"))


def _content_type(request: Request) -> str:
    """The Content-Type; raises Malformed where there are two, FormatUnknown for another charset than JSON's (RFC 8259 8.1)."""
    given = [value for name, value in request.scope["headers"] if name == b"content-type"]
    if not given:
        return ""
    if len(given) > 1:
        raise Malformed(Issue(subject="Content-Type", description="is given more than once", source="header"))
    text: str = given[0].decode("latin-1").strip()
    if attributes.charset(text) not in UTF_8:
        said = f"{text[:100]} is not understood here: JSON is written in UTF-8"
        raise FormatUnknown(Issue(subject="Content-Type", description=said, source="header"))
    return text


def unconditional(request: Request) -> None:
    """Raises Unmatched (412) for a change under the condition If-Match: nothing here has an entity tag that it could name.

    `*` asks only that it is there (RFC 9110 13.1.1), which it is, or it is a 404.
    """
    if request.headers.get("if-match", "*").strip() != "*":
        raise Unmatched("If-Match cannot hold, for what is changed here has no entity tag: leave the header out")


def flag(request: Request, name: str) -> bool:
    """A query parameter that is true or false; false where it is absent."""
    text = request.query_params.get(name, "false").lower()
    if text not in ("true", "false"):
        said = f"must be true or false, and is {text[:50]!r}"
        raise Refused(Issue(subject=name, description=said, source="query.parameter"))
    return text == "true"


def choice(request: Request, name: str, known: Sequence[str]) -> str:
    """A query parameter that is one of the known words, in any case; empty where it is absent."""
    text = request.query_params.get(name)
    found = next((word for word in known if text is not None and word.upper() == text.upper()), "")
    if text is not None and not found:
        said = f"must be one of {', '.join(known)}, and is {text[:50]!r}"
        raise Refused(Issue(subject=name, description=said, source="query.parameter"))
    return found


def words(request: Request, name: str, *, most: int) -> str:
    """A query parameter that is looked for as it is, without white space around it; empty where it is absent."""
    text = request.query_params.get(name, "").strip()
    if len(text) > most or "\0" in text:
        said = f"must have at most {most} characters, none of them NUL"
        raise Refused(Issue(subject=name, description=said, source="query.parameter"))
    return text


def only(request: Request, names: Mapping[str, bool]) -> None:
    """Raises Refused for query parameters beside these, which would be ignored in silence; True: it may be repeated.

    `limit` and `offset` are taken at every GET: HPE's PowerShell module sends them with each.
    """
    issues = []
    for name, number in Counter(name for name, _ in request.query_params.multi_items()).items():
        if name not in names and not (name in PAGING and request.method in ("GET", "HEAD")):
            said = f"is not a parameter of this path; {' and '.join(names) or 'none'} would be"
        elif number > 1 and not names.get(name, False):
            said = "is given twice"
        else:
            continue
        issues.append(Issue(subject=name[:100], description=said, source="query.parameter"))
    if issues:
        raise Refused(*issues)


def identifier(request: Request, name: str, kind: str, *, hint: str = "") -> UUID:
    """A UUID from the path; anything else names nothing that exists, and `hint` says where the right ones are."""
    text = request.path_params[name]
    try:
        return UUID(text)
    except ValueError:
        raise Absent(kind, text, hint=hint) from None


def paging(request: Request, *, default: int, most: int) -> tuple[int, int]:
    """`limit` and `offset`: a limit above `most` is clamped, one that is no number is refused (greenlake.md D.2)."""
    limit = _number(request, "limit", default, least=1)
    return min(limit, most), _number(request, "offset", 0, least=0)


def _number(request: Request, name: str, default: int, *, least: int) -> int:
    text = request.query_params.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) < least:
        raise Refused(
            Issue(
                subject=name,
                description=f"must be a whole number from {least}, and is {text!r}",
                source="query.parameter",
            )
        )
    return int(text)


def _issues(error: str, raw: bytes, kind: Any) -> list[Issue]:
    """msgspec says `what - at `$.path``; people get the path first, and of an object all that lacks or is unknown."""
    what, _, path = error.partition(" - at `")
    subject = path.rstrip("`").removeprefix("$").removeprefix(".") or "body"
    odd = "missing required field `" in what or "unknown field `" in what
    return (misfits.found(raw, kind, path.rstrip("`") or "$") if odd else []) or [
        Issue(subject=subject, description=misfits.mistyped(what))
    ]
