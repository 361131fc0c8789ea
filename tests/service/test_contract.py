"""GreenLake's contract: every row of greenlake.md 1.1, its success, who may, and each refusal that it declares."""

import json
from typing import Any
from uuid import UUID

import httpx
import pytest

from delivery.lifecycle import State
from service.api import openapi
from subscriptions.access.clients import Role
from subscriptions.events import catalogue, directory
from tests.builders import Builder, Result
from tests.clock import Clock
from tests.service.callers import Callers
from tests.service.rows import AUDIT, EVENTS, MANAGER, NOBODY, ROWS, Row

World = dict[str, str]
ERROR = {"httpStatusCode", "errorCode", "message", "debugId"}
CODES = {
    400: "HPE_GL_ERROR_BAD_REQUEST",
    401: "HPE_GL_ERROR_UNAUTHORIZED",
    403: "HPE_GL_ERROR_FORBIDDEN",
    404: "HPE_GL_ERROR_NOT_FOUND",
    413: "HPE_GL_EVENTS_PAYLOAD_TOO_LARGE",
    415: "HPE_GL_EVENTS_UNSUPPORTED_MEDIA_TYPE",
    422: "HPE_GL_EVENTS_INVALID_REQUEST_BODY",
}
FAILED = Result(state=State.FAILED, status=503, reason="503 Service Unavailable")
REFUSALS = [(name, status) for name, row in ROWS.items() for status in row.refused]


@pytest.fixture
async def world(api: httpx.AsyncClient, callers: Callers, builder: Builder, clock: Clock) -> World:
    """A webhook and a system webhook, each with a subscription; a delivery that failed and one that arrived."""
    operator = await callers.headers(Role.OPERATOR)
    found: World = {"manager": MANAGER, "group": str(directory.group_id(catalogue.SERVICE_MANAGER, "audit-log"))}
    given: dict[str, Any] = {"secret": "s3cr3tKey", "challengeRequestEnabled": False}
    for hook, order, before, more in (
        ("webhook", "subscription", "", given),
        ("system", "service", "system-", {}),
    ):
        asked = {"name": hook, "destination": "https://127.0.0.1:9/", **more}
        made = (await api.post(f"{EVENTS}/{before}webhooks", json=asked, headers=operator)).json()
        wanted = {"eventType": AUDIT, "webhook": {"resourceUri": made["resourceUri"]}}
        [ordered] = (await api.post(f"{EVENTS}/{before}subscriptions", json=[wanted], headers=operator)).json()
        found |= {hook: made["id"], order: ordered["id"]}
    for name, result in (("failure", FAILED), ("arrived", Result())):
        clock.advance(1)
        event = builder.event()
        found[name] = str(event.key)
        await builder.tried(event, UUID(found["webhook"]), result)
    return found


async def ask(api: httpx.AsyncClient, row: Row, world: World, token: dict[str, str], **changed: Any) -> httpx.Response:
    """The row's request, with `path`, `query`, `body`, `content` or `headers` as `changed` says."""
    named = world | {name: value.format(**world) for name, value in changed.get("path", {}).items()}
    query = changed.get("query", row.query).format(**named)
    content = changed.get("content")
    if content is None and (body := changed.get("body", row.body)) is not None:
        text = json.dumps(body)
        for name, value in named.items():
            text = text.replace(f"{{{name}}}", value)
        content = text.encode()
    kind = {"Content-Type": "application/merge-patch+json" if row.method == "PATCH" else "application/json"}
    return await api.request(
        row.method,
        row.path.format(**named) + (f"?{query}" if query else ""),
        content=content,
        headers=token | (kind if content is not None else {}) | changed.get("headers", {}),
    )


@pytest.mark.parametrize("name", ROWS)
async def test_a_success_has_its_code_and_fields(
    name: str, api: httpx.AsyncClient, world: World, callers: Callers
) -> None:
    """The success code, Location where something was made, and the required fields: all of them, none unheard of."""
    row = ROWS[name]
    response = await ask(api, row, world, await callers.headers(row.roles[0]))

    assert response.status_code == row.success, response.text
    things = _things(response, row.form)
    assert [sorted(row.fields - set(thing)) for thing in things] == [[]] * len(things)
    assert [sorted(set(thing) - row.fields - row.more) for thing in things] == [[]] * len(things)
    assert things or row.form == "none"
    if row.success == 201:
        assert response.headers["location"] == things[0]["resourceUri"] == f"{row.path}/{things[0]['id']}"


