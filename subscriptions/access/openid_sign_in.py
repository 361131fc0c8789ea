"""Signing people in with an outside OpenID Connect issuer: the code flow (OpenID Connect Core 3.1) with PKCE (RFC 7636).

Whose tokens are believed, and with which keys, is left to `openid.py`; what a browser carries between the two steps, to the
entrance.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import quote_plus, urlencode

import msgspec

from subscriptions.access.openid import OpenID
from subscriptions.access.people import OutsidePerson, PersonDraft
from subscriptions.ground.discreet import Discreet
from subscriptions.ground.errors import Unauthorized, Unavailable

#: Posts a form, with an Authorization header or an empty text; raises Unavailable. Bounds its own time.
Post = Callable[[str, Mapping[str, str], str], Awaitable[bytes]]

RANDOM_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class DashboardClient:
    """How the issuer knows us."""

    client_id: str
    #: Empty: a public client.
    secret: str = field(repr=False)
    scopes: str
    #: Where it sends people back to.
    redirect: str


@dataclass(frozen=True, kw_only=True)
class SignInFlow:
    """What one browser keeps between the two steps, and nobody else knows."""

    state: str
    nonce: str
    verifier: str = field(repr=False)


class _TokenAnswer(Discreet, msgspec.Struct):
    id_token: str


class OpenIDSignIn:
    """Sends people to the issuer, and knows them when they come back."""

    def __init__(self, openid: OpenID, registration: DashboardClient, post: Post) -> None:
        self._openid = openid
        self._registration = registration
        self._post = post

    @property
    def issuer(self) -> str:
        """Who vouches."""
        return self._openid.issuer

    async def begin(self, now: datetime) -> tuple[str, SignInFlow]:
        """Where to send a browser, and what it has to bring back; raises Unavailable where the issuer does not say."""
        endpoints = await self._openid.endpoints(now)
        if not endpoints.authorization.startswith(("https://", "http://")):
            raise Unavailable(self.issuer, "its configuration names no authorization_endpoint")
        state, nonce, verifier = (secrets.token_urlsafe(RANDOM_BYTES) for _ in range(3))
        asked = {
            "response_type": "code",
            "client_id": self._registration.client_id,
            "redirect_uri": self._registration.redirect,
            "scope": self._registration.scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": _digest(verifier),
            "code_challenge_method": "S256",
        }
        if endpoints.claims:
            # Claims of scopes are told elsewhere where there is an access token beside (OpenID Connect Core 5.4).
            asked["claims"] = msgspec.json.encode({"id_token": dict.fromkeys(endpoints.claims)}).decode()
        joined = "&" if "?" in endpoints.authorization else "?"
        return endpoints.authorization + joined + urlencode(asked), SignInFlow(
            state=state, nonce=nonce, verifier=verifier
        )

    async def finish(self, flow: SignInFlow, answer: Mapping[str, str], now: datetime) -> OutsidePerson:
        """Who has come back with this query; raises Unauthorized, Forbidden for who has no role here, Unavailable."""
        if not hmac.compare_digest(answer.get("state", "").encode(), flow.state.encode()):
            raise Unauthorized("it is the answer to another sign-in, or one that is too old")
        # RFC 9207 2.4.
        if answer.get("iss", self.issuer) != self.issuer:
            raise Unauthorized("another issuer has answered")
        if "error" in answer:
            said = answer.get("error_description") or answer["error"]
            raise Unauthorized(f"the issuer said no: {said[:200]}")
        claims, _ = await self._openid.claims(
            await self._id_token(flow, answer.get("code", ""), now), now, audience=self._registration.client_id
        )
        if not hmac.compare_digest(str(claims.get("nonce", "")).encode(), flow.nonce.encode()):
            raise Unauthorized("the issuer's token is of another sign-in")
        # OpenID Connect Core 3.1.3.7, 4 and 5.
        if claims.get("azp", self._registration.client_id) != self._registration.client_id:
            raise Unauthorized("the issuer's token is another client's")
        caller = self._openid.caller(claims)
        draft = PersonDraft(name=caller.name or caller.client_id, workspace_id=caller.workspace_id, roles=caller.roles)
        return OutsidePerson(issuer=self.issuer, subject=caller.client_id, draft=draft)

    async def _id_token(self, flow: SignInFlow, code: str, now: datetime) -> str:
        endpoints, registration = await self._openid.endpoints(now), self._registration
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": registration.redirect,
            "code_verifier": flow.verifier,
        }
        authorization = ""
        if registration.secret and endpoints.basic:
            # RFC 6749 2.3.1: both halves are form-encoded before they are joined.
            named = f"{quote_plus(registration.client_id)}:{quote_plus(registration.secret)}"
            authorization = "Basic " + base64.b64encode(named.encode()).decode()
        else:
            form["client_id"] = registration.client_id
            if registration.secret:
                form["client_secret"] = registration.secret
        body = await self._post(endpoints.token, form, authorization)
        try:
            return msgspec.json.decode(body, type=_TokenAnswer).id_token
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Unavailable(endpoints.token, f"its answer holds no id_token: {error}") from error


def _digest(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
