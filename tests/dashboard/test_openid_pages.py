"""Signing in with another issuer, a small one over TLS: what is asked of it, and what is believed of what comes back."""

import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import jwt
import pytest

from delivery.settings import DeliverySettings
from service.app import Configuration, build, opened
from service.dashboard.access import openid_pages
from service.dashboard.frame import cookies
from service.limits.throttle import CHECKS
from service.services import Services
from service.settings import ServiceSettings
from subscriptions.access.clients import Role
from subscriptions.access.openid import CONFIGURATION
from subscriptions.access.sessions import Stretch
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Misconfigured
from subscriptions.ground.settings import GroundSettings
from tests import canaries
from tests.clock import Clock
from tests.conftest import VAULT_KEYS
from tests.dashboard.conftest import BROWSER, Visit
from tests.receiver import Answer, Receiver
from tests.service.test_openid import PRIVATE, WORKSPACE, Quiet

SECRET = canaries.planted("client secret/+")
HOOKLAKE = "https://hooks.example"
ALLOWED = {"sub": "4711", "name": "Grace Hopper", "workspace_id": WORKSPACE, "roles": ["subscriber", "others"]}

SignIn = Callable[..., Any]


@pytest.fixture
async def issuer() -> AsyncIterator[Receiver]:
    async with Receiver() as running:
        yield running


@pytest.fixture
def methods() -> list[str] | None:
    """How clients name themselves at the token endpoint, as the issuer says it."""
    return None


@pytest.fixture
async def inside(database: Database, database_url: str, issuer: Receiver) -> AsyncIterator[Services]:
    """The API as its process root builds it; webhooks may not go to loopback, where the issuer is."""
    configuration = Configuration(
        service=ServiceSettings(
            base_url=HOOKLAKE,
            oidc_issuer=issuer.url(""),
            oidc_audience="hooklake",
            oidc_client_id="the dashboard",
            oidc_client_secret=SECRET,
        ),
        delivery=DeliverySettings(ca_bundle=issuer.ca),
        ground=GroundSettings(database_url=database_url, vault_keys=VAULT_KEYS),
    )
    async with opened(configuration, Quiet()) as services:
        yield services


@pytest.fixture
async def browser(inside: Services) -> AsyncIterator[httpx.AsyncClient]:
    app = build(lambda: pytest.fail("an ASGI transport runs no lifespan"))
    app.state.services = inside
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url=HOOKLAKE, headers=BROWSER) as client:
        client.event_hooks = {"response": [canaries.in_answer]}
        yield client


def publishes(issuer: Receiver, methods: list[str] | None = None, **more: Any) -> None:
    shown = jwt.algorithms.RSAAlgorithm.to_jwk(PRIVATE.public_key(), as_dict=True) | {"kid": "one"}
    endpoints = {"authorization_endpoint": issuer.url("/authorize?tenant=7"), "token_endpoint": issuer.url("/token")}
    if methods is not None:
        more["token_endpoint_auth_methods_supported"] = methods
    configuration = {"issuer": issuer.url(""), "jwks_uri": issuer.url("/keys"), **endpoints, **more}
    issuer.plan(CONFIGURATION, Answer(body=json.dumps(configuration).encode()))
    issuer.plan("/keys", Answer(body=json.dumps({"keys": [shown]}).encode()))


async def begins(browser: httpx.AsyncClient, path: str = openid_pages.PATH) -> dict[str, str]:
    """What the browser is sent to the issuer with."""
    sent = await browser.get(path)
    assert sent.status_code == 303, sent.text
    return dict(parse_qsl(urlsplit(sent.headers["location"]).query))


def grants(issuer: Receiver, asked: dict[str, str], now: float, **more: Any) -> None:
    """The issuer's answer to the code: an ID token with these claims (None: without it) beside what is right."""
    claims = {
        "iss": issuer.url(""),
        "aud": "the dashboard",
        "exp": int(now) + 60,
        "iat": int(now),
        "nonce": asked["nonce"],
        **ALLOWED,
        **more,
    }
    told = {name: value for name, value in claims.items() if value is not None}
    token = jwt.encode(told, PRIVATE, algorithm="RS256", headers={"kid": "one"})
    issuer.plan("/token", Answer(body=json.dumps({"id_token": token, "access_token": "x"}).encode()))


