"""Clients, signing keys and tokens, over a real database and with a told time."""

import asyncio
import base64
import re
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from subscriptions.access import access_tokens, clients
from subscriptions.access.access_tokens import Access
from subscriptions.access.clients import Client, Draft, Role
from subscriptions.access.doubts import WRONG, Doubts, Hopeless
from subscriptions.access.keyring import OVERLAP
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Absent, Refused, Unauthorized, Unavailable
from subscriptions.ground.vault import Vault
from tests.clock import Clock
from tests.conftest import VAULT_KEYS

ISSUER = "https://hooklake.example"
WORKSPACE = "3009de2825f211ec8a84fedebcb4a754"
DRAFT = Draft(
    workspace_id=WORKSPACE, name="audit log", roles=frozenset({Role.PUBLISHER, Role.VIEWER}), any_workspace=True
)


def door(database: Database, keys: str = VAULT_KEYS) -> Access:
    return Access(database, Vault.parse(keys), issuer=ISSUER)


async def made(database: Database, now: datetime, draft: Draft = DRAFT) -> tuple[Client, str]:
    async with database.transaction() as connection:
        return await clients.create(connection, draft, now=now)


async def test_a_client_is_who_it_says(database: Database, clock: Clock) -> None:
    """Id and secret together name the client; the secret is kept nowhere."""
    client, secret = await made(database, clock())

    known = await door(database).authenticate(str(client.id), secret)

    assert known == client
    async with database.raw() as connection:
        row = str(await connection.fetchrow("SELECT * FROM clients"))
    assert secret not in row
    assert len(base64.urlsafe_b64decode(secret + "=")) == 32


async def test_wrong_secret(database: Database, clock: Clock) -> None:
    """A wrong secret, an unknown client and an id that is none are refused in the same words."""
    client, secret = await made(database, clock())
    said = set()

    for client_id, given in (
        (str(client.id), secret + "x"),
        (str(uuid4()), secret),
        ("nobody", ""),
        (str(client.id), "\ud800"),
    ):
        with pytest.raises(Unauthorized) as refusal:
            await door(database).authenticate(client_id, given)
        said.add(str(refusal.value))

    assert len(said) == 1


async def test_rotation_of_a_secret(database: Database, clock: Clock) -> None:
    """After a rotation the new secret works and the old one does not."""
    client, old = await made(database, clock())
    async with database.transaction() as connection:
        new = await clients.rotate(connection, client.id)

    known = await door(database).authenticate(str(client.id), new)

    assert known == client
    with pytest.raises(Unauthorized):
        await door(database).authenticate(str(client.id), old)


async def test_a_revoked_client_gets_nothing(database: Database, clock: Clock) -> None:
    """A revoked client gets nothing any more, and cannot be revoked or given a secret again."""
    client, secret = await made(database, clock())
    async with database.transaction() as connection:
        await clients.revoke(connection, client.id, now=clock())

    with pytest.raises(Unauthorized):
        await door(database).authenticate(str(client.id), secret)
    for again in (lambda c: clients.rotate(c, client.id), lambda c: clients.revoke(c, client.id, now=clock())):
        async with database.transaction() as connection:
            with pytest.raises(Absent):
                await again(connection)


@pytest.mark.parametrize(
    "draft",
    [
        replace(DRAFT, workspace_id="3009DE2825F211EC8A84FEDEBCB4A754"),
        replace(DRAFT, workspace_id=""),
        replace(DRAFT, name=""),
        replace(DRAFT, name="x" * 101),
        replace(DRAFT, name="two\nlines"),
        replace(DRAFT, roles=frozenset()),
    ],
)
async def test_impossible_clients(database: Database, clock: Clock, draft: Draft) -> None:
    """A workspace, a name and at least one role are needed."""
    with pytest.raises(Refused):
        await made(database, clock(), draft)


