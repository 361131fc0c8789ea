"""The token endpoint (RFC 6749), the JWKS document, and the gate that every other route stands behind."""

import base64
from urllib.parse import quote_plus
from uuid import uuid4

import httpx
import jwt
import pytest
from starlette.routing import Route

from service import auth
from service.api.routes import GUARDED, routes
from service.auth import Permission
from service.services import Services
from subscriptions.access import clients
from subscriptions.access.clients import Client, Draft, Role
from tests.service.callers import OTHER_WORKSPACE, WORKSPACE, Callers

TOKEN = f"/authorization/v2/oauth2/{WORKSPACE}/token"


@pytest.fixture
async def credentials(services: Services) -> tuple[Client, str]:
    draft = Draft(workspace_id=WORKSPACE, name="a viewer", roles=frozenset({Role.VIEWER}))
    async with services.database.transaction() as connection:
        return await clients.create(connection, draft, now=services.clock())


def form(client: Client, secret: str, **more: str) -> dict[str, str]:
    return {"grant_type": "client_credentials", "client_id": str(client.id), "client_secret": secret, **more}


def basic(user: str, password: str) -> dict[str, str]:
    return {
        "Authorization": "Basic " + base64.b64encode(f"{quote_plus(user)}:{quote_plus(password)}".encode()).decode()
    }


async def test_a_form_becomes_a_token(api: httpx.AsyncClient, credentials: tuple[Client, str]) -> None:
    """Client id and secret in the form become a bearer token for 15 minutes, which no cache may keep (greenlake.md 1.12)."""
    response = await api.post(TOKEN, data=form(*credentials))

    assert (response.status_code, response.headers["cache-control"]) == (200, "no-store")
    body = response.json()
    assert set(body) == {"access_token", "token_type", "expires_in"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    bearer = {"Authorization": f"Bearer {body['access_token']}"}
    assert (await api.get("/events/v1beta1/event-types", headers=bearer)).status_code == 200


async def test_basic_becomes_a_token(api: httpx.AsyncClient, credentials: tuple[Client, str]) -> None:
    """HTTP Basic does as well."""
    client, secret = credentials

    response = await api.post(TOKEN, data={"grant_type": "client_credentials"}, headers=basic(str(client.id), secret))

    assert response.status_code == 200


async def test_refusals_are_told_in_oauths_words(api: httpx.AsyncClient, credentials: tuple[Client, str]) -> None:
    """What is refused is told in the words of RFC 6749 5.2 (greenlake.md 1.12)."""
    client, secret = credentials
    good = form(client, secret)
    grant = {"grant_type": "client_credentials"}
    form_type = {"Content-Type": "application/x-www-form-urlencoded"}
    cases = [
        (await api.post(TOKEN, data={**good, "client_secret": "other"}), 401, "invalid_client"),
        (await api.post(TOKEN, data={**good, "client_id": str(uuid4())}), 401, "invalid_client"),
        (await api.post(TOKEN, data={**good, "client_id": "nobody"}), 401, "invalid_client"),
        (await api.post(TOKEN.replace(WORKSPACE, OTHER_WORKSPACE), data=good), 401, "invalid_client"),
        (await api.post(TOKEN, data=grant, headers=basic(str(client.id), "other")), 401, "invalid_client"),
        (await api.post(TOKEN, data=grant, headers={"Authorization": "Basic %%%"}), 401, "invalid_client"),
        (await api.post(TOKEN, data=grant, headers={"Authorization": "Bearer x"}), 401, "invalid_client"),
        (await api.post(TOKEN, data=good, headers=basic(str(client.id), secret)), 400, "invalid_request"),
        (await api.post(TOKEN, data={**good, "grant_type": "password"}), 400, "unsupported_grant_type"),
        (await api.post(TOKEN, data={k: v for k, v in good.items() if k != "grant_type"}), 400, "invalid_request"),
        (await api.post(TOKEN, data=grant), 400, "invalid_request"),
        (await api.post(TOKEN, json=good), 400, "invalid_request"),
        (await api.post(TOKEN, content=b"client_id=a&client_id=b", headers=form_type), 400, "invalid_request"),
        (await api.post(TOKEN, content=b"client_id=%ff", headers=form_type), 400, "invalid_request"),
        (await api.post(TOKEN, content="client_id=ü", headers=form_type), 400, "invalid_request"),
    ]

    for response, status, error in cases:
        assert (response.status_code, response.json()["error"]) == (status, error)
        assert response.headers["cache-control"] == "no-store"
        assert ("www-authenticate" in response.headers) == (
            status == 401 and "authorization" in response.request.headers
        )


async def test_the_jwks_verifies_a_token(api: httpx.AsyncClient, credentials: tuple[Client, str]) -> None:
    """The JWKS document, open to all, verifies a token."""
    token = (await api.post(TOKEN, data=form(*credentials))).json()["access_token"]

    keys = jwt.PyJWKSet.from_dict((await api.get("/authorization/v2/jwks")).json())

    claims = jwt.decode(token, keys[jwt.get_unverified_header(token)["kid"]], algorithms=["ES256"], audience="hooklake")
    assert claims["iss"] == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    "header", [{}, {"Authorization": "Basic abc"}, {"Authorization": "Bearer "}, {"Authorization": "Bearer x.y.z"}]
)
async def test_without_a_token(api: httpx.AsyncClient, header: dict[str, str]) -> None:
    """Without a good token there is a 401 in GreenLake's form, before the body is looked at."""
    response = await api.post("/events/v1beta1/occurrences", content=b"{", headers=header)

    assert (response.status_code, response.headers["www-authenticate"][:23]) == (401, 'Bearer realm="hooklake"')
    body = response.json()
    assert (body["httpStatusCode"], body["errorCode"]) == (401, "HPE_GL_ERROR_UNAUTHORIZED")
    assert body["message"].startswith("Invalid JWT token in Request")


