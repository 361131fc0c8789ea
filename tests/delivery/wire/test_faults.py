"""Attempts that end without an answer: each with its kind and a cause that people can read."""

import asyncio
import socket

import pytest

from delivery.wire import causes
from delivery.wire.guard import Guard
from delivery.wire.sender import Failure, FailureKind
from delivery.wire.transport import TransportLimits, open_transport
from subscriptions.ground.errors import Misconfigured
from tests.delivery.wire.attempts import attempt, failed, once, opened, replied
from tests.receiver import Answer, Receiver


async def test_an_unknown_authority_is_a_tls_failure(receiver: Receiver) -> None:
    """Certificates are always verified; where the authority is unknown, the cause says where it can be named."""
    async with opened("") as sender:
        result = await attempt(sender, receiver.url())

    assert failed(result).kind == FailureKind.tls
    assert failed(result).cause.startswith("certificate verify failed: ")
    assert failed(result).cause.endswith(" (the webhook's tls.caBundle can name its authority)")
    assert receiver.requests == []


async def test_a_certificate_for_another_host_is_a_tls_failure() -> None:
    """The name in the URL must be in the certificate."""
    async with Receiver(names=("other.example",)) as receiver:
        result = await once(receiver)

    assert failed(result).kind == FailureKind.tls
    assert "127.0.0.1" in failed(result).cause


async def test_a_kept_connection_of_another_name_is_not_reused() -> None:
    """Two names at one address: the second is checked against the certificate of its own connection."""
    async with Receiver(names=("one.example",)) as receiver:
        names = ("one.example", "two.example")
        async with opened(receiver.ca, allow=names, lookup=lambda *_: ["127.0.0.1"]) as sender:
            first = await attempt(sender, receiver.url(host=names[0]))
            second = await attempt(sender, receiver.url(host=names[1]))

    assert replied(first).status == 200
    assert failed(second).kind == FailureKind.tls


async def test_plain_http_behind_https_is_a_tls_failure() -> None:
    """A port that does not speak TLS is said so."""

    async def blurt(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(blurt, "127.0.0.1") as server, opened("") as sender:
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        result = await attempt(sender, f"https://{address}/")

    assert failed(result).kind == FailureKind.tls
    assert failed(result).cause == f"TLS handshake with {address} failed: wrong version number{causes.PLAIN}"


async def test_a_refused_connection_names_the_address() -> None:
    """Nobody listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        async with opened("") as sender:
            result = await attempt(sender, f"http://localhost:{port}/")

    assert failed(result).kind == FailureKind.refused
    assert f":{port}" in failed(result).cause


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(act="reset"), "connection reset by {peer} before the answer was complete"),
        (Answer(act="close"), "connection closed by {peer} before an answer"),
        (Answer(act="raw", body=b"HTTP/1.1 2"), "connection closed by {peer} in the middle of the answer"),
    ],
)
@pytest.mark.parametrize("tls", [True, False])
async def test_a_connection_that_breaks_is_a_reset(answer: Answer, says: str, tls: bool) -> None:
    """Before the answer or within it, over TLS or not."""
    async with Receiver(tls=tls) as receiver:
        result = await once(receiver, answer)

    assert failed(result).kind == FailureKind.reset
    assert says.format(peer=f"127.0.0.1:{receiver.port}") in failed(result).cause


async def test_an_unknown_name_is_said_so(receiver: Receiver) -> None:
    """The name has no address."""

    def nowhere(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async with opened(receiver.ca, lookup=nowhere) as sender:
        result = await attempt(sender, "https://api.example.com/hook")

    assert failed(result) == Failure(kind=FailureKind.name, cause="name api.example.com does not resolve")


async def test_the_deadline_covers_headers_and_body(receiver: Receiver) -> None:
    """Late headers and a body that drips end alike; of the second its status counts."""
    late = await once(receiver, Answer(act="hang", delay=0.02), deadline=0.5)
    dripping = replied(await once(receiver, Answer(act="drip", delay=0.02), deadline=0.5))

    assert failed(late).kind == FailureKind.timeout
    assert failed(late).cause.startswith("no answer within 0.5 s (connected after 0.")
    assert (dripping.status, dripping.truncated) == (200, True)


@pytest.mark.parametrize("tls", [True, False])
async def test_an_answer_that_breaks_off_counts(tls: bool) -> None:
    """Its status was told, over TLS or not."""
    async with Receiver(tls=tls) as receiver:
        result = replied(await once(receiver, Answer(act="cut", body=b"half")))

    assert (result.status, result.truncated) == (200, True)


async def test_the_deadline_covers_name_look_up(receiver: Receiver) -> None:
    """A name server that does not answer holds nobody longer than the deadline."""
    release = asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(host: str, port: int) -> list[str]:
        asyncio.run_coroutine_threadsafe(release.wait(), loop).result()
        return ["127.0.0.1"]

    async with opened(receiver.ca, lookup=slow) as sender:
        result = await attempt(sender, "https://localhost/", deadline=0.2)
        release.set()

    assert failed(result) == Failure(kind=FailureKind.timeout, cause="no connection to localhost:443 within 0.2 s")


async def test_connecting_has_a_time_out_of_its_own() -> None:
    """A port that accepts and then says nothing, as TLS never begins, ends after the connect time-out."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        async with opened("", limits=TransportLimits(connect_timeout=0.2)) as sender:
            result = await attempt(sender, f"https://{address}/")

    assert failed(result) == Failure(kind=FailureKind.timeout, cause=f"no connection to {address} within 0.2 s")


async def test_a_cancelled_attempt_is_cancelled(receiver: Receiver) -> None:
    """Cancellation is the one thing that passes."""
    receiver.plan("/hook", Answer(act="hang"))
    async with opened(receiver.ca) as sender:
        task = asyncio.create_task(attempt(sender, receiver.url()))
        await receiver.wait_for(1)
        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task


@pytest.mark.parametrize(
    "raw",
    [
        b"garbage\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(200)) + b"\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
    ],
)
async def test_what_is_not_http_is_a_protocol_failure(receiver: Receiver, raw: bytes) -> None:
    """Garbage ends the attempt with a line that can be read, never with an exception."""
    result = await once(receiver, Answer(act="raw", body=raw))

    assert failed(result).kind == FailureKind.protocol
    assert failed(result).cause.isprintable()


async def test_an_unreadable_bundle_is_a_misconfiguration() -> None:
    """The sentence names the file."""
    with pytest.raises(Misconfigured, match="the CA bundle /nowhere"):
        await open_transport(Guard(), ca_bundle="/nowhere.pem")
