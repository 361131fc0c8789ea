"""The keys that tokens are signed with: ES256, shared by all processes through the database, the private halves sealed.

What a token says is left to `access_tokens.py`.
"""

import asyncio
import base64
import hashlib
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from sqlalchemy import delete, insert, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from subscriptions.ground import audit
from subscriptions.ground.audit import AuditChange
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Sealed, Unavailable
from subscriptions.ground.tables import signing_keys
from subscriptions.ground.vault import Vault

log = logging.getLogger("hooklake.access")

#: Two processes that need the first key at once make one.
MAKERS = 0x6C616B6B
#: How often the keys are asked for: a rotation reaches every process within this.
FRESH = timedelta(seconds=10)
#: How often an unknown key may make the keys be read again.
RELOAD = timedelta(seconds=1)
#: How long a key still verifies after a newer one came: longer than `FRESH` and the life of a token together.
OVERLAP = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Key:
    """One key pair as processes hold it."""

    #: The RFC 7638 thumbprint of the public half.
    kid: str
    #: As the JWKS document shows it.
    jwk: Mapping[str, str]
    public: ec.EllipticCurvePublicKey
    #: PEM, sealed.
    private: bytes
    #: From when on it verifies nothing; None for the newest.
    retired_at: datetime | None


class Keyring:
    """The unretired keys, read from the database and kept for a while."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self._keys: dict[str, Key] = {}
        self._loaded_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._signing: tuple[str, ec.EllipticCurvePrivateKey] | None = None
        #: Keys that were told of as not to be believed.
        self._told: set[str] = set()
        #: How often a key has gone that was there before: what it had signed is not to be believed any more.
        self.losses = 0
        #: Many requests that miss a key at once read the keys once.
        self._reading = asyncio.Lock()

    async def signing(self, now: datetime) -> tuple[str, ec.EllipticCurvePrivateKey]:
        """The newest key's id and private half, made if there is none; raises Unavailable where it cannot be unsealed."""
        await self._refresh(FRESH, now)
        if self._signing is None:
            newest = next((key for key in self._keys.values() if key.retired_at is None), None)
            if newest is None:
                raise Unavailable("The signing key of tokens", "HOOKLAKE_VAULT_KEYS unseals none of those that stand")
            self._signing = (newest.kid, self._opened(newest.kid, newest.private))
        return self._signing

    async def verifying(self, kid: str, now: datetime) -> ec.EllipticCurvePublicKey | None:
        """The public half of an unretired key; None where there is none of this id."""
        if kid not in self._keys:
            await self._refresh(RELOAD, now)
        elif self.stale(now):
            await self.look(now)
        key = self._keys.get(kid)
        retired = key is None or (key.retired_at is not None and key.retired_at <= now)
        return None if key is None or retired else key.public

    async def published(self, now: datetime) -> list[Mapping[str, str]]:
        """The unretired public keys, newest first, as a JWKS lists them."""
        await self._refresh(RELOAD, now)
        return [key.jwk for key in self._keys.values()]

    def stale(self, now: datetime) -> bool:
        """Whether it is time to look whether the keys that were read still stand; nobody else is looking, or just has."""
        return (
            self._older_than(FRESH, now)
            and self._loaded_at is not None
            and not self._reading.locked()
            and (self._tried_at is None or not timedelta(0) <= now - self._tried_at < FRESH)
        )

    async def look(self, now: datetime) -> None:
        """Reads the keys again; where the database is away, those that were read go on serving."""
        self._tried_at = now
        with suppress(Unavailable):
            await self._refresh(FRESH, now)

    async def rotate(self, now: datetime, *, at_once: bool = False) -> str:
        """Makes a new signing key and answers its id; the others verify for `OVERLAP` more, then retire.

        `at_once` takes them out of the table: nothing that they have signed is believed after `FRESH`.
        """
        async with self._database.transaction() as connection:
            await _lock(connection)
            others = update(signing_keys).where(signing_keys.c.retired_at.is_(None)).values(retired_at=now + OVERLAP)
            await connection.execute(delete(signing_keys) if at_once else others)
            kid = await self._make(connection, now)
            after = {"otherKeys": "withdrawn at once" if at_once else "verify for an hour more"}
            change = AuditChange(action="signing-key.rotated", subject=kid, name=kid, workspace_id=None, after=after)
            await audit.note(connection, change)
        self._loaded_at = None
        return kid

    async def _refresh(self, age: timedelta, now: datetime) -> None:
        """Reads the keys unless they were read less than `age` ago."""
        if self._older_than(age, now):
            async with self._reading:
                if self._older_than(age, now):
                    await self._load(now)

    def _older_than(self, age: timedelta, now: datetime) -> bool:
        return self._loaded_at is None or now - self._loaded_at >= age

    async def _load(self, now: datetime) -> None:
        async with self._database.transaction() as connection:
            rows = await _read(connection, now)
            if not rows:
                await _lock(connection)
                rows = await _read(connection, now)
            if not rows:
                await self._make(connection, now)
                rows = await _read(connection, now)
        keys = [key for key in map(self._believed, rows) if key is not None]
        self.losses += bool(self._keys.keys() - {key.kid for key in keys})
        self._keys = {key.kid: key for key in keys}
        self._loaded_at = now
        self._signing = None

    def _believed(self, row: Any) -> Key | None:
        """The key of a row; None unless what the vault has sealed for it is its private half."""
        known = self._keys.get(row.kid)
        if known is not None and known.private == row.private_key:
            return replace(known, retired_at=row.retired_at)
        try:
            public = self._opened(row.kid, row.private_key).public_key()
            jwk = public_jwk(public)
            if jwk["kid"] != row.kid:
                raise Unavailable("The signing key of tokens", "its id is that of another key")
        except Unavailable as error:
            if row.kid not in self._told:
                log.error("keys.unbelieved kid=%r cause=%r", row.kid, error.cause)
                self._told.add(row.kid)
            return None
        return Key(kid=row.kid, jwk=jwk, public=public, private=row.private_key, retired_at=row.retired_at)

    async def _make(self, connection: AsyncConnection, now: datetime) -> str:
        private = ec.generate_private_key(ec.SECP256R1())
        jwk = public_jwk(private.public_key())
        pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        values = {
            "kid": jwk["kid"],
            "private_key": self._vault.seal(pem, context=place(jwk["kid"])),
            "public_jwk": msgspec.json.encode(jwk).decode(),
            "created_at": now,
        }
        await connection.execute(insert(signing_keys).values(values))
        return jwk["kid"]

    def _opened(self, kid: str, sealed: bytes) -> ec.EllipticCurvePrivateKey:
        try:
            pem = self._vault.unseal(sealed, context=place(kid))
        except Sealed as error:
            raise Unavailable("The signing key of tokens", str(error)) from error
        private = serialization.load_pem_private_key(pem.encode(), None)
        assert isinstance(private, ec.EllipticCurvePrivateKey)
        return private


async def _lock(connection: AsyncConnection) -> None:
    await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MAKERS})


async def _read(connection: AsyncConnection, now: datetime) -> list[Any]:
    """The rows of the unretired keys, the one that signs first."""
    table = signing_keys
    rows = await connection.execute(
        select(table)
        .where(or_(table.c.retired_at.is_(None), table.c.retired_at > now))
        .order_by(table.c.retired_at.desc().nulls_first(), table.c.created_at.desc(), table.c.kid)
    )
    return list(rows)


def public_jwk(public: ec.EllipticCurvePublicKey) -> dict[str, str]:
    """A public half as the JWKS document shows it, with its thumbprint as `kid`."""
    members = ECAlgorithm.to_jwk(public, as_dict=True)
    # RFC 7638 3.2: the required members alone, in this order.
    required = {name: str(members[name]) for name in ("crv", "kty", "x", "y")}
    thumbprint = base64.urlsafe_b64encode(hashlib.sha256(msgspec.json.encode(required)).digest())
    return {**required, "kid": thumbprint.rstrip(b"=").decode(), "use": "sig", "alg": "ES256"}


def place(kid: str) -> bytes:
    """What the sealed private half is bound to."""
    return f"signing-key:{kid}".encode()
