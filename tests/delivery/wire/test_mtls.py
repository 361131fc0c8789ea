"""Webhooks with authorities and certificates of their own, against receivers that ask for them."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from delivery.wire.credentials import Authorised
from delivery.wire.guard import Guard
from delivery.wire.sender import Destination, Failure, FailureKind
from delivery.wire.tls import Contexts
from delivery.wire.transport import open_transport
from subscriptions.webhooks.certificates import TlsOptions
from subscriptions.webhooks.webhook import OAuthClient
from tests.clock import Clock
from tests.delivery.wire.attempts import LOCAL, WEBHOOK, attempt, failed, opened, replied
from tests.delivery.wire.authorities import Gate, issued
from tests.delivery.wire.test_credentials import granted
from tests.receiver import Receiver

CLIENT = issued("client.example")


@pytest.fixture
async def gate() -> AsyncIterator[Gate]:
    async with Gate(CLIENT.authority) as running:
        yield running


@asynccontextmanager
async def authorised(clock: Clock) -> AsyncIterator[Authorised]:
    """A sender without any bundle."""
    transport = await open_transport(Guard(LOCAL))
    yield Authorised(transport, clock)
    await transport.aclose()


def pem_of(receiver: Receiver) -> str:
    return Path(receiver.ca).read_text()


async def test_a_webhooks_own_authority_and_certificate(gate: Gate) -> None:
    """Mutual TLS: both sides know each other, and the connection is kept for the next delivery."""
    async with opened("") as sender:
        results = [await attempt(sender, gate.url(), trust=CLIENT.trust(pem_of(gate))) for _ in range(2)]

    assert [replied(result).status for result in results] == [200, 200]
    assert (gate.callers, gate.connections) == (["client.example"], 1)


@pytest.mark.parametrize(
    "trust", [TlsOptions(), issued("stranger.example").trust()], ids=["none", "another authority's"]
)
async def test_without_the_right_certificate_nothing_arrives(gate: Gate, trust: TlsOptions) -> None:
    """The destination hangs up, and that is a failed attempt."""
    async with opened(gate.ca) as sender:
        result = await attempt(sender, gate.url(), trust=trust)

    assert failed(result).kind in (FailureKind.tls, FailureKind.reset)
    assert gate.requests == []


async def test_a_destination_that_says_what_it_lacks_is_quoted(gate: Gate) -> None:
    """Most servers say it by an alert, which comes after the handshake as TLS 1.3 has it (asyncio's own says nothing)."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}"
        refusal = asyncio.create_task(asyncio.to_thread(refuse, server, gate.context))
        async with opened(gate.ca) as sender:
            result = await attempt(sender, f"https://{place}/")
        await refusal

    assert failed(result) == Failure(
        kind=FailureKind.tls, cause=f"TLS connection to {place} failed: tlsv13 alert certificate required"
    )


def refuse(server: socket.socket, context: ssl.SSLContext) -> None:
    """Fails one handshake, and hears the caller out: closing on its request would be a reset that overtakes the alert."""
    connection, _ = server.accept()
    with (
        connection.dup() as plain,
        context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as inner,
    ):
        with contextlib.suppress(ssl.SSLError):
            inner.do_handshake()
        plain.shutdown(socket.SHUT_WR)
        while plain.recv(65536):
            pass


async def test_connections_and_trust_are_one_webhooks_own(gate: Gate) -> None:
    """Another webhook to the same place gets neither the connection nor the authority; nor does the same one, changed."""
    trust = CLIENT.trust(pem_of(gate))
    async with opened("") as sender:
        first = await attempt(sender, gate.url(), trust=trust)
        others = [
            await attempt(sender, gate.url(), trust=other)
            for other in (None, replace(trust, ca_bundle=CLIENT.authority))
        ]

    assert replied(first).status == 200
    assert [failed(other).cause.partition(": ")[0] for other in others] == ["certificate verify failed"] * 2
    assert len(gate.requests) == 1


async def test_the_usual_authorities_stay(receiver: Receiver) -> None:
    """A bundle of a webhook's is a further one: those of the deployment still count."""
    async with opened(receiver.ca) as sender:
        result = await attempt(sender, receiver.url(), trust=TlsOptions(ca_bundle=CLIENT.authority))

    assert replied(result).status == 200


async def test_options_show_the_certificate_too(gate: Gate, clock: Clock) -> None:
    """What goes to the destination goes the same way."""
    destination = Destination(webhook=WEBHOOK, url=gate.url(), secrets=("first",), trust=CLIENT.trust(pem_of(gate)))
    async with authorised(clock) as sender:
        await sender.options(destination, origin="https://here.example", deadline=5)

    assert (len(gate.handshakes), gate.callers) == (1, ["client.example"])


async def test_token_endpoints_get_the_trust_of_their_grant(gate: Gate, clock: Clock) -> None:
    """A grant with a trust is asked for with it; one without is asked as anybody would ask."""
    gate.plan("/token", granted())
    trust = CLIENT.trust(pem_of(gate))
    grant = OAuthClient(issuer_url=gate.url("/token"), client_id="one", client_secret="two", trust=trust)
    async with authorised(clock) as sender:
        shown = await attempt(sender, gate.url(), trust=trust, oauth_client=grant)
        withheld = await attempt(sender, gate.url(), trust=trust, oauth_client=replace(grant, trust=None))

    assert replied(shown).status == 200
    assert failed(withheld).kind == FailureKind.token
    assert "certificate verify failed" in failed(withheld).cause
    assert [request.path for request in gate.requests] == ["/token", "/hook"]


async def test_contexts_are_kept_up_to_a_number() -> None:
    """Making one takes 50 ms, keeping one a megabyte: the one that was used longest ago goes."""
    contexts = Contexts(most=2)
    trusts = [TlsOptions(ca_bundle=issued(f"{name}.example").authority) for name in "abc"]
    first, second = [await contexts.of(trust) for trust in trusts[:2]]
    again = await contexts.of(replace(trusts[0]))
    await contexts.of(trusts[2])

    assert (again is first, await contexts.of(trusts[0]) is first) == (True, True)
    assert await contexts.of(trusts[1]) is not second
