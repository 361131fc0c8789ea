"""Answers of odd bytes from socket to row: what was received is recorded, and never asked for again."""

import msgspec
import pytest

from delivery.wire.answers import HEAD_BYTES, HEAD_LINES
from tests.delivery.craft import Craft
from tests.delivery.wire.attempts import attempt
from tests.delivery.wire.scripted import Scripted, plainly, then_closing

HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    ("raw", "body", "header"),
    [
        (HEAD + b"X: a\r\n\r\n\x00\xff\xed\xa0\x80", b"\x00\xff\xed\xa0\x80", "a"),
        (HEAD + b"X: a\x00\x01b\r\nContent-Length: 0\r\n\r\n", b"", "a \x01b"),
        (HEAD + b"X: \xff\xed\xa0\x80\r\nContent-Length: 0\r\n\r\n", b"", "\xff\xed\xa0\x80"),
        (HEAD + b"X: a\r\nContent-Encoding: gzip\r\n\r\nno gzip\x00", b"no gzip\x00", "a"),
        (HEAD + b"X: a\r\n" + b"X: b\r\n" * HEAD_LINES + b"\r\nok", b"", "a"),
        (HEAD + b"X: a\r\nX-Long: " + b"b" * HEAD_BYTES + b"\r\n\r\nok", b"", "a"),
        (HEAD + b"X: a\r\nContent-Length: 9\r\n\r\nok", b"ok", "a"),
        (HEAD + b"X: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok", b"", "a"),
    ],
    ids=[
        *("body", "NUL in a header", "no UTF-8 in a header", "not compressed", "many headers", "a long header"),
        *("a body that breaks off", "two lengths"),
    ],
)
async def test_odd_bytes_are_stored(craft: Craft, raw: bytes, body: bytes, header: str) -> None:
    """NUL bytes, invalid UTF-8, heads of any length and bodies that break off end a success's
    delivery as a success, with the bytes in the record."""
    async with Scripted(then_closing(raw)) as server, plainly() as sender:
        answer = (await attempt(sender, server.url)).answer
    webhook = await craft.hook()
    [event] = await craft.owe(webhook)

    [held] = await craft.drain()
    await craft.rounds.outcomes.record([await craft.attempt(held, answer)])

    [kept] = await craft.fetch("SELECT response_headers, response_body FROM attempts WHERE event = $1", event)
    assert (await craft.row(event, webhook)).state == "delivered"
    assert bytes(kept["response_body"]) == body
    assert ["X", header] in msgspec.json.decode(kept["response_headers"])
