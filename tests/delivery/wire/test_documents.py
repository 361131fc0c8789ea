"""Documents that the operator's settings name: read whole or not at all, wherever they are but at the clouds' own."""

import zlib

import pytest

from delivery import assembly
from delivery.settings import DeliverySettings
from delivery.wire.documents import DOCUMENT_BYTES
from subscriptions.ground.errors import Unavailable
from tests.receiver import Answer, Receiver


async def read(receiver: Receiver, *answers: Answer) -> bytes:
    receiver.plan("/keys", *answers)
    documents = await assembly.open_documents(DeliverySettings(ca_bundle=receiver.ca))
    try:
        return await documents.read(receiver.url("/keys"))
    finally:
        await documents.aclose()


async def test_a_document() -> None:
    """A GET over TLS, of a private host too: the operator named it, which opens it to no webhook."""
    async with Receiver() as receiver:
        body = await read(receiver, Answer(body=b'{"keys":[]}'))

    [request] = receiver.requests
    assert (body, request.method, request.path) == (b'{"keys":[]}', "GET", "/keys")


async def test_a_compressed_one() -> None:
    """A server that compresses though it was not asked to is understood, and so is a byte-order mark (RFC 8259 8.1)."""
    packed = Answer(headers=(("Content-Encoding", "gzip"),), body=_gzip(b"\xef\xbb\xbf{}"))
    async with Receiver() as receiver:
        body = await read(receiver, packed)

    assert body == b"{}"


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        (Answer(status=404), "it answered 404"),
        (Answer(status=302, headers=(("Location", "/elsewhere"),)), "it answered 302"),
        (Answer(act="huge", size=DOCUMENT_BYTES + 65536), f"it is larger than {DOCUMENT_BYTES} bytes"),
        (Answer(act="bomb"), f"it is larger than {DOCUMENT_BYTES} bytes"),
        (Answer(act="cut", body=b"{}"), "it broke off"),
        (Answer(act="close"), "connection closed by"),
    ],
)
async def test_none_to_be_had(answer: Answer, cause: str) -> None:
    """Each has its own readable cause."""
    async with Receiver() as receiver:
        with pytest.raises(Unavailable, match=cause):
            await read(receiver, answer, answer)  # a GET that meets a closing connection is asked again


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("https://169.254.169.254/latest/meta-data", "not a public address"),
        ("http://127.0.0.1:9/keys", "must begin with https://"),
        ("file:///etc/passwd", "must begin with https://"),
    ],
)
async def test_where_nothing_is_read(url: str, cause: str) -> None:
    """An issuer cannot send us to the addresses where clouds keep credentials, nor off TLS."""
    documents = await assembly.open_documents(DeliverySettings())

    with pytest.raises(Unavailable, match=cause):
        await documents.read(url)

    await documents.aclose()


def _gzip(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    return packer.compress(body) + packer.flush()
