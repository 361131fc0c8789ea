"""Tokens of an outside OpenID Connect issuer: whom they name, and what becomes of requests while the issuer is away."""

import asyncio
from typing import Any
from uuid import UUID

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from subscriptions.access.access_tokens import Access, Caller
from subscriptions.access.clients import Client, Role
from subscriptions.access.openid import CONFIGURATION, OpenID
from subscriptions.access.openid_claims import TrustedIssuer
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Forbidden, Unauthorized, Unavailable
from subscriptions.ground.vault import Vault
from tests.clock import Clock
from tests.conftest import VAULT_KEYS

ISSUER = "https://login.example/realm/"
KEYS_URL = "https://keys.example/jwks"
WORKSPACE = "3009de2825f211ec8a84fedebcb4a754"
RSA = rsa.generate_private_key(65537, 2048)
OTHER_RSA = rsa.generate_private_key(65537, 2048)
WEAK_RSA = rsa.generate_private_key(65537, 1024)
EC = ec.generate_private_key(ec.SECP256R1())
#: A claim that is left out.
ABSENT: Any = ...


def jwk(private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, **more: Any) -> dict[str, Any]:
    if isinstance(private, rsa.RSAPrivateKey):
        shown = jwt.algorithms.RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    else:
        shown = jwt.algorithms.ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    return {name: value for name, value in (shown | more).items() if name != "key_ops"}


class Issuer:
    """The documents of an issuer, and how often they were read."""

    def __init__(self, *keys: dict[str, Any]) -> None:
        self.configuration: Any = {"issuer": ISSUER, "jwks_uri": KEYS_URL, "token_endpoint": "elsewhere"}
        self.keys: Any = {"keys": list(keys) or [jwk(RSA, kid="one", use="sig")]}
        self.down = False
        self.reads = 0
        #: Closed while it hangs.
        self.open = asyncio.Event()
        self.open.set()
        self.asked = asyncio.Event()

    async def fetch(self, url: str) -> bytes:
        if url == ISSUER.rstrip("/") + CONFIGURATION:
            self.reads += 1
            self.asked.set()
            await self.open.wait()
            if self.down:
                raise Unavailable(url, "connection refused")
            return msgspec.json.encode(self.configuration)
        assert url == KEYS_URL
        return msgspec.json.encode(self.keys)


def door(issuer: Issuer, **trust: str) -> OpenID:
    return OpenID(TrustedIssuer(issuer=ISSUER, audience="hooklake", **trust), issuer.fetch)


def token(clock: Clock, *, key: Any = RSA, algorithm: str = "RS256", kid: str | None = "one", **more: Any) -> str:
    now = int(clock().timestamp())
    claims = {
        "iss": ISSUER,
        "aud": ["account", "hooklake"],
        "sub": "service-7",
        "exp": now + 3600,
        "iat": now,
        "workspace_id": WORKSPACE,
        "roles": ["publisher", "offline_access"],
    } | more
    headers = {} if kid is None else {"kid": kid}
    given = {name: value for name, value in claims.items() if value is not ABSENT}
    return jwt.encode(given, key, algorithm=algorithm, headers=headers)


async def test_a_token_names_its_caller(clock: Clock) -> None:
    """`sub`, workspace, and the roles that are ours."""
    caller, until = await door(Issuer()).checked(token(clock), clock())

    assert caller == Caller(
        issuer=ISSUER,
        client_id="service-7",
        name="service-7",
        workspace_id=WORKSPACE,
        roles=frozenset({Role.PUBLISHER}),
        any_workspace=False,
    )
    assert until == clock().timestamp() + 300


@pytest.mark.parametrize(
    ("trust", "claims", "workspace", "roles", "name"),
    [
        ({}, {"workspace_id": str(UUID(WORKSPACE)).upper()}, WORKSPACE, {"publisher"}, "service-7"),
        ({}, {"roles": "viewer"}, WORKSPACE, {"viewer"}, "service-7"),
        ({}, {"name": "Audit log", "email": "other"}, WORKSPACE, {"publisher"}, "Audit log"),
        ({}, {"name": "two\nlines", "azp": "audit"}, WORKSPACE, {"publisher"}, "audit"),
        ({}, {"name": 7, "sub": "s" * 255}, WORKSPACE, {"publisher"}, "s" * 100),
        (
            {"roles_claim": "realm_access.roles", "workspace_claim": "https://a.example/workspace"},
            {"realm_access": {"roles": ["operator"]}, "https://a.example/workspace": "a" * 32},
            "a" * 32,
            {"operator"},
            "service-7",
        ),
    ],
)
async def test_settings_say_which_claims_count(
    clock: Clock, trust: dict[str, str], claims: dict[str, Any], workspace: str, roles: set[str], name: str
) -> None:
    """Issuers spell them in their own ways; which claims count is told by settings."""
    caller, _ = await door(Issuer(), **trust).checked(token(clock, **claims), clock())

    assert (caller.workspace_id, set(map(str, caller.roles)), caller.name) == (workspace, roles, name)


