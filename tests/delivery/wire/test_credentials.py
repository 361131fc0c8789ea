"""Sends that need a token first: asked for, kept, shared, renewed, and never recorded."""

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import pytest
from msgspec import structs

from delivery.wire import parcels, tokens
from delivery.wire.credentials import Authorised
from delivery.wire.guard import Guard
from delivery.wire.parcels import Failure, FailureKind
from delivery.wire.sender import Attempt, Destination
from delivery.wire.transport import TransportLimits, open_transport
from subscriptions.webhooks.webhook import OAuthClient
from tests.clock import Clock
from tests.delivery.wire.attempts import BODY, EVENT, LOCAL, WEBHOOK, failed, replied
from tests.receiver import Answer, Receiver, Request

SECRET = "s3cret & / ü"
HANG = Answer(act="hang")


def granted(token: str = "t-1", **more: Any) -> Answer:
    body = {"access_token": token, "token_type": "Bearer", "expires_in": 3600} | more
    return Answer(body=json.dumps({name: value for name, value in body.items() if value is not None}).encode())


def denied(status: int = 401, error: str = "invalid_client") -> Answer:
    return Answer(status=status, body=json.dumps({"error": error}).encode())


class Scene:
    """A sender, a destination at /hook and its token endpoint at /token."""

    def __init__(self, sender: Authorised, receiver: Receiver) -> None:
        self.sender, self.receiver = sender, receiver
        grant = OAuthClient(issuer_url=receiver.url("/token"), client_id="a client", client_secret=SECRET)
        self.destination = Destination(webhook=WEBHOOK, url=receiver.url(), secrets=("first",), oauth_client=grant)

    async def send(self, destination: Destination | None = None, deadline: float = 10.0) -> Attempt:
        parcel = parcels.single(event=EVENT, body=BODY, content_mode="json")
        return await self.sender.send(parcel, destination or self.destination, deadline=deadline)

    @property
    def asked(self) -> list[Request]:
        """What the token endpoint got."""
        return self.receiver.deliveries("/token")

    @property
    def carried(self) -> list[str]:
        """The Authorization of each request to the destination."""
        return [request.header("authorization") for request in self.receiver.deliveries("/hook")]


@asynccontextmanager
async def scene(
    receiver: Receiver, clock: Clock, *, allow: tuple[str, ...] = LOCAL, limits: TransportLimits | None = None
) -> AsyncIterator[Scene]:
    transport = await open_transport(Guard(allow, allow_http=True), limits=limits, ca_bundle=receiver.ca)
    try:
        yield Scene(Authorised(transport, clock, agent="Hooklake/test"), receiver)
    finally:
        await transport.aclose()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver({"/hook": ("first",)}) as running:
        yield running


async def test_a_token_is_asked_for_and_carried(receiver: Receiver, clock: Clock) -> None:
    """greenlake.md 4.2: the client credentials grant in a form; `Authorization: Bearer <token>`, signed as ever."""
    receiver.plan("/token", granted())
    async with scene(receiver, clock) as here:
        result = await here.send()

    [asked] = here.asked
    assert (asked.method, asked.header("content-type")) == ("POST", "application/x-www-form-urlencoded")
    assert parse_qs(asked.body.decode()) == {
        "grant_type": ["client_credentials"],
        "client_id": ["a client"],
        "client_secret": [SECRET],
    }
    assert (replied(result).status, here.carried) == (200, ["Bearer t-1"])
    assert [(request.hpe, request.standard) for request in receiver.deliveries("/hook")] == [(True, True)]
    assert result.request_headers[-1] == ("Authorization", "***")


@pytest.mark.parametrize(
    ("expires_in", "kept_for"),
    [
        *[(3600, 3570), ("3600", 3570), (100, 90), (None, 270), ("soon", 270), (True, 270), (10**400, 86370)],
        *[("nan", 270), ("-NaN", 270), ("1e999", 86370), ("Infinity", 86370)],
        # One for each delivery would serve nobody.
        *[(30, 27), (29, 27), (1, 27), (0, 27), (-5, 27)],
    ],
)
async def test_a_token_is_kept_until_shortly_before_it_expires(
    receiver: Receiver, clock: Clock, expires_in: object, kept_for: int
) -> None:
    """30 s before its end, or a tenth of its life, of 30 s at least; five minutes where the endpoint does not say."""
    receiver.plan("/token", granted("t-1", expires_in=expires_in), granted("t-2"))
    async with scene(receiver, clock) as here:
        await here.send()
        clock.advance(kept_for - 1)
        await here.send()
        clock.advance(1)
        await here.send()

    assert here.carried == ["Bearer t-1", "Bearer t-1", "Bearer t-2"]


