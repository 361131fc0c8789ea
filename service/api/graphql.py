"""GraphQL over HTTP (the GraphQL Foundation's specification, draft of 2025): how requests and answers travel.

What a request may ask for, and what its fields do, is left to `service/graphql/`.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from service import auth
from service.answers import JsonResponse
from service.api import long_work, reading
from service.graphql import bounds, documents, execution, faults
from service.graphql.asking import Asking
from service.graphql.bounds import RequestLimits
from service.graphql.documents import PreparedRequest
from service.services import Services, services_of
from subscriptions.ground.apart import SMALL
from subscriptions.ground.audit import ActorKind
from subscriptions.ground.errors import Issue, Malformed, Unprocessable

PATH = "/graphql"
JSON, GRAPHQL = "application/json", "application/graphql-response+json"
#: Bytes of an answer, and what is answered in the place of a longer one; what was changed stays changed.
ANSWER_BYTES = 8 * 1024 * 1024
TOO_LONG = {
    "message": f"The answer has more than {ANSWER_BYTES:,} bytes: ask for less at once.",
    "extensions": {"code": "GRAPHQL_ANSWER_TOO_LONG"},
}
BATCH = "is an array: one request is asked at a time here, and one operation of it"


class _Asked(msgspec.Struct, frozen=True, kw_only=True, rename={"operation_name": "operationName"}):
    """A request as it travels; what else it holds is left unread, as the specification asks."""

    query: str
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None


async def posted(request: Request) -> Response:
    """POST /graphql: queries and mutations"""
    reading.media_type(request, JSON)
    body = await reading.body(request)
    if body.lstrip()[:1] == b"[":
        raise Malformed(Issue(subject="body", description=BATCH))
    return await _answered(request, reading.decode(body, _Asked))


async def got(request: Request) -> Response:
    """GET /graphql?query=&operationName=&variables=&extensions=: queries alone"""
    given = request.query_params
    if not given.get("query"):
        said = "is needed; GET asks by parameters of the query, POST by a body"
        raise Unprocessable(Issue(subject="query", description=said, source="query.parameter"))
    asked = _Asked(
        query=given["query"],
        operation_name=given.get("operationName") or None,
        variables=_object(request, "variables"),
        extensions=_object(request, "extensions"),
    )
    return await _answered(request, asked)


def _object(request: Request, name: str) -> dict[str, Any] | None:
    text = request.query_params.get(name, "")
    try:
        return msgspec.json.decode(text, type=dict[str, Any] | None) if text else None
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        said = "must be an object of JSON"
        raise Malformed(Issue(subject=name, description=said, source="query.parameter")) from None


async def _answered(request: Request, asked: _Asked) -> Response:
    services, known = services_of(request), auth.caller(request)
    if said := bounds.values_fault(asked.variables or {}):
        return _written(request, {"errors": [{"message": said, "extensions": {"code": faults.BAD_VARIABLES}}]})
    prepared = await _prepared(services, request, asked)
    if isinstance(prepared, list):
        return _written(request, {"errors": prepared})
    if prepared.changes and request.method != "POST":
        # A link that somebody follows changes nothing.
        said = "Method Not Allowed: a mutation is sent by POST"
        raise HTTPException(405, said, headers={"Allow": "POST"})
    with auth.serving(request, known, ActorKind.CLIENT, reads=not prepared.changes):
        made = await execution.executed(
            Asking(services, known, partial(long_work.turn, request)),
            prepared,
            asked.variables or {},
            asked.operation_name or None,
        )
    await long_work.turn(request)
    return _written(request, made)


async def _prepared(services: Services, request: Request, asked: _Asked) -> PreparedRequest | list[documents.Fault]:
    """By turns, and beside the loop: what one sends in a long request, others do not wait for."""
    numbers = {name: each for name, each in (asked.variables or {}).items() if type(each) is int}
    settings = services.settings
    limits = RequestLimits(
        depth=settings.graphql_depth, cost=settings.graphql_cost, introspection=settings.graphql_introspection
    )
    prepare = partial(documents.prepare, limits=limits)
    size = len(asked.query)
    # Long ones are read by a process of their own, in line with documents of event APIs.
    apart = services.queries if size <= SMALL else services.apart
    whose = auth.caller(request).workspace_id
    return await apart.work(whose, size, prepare, asked.query, asked.operation_name or None, numbers)


def _written(request: Request, made: Mapping[str, Any]) -> Response:
    """A request that could not be begun is a 400 to those who know GraphQL's media type; others take no body but of a 200."""
    named = _wanted(request.headers.get("accept", ""))
    status = 400 if named == GRAPHQL and "data" not in made else 200
    body = msgspec.json.encode(made)
    if len(body) > ANSWER_BYTES:
        body = msgspec.json.encode({"data": None, "errors": [TOO_LONG]})
    response = JsonResponse(body, status, {"Vary": "Accept"})
    response.headers["Content-Type"] = f"{named}; charset=utf-8"
    return response


def _wanted(accept: str) -> str:
    """The media type of the answer: JSON unless the other is wanted more, or as much and by its name."""
    weights: dict[str, float] = {}
    for each in accept.split(","):
        name, *parameters = (part.strip().lower() for part in each.split(";"))
        weight = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        try:
            weights[name] = float(weight)
        except ValueError:
            weights[name] = 0.0
    graphql = weights.get(GRAPHQL, 0.0)
    return GRAPHQL if graphql > 0 and graphql >= weights.get(JSON, 0.0) else JSON