@pytest.mark.parametrize(("claim", "may"), [(True, True), ("true", False), (1, False), (ABSENT, False)])
async def test_any_workspace_is_said_outright(clock: Clock, claim: object, may: bool) -> None:
    """A publisher may name another workspace only where its token says so with `true`."""
    caller, _ = await door(Issuer()).checked(token(clock, any_workspace=claim), clock())

    assert caller.any_workspace is may


@pytest.mark.parametrize(
    "claims",
    [
        {"roles": ["offline_access"]},
        {"roles": []},
        {"roles": ABSENT},
        {"roles": {"publisher": True}},
        {"roles": "viewer, publisher"},
        {"roles": "no operator"},
        {"roles": ["Publisher", 7, None]},
        {"workspace_id": ABSENT},
        {"workspace_id": "the main one"},
        {"workspace_id": 7},
    ],
)
async def test_known_and_entitled_to_nothing(clock: Clock, claims: dict[str, Any]) -> None:
    """A good token without a role of ours, or without a workspace, is forbidden rather than invalid."""
    with pytest.raises(Forbidden):
        await door(Issuer()).checked(token(clock, **claims), clock())


@pytest.mark.parametrize(
    "made",
    [
        {"aud": "another"},
        {"aud": ABSENT},
        {"iss": "https://elsewhere.example"},
        {"exp": ABSENT},
        {"exp": 0},
        {"exp": True},
        {"nbf": 99999999999},
        {"sub": ABSENT},
        {"sub": ""},
        {"sub": "a\nb"},
        {"key": OTHER_RSA},
        {"kid": "unknown"},
        {"key": "secret" * 10, "algorithm": "HS256"},
        {"key": None, "algorithm": "none"},
        {"algorithm": "RS512"},
        {"key": EC, "algorithm": "ES256"},
        {"padding": "x" * 20_000},
    ],
    ids=" ".join,
)
async def test_a_forged_token_is_none(clock: Clock, made: dict[str, Any]) -> None:
    """What the issuer did not sign, for us, for now, is no token."""
    with pytest.raises(Unauthorized):
        await door(Issuer()).checked(token(clock, **made), clock())


@pytest.mark.parametrize(
    ("listed", "signed", "taken"),
    [
        (jwk(RSA, kid="one"), {"algorithm": "PS256"}, True),
        (jwk(RSA, kid="one", alg="PS256"), {"algorithm": "PS256"}, True),
        (jwk(RSA, kid="one", alg="RS256"), {"algorithm": "PS256"}, False),
        (jwk(EC, kid="one"), {"key": EC, "algorithm": "ES256"}, True),
        (jwk(RSA, kid="one", use="enc"), {}, False),
        (jwk(RSA, kid="one", alg="RS512"), {"algorithm": "RS512"}, False),
        (jwk(RSA), {"kid": None}, True),
        (jwk(RSA), {"kid": "one"}, False),
        ({"kty": "oct", "k": "c2VjcmV0", "kid": "one"}, {}, False),
        ({"kty": "RSA", "n": "!", "e": "AQAB", "kid": "one"}, {}, False),
        ({"kty": 7, "kid": "one"}, {}, False),
    ],
)
async def test_which_keys_serve(clock: Clock, listed: dict[str, Any], signed: dict[str, Any], taken: bool) -> None:
    """RS256, PS256 and ES256, with signature keys of that kind; an odd entry spoils no other."""
    issuer = Issuer(listed, jwk(OTHER_RSA, kid="two", alg="RS256", use="enc"), jwk(EC, kid="three"))
    made = token(clock, **signed)
    verdict: object = None

    try:
        verdict, _ = await door(issuer).checked(made, clock())
    except Unauthorized as error:
        verdict = error

    assert isinstance(verdict, Caller) is taken


@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")
async def test_a_weak_key_is_none(clock: Clock) -> None:
    """RSA begins at 2048 bits."""
    issuer = Issuer(jwk(WEAK_RSA, kid="one"), jwk(RSA, kid="two"))

    with pytest.raises(Unauthorized):
        await door(issuer).checked(token(clock, key=WEAK_RSA), clock())


