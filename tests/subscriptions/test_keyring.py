"""Signing keys that somebody wrote into the table, or stole."""

from datetime import datetime
from typing import Any
from uuid import uuid4

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from subscriptions.access import keyring
from subscriptions.access.access_tokens import ALGORITHM, AUDIENCE, Access
from subscriptions.access.clients import Client, Role
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Unauthorized
from subscriptions.ground.vault import Vault
from tests.clock import Clock
from tests.conftest import VAULT_KEYS

ISSUER = "https://hooklake.example"
WORKSPACE = "3009de2825f211ec8a84fedebcb4a754"


def door(database: Database) -> Access:
    return Access(database, Vault.parse(VAULT_KEYS), issuer=ISSUER)


def client(now: datetime) -> Client:
    roles = frozenset({Role.VIEWER})
    return Client(
        id=uuid4(), workspace_id=WORKSPACE, name="a", roles=roles, any_workspace=False, created_at=now, revoked_at=None
    )


def minted(private: ec.EllipticCurvePrivateKey, kid: str, now: datetime) -> str:
    """An operator's token, signed by a stranger."""
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(uuid4()),
        "iat": int(now.timestamp()),
        "exp": int(now.timestamp()) + 600,
        "name": "me",
        "workspace_id": WORKSPACE,
        "roles": ["operator"],
    }
    return jwt.encode(claims, private, algorithm=ALGORITHM, headers={"kid": kid})


@pytest.mark.parametrize("sealed", [b"", b"\x04test" + bytes(60), "copied"])
async def test_a_key_that_is_not_sealed_is_not_believed(
    database: Database, clock: Clock, sealed: bytes | str, caplog: pytest.LogCaptureFixture
) -> None:
    """Who can write rows, but has no key of the vault, makes no tokens; those of others go on, and the log tells of it once."""
    process = door(database)
    token = await process.issue(client(clock()), clock())
    private = ec.generate_private_key(ec.SECP256R1())
    jwk = keyring.public_jwk(private.public_key())
    async with database.raw() as connection:
        copied = await connection.fetchval("SELECT private_key FROM signing_keys")
        await connection.execute(
            "INSERT INTO signing_keys VALUES ($1, $2, $3, $4, NULL)",
            jwk["kid"],
            copied if isinstance(sealed, str) else sealed,
            msgspec.json.encode(jwk).decode(),
            clock.advance(1),
        )
    clock.advance(60)

    for each in (process, door(database)):
        with pytest.raises(Unauthorized, match="not known"):
            await each.verify(minted(private, jwk["kid"], clock()), clock())
        assert jwk["kid"] not in [key["kid"] for key in await each.keyring.published(clock())]
        assert (await each.verify(await each.issue(client(clock()), clock()), clock())).workspace_id == WORKSPACE
        assert await each.verify(token, clock())
    told = [record.message for record in caplog.records if "keys.unbelieved" in record.message]
    assert len(told) == 2, told


async def test_the_public_half_follows_from_the_sealed_one(database: Database, clock: Clock) -> None:
    """Another public half beside a key that is sealed changes nothing: what it signs is not believed."""
    token = await door(database).issue(client(clock()), clock())
    kid = jwt.get_unverified_header(token)["kid"]
    private = ec.generate_private_key(ec.SECP256R1())
    jwk = {**keyring.public_jwk(private.public_key()), "kid": kid}
    async with database.raw() as connection:
        await connection.execute("UPDATE signing_keys SET public_jwk = $1", msgspec.json.encode(jwk).decode())

    with pytest.raises(Unauthorized):
        await door(database).verify(minted(private, kid, clock()), clock())
    assert await door(database).verify(token, clock())
    assert await door(database).keyring.published(clock()) != [jwk]


async def test_a_stolen_key_ends_at_once(database: Database, clock: Clock) -> None:
    """What it has signed, or signs, is refused within ten seconds by processes that believed it before too."""
    process = door(database)
    remembered, unseen = [await process.issue(client(clock()), clock()) for _ in range(2)]
    await process.verify(remembered, clock())

    kid = await door(database).keyring.rotate(clock.advance(1), at_once=True)

    clock.advance(10)
    for token in (remembered, unseen):
        with pytest.raises(Unauthorized, match="not known"):
            await process.verify(token, clock())
    assert [key["kid"] for key in await process.keyring.published(clock())] == [kid]
    async with database.raw() as connection:
        assert await connection.fetchval("SELECT count(*) FROM signing_keys") == 1
