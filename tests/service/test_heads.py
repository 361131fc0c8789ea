"""What the head of a request says counts, or is refused: who asks, in which form, under which condition."""

import base64

import httpx
import pytest

from service.services import Services
from subscriptions.access.clients import Role
from tests.builders import Builder
from tests.service.callers import WORKSPACE, Callers

EVENTS = "/events/v1beta1"
TOKEN = f"/authorization/v2/oauth2/{WORKSPACE}/token"
OCCURRENCE = (
    b'{"apiGroup": "compute-ops", "apiVersion": "v1", "resourceCollection": "servers", "event": "rebooted", "data": {}}'
)
HOOK = b'{"name": "a", "destination": "https://127.0.0.1:9/", "secret": "s3cr3tKey", "challengeRequestEnabled": false}'


@pytest.mark.parametrize(("path", "method"), [("/occurrences", "POST"), ("/webhooks", "GET")])
async def test_two_who_ask(api: httpx.AsyncClient, callers: Callers, path: str, method: str) -> None:
    """A request that names two tokens, the same one twice included, is refused: which counts is for nobody to guess."""
    token = (await callers.headers(*Role))["Authorization"]
    twice = [("Authorization", token), ("Authorization", "Bearer x")]

    refused = await api.request(method, EVENTS + path, headers=twice)

    assert (refused.status_code, refused.json()["message"]) == (
        400,
        "Authorization: is given twice: a request says once who asks",
    )


async def test_two_clients(api: httpx.AsyncClient) -> None:
    """So is a request for a token that names two clients."""
    basic = "Basic " + base64.b64encode(b"a:b").decode()
    form = {"grant_type": "client_credentials"}

    refused = await api.post(TOKEN, data=form, headers=[("Authorization", basic), ("Authorization", basic)])

    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("basic", [True, False])
async def test_how_a_client_names_itself(api: httpx.AsyncClient, basic: bool) -> None:
    """Who comes by HTTP Basic is told of it, with a realm; who comes by the form is not, and reads the fault (RFC 6749 5.2)."""
    form = {"grant_type": "client_credentials"}
    named = {} if basic else {"client_id": "a", "client_secret": "b"}

    header = {"Authorization": "Basic " + base64.b64encode(b"a:b").decode()} if basic else {}
    refused = await api.post(TOKEN, data=form | named, headers=header)

    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    assert refused.headers.get("www-authenticate") == ('Basic realm="hooklake"' if basic else None)


async def test_what_is_wrong_with_a_token(api: httpx.AsyncClient, callers: Callers) -> None:
    """RFC 6750 3: nothing where there is none, `invalid_token` for one that is not good, `insufficient_scope` for a right
    one of a role that may not."""
    bad = {"Authorization": "Bearer x.y.z"}
    viewer = await callers.headers(Role.VIEWER)

    answers = [await api.post(EVENTS + "/webhooks", json={}, headers=each) for each in ({}, bad, viewer)]

    assert [(each.status_code, each.headers["www-authenticate"]) for each in answers] == [
        (401, 'Bearer realm="hooklake"'),
        (401, 'Bearer realm="hooklake", error="invalid_token"'),
        (403, 'Bearer realm="hooklake", error="insufficient_scope"'),
    ]


@pytest.mark.parametrize(
    ("content_type", "taken"),
    [
        ("application/json", True),
        ("application/json; charset=UTF-8", True),
        ("Application/JSON;charset=utf8", True),
        ("application/merge-patch+json", True),
        ("text/json", True),
        ("text/plain;charset=UTF-8", True),
        ("", True),
        ("json", True),
        ("application/xml", False),
        ("application/x-www-form-urlencoded", False),
        ("multipart/form-data; boundary=x", False),
        ("application/json; charset=utf-16", False),
        ("application/json; charset=iso-8859-1", False),
    ],
)
async def test_what_is_no_json(api: httpx.AsyncClient, callers: Callers, content_type: str, taken: bool) -> None:
    """What plainly is something else than JSON in UTF-8 is a 415 that says what is read; what says nothing is read."""
    headers = await callers.headers(*Role) | ({"Content-Type": content_type} if content_type else {})

    published = await api.post(EVENTS + "/occurrences", content=OCCURRENCE, headers=headers)
    registered = await api.post(EVENTS + "/webhooks", content=HOOK, headers=headers)

    assert (published.status_code, registered.status_code) == ((202, 201) if taken else (415, 415)), published.text
    for refused in () if taken else (published, registered):
        [issue] = refused.json()["errorDetails"][0]["issues"]
        assert (issue["subject"], issue["source"]) == ("Content-Type", "header")


async def test_two_forms(api: httpx.AsyncClient, callers: Callers) -> None:
    """A body that is named twice, and not as one, is refused."""
    token = (await callers.headers(*Role))["Authorization"]
    headers = [("Authorization", token), ("Content-Type", "application/json"), ("Content-Type", "application/xml")]

    refused = await api.post(EVENTS + "/occurrences", content=OCCURRENCE, headers=headers)

    assert (refused.status_code, refused.json()["message"]) == (400, "Content-Type: is given more than once")


async def test_what_would_be_read(api: httpx.AsyncClient, callers: Callers) -> None:
    """A 415 tells programs what would be read: codings, and the media types of changes (RFC 9110 15.5.16, RFC 5789 3.1)."""
    headers = await callers.headers(*Role)

    packed = await api.post(EVENTS + "/occurrences", content=b"x", headers=headers | {"Content-Encoding": "br"})
    path = f"{EVENTS}/event-types/com.acme.x"
    changed = await api.patch(path, content=b"x", headers=headers | {"Content-Type": "application/json-patch+json"})

    assert (packed.status_code, packed.headers["accept-encoding"]) == (415, "gzip")
    assert (changed.status_code, changed.headers["accept-patch"]) == (
        415,
        "application/merge-patch+json, application/json",
    )


async def test_a_condition(api: httpx.AsyncClient, callers: Callers, services: Services, builder: Builder) -> None:
    """A change under a condition that cannot hold is not made: nothing has an entity tag, and `*` is whatever is there."""
    hook = await builder.webhook()
    path, headers = f"{EVENTS}/webhooks/{hook.id}", await callers.headers(Role.OPERATOR)

    refused = [
        await api.request(method, path, json={"name": "other"}, headers=headers | {"If-Match": '"1"'})
        for method in ("PATCH", "DELETE")
    ]
    changed = await api.patch(path, json={"name": "other"}, headers=headers | {"If-Match": "*"})

    assert [(each.status_code, each.json()["errorCode"]) for each in refused] == [
        (412, "HPE_GL_ERROR_PRECONDITION_FAILED")
    ] * 2
    assert (changed.status_code, changed.json()["name"]) == (200, "other")