async def test_an_unknown_key_makes_the_keys_be_read_again(clock: Clock) -> None:
    """At most every 30 s, however many tokens name one, and once for all that come at a time."""
    issuer = Issuer()
    process = door(issuer)
    await asyncio.gather(*(process.checked(token(clock), clock()) for _ in range(10)))
    at_once = issuer.reads
    issuer.keys = {"keys": [jwk(RSA, kid="one"), jwk(OTHER_RSA, kid="two")]}
    rotated = token(clock, key=OTHER_RSA, kid="two")

    for _ in range(3):
        with pytest.raises(Unauthorized):
            await process.checked(rotated, clock())
    caller, _ = await process.checked(rotated, clock.advance(30))

    assert (at_once, issuer.reads, caller.client_id) == (1, 2, "service-7")


async def test_withdrawn_keys_go(clock: Clock) -> None:
    """Keys older than an hour are read again beside the request that finds them so."""
    issuer = Issuer()
    process = door(issuer)
    await process.checked(token(clock), clock())
    issuer.keys = {"keys": [jwk(OTHER_RSA, kid="two")]}

    await process.checked(token(clock), clock.advance(3600))
    await process.checked(token(clock, key=OTHER_RSA, kid="two"), clock())

    with pytest.raises(Unauthorized):
        await process.checked(token(clock), clock())


async def test_while_the_issuer_is_away(clock: Clock) -> None:
    """Known keys go on serving; unknown ones are a 503 rather than a 401, asked for every 5 s until it is back."""
    issuer = Issuer()
    process = door(issuer)
    await process.checked(token(clock), clock())
    issuer.down = True
    clock.advance(3600)
    rotated = token(clock, key=OTHER_RSA, kid="two")

    for _ in range(3):
        await process.checked(token(clock), clock())
        with pytest.raises(Unavailable, match="connection refused"):
            await process.checked(rotated, clock())
    reads_while_away = issuer.reads
    issuer.down, issuer.keys = False, {"keys": [jwk(OTHER_RSA, kid="two")]}
    caller, _ = await process.checked(rotated, clock.advance(5))

    assert (reads_while_away, caller.client_id) == (2, "service-7")


@pytest.mark.parametrize(
    ("configuration", "keys"),
    [
        ({"issuer": "https://elsewhere.example", "jwks_uri": KEYS_URL}, {"keys": [jwk(RSA, kid="one")]}),
        ({"issuer": ISSUER}, {"keys": [jwk(RSA, kid="one")]}),
        ([], {}),
        ({"issuer": ISSUER, "jwks_uri": KEYS_URL}, {"keys": []}),
        ({"issuer": ISSUER, "jwks_uri": KEYS_URL}, {"keys": "none"}),
        ({"issuer": ISSUER, "jwks_uri": KEYS_URL}, "none"),
    ],
)
async def test_documents_that_make_no_sense(clock: Clock, configuration: object, keys: object) -> None:
    """They are as if the issuer were away: a 503 that says why, in the log and here."""
    issuer = Issuer()
    issuer.configuration, issuer.keys = configuration, keys

    with pytest.raises(Unavailable):
        await door(issuer).checked(token(clock), clock())


async def test_close_while_reading(clock: Clock) -> None:
    """A process that stops waits for no issuer."""
    issuer = Issuer()
    issuer.open.clear()
    process = door(issuer)
    asking = asyncio.create_task(process.checked(token(clock), clock()))
    await issuer.asked.wait()

    await process.close()

    with pytest.raises(Unavailable):
        await asking


async def test_our_own_tokens_do_not_wait(database: Database, clock: Clock) -> None:
    """While the issuer hangs, what was issued here is verified as ever; both kinds are taken once it answers."""
    issuer = Issuer()
    issuer.open.clear()
    access = Access(database, Vault.parse(VAULT_KEYS), issuer="https://hooklake.example", outside=door(issuer))
    client = Client(
        id=UUID(int=1),
        workspace_id=WORKSPACE,
        name="ours",
        roles=frozenset({Role.VIEWER}),
        any_workspace=False,
        created_at=clock(),
        revoked_at=None,
    )
    own = await access.issue(client, clock())
    waiting = asyncio.create_task(access.verify(token(clock), clock()))
    await issuer.asked.wait()

    ours = await access.verify(own, clock())
    waited = not waiting.done()
    issuer.open.set()

    assert (ours.name, waited, (await waiting).name) == ("ours", True, "service-7")


async def test_a_verified_token_is_checked_again_after_a_while(database: Database, clock: Clock) -> None:
    """For five minutes it is believed; then its key has to be there still, and it may not have expired."""
    issuer = Issuer()
    outside = door(issuer)
    access = Access(database, Vault.parse(VAULT_KEYS), issuer="https://hooklake.example", outside=outside)
    made = token(clock, exp=int(clock().timestamp()) + 400)

    await access.verify(made, clock())
    clock.advance(300)
    await access.verify(made, clock())
    clock.advance(105)

    with pytest.raises(Unauthorized, match="expired"):
        await access.verify(made, clock())