async def test_in_with_another_issuer(
    browser: httpx.AsyncClient, inside: Services, issuer: Receiver, clock: Clock
) -> None:
    """The page names the issuer; who comes back with its code is signed in as it says, and led on to where they wanted to go."""
    publishes(issuer)
    page = await browser.get("/dashboard/sign-in", params={"next": "/dashboard/people?workspace=7"})
    asked = await begins(browser, openid_pages.PATH + "?next=/dashboard/sessions")
    grants(issuer, asked, clock().timestamp())
    back = await browser.get(openid_pages.ANSWERED, params={"code": "c0de", "state": asked["state"]})
    account = await browser.get("/dashboard/sessions")
    [session] = await inside.people.sessions(Stretch(limit=9), now=inside.clock())

    place = urlsplit(issuer.url("")).netloc
    assert f"Sign in with {place}" in page.text
    assert 'href="/dashboard/sign-in/openid?next=/dashboard/people%3Fworkspace%3D7"' in page.text
    fixed = {name: asked[name] for name in ("tenant", "response_type", "client_id", "redirect_uri", "scope")}
    assert fixed == {
        "tenant": "7",
        "response_type": "code",
        "client_id": "the dashboard",
        "redirect_uri": f"{HOOKLAKE}/dashboard/sign-in/openid/answered",
        "scope": "openid profile email",
    }
    assert (back.status_code, back.headers["location"], account.status_code) == (303, "/dashboard/sessions", 200)
    assert f"You sign in with {issuer.url('')}" in account.text
    person = session.person
    assert (person.name, person.issuer, sorted(person.roles)) == (
        *("Grace Hopper", issuer.url("")),
        [Role.SUBSCRIBER],
    )
    [exchange] = [each for each in issuer.requests if each.path == "/token"]
    form = {name: values[0] for name, values in parse_qs(exchange.body.decode()).items()}
    digest = hashlib.sha256(form.pop("code_verifier").encode()).digest()
    assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
    assert form == {"grant_type": "authorization_code", "code": "c0de", "redirect_uri": asked["redirect_uri"]}
    named = base64.b64decode(exchange.header("Authorization").removeprefix("Basic ")).decode()
    assert named == "the+dashboard:" + SECRET.replace(" ", "+").replace("/+", "%2F%2B")


async def test_a_client_that_is_named_in_the_form(browser: httpx.AsyncClient, issuer: Receiver, clock: Clock) -> None:
    """Where the issuer wants it so, id and secret stand in the form."""
    publishes(issuer, ["client_secret_post"])
    asked = await begins(browser)
    grants(issuer, asked, clock().timestamp())
    back = await browser.get(
        openid_pages.ANSWERED, params={"code": "c", "state": asked["state"], "iss": issuer.url("")}
    )

    [exchange] = [each for each in issuer.requests if each.path == "/token"]
    form = parse_qs(exchange.body.decode())
    assert (back.status_code, exchange.header("Authorization")) == (303, "")
    assert (form["client_id"], form["client_secret"]) == (["the dashboard"], [SECRET])


@pytest.mark.parametrize(
    ("query", "claims", "said"),
    [
        ({"state": "another"}, {}, "the answer to another sign-in"),
        ({"state": ""}, {}, "the answer to another sign-in"),
        ({"iss": "https://evil.example"}, {}, "another issuer has answered"),
        ({"error": "access_denied", "error_description": "<b>no</b>"}, {}, "the issuer said no: &lt;b&gt;no&lt;/b&gt;"),
        ({}, {"nonce": "another"}, "of another sign-in"),
        ({}, {"nonce": None}, "of another sign-in"),
        ({}, {"aud": "hooklake"}, "You are not signed in"),
        ({}, {"iss": "https://evil.example"}, "You are not signed in"),
        ({}, {"azp": "another client"}, "another client"),
        ({}, {"exp": 1}, "expired"),
        ({}, {"roles": ["others"]}, "claim roles holds none of"),
        ({}, {"workspace_id": "none"}, "claim workspace_id names no workspace"),
        ({}, {"workspace_id": None}, "has no claim workspace_id"),
        ({}, {"roles": None}, "has no claim roles"),
    ],
)
async def test_what_is_not_believed(
    browser: httpx.AsyncClient,
    inside: Services,
    issuer: Receiver,
    clock: Clock,
    query: dict[str, str],
    claims: dict[str, Any],
    said: str,
) -> None:
    """An answer to another sign-in, of another issuer, for another client, or to whom we give no role, signs nobody in."""
    publishes(issuer)
    asked = await begins(browser)
    grants(issuer, asked, clock().timestamp(), **claims)
    back = await browser.get(openid_pages.ANSWERED, params={"code": "c", "state": asked["state"], **query})
    again = await browser.get(openid_pages.ANSWERED, params={"code": "c", "state": asked["state"]})

    assert (back.status_code, said in back.text) == (403, True), back.text
    assert await inside.people.sessions(Stretch(limit=9), now=inside.clock()) == []
    # One browser has one try with what it was given.
    assert (again.status_code, "another sign-in" in again.text) == (403, True)
    assert cookies.SECURE not in browser.cookies