def test_every_route_is_known() -> None:
    """Each path that is served asks for a token, but for those that let one in, those that ask for health, and the reference."""
    guarded = {path for _, path, _, _ in GUARDED}

    paths = {route.path for route in routes() if isinstance(route, Route)}

    assert paths - guarded == {
        "/authorization/v2/oauth2/{workspaceId}/token",
        "/authorization/v2/jwks",
        "/health/live",
        "/health/ready",
        "/health/workers",
        "/openapi.json",
        "/docs",
        "/docs/events",
        "/docs/events/{eventTypeId}",
        "/",
    }


ALLOWED = {
    Role.PUBLISHER: {
        *("events:publish", "events:read", "events:test"),
        *("event-types:create", "event-types:read", "event-types:update", "event-types:delete"),
    },
    Role.VIEWER: {"event-types:read", "webhooks:read", "subscriptions:read"},
    Role.SUBSCRIBER: {
        *("event-types:read", "webhooks:create", "webhooks:read", "webhooks:update", "webhooks:delete"),
        *("subscriptions:create", "subscriptions:read", "subscriptions:update", "subscriptions:delete"),
        "audit-log:read",
    },
    Role.OPERATOR: {str(permission) for permission in Permission} - {"events:publish"},
}


@pytest.mark.parametrize("role", Role)
async def test_a_role_opens_its_routes_and_no_other(api: httpx.AsyncClient, callers: Callers, role: Role) -> None:
    """A role opens the routes of its permissions and no other (greenlake.md D.16)."""
    headers = await callers.headers(role)

    for method, path, _, permission in GUARDED:
        url = path.replace("{id}", str(uuid4())).replace("{id:path}", "x").replace("{failureId}", str(uuid4()))
        url = url.replace("{eventType:path}", "com.acme.x")
        response = await api.request(method, url, headers=headers, content=b"?")
        assert (response.status_code != 403) == (permission in {*ALLOWED[role], None}), (method, path, response.text)
        assert response.status_code < 500, (method, path, response.text)


async def test_roles_add_up(callers: Callers, services: Services) -> None:
    """A client with two roles may do what either may."""
    token = (await callers.headers(Role.PUBLISHER, Role.VIEWER))["Authorization"].removeprefix("Bearer ")

    caller = await services.access.verify(token, services.clock())

    auth.require(caller, Permission.PUBLISH)
    auth.require(caller, Permission.READ_WEBHOOKS)
    assert auth.scope(caller) == WORKSPACE


async def test_nothing_there(api: httpx.AsyncClient) -> None:
    """An unknown path is a 404 and a wrong method a 405 that names the right ones, both in GreenLake's form."""
    unknown = await api.get("/events/v1beta1/nonsense")
    slash = await api.get("/events/v1beta1/webhooks/")
    wrong = await api.put("/events/v1beta1/webhooks")

    assert [r.json()["httpStatusCode"] for r in (unknown, slash, wrong)] == [404, 404, 405]
    assert {method.strip() for method in wrong.headers["allow"].split(",")} == {*("GET", "HEAD", "OPTIONS", "POST")}
