"""Attempts that succeed, against a real HTTPS receiver: what it got, and what is recorded of it."""

import asyncio
import base64
import json
import logging
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from delivery.wire import challenge, parcels
from delivery.wire.sender import Destination, Failure, FailureKind, Reply
from delivery.wire.transport import TransportLimits
from tests.delivery.wire.attempts import BODY, EVENT, WEBHOOK, attempt, failed, opened, replied
from tests.receiver import Answer, Receiver


async def test_a_good_delivery_arrives_to_the_letter(receiver: Receiver) -> None:
    """Body, order and spelling of headers and both signatures arrive as recorded, and verify."""
    receiver.plan("/hook", Answer(status=202, headers=(("X-A", "1"), ("x-b", "2"), ("X-A", "3")), body=b"thanks"))
    async with opened(receiver.ca) as sender:
        result = await attempt(sender, receiver.url())
    (request,) = await receiver.wait_for(1)

    assert replied(result) == Reply(
        status=202,
        headers=(("X-A", "1"), ("x-b", "2"), ("X-A", "3"), ("Content-Length", "6")),
        body=b"thanks",
        truncated=False,
    )
    assert request.body == BODY
    assert request.headers == list(result.request_headers)
    assert [name for name, _ in request.headers] == [
        "Host",
        "User-Agent",
        "Accept",
        "Accept-Encoding",
        "Content-Type",
        "Content-Length",
        "HPE-Webhook-Signature",
        "HPE-Webhook-Signature2",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
    ]
    assert (request.hpe, request.standard, request.header("webhook-id")) == (True, True, str(EVENT))
    assert (request.method, request.header("content-type")) == ("POST", "application/json")
    assert request.header("host") == f"127.0.0.1:{receiver.port}"


async def test_any_of_the_live_secrets_verifies_and_no_other() -> None:
    """A receiver that knows either secret is content, one that knows another is not."""
    knows: dict[str, tuple[str, ...]] = {"/1": ("first",), "/2": ("second",), "/3": ("third",)}
    async with Receiver(knows) as receiver, opened(receiver.ca) as sender:
        for path in knows:
            await attempt(sender, receiver.url(path))
        found = await receiver.wait_for(3)

    assert [(request.hpe, request.standard) for request in found] == [(True, True), (True, True), (False, False)]


@pytest.mark.parametrize(
    ("tail", "target"),
    [
        ("", "/"),
        ("/", "/"),
        ("?a=b", "/?a=b"),
        ("/a/../b//c/./d", "/a/../b//c/./d"),
        ("/%7Euser/%2f?x=%20+&y=a%2Bb;c", "/%7Euser/%2f?x=%20+&y=a%2Bb;c"),
        ("/{id}|\"'<>^`?q={}|[]", "/%7Bid%7D%7C%22'%3C%3E%5E%60?q=%7B%7D%7C[]"),
        ("/%7Bid%7d%25%?q=%", "/%7Bid%7d%25%?q=%"),
        ("/ä?ü", "/%C3%A4?%C3%BC"),
    ],
)
async def test_path_and_query_are_used_as_registered(receiver: Receiver, tail: str, target: str) -> None:
    """Nothing is normalised, only what may not stand in a URI is encoded (RFC 3986 2): some servers answer it with 400."""
    async with opened(receiver.ca) as sender:
        result = await attempt(sender, receiver.url(tail))

    assert replied(result).status == 200
    assert [request.path for request in receiver.requests] == [target]


async def test_connections_are_kept_for_the_next_request(receiver: Receiver) -> None:
    """Ten attempts one after the other need one connection, and http works where it is allowed."""
    async with Receiver(tls=False) as plain, opened(receiver.ca) as sender:
        for _ in range(10):
            await attempt(sender, receiver.url())
            await attempt(sender, plain.url())

    assert (receiver.connections, plain.connections) == (1, 1)


async def test_credentials_are_sent_and_never_recorded(receiver: Receiver) -> None:
    """greenlake.md 4.4: `***` in the recorded request, and wherever the answer echoes the value, with or without its scheme."""
    echo = Answer(
        headers=(("X-Echo", "Bearer t0p-s3cret"),), body=b'{"token":"t0p-s3cret","header":"Bearer t0p-s3cret"}'
    )
    receiver.plan("/hook", echo)
    async with opened(receiver.ca) as sender:
        result = await attempt(sender, receiver.url(), authorization="Bearer t0p-s3cret")

    assert receiver.requests[0].header("authorization") == "Bearer t0p-s3cret"
    assert result.request_headers[-1] == ("Authorization", "***")
    assert replied(result).body == b'{"token":"***","header":"Bearer ***"}'
    assert "t0p-s3cret" not in repr(result)


ODD = 'k"y/+ \\é?~'
SPELLED = (
    ODD,
    json.dumps(ODD)[1:-1],
    json.dumps(ODD, ensure_ascii=False)[1:-1],
    json.dumps(ODD)[1:-1].replace("/", "\\/"),
    quote(ODD, safe=""),
    quote(ODD, safe="").lower(),
    quote(ODD),
    quote_plus(ODD),
    *(base64.b64encode(f"{before}{ODD}{after}".encode()).decode() for before in ("", "a", "ab") for after in ("", "!")),
    *(base64.urlsafe_b64encode(f"{before}{ODD}".encode()).decode().strip("=") for before in ("", "a", "ab")),
)


