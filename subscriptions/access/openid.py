"""Tokens of an outside OpenID Connect issuer: who they name, checked with the keys that the issuer publishes.

How documents are fetched is left to the process root; what a role permits, to the entrance.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from subscriptions.access import openid_claims
from subscriptions.access.access_tokens import LEEWAY, Caller
from subscriptions.access.doubts import EXPIRED, Hopeless, invalid, why
from subscriptions.access.openid_claims import TrustedIssuer
from subscriptions.ground.errors import Unavailable

log = logging.getLogger("hooklake.access")

#: Reads a document; raises Unavailable. Bounds its own time.
Fetch = Callable[[str], Awaitable[bytes]]

#: Which algorithms a key may verify, by its type; no others are taken, whatever a token says of itself.
ALGORITHMS: Mapping[str, frozenset[str]] = {"RSA": frozenset({"RS256", "PS256"}), "EC": frozenset({"ES256"})}
WEAKEST_RSA = 2048
#: How soon an unknown key may make the keys be read again: after a good read, after a failed one.
REREAD, RETRY = timedelta(seconds=30), timedelta(seconds=5)
#: Keys older than this are read again, off the request's path, so that withdrawn ones go.
STALE = timedelta(hours=1)
#: The longest that a request waits for the issuer, in seconds.
WAIT = 5.0
#: For how long a verified token is believed before it is checked again, in seconds.
BELIEVED = 300.0
#: Tokens with many groups or roles are long.
LONGEST_TOKEN = 16384

CONFIGURATION = "/.well-known/openid-configuration"


@dataclass(frozen=True, kw_only=True)
class _Key:
    kid: str | None
    algorithms: frozenset[str]
    public: rsa.RSAPublicKey | ec.EllipticCurvePublicKey


class _Configuration(msgspec.Struct):
    issuer: str
    jwks_uri: str
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    #: OpenID Connect Discovery 1.0, 3: this where it is left out.
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    claims_parameter_supported: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoints:
    """Where an issuer signs people in."""

    #: Where a browser is sent; empty where it signs nobody in.
    authorization: str
    #: Where a code becomes a token.
    token: str
    #: Whether a client names itself there by HTTP Basic; else in the form.
    basic: bool
    #: What can be wished for in the ID token (OpenID Connect Core 5.5); empty: the issuer takes no wishes.
    claims: tuple[str, ...] = ()


class _Keys(msgspec.Struct):
    keys: list[dict[str, Any]]


class OpenID:
    """Verifies the tokens of one issuer, whose keys it keeps; while the issuer is away, those it has go on serving."""

    def __init__(self, trust: TrustedIssuer, fetch: Fetch) -> None:
        self._trust = trust
        self._fetch = fetch
        self._keys: list[_Key] = []
        self._configuration: _Configuration | None = None
        self._read_at: datetime | None = None
        self._tried_at: datetime | None = None
        #: Why the last read came to nothing.
        self._away = ""
        self._reading: asyncio.Task[None] | None = None

    @property
    def issuer(self) -> str:
        """The `iss` of its tokens."""
        return self._trust.issuer

    async def checked(self, token: str, now: datetime) -> tuple[Caller, float]:
        """The caller, and until when that may be believed (seconds since the epoch).

        Raises Unauthorized, Forbidden where the token names no workspace or no role of ours, and Unavailable where the keys
        are not to be had.
        """
        claims, expires = await self.claims(token, now, audience=self._trust.audience)
        return self.caller(claims), min(expires, now.timestamp() + BELIEVED)

    async def claims(self, token: str, now: datetime, *, audience: str) -> tuple[Mapping[str, Any], float]:
        """What a good token of the issuer's says, and until when it is good (seconds since the epoch).

        Raises Unauthorized, and Unavailable where the keys are not to be had.
        """
        if len(token) > LONGEST_TOKEN:
            raise invalid("it is too long")
        try:
            header = jwt.get_unverified_header(token)
            kid, algorithm = header.get("kid"), header.get("alg")
            key = await self._key(kid, algorithm, now)
            claims = jwt.decode(
                token,
                key.public,
                algorithms=sorted(key.algorithms),
                audience=audience,
                issuer=self._trust.issuer,
                # The library would read a clock of its own.
                options={"require": ["exp", "sub"], "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except jwt.InvalidTokenError as error:
            raise why(error) from None
        expires = _instant(claims, "exp") + LEEWAY
        if now.timestamp() >= expires:
            raise Hopeless(EXPIRED)
        if "nbf" in claims and now.timestamp() < _instant(claims, "nbf") - LEEWAY:
            raise invalid("it is not good yet")
        return claims, expires

    async def endpoints(self, now: datetime) -> Endpoints:
        """Where the issuer signs people in; raises Unavailable where its configuration is not to be had."""
        if self._configuration is None or self._read_at is None or now - self._read_at >= STALE:
            await self._reading_done(self._begin(now), needed=self._configuration is None)
        known = self._configuration
        if known is None:
            raise Unavailable("The OpenID issuer", self._away or "its configuration was not read yet")
        return Endpoints(
            authorization=known.authorization_endpoint,
            token=known.token_endpoint,
            basic="client_secret_basic" in known.token_endpoint_auth_methods_supported,
            claims=openid_claims.wished(self._trust) if known.claims_parameter_supported else (),
        )

    async def close(self) -> None:
        """Ends what it is reading."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait({self._reading})

    async def _key(self, kid: object, algorithm: object, now: datetime) -> _Key:
        key = self._named(kid, algorithm)
        if key is None or self._read_at is None or now - self._read_at >= STALE:
            await self._reading_done(self._begin(now), needed=key is None)
            key = key or self._named(kid, algorithm)
        if key is None and (self._away or self._read_at is None):
            raise Unavailable("The OpenID issuer", self._away or "its keys were not read yet")
        if key is None:
            raise invalid("it is signed with a key or an algorithm that is not known")
        return key

    def _named(self, kid: object, algorithm: object) -> _Key | None:
        """The key that a token's header means; without `kid`, the only one that fits."""
        fitting = [key for key in self._keys if algorithm in key.algorithms and kid in (None, key.kid)]
        return fitting[0] if len(fitting) == 1 or (fitting and kid is not None) else None

    async def _reading_done(self, reading: asyncio.Task[None] | None, *, needed: bool) -> None:
        if needed and reading is not None:
            _, late = await asyncio.wait({reading}, timeout=WAIT)
            if late:
                raise Unavailable("The OpenID issuer", f"no answer within {WAIT:g} s")

    def _begin(self, now: datetime) -> asyncio.Task[None] | None:
        """The read under way, or a new one; None so soon after the last."""
        if self._reading is not None and not self._reading.done():
            return self._reading
        if self._tried_at is not None and now - self._tried_at < (RETRY if self._away else REREAD):
            return None
        self._tried_at = now
        self._reading = asyncio.create_task(self._read(now))
        return self._reading

    async def _read(self, now: datetime) -> None:
        """Reads the keys anew; raises nothing but CancelledError."""
        try:
            url = self._trust.issuer.rstrip("/") + CONFIGURATION
            configuration = msgspec.json.decode(await self._fetch(url), type=_Configuration)
            if configuration.issuer != self._trust.issuer:
                raise Unavailable(url, f"it is the configuration of {configuration.issuer[:200]!r}")
            keys = _usable(msgspec.json.decode(await self._fetch(configuration.jwks_uri), type=_Keys).keys)
            if not keys:
                raise Unavailable(configuration.jwks_uri, "it lists no key that can be used")
        except (Unavailable, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._fail(str(error))
        except Exception as error:
            log.error("issuer.failed", exc_info=error)
            self._fail(f"internal error: {type(error).__name__}")
        else:
            self._keys, self._read_at, self._away = keys, now, ""
            self._configuration = configuration
            log.info("issuer.read issuer=%s keys=%d", self._trust.issuer, len(keys))

    def _fail(self, cause: str) -> None:
        if cause != self._away:
            log.warning("issuer.away issuer=%s cause=%r", self._trust.issuer, cause)
        self._away = cause

    def caller(self, claims: Mapping[str, Any]) -> Caller:
        """Whom the claims of a good token name; raises Forbidden where they name no workspace or no role of ours."""
        return openid_claims.caller(claims, self._trust)


def _usable(jwks: list[dict[str, Any]]) -> list[_Key]:
    """The signature keys of a JWKS that one of the algorithms fits; others are passed over."""
    found = []
    for jwk in jwks:
        algorithms = ALGORITHMS.get(str(jwk.get("kty")), frozenset())
        if jwk.get("alg") is not None:
            algorithms &= {jwk["alg"]} if isinstance(jwk["alg"], str) else set()
        if not algorithms or jwk.get("use") not in (None, "sig"):
            continue
        # Private halves have no business there, and would make the library build another kind of key.
        public = {name: value for name, value in jwk.items() if name in ("kty", "n", "e", "crv", "x", "y")}
        try:
            key = jwt.PyJWK(public, algorithm=min(algorithms)).key
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        strong = isinstance(key, rsa.RSAPublicKey) and key.key_size >= WEAKEST_RSA
        curve = isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1)
        if strong or curve:
            kid = jwk.get("kid")
            found.append(_Key(kid=kid if isinstance(kid, str) else None, algorithms=algorithms, public=key))
    return found


def _instant(claims: Mapping[str, Any], name: str) -> float:
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:
        raise invalid(f"its claim {name} is not a time")
    return float(value)
