"""Who may call: a client's secret becomes a token, and a token becomes a caller.

Clients are kept by `clients.py`, keys by `keyring.py`; tokens of another issuer are left to `openid.py`, what a role
permits to the entrance.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import jwt

from subscriptions.access import clients
from subscriptions.access.clients import Client, Role
from subscriptions.access.doubts import EXPIRED, KEY, Brake, Doubts, Hopeless, invalid, why
from subscriptions.access.keyring import Keyring
from subscriptions.ground.database import Database
from subscriptions.ground.errors import Unauthorized
from subscriptions.ground.vault import Vault

AUDIENCE = "hooklake"
ALGORITHM = "ES256"
#: How long a token is good for (greenlake.md D.16); a revoked client keeps it so long.
LIFETIME = timedelta(minutes=15)
#: Clocks of machines part a little.
LEEWAY = 5.0
#: Verified tokens that are remembered: verifying one costs a tenth of a millisecond, and publishers send many requests.
REMEMBERED = 4096
LONGEST_TOKEN = 4096

CLAIMS = ("iss", "aud", "sub", "exp", "iat", "name", "workspace_id", "roles")


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Who calls, as its token says."""

    #: The `iss` of the token: whose name `client_id` is.
    issuer: str
    #: The `sub` of the token.
    client_id: str
    #: Shown as `createdBy` of what it makes.
    name: str
    #: 32 lower-case hexadecimal digits.
    workspace_id: str
    roles: frozenset[Role]
    #: Whether it may publish for another workspace.
    any_workspace: bool


class OutsideIssuer(Protocol):
    """Another issuer, whose tokens are taken beside our own."""

    @property
    def issuer(self) -> str:
        """The `iss` of its tokens."""

    async def checked(self, token: str, now: datetime) -> tuple[Caller, float]:
        """The caller, and until when that may be believed; raises Unauthorized, Forbidden, Unavailable."""


class Access:
    """Issues and verifies tokens: JWTs that any process, and anybody with the JWKS document, can check."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        *,
        issuer: str,
        outside: OutsideIssuer | None = None,
        brake: Brake | None = None,
    ) -> None:
        self.doubts = Doubts(brake)
        self._database = database
        self._issuer = issuer
        self._outside = outside
        self.keyring = Keyring(database, vault)
        self._verified: dict[str, tuple[Caller, float]] = {}
        #: Of the keyring's, as far as `_verified` has heard of them.
        self._losses = 0

    @property
    def remembered(self) -> int:
        """How many verified tokens are in memory."""
        return len(self._verified)

    async def authenticate(self, client_id: str, secret: str) -> Client:
        """The live client of this id and secret; raises Unauthorized, which does not tell the one from the other."""
        try:
            identifier = UUID(client_id)
        except ValueError:
            raise Unauthorized("the client is not known, or its secret is another") from None
        async with self._database.transaction() as connection:
            client = await clients.authenticated(connection, identifier, secret)
        if client is None:
            raise Unauthorized("the client is not known, or its secret is another")
        return client

    async def issue(self, client: Client, now: datetime) -> str:
        """A token for the next 15 minutes (`LIFETIME`); raises Unavailable without database or key."""
        kid, private = await self.keyring.signing(now)
        claims = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": str(client.id),
            "iat": int(now.timestamp()),
            "exp": int((now + LIFETIME).timestamp()),
            "name": client.name,
            "workspace_id": client.workspace_id,
            "roles": sorted(client.roles),
            "any_workspace": client.any_workspace,
        }
        return jwt.encode(claims, private, algorithm=ALGORITHM, headers={"kid": kid})

    async def verify(self, token: str, now: datetime, address: str = "") -> Caller:
        """The caller that a token names; raises Unauthorized unless it is still good, and made here or by the outside issuer.

        Raises TooSoon where too many forged ones came from this address; of the outside issuer's also Forbidden and Unavailable.
        """
        if self.keyring.stale(now):
            await self.keyring.look(now)
        if self.keyring.losses != self._losses:
            self._verified, self._losses = {}, self.keyring.losses
            self.doubts.clear()
        known = self._verified.get(token)
        if known is None or now.timestamp() >= known[1]:
            self._verified.pop(token, None)
            self.doubts.vet(token, address, now)
            try:
                known = await self._of_outside(token, now) or await self._checked(token, now)
                if now.timestamp() >= known[1]:
                    raise Hopeless(EXPIRED)
            except Hopeless as found:
                self.doubts.wrong(token, address, found, now)
                raise
            self.doubts.right(known[0].client_id, address)
            self._remember(token, known, now)
        return known[0]

    async def jwks(self, now: datetime) -> Mapping[str, object]:
        """The JWKS document: every public key that a good token can be signed with."""
        return {"keys": await self.keyring.published(now)}

    async def _of_outside(self, token: str, now: datetime) -> tuple[Caller, float] | None:
        """What the other issuer's token says; None for a token that does not claim to be its."""
        if self._outside is None:
            return None
        try:
            claimed = jwt.decode(token, options={"verify_signature": False}).get("iss")
        except jwt.InvalidTokenError:
            return None
        return await self._outside.checked(token, now) if claimed == self._outside.issuer else None

    async def _checked(self, token: str, now: datetime) -> tuple[Caller, float]:
        if len(token) > LONGEST_TOKEN:
            raise invalid("it is too long to be one of ours")
        try:
            kid = jwt.get_unverified_header(token).get("kid")
        except jwt.InvalidTokenError as error:
            raise why(error) from None
        public = await self.keyring.verifying(kid, now) if isinstance(kid, str) else None
        if public is None:
            raise invalid(KEY)
        try:
            claims = jwt.decode(
                token,
                public,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=self._issuer,
                # The library would read a clock of its own.
                options={"require": list(CLAIMS), "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except jwt.InvalidTokenError as error:
            raise why(error) from None
        return _caller(claims), float(claims["exp"]) + LEEWAY

    def _remember(self, token: str, known: tuple[Caller, float], now: datetime) -> None:
        if len(self._verified) >= REMEMBERED:
            moment = now.timestamp()
            self._verified = {text: pair for text, pair in self._verified.items() if pair[1] > moment}
        if len(self._verified) >= REMEMBERED:
            # All still good: the oldest goes.
            self._verified.pop(next(iter(self._verified)))
        self._verified[token] = known


def _caller(claims: Mapping[str, Any]) -> Caller:
    """From claims that a key of ours has signed."""
    return Caller(
        issuer=claims["iss"],
        client_id=claims["sub"],
        name=claims["name"],
        workspace_id=claims["workspace_id"],
        roles=frozenset(Role(role) for role in claims["roles"]),
        any_workspace=bool(claims.get("any_workspace", False)),
    )
