"""Documents of event APIs, read from where somebody says that they are: through the guard, as any request to a destination.

What comes of them is left to `subscriptions/catalogue/fetching.py`.
"""

import base64
from urllib.parse import quote, urlencode

import msgspec

from delivery.wire.causes import UNKNOWN_AUTHORITY
from delivery.wire.documents import Documents
from delivery.wire.transport import Transport
from subscriptions.catalogue.api_access import FetchRequest
from subscriptions.catalogue.api_auth import Auth, OAuthCredential
from subscriptions.catalogue.fetching import Unfetched
from subscriptions.ground.discreet import Discreet
from subscriptions.ground.errors import Unavailable

#: Bytes of one document, and seconds for it.
SPEC_BYTES, DEADLINE = 1 << 20, 10.0
ACCEPT = ("Accept", "application/yaml, application/json, */*;q=0.5")


class _Granted(Discreet, msgspec.Struct, frozen=True):
    """What a token endpoint answers."""

    access_token: str


class SpecReader:
    """Reads over the transport of deliveries, whose guard opens no address inside, and which follows no redirect."""

    def __init__(self, transport: Transport) -> None:
        self._documents = Documents(transport, most=SPEC_BYTES, deadline=DEADLINE)

    async def read(self, request: FetchRequest) -> bytes:
        """The document, whole, from an answer of 200; raises Unfetched."""
        if request.mode != "SINGLE":
            raise Unfetched(f"the mode {request.mode} is not supported: SINGLE is")
        if request.filter:
            raise Unfetched("a filter is not supported: fetch the whole document")
        auth = request.auth or Auth()
        more = await self._authorization(auth)
        given = [(name, value) for name, values in auth.additional_headers.items() for value in values]
        # Two of them would be no request that anybody reads alike.
        headers = [*(each for each in given if not more or each[0].lower() != "authorization"), *more]
        if not any(name.lower() == "accept" for name, _ in given):
            headers.append(ACCEPT)
        params = [(name, value) for name, values in auth.additional_query_params.items() for value in values]
        url = request.url.partition("#")[0]
        if params:
            url += ("&" if "?" in url else "?") + urlencode(params)
        try:
            return await self._documents.read(url, headers)
        except Unavailable as error:
            # Not the whole of it: that has the URL, whose parameters may be secret.
            raise Unfetched(_plain(error.cause)) from error

    async def _authorization(self, auth: Auth) -> list[tuple[str, str]]:
        credential = auth.credential
        if auth.request_auth is not None and auth.request_auth.csrf is not None:
            raise Unfetched("requestAuth is not supported for fetching")
        if credential is None:
            return []
        if credential.basic is not None:
            return [("Authorization", _basic(credential.basic.username, credential.basic.password))]
        if credential.oauth is not None:
            return [("Authorization", f"Bearer {await self._token(credential.oauth)}")]
        raise Unfetched("certificateOAuth is not supported for fetching")

    async def _token(self, client: OAuthCredential) -> str:
        """Asked for anew each time: documents are fetched seldom."""
        # As RFC 6749 2.3.1 has it.
        authorization = _basic(quote(client.client_id, safe=""), quote(client.client_secret, safe=""))
        try:
            answer = await self._documents.post(client.url, {"grant_type": "client_credentials"}, authorization)
            token = msgspec.json.decode(answer, type=_Granted).access_token
        except Unavailable as error:
            raise Unfetched(f"no token was to be had: {_plain(error.cause)}") from error
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise Unfetched("no token was to be had: the answer is no JSON with an access_token") from None
        if not token.isascii() or not token.isprintable():
            raise Unfetched("no token was to be had: what the answer has as access_token is none")
        return token


def _basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def _plain(cause: str) -> str:
    """Without the advice for webhooks."""
    return cause.replace(UNKNOWN_AUTHORITY, "")
