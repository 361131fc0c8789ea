"""The API as a door: bombs that are refused before they go off, nothing let through into headers and logs, and safe pages."""

import base64
import hashlib
import logging
import re
from typing import Any, cast

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service import problems
from service.api import events, openapi
from service.api.reading import BODY_BYTES
from service.app import build
from service.services import Services
from subscriptions.access.clients import Role
from subscriptions.ground.errors import Unavailable
from tests.service.callers import Callers
from tests.service.rows import NOBODY

EVENTS = "/events/v1beta1"
TYPE = "com.hpe.greenlake.subscriptions.v1.expiring-subscriptions"
JSON = {"Content-Type": "application/json"}
MOST = events.SPELT_OUT * 65536


def occurrence(data: bytes) -> bytes:
    return b'{"apiGroup":"subscriptions","apiVersion":"v1","event":"expiring-subscriptions","data":%s}' % data


def nested(depth: int, opens: bytes = b"[", closes: bytes = b"]") -> bytes:
    return opens * depth + b"1" + closes * depth


BOMBS = {
    "arrays": (occurrence(nested(100_000)), 400),
    "arrays, unclosed": (b"[" * 1_000_000, 400),
    "objects": (occurrence(nested(100_000, b'{"a":', b"}")), 413),
    "objects within the bytes": (occurrence(nested(60_000, b'{"a":', b"}")), 400),
    "objects in an array": (b"[%s]" % occurrence(nested(100_000)), 400),
    "keys": (occurrence(b"{%s}" % b",".join(b'"%d":1' % n for n in range(300_000))), 413),
    "one key": (occurrence(b"{%s}" % b",".join([b'"a":1'] * 80_000)), 400),
    "digits": (occurrence(b'{"a":%s}' % (b"9" * 100_000)), 400),
    "digits of an extension": (occurrence(b'{},"x":%s' % (b"9" * 100_000)), 400),
    "a large number": (occurrence(b'{"a":1e400,"b":-1e400}'), 202),
    "items": (b"[%s]" % b",".join([b"1"] * 1_000_000), 413),
    "a large item": (b"[%s]" % occurrence(b"{}" + b" " * MOST), 413),
    "spaces": (occurrence(b" " * MOST + b"{}"), 413),
    "spaces that fit": (occurrence(b" " * (MOST - 1000) + b"{}"), 202),
    "strings": (occurrence(b"[%s]" % b",".join([b'"\\u0041"'] * 60_000)), 413),
    "empty arrays": (occurrence(b"[%s]" % b",".join([b"[]"] * 1_000_000)), 413),
    "bytes": (b'"' + b"x" * (5 << 20), 413),
}


@pytest.mark.parametrize("bomb", BOMBS)
async def test_bombs_are_refused(bomb: str, api: httpx.AsyncClient, callers: Callers) -> None:
    """Depth, counts and lengths are limited: such a publication is refused as what it is, and never a defect."""
    body, status = BOMBS[bomb]

    response = await api.post(
        f"{EVENTS}/occurrences", content=body, headers=await callers.headers(Role.PUBLISHER) | JSON
    )

    assert response.status_code == status, response.text


SMALL = {
    "arrays": b"[" * BODY_BYTES,
    "objects": (b'{"a":' * BODY_BYTES)[:BODY_BYTES],
    "in a field": b'{"name":' + b"[" * 1_000_000,
    "in an unknown field": b'{"colour":' + nested(200_000) + b"}",
    "digits": b'{"name":' + b"9" * 1_000_000 + b"}",
    "bytes": b" " * BODY_BYTES + b"{}",
    "items": b"[" + b",".join([b"{}"] * 300_000) + b"]",
}
MADE = ["event-types", "webhooks", "subscriptions", "system-webhooks", "system-subscriptions"]


@pytest.mark.parametrize("bomb", SMALL)
async def test_small_bombs(bomb: str, api: httpx.AsyncClient, callers: Callers) -> None:
    """The management API takes a megabyte, and nothing that it reads can be deep."""
    headers = await callers.headers(*Role) | JSON

    answers = [await api.post(f"{EVENTS}/{name}", content=SMALL[bomb], headers=headers) for name in MADE]

    assert {each.status_code for each in answers} <= {400, 413, 422}


