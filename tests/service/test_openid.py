"""Callers of an outside OpenID Connect issuer: over the wire to its keys, and through the gate of every route."""

import json
from collections.abc import AsyncIterator, Sequence

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from delivery.settings import DeliverySettings
from delivery.tickets import BrokerReport, Nudge
from service.app import Configuration, build, opened
from service.settings import ServiceSettings
from subscriptions.access.openid import CONFIGURATION
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Misconfigured
from subscriptions.ground.settings import GroundSettings
from tests.clock import Clock
from tests.conftest import VAULT_KEYS
from tests.receiver import Answer, Receiver

WORKSPACE = "3009de2825f211ec8a84fedebcb4a754"
PRIVATE = rsa.generate_private_key(65537, 2048)
WEBHOOKS = "/events/v1beta1/webhooks"


class Quiet:
    """Announces nothing."""

    def start(self) -> None:
        pass

    def announce(self, nudges: Sequence[Nudge]) -> None:
        pass

    def report(self) -> BrokerReport:
        return BrokerReport(product="none", version="", waiting={})

    def close(self) -> None:
        pass


@pytest.fixture
async def issuer() -> AsyncIterator[Receiver]:
    """An issuer on loopback, over TLS."""
    async with Receiver() as running:
        yield running


@pytest.fixture
async def api(database: Database, database_url: str, issuer: Receiver) -> AsyncIterator[httpx.AsyncClient]:
    """The API as its process root builds it, which believes the issuer; webhooks may not go to loopback."""
    configuration = Configuration(
        service=ServiceSettings(oidc_issuer=issuer.url(""), oidc_audience="hooklake"),
        delivery=DeliverySettings(ca_bundle=issuer.ca),
        ground=GroundSettings(database_url=database_url, vault_keys=VAULT_KEYS),
    )
    async with opened(configuration, Quiet()) as services:
        app = build(lambda: pytest.fail("an ASGI transport runs no lifespan"))
        app.state.services = services
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hooklake") as client:
            yield client


def publishes(issuer: Receiver) -> None:
    """The issuer's documents are there to be read once."""
    shown = jwt.algorithms.RSAAlgorithm.to_jwk(PRIVATE.public_key(), as_dict=True) | {"kid": "one"}
    configuration = {"issuer": issuer.url(""), "jwks_uri": issuer.url("/keys")}
    issuer.plan(CONFIGURATION, Answer(body=json.dumps(configuration).encode()))
    issuer.plan("/keys", Answer(body=json.dumps({"keys": [shown]}).encode()))


def bearer(issuer: Receiver, clock: Clock, roles: list[str]) -> dict[str, str]:
    claims = {
        "iss": issuer.url(""),
        "aud": "hooklake",
        "sub": "anna",
        "name": "Anna's program",
        "exp": int(clock().timestamp()) + 600,
        "workspace_id": WORKSPACE,
        "roles": roles,
    }
    return {"Authorization": f"Bearer {jwt.encode(claims, PRIVATE, algorithm='RS256', headers={'kid': 'one'})}"}


async def test_a_caller_from_outside(api: httpx.AsyncClient, issuer: Receiver, clock: Clock) -> None:
    """Its token opens what its roles open, in its workspace and under its name; its keys are read once."""
    publishes(issuer)
    subscriber = bearer(issuer, clock, ["subscriber", "uma_authorization"])
    asked = {"name": "hook", "destination": "https://example.com/", "secret": "s3cr3t"}

    made = await api.post(WEBHOOKS, json=asked, headers=subscriber)
    published = await api.post("/events/v1beta1/occurrences", json={}, headers=subscriber)
    nobody = await api.get(WEBHOOKS, headers=bearer(issuer, clock, ["uma_authorization"]))

    assert made.status_code == 201, made.text
    assert (made.json()["hpePrincipal"], made.json()["createdBy"]) == ("user:anna", "Anna's program")
    assert [answer.status_code for answer in (published, nobody)] == [403, 403]
    assert nobody.json()["errorCode"] == "HPE_GL_ERROR_FORBIDDEN"
    assert [request.path for request in issuer.requests] == [CONFIGURATION, "/keys"]


async def test_an_issuer_that_is_away(api: httpx.AsyncClient, issuer: Receiver, clock: Clock) -> None:
    """503 with Retry-After, so that callers keep their tokens and come again."""
    issuer.plan(CONFIGURATION, Answer(status=502))

    response = await api.get(WEBHOOKS, headers=bearer(issuer, clock, ["viewer"]))

    assert (response.status_code, response.json()["errorCode"]) == (503, "HPE_GL_ERROR_SERVICE_UNAVAILABLE")
    assert "retry-after" in response.headers


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"oidc_issuer": "login.example", "oidc_audience": "a"}, "HOOKLAKE_OIDC_ISSUER"),
        ({"oidc_issuer": "https://login.example"}, "HOOKLAKE_OIDC_AUDIENCE"),
        ({"oidc_issuer": "https://login.example", "oidc_audience": "a", "oidc_roles_claim": ""}, "ROLES_CLAIM"),
        ({"oidc_issuer": "https://us.example", "base_url": "https://us.example", "oidc_audience": "a"}, "OIDC_ISSUER"),
        ({"oidc_issuer": "http://login.example", "oidc_audience": "a"}, "HOOKLAKE_ALLOW_HTTP"),
    ],
)
def test_settings_that_cannot_work(settings: dict[str, str], named: str) -> None:
    """Half an issuer, one without TLS, and our own are refused before anything starts."""
    with pytest.raises(Misconfigured, match=named):
        Configuration(
            service=ServiceSettings(**settings),  # type: ignore[arg-type]
            delivery=DeliverySettings(),
            ground=GroundSettings(database_url="x", vault_keys="y"),
        )
