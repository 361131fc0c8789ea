"""Small documents that the operator's own settings name, read over the wire: an OpenID issuer's configuration and keys.

What they say, and how long they are believed, is left to those who ask.
"""

import codecs

import httpx

from delivery.wire.causes import explain
from delivery.wire.dialling import Dial
from delivery.wire.sender import inflated
from delivery.wire.transport import Transport, TransportLimits
from subscriptions.ground.errors import Unavailable

#: Bytes of one document, and seconds for it.
DOCUMENT_BYTES = 262_144
DEADLINE = 5.0
DOCUMENT_LIMITS = TransportLimits(
    connections=10, connect_timeout=DEADLINE, deadline=DEADLINE, body_bytes=DOCUMENT_BYTES
)
# The operator's own hosts are often private ones, and opening them to webhooks for that would be the greater harm. What a
# guard opens by no range stays shut here too: link-local addresses, where clouds keep credentials.
ANYWHERE = ("0.0.0.0/0", "::/0")


class Documents:
    """Reads documents over a transport of its own; made by `open_documents` in `delivery/assembly.py`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def read(self, url: str) -> bytes:
        """The document's bytes, within 5 s (`DEADLINE`); raises Unavailable unless it was answered with 200 and whole."""
        dial = Dial(repeatable=True)
        try:
            request = httpx.Request(
                "GET",
                url,
                headers={"Accept": "application/json", "Accept-Encoding": "identity"},
                extensions={"destination": url, "dial": dial},
            )
            response = await self._transport.handle_async_request(request)
        except Exception as error:
            connect = self._transport.limits.connect_timeout
            raise Unavailable(url, explain(error, dial, connect=connect, deadline=DEADLINE).cause) from error
        if response.status_code != 200:
            raise Unavailable(url, f"it answered {response.status_code}")
        assert isinstance(response.stream, httpx.ByteStream)
        body = b"".join([part async for part in response.stream])
        body, longer = inflated(body, response.headers.get("content-encoding", ""), DOCUMENT_BYTES)
        if longer or response.extensions["truncated"]:
            long = len(body) >= DOCUMENT_BYTES
            raise Unavailable(url, f"it is larger than {DOCUMENT_BYTES} bytes" if long else "it broke off")
        return body.removeprefix(codecs.BOM_UTF8)

    async def aclose(self) -> None:
        """Closes its connections."""
        await self._transport.aclose()