@pytest.mark.parametrize("name", ROWS)
async def test_only_who_may_is_let_in(name: str, api: httpx.AsyncClient, world: World, callers: Callers) -> None:
    """Nobody without a token; with one, who may and nobody else (greenlake.md 1.1, D.16)."""
    row = ROWS[name]
    strangers = [role for role in Role if role not in row.roles]

    unknown = await ask(api, row, world, {})
    refused = [await ask(api, row, world, await callers.headers(role)) for role in strangers]
    # Of what does not exist, so that the next may ask the same.
    absent = dict.fromkeys(world, NOBODY)
    granted = [await ask(api, row, absent, await callers.headers(role), query="limit=x") for role in row.roles]

    _is_error(unknown, 401)
    assert unknown.headers["www-authenticate"] == 'Bearer realm="hooklake"'
    for each in refused:
        _is_error(each, 403)
    assert {each.status_code for each in granted} & {401, 403} == set()


@pytest.mark.parametrize(("name", "status"), REFUSALS)
async def test_a_refusal_has_its_status_and_body(
    name: str, status: int, api: httpx.AsyncClient, world: World, callers: Callers
) -> None:
    """Each declared refusal has its status, its code and GreenLake's body (greenlake.md 1.8)."""
    row = ROWS[name]
    response = await ask(api, row, world, await callers.headers(row.roles[0]), **row.refused[status])

    _is_error(response, status)
    assert status == 404 or response.json()["errorDetails"][0]["issues"][0]["subject"]


@pytest.mark.parametrize("name", ROWS)
def test_every_declared_refusal_is_provoked(name: str) -> None:
    """What the document declares for a row is what the tests above ask for."""
    [operation] = [one for one in openapi.OPERATIONS if one.id == name]

    assert set(operation.errors) == set(ROWS[name].refused)


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/nothing", 404, None),
        ("GET", f"{EVENTS}/webhooks/", 404, None),
        ("GET", "/events/v1beta1/webhooks/%00", 401, None),
        ("PUT", f"{EVENTS}/webhooks", 405, {"GET", "HEAD", "OPTIONS", "POST"}),
        ("GET", f"{EVENTS}/occurrences", 405, {"OPTIONS", "POST"}),
    ],
)
async def test_paths_and_methods(
    api: httpx.AsyncClient, method: str, path: str, status: int, allow: set[str] | None
) -> None:
    """An unknown path and a wrong method have GreenLake's error body too; a 405 says what the path allows."""
    response = await api.request(method, path)

    _is_error(response, status)
    assert allow is None or set(response.headers["allow"].split(", ")) == allow


async def test_head_and_options(api: httpx.AsyncClient, world: World, callers: Callers) -> None:
    """HEAD is a GET without its body, asked for the same token; OPTIONS names the methods and asks for none."""
    path = f"{EVENTS}/webhooks/{world['webhook']}"
    headers = await callers.headers(Role.VIEWER)

    head = await api.head(path, headers=headers)
    stranger = await api.head(path)
    options = await api.options(path)

    assert (head.status_code, stranger.status_code) == (200, 401)
    assert (options.status_code, options.headers["allow"]) == (204, "DELETE, GET, HEAD, OPTIONS, PATCH")


@pytest.mark.parametrize(
    "media_type", ["application/json", "application/merge-patch+json", "application/json; charset=utf-8", ""]
)
async def test_patch_media_types(media_type: str, api: httpx.AsyncClient, world: World, callers: Callers) -> None:
    """Clients send changes as merge patch or as JSON; none at all is taken for one of them."""
    headers = await callers.headers(Role.SUBSCRIBER) | ({"Content-Type": media_type} if media_type else {})

    response = await api.patch(f"{EVENTS}/webhooks/{world['webhook']}", content=b'{"description":"x"}', headers=headers)

    assert (response.status_code, response.json()["description"]) == (200, "x")


def _things(response: httpx.Response, form: str) -> list[dict[str, Any]]:
    if form == "none":
        assert response.content == b""
        return []
    body = response.json()
    if form == "page":
        assert set(body) == {"items", "count", "offset", "total"}
        assert body["count"] == len(body["items"]) <= body["total"]
        items: list[dict[str, Any]] = body["items"]
        return items
    return list(body) if form == "array" else [body]


def _is_error(response: httpx.Response, status: int) -> None:
    body = response.json()
    assert (response.status_code, body["httpStatusCode"]) == (status, status), response.text
    assert set(body) - {"errorDetails"} == ERROR
    assert body["errorCode"] == CODES.get(status, "HPE_GL_ERROR_METHOD_NOT_ALLOWED")
