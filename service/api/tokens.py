"""Tokens for clients (RFC 6749 4.4, client credentials), and the keys that they can be checked with (greenlake.md 1.12).

What a token says is left to `subscriptions/access/access_tokens.py`.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from math import ceil
from urllib.parse import parse_qsl, unquote_plus
from uuid import UUID

from starlette.requests import Request
from starlette.responses import Response

from service.answers import AUDIENCE
from service.api import reading, writing
from service.auth import TWICE
from service.limits.addresses import household
from service.services import services_of
from subscriptions.access import access_tokens
from subscriptions.ground.audience import STAYS
from subscriptions.ground.database import asked_by
from subscriptions.ground.errors import HooklakeError, TooSoon, Unauthorized

FORM = "application/x-www-form-urlencoded"
FORM_BYTES = 16384
#: RFC 7617 2.
BASIC = {"WWW-Authenticate": 'Basic realm="hooklake"'}
#: RFC 6749 5.1.
PRIVATE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
#: Long enough to spare requests, short against the hour for which an old key still verifies.
PUBLIC = {"Cache-Control": "public, max-age=60"}


class _Fault(HooklakeError):
    """What RFC 6749 5.2 has its own body for; raised and answered in this file alone."""

    def __init__(self, status: int, error: str, description: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(description)
        self.status = status
        self.error = error
        self.headers = headers or {}


async def token(request: Request) -> Response:
    """POST /authorization/v2/oauth2/{workspaceId}/token: `access_token`, `token_type`, `expires_in`.

    The client names itself in the form (`client_id`, `client_secret`) or by HTTP Basic.
    """
    try:
        return writing.json(await _granted(request), headers=PRIVATE)
    except _Fault as fault:
        body = {"error": fault.error, "error_description": str(fault)}
        return writing.json(body, fault.status, headers={**PRIVATE, **fault.headers})


async def jwks(request: Request) -> Response:
    """GET /authorization/v2/jwks: the public keys of tokens."""
    services = services_of(request)
    return writing.json(await services.access.jwks(services.clock()), headers=PUBLIC)


async def _granted(request: Request) -> dict[str, object]:
    form = await _form(request)
    if "grant_type" not in form:
        raise _Fault(400, "invalid_request", "grant_type is missing")
    if form["grant_type"] != "client_credentials":
        raise _Fault(400, "unsupported_grant_type", "the only grant_type here is client_credentials")
    given_id, secret = _credentials(request, form)
    client_id = _counted(given_id)
    services = services_of(request)
    address = "" if request.client is None else request.client.host
    if seconds := services.throttle.wait(client_id, address, services.clock()):
        said = f"too many wrong secrets came from this address: try again in {seconds} s"
        # RFC 6749 has no word of its own for it.
        raise _Fault(429, "temporarily_unavailable", said, {"Retry-After": str(seconds)})
    try:
        # Nobody knows yet who asks: those of an address take the database's connections by turns.
        with asked_by(household(address), request.scope.get(AUDIENCE, STAYS)):
            client = await services.access.authenticate(given_id, secret)
    except TooSoon as soon:
        raise _Fault(429, "temporarily_unavailable", str(soon), {"Retry-After": str(ceil(soon.seconds))}) from None
    except Unauthorized as error:
        services.throttle.failed(client_id, address, services.clock())
        raise _unknown(request, str(error)) from None
    services.throttle.succeeded(client_id, address)
    if client.workspace_id != request.path_params["workspaceId"]:
        raise _unknown(request, "the client is not one of this workspace")
    issued = await services.access.issue(client, services.clock())
    services.access.doubts.right(str(client.id), address)
    return {
        "access_token": issued,
        "token_type": "Bearer",
        "expires_in": int(access_tokens.LIFETIME.total_seconds()),
    }


def _counted(client_id: str) -> str:
    """Whom failures are counted for: an id has many spellings, and what is none may be long."""
    try:
        return str(UUID(client_id))
    except ValueError:
        return hashlib.blake2b(client_id.encode(errors="surrogatepass"), digest_size=16).hexdigest()


def _unknown(request: Request, why: str) -> _Fault:
    """RFC 6749 5.2: how to name itself is told to who tried by that header; libraries that read it look at nothing else."""
    return _Fault(401, "invalid_client", why, BASIC if "authorization" in request.headers else {})


async def _form(request: Request) -> dict[str, str]:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != FORM:
        raise _Fault(400, "invalid_request", f"the body has to be a form, with Content-Type {FORM}")
    raw = await reading.body(request, FORM_BYTES)
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=20)
    except ValueError:
        raise _Fault(400, "invalid_request", "the body is not a readable form") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise _Fault(400, "invalid_request", "a parameter of the form is given twice")
    return form


def _credentials(request: Request, form: dict[str, str]) -> tuple[str, str]:
    given = request.headers.getlist("authorization")
    if given:
        if len(given) > 1:
            raise _Fault(400, "invalid_request", f"the Authorization header {TWICE}")
        if "client_secret" in form:
            raise _Fault(400, "invalid_request", "the client names itself twice: in the form and by HTTP Basic")
        return _basic(request, given[0])
    if "client_id" not in form or "client_secret" not in form:
        raise _Fault(400, "invalid_request", "client_id and client_secret are needed, in the form or by HTTP Basic")
    return form["client_id"], form["client_secret"]


def _basic(request: Request, header: str) -> tuple[str, str]:
    """RFC 6749 2.3.1: both halves are form-encoded before they are joined."""
    scheme, _, encoded = header.partition(" ")
    try:
        client_id, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        colon = ""
    if scheme.lower() != "basic" or not colon:
        raise _unknown(request, "the Authorization header is not HTTP Basic with client id and secret")
    return unquote_plus(client_id), unquote_plus(secret)
