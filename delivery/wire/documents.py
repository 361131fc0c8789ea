"""Documents read over the wire: an OpenID issuer's configuration, keys and tokens, which settings name, and those of event APIs.

What they say, and how long they are believed, is left to those who ask.
"""

import codecs
from collections.abc import Mapping, Sequence

import httpx

from delivery.wire.causes import explain
from delivery.wire.dialling import Dial
from delivery.wire.sender import inflated
from delivery.wire.transport import Transport, TransportLimits
from subscriptions.ground.errors import Unavailable

#: Bytes of one document, and seconds for it.
DOCUMENT_BYTES = 262_144
DEADLINE = 5.0
HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}
Pairs = Sequence[tuple[str, str]]
DOCUMENT_LIMITS = TransportLimits(
    connections=10, connect_timeout=DEADLINE, deadline=DEADLINE, body_bytes=DOCUMENT_BYTES
)
# The operator's own hosts are often private ones, and opening them to webhooks for that would be the greater harm. What a
# guard opens by no range stays shut here too: link-local addresses, where clouds keep credentials.
ANYWHERE = ("0.0.0.0/0", "::/0")


class Documents:
    """Reads documents over a transport, within its guard; made in `delivery/assembly.py`."""

    def __init__(self, transport: Transport, *, most: int = DOCUMENT_BYTES, deadline: float = DEADLINE) -> None:
        """`most` bytes of one, `deadline` seconds for it."""
        self._transport = transport
        self._most = most
        self._deadline = deadline

    async def read(self, url: str, headers: Pairs = ()) -> bytes:
        """The document's bytes; raises Unavailable unless it was answered with 200 and whole. Redirects are not followed."""
        return await self._answered("GET", url, None, headers)

    async def post(self, url: str, form: Mapping[str, str], authorization: str = "") -> bytes:
        """What a form is answered with, likewise; it is sent once, and `authorization` is its header."""
        return await self._answered("POST", url, form, (("Authorization", authorization),) if authorization else ())

    async def _answered(self, method: str, url: str, form: Mapping[str, str] | None, headers: Pairs) -> bytes:
        given = {name.lower() for name, _ in headers}
        headers = [*((name, value) for name, value in HEADERS.items() if name.lower() not in given), *headers]
        dial = Dial(repeatable=method == "GET")
        try:
            self._transport.place(url)  # says what is wrong with it before httpx reads it
            request = httpx.Request(
                method,
                url,
                headers=list(headers),
                data=form,
                extensions={
                    "destination": url,
                    "dial": dial,
                    "deadline": self._deadline,
                    "body_bytes": self._most,
                },
            )
            response = await self._transport.handle_async_request(request)
        except Exception as error:
            connect = self._transport.limits.connect_timeout
            raise Unavailable(url, explain(error, dial, connect=connect, deadline=self._deadline).cause) from error
        assert isinstance(response.stream, httpx.ByteStream)
        if response.status_code != 200:
            raise Unavailable(url, f"it answered {response.status_code}")
        body = b"".join([part async for part in response.stream])
        body, longer = inflated(body, response.headers.get("content-encoding", ""), self._most)
        if longer or response.extensions["truncated"]:
            long = len(body) >= self._most
            raise Unavailable(url, f"it is larger than {self._most} bytes" if long else "it broke off")
        return body.removeprefix(codecs.BOM_UTF8)

    async def aclose(self) -> None:
        """Closes its connections."""
        await self._transport.aclose()