async def test_many_at_once_ask_once(receiver: Receiver, clock: Clock) -> None:
    """Deliveries of one webhook share one request; another webhook, or another grant, has its own."""
    receiver.plan("/token", *(replace(granted(f"t-{number}"), delay=0.1) for number in range(3)))
    async with scene(receiver, clock) as here:
        await asyncio.gather(*(here.send() for _ in range(20)))
        shared = len(here.asked)
        await here.send(structs.replace(here.destination, webhook=uuid4()))
        assert here.destination.oauth_client is not None
        await here.send(
            structs.replace(here.destination, oauth_client=replace(here.destination.oauth_client, client_id="another"))
        )

    assert (shared, len(here.asked)) == (1, 3)
    assert here.carried == ["Bearer t-0"] * 20 + ["Bearer t-1", "Bearer t-2"]


async def test_one_that_gives_up_takes_nothing_from_the_others(receiver: Receiver, clock: Clock) -> None:
    """The attempt that asked for the token is cancelled; one that waits with it still gets it."""
    receiver.plan("/token", replace(granted(), delay=0.2))
    async with scene(receiver, clock) as here:
        first = asyncio.create_task(here.send())
        second = asyncio.create_task(here.send())
        await receiver.wait_for(1, path="/token")
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        result = await second

    assert (replied(result).status, len(here.asked)) == (200, 1)


async def test_a_401_renews_once_and_repeats(receiver: Receiver, clock: Clock) -> None:
    """The destination refuses a token: a new one, and the try again, in one attempt; the next attempts use
    the new one (greenlake.md 4.2)."""
    receiver.plan("/token", granted("t-1"), granted("t-2"))
    receiver.plan("/hook", Answer(), Answer(status=401))
    async with scene(receiver, clock) as here:
        await here.send()
        result = await here.send()
        await here.send()

    assert replied(result).status == 200
    assert here.carried == ["Bearer t-1", "Bearer t-1", "Bearer t-2", "Bearer t-2"]


async def test_a_second_401_is_the_answer(receiver: Receiver, clock: Clock) -> None:
    """No third attempt: the destination does not want this client."""
    receiver.plan("/token", granted("t-1"), granted("t-2"))
    receiver.plan("/hook", Answer(status=401), Answer(status=401, body=b"t-2 is not welcome"))
    async with scene(receiver, clock) as here:
        result = await here.send()

    assert (replied(result).status, replied(result).body) == (401, b"*** is not welcome")
    assert here.carried == ["Bearer t-1", "Bearer t-2"]


async def test_many_401_renew_once(receiver: Receiver, clock: Clock) -> None:
    """What was in flight with the refused token is repeated with one and the same new token."""
    receiver.plan("/token", granted("t-1"), replace(granted("t-2"), delay=0.1))
    receiver.plan("/hook", Answer(), *(Answer(status=401, delay=0.01 * number) for number in range(10)))
    async with scene(receiver, clock) as here:
        await here.send()
        results = await asyncio.gather(*(here.send() for _ in range(10)))

    assert [replied(result).status for result in results] == [200] * 10
    assert len(here.asked) == 2


async def test_http_basic_where_the_form_is_not_known(receiver: Receiver, clock: Clock) -> None:
    """A refusal of the client is followed by one request with HTTP Basic; that is remembered for renewals."""
    receiver.plan("/token", denied(), granted("t-1"), granted("t-2"))
    async with scene(receiver, clock) as here:
        await here.send()
        clock.advance(3600)
        await here.send()

    basic = base64.b64encode(b"a+client:s3cret+%26+%2F+%C3%BC").decode()
    assert [request.header("authorization") for request in here.asked] == ["", f"Basic {basic}", f"Basic {basic}"]
    assert here.asked[1].body == b"grant_type=client_credentials"
    assert here.carried == ["Bearer t-1", "Bearer t-2"]


