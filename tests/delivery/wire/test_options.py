"""The OPTIONS exchange against a real receiver: what it got, and what a post carries after it (greenlake.md 5.5)."""

import json
from datetime import UTC, datetime

import pytest

from delivery.wire import parcels
from delivery.wire.credentials import Authorised
from delivery.wire.guard import Guard
from delivery.wire.parcels import FailureKind
from delivery.wire.sender import Destination
from delivery.wire.transport import open_transport
from subscriptions.webhooks.webhook import OAuthClient
from tests.delivery.wire.attempts import BODY, EVENT, LOCAL, WEBHOOK, failed, opened, replied
from tests.receiver import Answer, Receiver

ORIGIN = "https://common.cloud.hpe.com"
ALLOWED = Answer(headers=(("Allow", "POST"), ("WebHook-Allowed-Rate", "120"), ("WebHook-Allowed-Origin", ORIGIN)))


async def test_the_exact_target_is_asked(receiver: Receiver) -> None:
    """The URL to the letter, with the documented headers and no others of ours, without body or signature."""
    receiver.allowing["/a/../hook?x=%20"] = ALLOWED
    destination = Destination(webhook=WEBHOOK, url=receiver.url("/a/../hook?x=%20"), secrets=("first",))
    async with opened(receiver.ca) as sender:
        result = await sender.options(destination, origin=ORIGIN, deadline=5)

    [asked] = receiver.handshakes
    assert (asked.method, asked.path, asked.body) == ("OPTIONS", "/a/../hook?x=%20", b"")
    assert asked.headers == [
        ("Host", f"127.0.0.1:{receiver.port}"),
        ("User-Agent", "Hooklake/test"),
        ("Accept", "*/*"),
        ("Accept-Encoding", "identity"),
        ("Content-Type", "application/json"),
        ("WebHook-Request-Origin", ORIGIN),
    ]
    assert (replied(result).status, replied(result).headers[:3]) == (200, ALLOWED.headers)


async def test_it_is_authorised_by_a_key(receiver: Receiver) -> None:
    """An API key goes along, and is not kept."""
    destination = Destination(webhook=WEBHOOK, url=receiver.url(), secrets=("first",), authorization="Token abc")
    async with opened(receiver.ca) as sender:
        result = await sender.options(destination, origin=ORIGIN, deadline=5)

    assert receiver.handshakes[0].header("authorization") == "Token abc"
    assert result.request_headers[-1] == ("Authorization", "***")


async def test_it_is_authorised_by_a_token(receiver: Receiver) -> None:
    """A token is asked for as for a post, and renewed once after a 401."""
    for number in (1, 2):
        receiver.plan("/token", Answer(body=json.dumps({"access_token": f"t-{number}"}).encode()))
    receiver.allowing["/hook"] = Answer(status=401)
    grant = OAuthClient(issuer_url=receiver.url("/token"), client_id="a client", client_secret="hush")
    destination = Destination(webhook=WEBHOOK, url=receiver.url(), secrets=("first",), oauth_client=grant)
    transport = await open_transport(Guard(LOCAL, allow_http=True), ca_bundle=receiver.ca)
    try:
        result = await Authorised(transport, lambda: datetime.now(UTC)).options(destination, origin=ORIGIN, deadline=5)
    finally:
        await transport.aclose()

    assert [asked.header("authorization") for asked in receiver.handshakes] == ["Bearer t-1", "Bearer t-2"]
    assert replied(result).status == 401


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(act="hang"), FailureKind.timeout),
        (Answer(act="reset"), FailureKind.reset),
        (Answer(act="raw", body=b"no\r\n\r\n"), FailureKind.protocol),
    ],
    ids=["hang", "reset", "not HTTP"],
)
async def test_what_goes_wrong_is_a_failure(receiver: Receiver, answer: Answer, kind: FailureKind) -> None:
    """As with a post; nothing is raised."""
    receiver.allowing["/hook"] = answer
    destination = Destination(webhook=WEBHOOK, url=receiver.url(), secrets=("first",))
    async with opened(receiver.ca) as sender:
        result = await sender.options(destination, origin=ORIGIN, deadline=0.5)

    assert failed(result).kind is kind


async def test_the_guard_stands_before_it(receiver: Receiver) -> None:
    """A destination that may not be dialled is not asked either."""
    destination = Destination(webhook=WEBHOOK, url=receiver.url(), secrets=("first",))
    async with opened(receiver.ca, allow=()) as sender:
        result = await sender.options(destination, origin=ORIGIN, deadline=5)

    assert failed(result).kind is FailureKind.blocked
    assert receiver.connections == 0


async def test_a_post_repeats_the_allowed_origin(receiver: Receiver) -> None:
    """cloudevents.md W8: every later delivery carries it; before a handshake none does."""
    parcel = parcels.single(event=EVENT, body=BODY, content_mode="json")
    async with opened(receiver.ca) as sender:
        for origin in ("", ORIGIN):
            to = Destination(webhook=WEBHOOK, url=receiver.url(), secrets=("first",), request_origin=origin)
            await sender.send(parcel, to, deadline=5)

    assert [request.header("webhook-request-origin") for request in receiver.requests] == ["", ORIGIN]
    assert [(request.hpe, request.standard) for request in receiver.requests] == [(True, True)] * 2