async def test_first_clients_once(database: Database, clock: Clock) -> None:
    """The first clients are made once, however many first starts there are at a time."""

    async def first() -> int:
        async with database.transaction() as connection:
            return len(await clients.first(connection, [DRAFT, DRAFT], now=clock()))

    counts = await asyncio.gather(*(first() for _ in range(5)))

    assert sorted(counts) == [0, 0, 0, 0, 2]


async def test_a_token_names_its_caller(database: Database, clock: Clock) -> None:
    """A token issued by one process is accepted by another, and says all about the client."""
    client, _ = await made(database, clock())

    token = await door(database).issue(client, clock())
    caller = await door(database).verify(token, clock())

    assert caller == access_tokens.Caller(
        issuer=ISSUER,
        client_id=str(client.id),
        name="audit log",
        workspace_id=WORKSPACE,
        roles=client.roles,
        any_workspace=True,
    )


async def test_a_token_has_the_documented_claims(database: Database, clock: Clock) -> None:
    """The claims are those of greenlake.md D.16, checkable by anybody with the JWKS document."""
    client, _ = await made(database, clock())
    process = door(database)
    token = await process.issue(client, clock())
    [jwk] = msgspec.json.decode(msgspec.json.encode(await process.jwks(clock())))["keys"]

    claims = jwt.decode(
        token, jwt.PyJWK(jwk), algorithms=["ES256"], audience="hooklake", issuer=ISSUER, options={"verify_iat": False}
    )

    assert jwt.get_unverified_header(token) == {"alg": "ES256", "typ": "JWT", "kid": jwk["kid"]}
    assert (claims["sub"], claims["workspace_id"]) == (str(client.id), WORKSPACE)
    assert (claims["roles"], claims["exp"] - claims["iat"]) == (["publisher", "viewer"], 900)
    assert set(jwk) == {"kty", "crv", "x", "y", "kid", "use", "alg"}


async def test_a_token_ends_with_its_quarter_of_an_hour(database: Database, clock: Clock) -> None:
    """A token is good for its quarter of an hour and a little, also where it was verified before."""
    client, _ = await made(database, clock())
    process = door(database)
    token = await process.issue(client, clock())
    await process.verify(token, clock())

    clock.advance(access_tokens.LIFETIME.total_seconds())
    await process.verify(token, clock())
    clock.advance(access_tokens.LEEWAY)

    for verifier in (process, door(database)):
        with pytest.raises(Unauthorized, match="expired"):
            await verifier.verify(token, clock())


LIBRARYS = re.compile(
    "segments|verification failed|padding|Invalid (header|payload|crypto)|alg value|doesn't match", re.I
)


def forged(claims: dict[str, Any], **header: Any) -> str:
    return jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), algorithm="ES256", headers=header)


async def test_a_forged_token_is_none(database: Database, clock: Clock) -> None:
    """What was not signed here, for here, is no token."""
    client, _ = await made(database, clock())
    process = door(database)
    good = await process.issue(client, clock())
    kid = jwt.get_unverified_header(good)["kid"]
    claims = jwt.decode(good, options={"verify_signature": False})
    head, body, signature = good.split(".")
    elsewhere = Access(database, Vault.parse(VAULT_KEYS), issuer="https://elsewhere.example")
    tokens = (
        "",
        "nonsense",
        "a.b.c",
        "x" * 5000,
        forged(claims, kid=kid),
        forged(claims, kid="unknown"),
        forged(claims),
        forged(claims, kid=""),
        jwt.encode(claims, "", algorithm="none", headers={"kid": kid}),
        f"{head}.{body}.",
        f"{head}.{body}.{signature[:-8]}AAAAAAAA",
        await elsewhere.issue(client, clock()),
    )

    for token in tokens:
        with pytest.raises(Unauthorized) as refused:
            await process.verify(token, clock())
        assert not LIBRARYS.search(str(refused.value)), token


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"aud": "elsewhere"}, "its claim aud does not name this service"),
        ({"iss": "elsewhere"}, "its claim iss names nobody who is believed here"),
        ({"workspace_id": None}, "its claim workspace_id is missing"),
    ],
)
async def test_what_is_wrong_is_told(database: Database, clock: Clock, changed: dict[str, Any], said: str) -> None:
    """A refused token is told why, and what to do, in our words; what is checked once is remembered."""
    client, _ = await made(database, clock())
    process = door(database)
    good = await process.issue(client, clock())
    kid, private = await process.keyring.signing(clock())
    claims = {**jwt.decode(good, options={"verify_signature": False}), **changed}
    token = jwt.encode(
        {name: value for name, value in claims.items() if value is not None}, private, "ES256", {"kid": kid}
    )

    for _ in range(2):
        with pytest.raises(Unauthorized, match=said):
            await process.verify(token, clock())