@pytest.mark.parametrize("takes", [True, False])
async def test_the_two_claims_are_asked_for_where_the_issuer_takes_wishes(
    browser: httpx.AsyncClient, issuer: Receiver, takes: bool
) -> None:
    """Into the ID token (OpenID Connect Core 5.5): an issuer that keeps to 5.4 has the claims of scopes elsewhere."""
    publishes(issuer, claims_parameter_supported=takes)
    asked = await begins(browser)

    wish = {"id_token": {"workspace_id": None, "roles": None}}
    assert ("claims" in asked, json.loads(asked.get("claims", "null"))) == (takes, wish if takes else None)


async def test_an_issuer_that_is_away(browser: httpx.AsyncClient, issuer: Receiver, clock: Clock) -> None:
    """While it is away the page says so, people with passwords sign in, and nothing waits for long."""
    issuer.plan(CONFIGURATION, Answer(status=502))
    away = await browser.get(openid_pages.PATH)
    page = await browser.get("/dashboard/sign-in")

    assert (away.status_code, "does not answer at the moment" in away.text, page.status_code) == (503, True, 200)


async def test_a_code_that_is_refused(browser: httpx.AsyncClient, issuer: Receiver) -> None:
    """A code that the issuer does not take, and an answer without an ID token, are told; what is asked of it is counted."""
    publishes(issuer)
    said = []
    for answer in (Answer(status=400, body=b'{"error":"invalid_grant"}'), Answer(body=b"{}")):
        asked = await begins(browser)
        issuer.plan("/token", answer)
        back = await browser.get(openid_pages.ANSWERED, params={"code": "c", "state": asked["state"]})
        said.append((back.status_code, "it answered 400" in back.text, "holds no id_token" in back.text))

    async def answered() -> int:
        asked = await begins(browser)
        issuer.plan("/token", Answer(status=400, body=b"{}"))
        return (await browser.get(openid_pages.ANSWERED, params={"code": "c", "state": asked["state"]})).status_code

    assert said == [(503, True, False), (503, False, True)]
    assert [await answered() for _ in range(CHECKS - 1)] == [503] * (CHECKS - 2) + [429]


async def test_answers_to_nothing_of_ours_lock_nobody_out(browser: httpx.AsyncClient, issuer: Receiver) -> None:
    """Any page can send a browser here without a sign-in under way: that is refused, and counted against nobody."""
    publishes(issuer)
    strange = [await browser.get(openid_pages.ANSWERED, params={"code": "c", "state": "s"}) for _ in range(2 * CHECKS)]
    asked = await begins(browser)
    issuer.plan("/token", Answer(status=400, body=b"{}"))
    back = await browser.get(openid_pages.ANSWERED, params={"code": "c", "state": asked["state"]})

    assert {each.status_code for each in strange} == {403}
    assert back.status_code == 503


async def test_no_issuer(visit: Visit) -> None:
    """Where none signs people in there is no such page, and no word of it."""
    stranger = await visit()
    assert (await stranger.get(openid_pages.PATH)).status_code == 404
    assert "Sign in with" not in (await stranger.get("/dashboard/sign-in")).text


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"oidc_client_id": "a"}, "HOOKLAKE_OIDC_ISSUER"),
        (
            {"oidc_issuer": "https://a", "oidc_audience": "b", "oidc_client_id": "a", "oidc_scopes": "profile"},
            "OIDC_SCOPES",
        ),
    ],
)
def test_settings_that_cannot_work(settings: dict[str, str], named: str) -> None:
    """A client of nobody, and one that does not ask who somebody is, are refused before anything starts."""
    with pytest.raises(Misconfigured, match=named):
        ServiceSettings(**settings)  # type: ignore[arg-type]