async def test_long_filters(api: httpx.AsyncClient, callers: Callers) -> None:
    """A filter of a subscription is limited in length and depth, before it is read."""
    headers = await callers.headers(Role.SUBSCRIBER)
    filters = ["a eq " + "1" * 5000, "(" * 2000 + "a eq 1" + ")" * 2000, "not " * 1000 + "(a eq 1)"]

    answers = [
        await api.post(
            f"{EVENTS}/subscriptions",
            json={"eventType": TYPE, "webhook": {"resourceUri": f"{EVENTS}/webhooks/{NOBODY}"}, "eventFilter": text},
            headers=headers,
        )
        for text in filters
    ]

    assert [each.status_code for each in answers] == [400] * 3
    assert {each.json()["errorDetails"][0]["issues"][0]["subject"] for each in answers} == {"eventFilter"}


#: What would end a line, a text, or the ASCII that a header is made of.
RAW = ["a\r\nX-Evil: 1", "a\nb", "a\rb", "a\0b", "a\x7fb", "\u2028", "ä€"]
OAUTH = {"authType": "OAuth", "clientId": "x", "clientSecret": "x", "issuerUrl": "https://127.0.0.1/"}
#: What may be given to the fields of a webhook whose values go into headers of its deliveries, or into what makes them.
FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "apiKey": ({"authType": "API KEY"}, ""),
    "destination": ({}, "ä€\u2028"),
    "issuerUrl": (OAUTH, "ä€\u2028"),
    # Form-encoded on their way.
    "clientId": (OAUTH, "ä€\u2028"),
    "clientSecret": (OAUTH, "ä€\u2028"),
    "name": ({}, ""),
}


@pytest.mark.parametrize("field", FIELDS)
async def test_webhook_fields(field: str, api: httpx.AsyncClient, callers: Callers) -> None:
    """What goes into a header as it is takes nothing but printable ASCII; control characters go nowhere."""
    asked = {"name": "x", "destination": "https://127.0.0.1:9/", "secret": "s3cr3t", "challengeRequestEnabled": False}
    headers = await callers.headers(Role.SUBSCRIBER)
    more, allowed = FIELDS[field]

    async def status(raw: str) -> int:
        value = f"https://127.0.0.1:9/{raw}" if field in ("destination", "issuerUrl") else f"four{raw}"
        answer = await api.post(f"{EVENTS}/webhooks", json=asked | more | {field: value}, headers=headers)
        return answer.status_code

    taken = [raw for raw in RAW if await status(raw) not in (400, 422)]

    assert [raw for raw in taken if not set(raw) <= set(allowed)] == []


#: Of an occurrence; those that may hold other text than ASCII are percent-encoded where they become headers.
ATTRIBUTES = [
    "id",
    "time",
    "region",
    "workspaceId",
    "correlationId",
    "partitionKey",
    "dataschema",
    "traceparent",
    "shop",
]


@pytest.mark.parametrize("attribute", ATTRIBUTES)
async def test_attributes_hold_no_control_characters(attribute: str, api: httpx.AsyncClient, callers: Callers) -> None:
    """No attribute of an event, of which `ce-` headers may be made, holds a control character or half a character."""
    headers = await callers.headers(Role.PUBLISHER) | JSON
    raws = [*RAW[:5], "\ud800"]
    bodies = [occurrence(b"{}")[:-1] + b',"%s":%s}' % (attribute.encode(), spelt(raw)) for raw in raws]

    answers = [await api.post(f"{EVENTS}/occurrences", content=body, headers=headers) for body in bodies]

    assert {each.status_code for each in answers} <= {400, 403, 422}


def spelt(text: str) -> bytes:
    """A JSON string of escapes."""
    return b'"' + b"".join(b"\\u%04x" % ord(character) for character in text) + b'"'