@pytest.mark.parametrize("spelled", SPELLED)
@pytest.mark.parametrize("cap", [65536, 40], ids=["whole", "cut"])
async def test_credentials_are_masked_however_they_are_spelled(receiver: Receiver, spelled: str, cap: int) -> None:
    """As JSON, a URL, a form and base64 have them, alone or within more; in headers, and in bodies up to their cap."""
    header = () if spelled == ODD else (("X-Echo", f"was {spelled}"),)
    body = f"{'.' * 20}{spelled}".encode() + b"." * (60 if cap == 40 else 1)
    receiver.plan("/hook", Answer(headers=header, body=body))
    async with opened(receiver.ca, limits=TransportLimits(body_bytes=cap)) as sender:
        result = await attempt(sender, receiver.url(), authorization=f"Bearer {ODD}")

    kept = replied(result)
    assert not set(_pieces(spelled)) & set(_pieces(repr(kept)))
    assert "***" in dict(kept.headers).get("X-Echo", "***")
    assert b"***" in kept.body or cap == 40
    assert kept.body.startswith(b"." * 20)


def _pieces(text: str) -> Iterator[str]:
    """All of six characters, which say more of a key than chance would."""
    return (text[start : start + 6] for start in range(len(text) - 5))


@pytest.mark.parametrize("secret", ["short", "of enough length"])
async def test_a_secret_that_was_not_sent_is_masked_where_it_is_long_enough(receiver: Receiver, secret: str) -> None:
    """Its spellings too; a short one stands in many a word."""
    said = f"{secret} {base64.b64encode(secret.encode()).decode()}"
    receiver.plan("/hook", Answer(body=said.encode()))
    async with opened(receiver.ca) as sender:
        parcel = parcels.single(event=EVENT, body=BODY, content_mode="json")
        to = Destination(webhook=WEBHOOK, url=receiver.url(), secrets=(secret, "another one"))
        result = await sender.send(parcel, to, deadline=10)

    # The last character holds bits of what follows.
    assert replied(result).body == (said.encode() if secret == "short" else b"*** ***A==")


async def test_a_credential_cut_by_the_cap_is_not_recorded_in_part(receiver: Receiver) -> None:
    """Where the cap cuts through an echo, the beginning of the secret goes too."""
    receiver.plan("/hook", Answer(body=b"0123456789" + b"secret-key" + b"!" * 90))
    async with opened(receiver.ca, limits=TransportLimits(body_bytes=16)) as sender:
        result = await attempt(sender, receiver.url(), authorization="secret-key")

    assert replied(result).body == b"0123456789"


@pytest.mark.parametrize("key", ["canary\r\nX: y", "canary\0", "canary \ud800"], ids=["lines", "NUL", "no text"])
async def test_a_credential_that_cannot_be_sent_is_a_failure_that_does_not_tell_it(
    receiver: Receiver, caplog: pytest.LogCaptureFixture, key: str
) -> None:
    """A header with a line break ends the attempt before anything is sent."""
    with caplog.at_level(logging.ERROR):
        async with opened(receiver.ca) as sender:
            result = await attempt(sender, receiver.url(), authorization=key)

    kind = "UnicodeEncodeError" if "\ud800" in key else "ValueError"
    assert failed(result) == Failure(kind=FailureKind.internal, cause=f"internal error: {kind}")
    assert receiver.requests == []
    assert "canary" not in repr(result) + caplog.text


async def test_the_receiver_answers_challenges_as_a_process_of_its_own(tmp_path: Path) -> None:
    """Question, judgement and an independent answer agree, over plain http and across processes."""
    record = tmp_path / "requests.jsonl"
    command = ("-m", "tests.receiver", "--plain", "--secret", "first", "--record", str(record))
    process = await asyncio.create_subprocess_exec(sys.executable, *command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    where = json.loads(await process.stdout.readline())
    body = challenge.event(challenge="c-1", event_id="e-1", workspace_id="0" * 32, now=datetime.now(UTC))
    async with opened("") as sender:
        parcel = parcels.Parcel(id="e-1", body=body, headers=(("Content-Type", "application/json"),))
        destination = Destination(webhook=WEBHOOK, url=where["url"] + "/hook", secrets=("first",))
        result = await sender.send(parcel, destination, deadline=10)
    process.terminate()
    await process.wait()

    assert challenge.judge(result.answer, challenge="c-1", secrets=("first",)) == challenge.Verified()
    assert isinstance(challenge.judge(result.answer, challenge="c-1", secrets=("other",)), challenge.Unverified)
    recorded = json.loads(record.read_text())
    assert (recorded["path"], recorded["challenge"], recorded["hpe"], recorded["standard"]) == (
        "/hook",
        True,
        True,
        True,
    )