def test_memory_of_wrong_tokens_is_bounded(clock: Clock) -> None:
    """However many wrong tokens are sent, and however long each is, a bounded number of digests is remembered."""
    doubts = Doubts()
    for n in range(WRONG + 100):
        doubts.wrong(f"{n}" * 500, "", Hopeless("x"), clock())

    assert len(doubts) == WRONG
    with pytest.raises(Hopeless):
        doubts.vet(f"{WRONG}" * 500, "", clock())
    assert {len(each) for each in doubts._wrong} == {16}


async def test_one_first_key(database: Database, clock: Clock) -> None:
    """Processes that need the first key at once make one."""
    client, _ = await made(database, clock())

    tokens = await asyncio.gather(*(door(database).issue(client, clock()) for _ in range(5)))

    assert len({jwt.get_unverified_header(token)["kid"] for token in tokens}) == 1


async def test_rotation_of_keys(database: Database, clock: Clock) -> None:
    """A new key signs everywhere within a minute; what the old one signed stays good, the old one itself for an hour."""
    client, _ = await made(database, clock())
    process, other = door(database), door(database)
    old = await process.issue(client, clock())
    await other.issue(client, clock())

    kid = await door(database).keyring.rotate(clock.advance(1))
    clock.advance(60)
    tokens = [await one.issue(client, clock()) for one in (process, other)]

    assert [jwt.get_unverified_header(token)["kid"] for token in tokens] == [kid, kid]
    await other.verify(old, clock())
    assert len(await process.keyring.published(clock())) == 2
    clock.advance(OVERLAP.total_seconds())
    assert [key["kid"] for key in await process.keyring.published(clock())] == [kid]
    with pytest.raises(Unauthorized, match="not known"):
        await door(database).verify(old, clock())


async def test_unknown_keys_are_looked_up_once_a_second(database: Database, clock: Clock) -> None:
    """A new key of another process is found; until a second has passed since the last look, it is not looked for."""
    client, _ = await made(database, clock())
    process = door(database)
    await process.verify(await process.issue(client, clock()), clock())
    other = door(database)
    await other.keyring.rotate(clock())
    token = await other.issue(client, clock())

    with pytest.raises(Unauthorized):
        await process.verify(token, clock())
    caller = await process.verify(token, clock.advance(1))

    assert caller.client_id == str(client.id)


async def test_without_the_vaults_key(database: Database, clock: Clock) -> None:
    """A process that cannot unseal the signing key says so, and believes nothing that it has signed."""
    client, _ = await made(database, clock())
    token = await door(database).issue(client, clock())
    blind = door(database, "other:" + "B" * 43 + "=")

    with pytest.raises(Unauthorized, match="not known"):
        await blind.verify(token, clock())
    with pytest.raises(Unavailable, match="HOOKLAKE_VAULT_KEYS"):
        await blind.issue(client, clock())


async def test_memory_of_tokens_is_bounded(database: Database, clock: Clock) -> None:
    """However many tokens are verified, a bounded number is remembered, and each stays good."""
    client, _ = await made(database, clock())
    process = door(database)
    first = await process.issue(client, clock())
    await process.verify(first, clock())

    for number in range(access_tokens.REMEMBERED + 10):
        await process.verify(await process.issue(replace(client, name=str(number)), clock()), clock())

    assert process.remembered == access_tokens.REMEMBERED
    assert (await process.verify(first, clock())).name == client.name