@pytest.mark.parametrize(
    "error", [Unavailable("A store", "no\nroute"), RuntimeError("a\ndefect")], ids=["away", "defect"]
)
async def test_paths_in_the_log(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """What a client sent stands in one line of the log whatever it holds: nobody writes lines of his own into it."""

    async def broken(_request: Request) -> Response:
        raise error

    app = Starlette(routes=[Route("/{any:path}", broken)], exception_handlers=cast(Any, problems.HANDLERS))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    caplog.set_level(logging.WARNING, "hooklake.service")

    async with httpx.AsyncClient(transport=transport, base_url="http://hooklake") as client:
        await client.get("/x%0D2026-01-01%20ERROR%20forged%1B[2J%E2%80%A8")

    [said] = [record.getMessage() for record in caplog.records]
    assert "forged" in said
    assert said.isprintable()


async def test_no_header_is_made_of_input(api: httpx.AsyncClient, callers: Callers) -> None:
    """No answer's header repeats anything that a request chose."""
    canary = "canary7f3a"
    headers = await callers.headers(*Role) | {"X-Request-Id": canary, "Origin": f"https://{canary}", "Host": canary}

    answers = [
        await api.request(
            one.method,
            re.sub(r"\{\w+\}", canary, one.path) + f"?id={canary}&filter={canary}&source={canary}",
            content=canary if one.method != "GET" else None,
            headers=headers,
        )
        for one in openapi.OPERATIONS
    ]

    assert [each.request.url for each in answers if canary in str(each.headers)] == []


async def test_the_reference_loads_nothing_else(api: httpx.AsyncClient) -> None:
    """The page of the reference may load its own style and nothing else, and stand on no other page."""
    response = await api.get("/docs")

    [style] = re.findall(r"<style>(.*?)</style>", response.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = dict(part.strip().split(" ", 1) for part in response.headers["content-security-policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "style-src": f"'sha256-{digest}'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert (response.headers["x-content-type-options"], response.headers["referrer-policy"]) == (
        "nosniff",
        "no-referrer",
    )
    assert not re.search(r"\sstyle=|\son\w+=|<script", response.text)


async def test_what_every_answer_has(api: httpx.AsyncClient, callers: Callers) -> None:
    """No answer sets a cookie or lets another site read it; each with a body says that it is what it says it is."""
    headers = await callers.headers(*Role) | {"Origin": "https://elsewhere.example", "Cookie": "session=1"}

    answers = [
        await api.request(one.method, re.sub(r"\{\w+\}", NOBODY, one.path), headers=headers)
        for one in openapi.OPERATIONS
    ]

    assert [each.url for each in answers if "set-cookie" in each.headers] == []
    assert [each.url for each in answers if any(name.startswith("access-control-") for name in each.headers)] == []
    assert [each.url for each in answers if each.content and each.headers["x-content-type-options"] != "nosniff"] == []


async def test_forms_and_cookies_open_nothing(services: Services) -> None:
    """Without a bearer token a form is posted to the token endpoint alone: a page that has sessions needs CSRF protection."""
    app = build(lambda: pytest.fail("an ASGI transport runs no lifespan"))
    app.state.services = services
    form = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Cookie": "session=1; token=x",
        "Referer": "https://x/",
    }
    changing = [one for one in openapi.OPERATIONS if one.method not in ("GET", "HEAD")]

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hooklake") as client:
        answers = {
            one.id: (
                await client.request(one.method, re.sub(r"\{\w+\}", NOBODY, one.path), content="a=b", headers=form)
            )
            for one in changing
        }

    assert {name for name, answer in answers.items() if answer.status_code != 401} == {"issueToken"}


async def test_secrets_are_not_stored(api: httpx.AsyncClient, callers: Callers) -> None:
    """An answer that holds a secret may be kept by no cache."""
    headers = await callers.headers(Role.OPERATOR)
    path = "/authorization/v2/clients"

    made = await api.post(path, json={"name": "x", "roles": ["viewer"]}, headers=headers)
    rotated = await api.post(f"{path}/{made.json()['id']}/rotate", headers=headers)

    assert [(each.status_code, each.headers["cache-control"]) for each in (made, rotated)] == [
        (201, "no-store"),
        (200, "no-store"),
    ]