@pytest.mark.parametrize(
    ("answers", "cause"),
    [
        ([denied(), denied()], "token endpoint answered 401 invalid_client"),
        ([denied(), denied(400, "invalid_request")], "token endpoint answered 401 invalid_client"),
        ([denied(400), denied(401)], "token endpoint answered 400 invalid_client"),
        ([denied(400, "invalid_scope")], "token endpoint answered 400 invalid_scope"),
        ([denied(403, SECRET)], "token endpoint answered 403"),
        ([denied(403, "x" * 100)], "token endpoint answered 403"),
        ([Answer(status=503, body=b"<html>")], "token endpoint answered 503"),
        (
            [Answer(status=302, headers=(("Location", "/hook"),))],
            "token endpoint answered 302: redirects are not followed",
        ),
        ([Answer(body=b"<html>")], "token endpoint answered with what is not JSON"),
        ([Answer(body=b'{"a":' + b"[" * 5000)], "token endpoint answered with what is not JSON"),
        ([Answer(body=b"{}")], "token endpoint answered without an access_token"),
        ([granted(token_type="mac")], "token endpoint answered with a token whose token_type is not Bearer"),
        ([granted("a\r\nb")], "token endpoint answered with an access_token that cannot be sent as a header"),
        ([granted("")], "token endpoint answered with an access_token that cannot be sent as a header"),
        ([Answer(act="bomb")], "token endpoint answered with more than 65536 bytes"),
        ([Answer(act="cut", body=b"{}")], "token endpoint broke its answer off"),
        ([Answer(act="close")], "token endpoint: connection closed by 127.0.0.1:{port} before an answer"),
    ],
)
async def test_no_token_to_be_had(
    receiver: Receiver, clock: Clock, answers: list[Answer], cause: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Each has its own readable cause; the destination hears nothing, and no secret is told."""
    receiver.plan("/token", *answers)
    async with scene(receiver, clock) as here:
        result = await here.send()

    assert failed(result) == Failure(kind=FailureKind.token, cause=cause.format(port=receiver.port))
    assert (len(here.asked), here.carried) == (len(answers), [])
    assert SECRET not in repr(result) + caplog.text


async def test_a_fault_of_our_own_is_a_failure(
    receiver: Receiver, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """An answer that nobody foresaw, here at the end of time, ends the attempt; the next one asks again."""
    receiver.plan("/token", granted(), granted())
    clock.now = datetime.max.replace(tzinfo=UTC)
    async with scene(receiver, clock) as here:
        results = [await here.send(), await here.send()]

    cause = "token endpoint: internal error: OverflowError"
    assert [failed(each) for each in results] == [Failure(kind=FailureKind.internal, cause=cause)] * 2
    assert (len(here.asked), here.carried) == (2, [])
    assert SECRET not in caplog.text


async def test_a_kept_connection_to_the_endpoint_ends(receiver: Receiver, clock: Clock) -> None:
    """Before anything of an answer came: the token is asked for once more, over a new one, within the same attempt."""
    receiver.plan("/token", Answer(status=503), Answer(act="close"), granted())
    async with scene(receiver, clock) as here:
        await here.send()
        result = await here.send()

    assert (replied(result).status, len(here.asked)) == (200, 3)


async def test_a_failed_fetch_is_not_kept(receiver: Receiver, clock: Clock) -> None:
    """The next attempt asks again."""
    receiver.plan("/token", Answer(status=503), granted())
    async with scene(receiver, clock) as here:
        await here.send()
        result = await here.send()

    assert replied(result).status == 200


async def test_nobody_listens_there(receiver: Receiver, clock: Clock) -> None:
    """A refused connection is the token endpoint's, by name."""
    async with Receiver(tls=False) as gone:
        pass
    async with scene(receiver, clock) as here:
        grant = OAuthClient(issuer_url=gone.url("/token"), client_id="a", client_secret="b")
        result = await here.send(structs.replace(here.destination, oauth_client=grant))

    assert failed(result).cause == f"token endpoint: connection refused by 127.0.0.1:{gone.port}"


async def test_the_guard_stands_before_the_token_endpoint(receiver: Receiver, clock: Clock) -> None:
    """An address that may not be dialled is not dialled for a token either."""
    async with scene(receiver, clock, allow=()) as here:
        result = await here.send()

    assert failed(result).kind is FailureKind.token
    assert failed(result).cause == "token endpoint: 127.0.0.1 is not a public address"
    assert receiver.connections == 0


async def test_a_slow_token_endpoint(receiver: Receiver, clock: Clock) -> None:
    """A time-out that leaves the rest of the deadline unused: what would be left were too little for the attempt."""
    receiver.plan("/token", HANG)
    async with scene(receiver, clock) as here:
        result = await here.send(deadline=0.5)

    assert failed(result).kind is FailureKind.timeout
    assert failed(result).cause.startswith("token endpoint: no answer within 0.4 s (connected after ")
    assert here.carried == []


async def test_token_and_try_share_the_deadline(receiver: Receiver, clock: Clock) -> None:
    """The attempt gets what the token left of it."""
    receiver.plan("/token", replace(granted(), delay=0.4))
    receiver.plan("/hook", HANG)
    async with scene(receiver, clock) as here:
        result = await here.send(deadline=1.0)

    assert failed(result).kind is FailureKind.timeout
    assert failed(result).cause.startswith(("no answer within 0.6 s", "no answer within 0.5 s"))
    assert here.carried == ["Bearer t-1"]


@pytest.mark.parametrize(
    ("delay", "second", "cause"),
    [
        (0.0, Answer(status=503), "the destination answered 401, then: token endpoint answered 503"),
        (0.0, HANG, "the destination answered 401, then: token endpoint: no answer within"),
        (0.7, HANG, "the destination answered 401, then: too little time was left to renew the token"),
    ],
)
async def test_a_401_whose_token_cannot_be_renewed(
    receiver: Receiver, clock: Clock, delay: float, second: Answer, cause: str
) -> None:
    """It is no verdict of the destination's: the failure is the token's, whatever the policy makes of a 401."""
    receiver.plan("/token", granted("t-1"), second)
    receiver.plan("/hook", Answer(), Answer(status=401, delay=delay))
    async with scene(receiver, clock) as here:
        await here.send()
        result = await here.send(deadline=0.8)

    assert failed(result).cause.startswith(cause)
    assert here.carried == ["Bearer t-1", "Bearer t-1"]


async def test_a_token_is_read_whole(receiver: Receiver, clock: Clock) -> None:
    """However little is kept of destinations' answers, and however long a token is."""
    receiver.plan("/token", granted("t" * 4096))
    async with scene(receiver, clock, limits=TransportLimits(body_bytes=16)) as here:
        await here.send()

    assert here.carried == ["Bearer " + "t" * 4096]


async def test_a_token_has_a_limit(receiver: Receiver, clock: Clock) -> None:
    """One of more than 4 KB is not sent: it would be kept in all its spellings."""
    receiver.plan("/token", granted("t" * 4097))
    async with scene(receiver, clock) as here:
        result = await here.send()

    assert here.carried == []
    assert isinstance(result.answer, Failure)
    assert "access_token of more than 4096 characters" in result.answer.cause


async def test_kept_tokens_are_bounded_in_bytes(
    receiver: Receiver, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is room for two tokens of 4 KB, the one that was used longest ago is asked for again."""
    monkeypatch.setattr(tokens, "TOKENS", 15_000)
    receiver.plan("/token", *(granted(f"{number}" + "t" * 4000) for number in range(4)))
    async with scene(receiver, clock) as here:
        others = [structs.replace(here.destination, webhook=uuid4()) for _ in range(3)]
        for destination in (*others, others[2], others[0]):
            await here.send(destination)

    assert [sent.removeprefix("Bearer ")[0] for sent in here.carried] == ["0", "1", "2", "2", "3"]


async def test_tokens_are_not_told(receiver: Receiver, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in the attempt, where the answer echoes it, nor in a log, nor in what is printed of a grant."""
    receiver.plan("/token", granted("canary"))
    receiver.plan("/hook", Answer(headers=(("X-Echo", "Bearer canary"),), body=b'{"was":"canary"}'))
    with caplog.at_level(logging.DEBUG):
        async with scene(receiver, clock) as here:
            result = await here.send()

    assert here.carried == ["Bearer canary"]
    assert "canary" not in repr(result) + caplog.text
    assert SECRET not in repr(here.destination.oauth_client)
