"""The egress proxy, by what a real one was asked for, and what is said where it does not serve."""

import base64
import logging
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trustme

from delivery.wire import proxy
from delivery.wire.proxy import HEAD_BYTES, Proxy
from delivery.wire.sender import Failure, FailureKind
from delivery.wire.transport import TransportLimits
from subscriptions.ground.errors import Misconfigured
from tests.delivery.wire.attempts import attempt, failed, opened, replied
from tests.delivery.wire.relaying import Relay
from tests.receiver import Receiver

NAME, PUBLIC, PASSWORD = "hook.example", "8.8.8.8", "pass%20word"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver({"*": ("first", "second")}, names=(NAME,)) as running:
        yield running


def lookup(*_: object) -> list[str]:
    return [PUBLIC]


def together(folder: Path, authority: trustme.CA, other: str) -> str:
    """A file of this authority and, where there is one, of the other."""
    bundle = folder / "ca.pem"
    bundle.write_bytes(authority.cert_pem.bytes() + (Path(other).read_bytes() if other else b""))
    return str(bundle)


@pytest.mark.parametrize("secure", [False, True], ids=["http proxy", "https proxy"])
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
async def test_everything_goes_through_the_proxy(tls: bool, secure: bool, tmp_path: Path) -> None:
    """CONNECT names the vetted address, for plain http too; TLS inside is with the destination, by its name."""
    authority = trustme.CA()
    async with (
        Receiver({"*": ("first", "second")}, tls=tls, names=(NAME,)) as receiver,
        Relay(receiver.port, authority=authority if secure else None) as relay,
    ):
        url, bundle = relay.url(f"user:{PASSWORD}@"), together(tmp_path, authority, receiver.ca)
        async with opened(bundle, allow=(), lookup=lookup, proxy=url) as sender:
            results = [await attempt(sender, receiver.url(host=NAME)) for _ in range(2)]

    assert [replied(result).status for result in results] == [200, 200]
    assert [request.header("host") for request in receiver.requests] == [f"{NAME}:{receiver.port}"] * 2
    credentials = base64.b64encode(b"user:pass word").decode()
    target = f"{PUBLIC}:{receiver.port}"
    assert relay.asked == [
        [f"CONNECT {target} HTTP/1.1", f"Host: {target}", f"Proxy-Authorization: Basic {credentials}"]
    ]


async def test_an_ipv6_address_is_asked_for_in_brackets(receiver: Receiver) -> None:
    """As RFC 9110 9.3.6 has it; without credentials in the URL none are sent."""
    async with (
        Relay(receiver.port) as relay,
        opened(receiver.ca, allow=(), lookup=lambda *_: ["2606:4700::1111"], proxy=relay.url()) as sender,
    ):
        result = await attempt(sender, receiver.url(host=NAME))

    target = f"[2606:4700::1111]:{receiver.port}"
    assert (replied(result).status, relay.asked) == (200, [[f"CONNECT {target} HTTP/1.1", f"Host: {target}"]])


async def test_the_guard_holds_before_the_proxy(receiver: Receiver) -> None:
    """Names are vetted here: the proxy is not even asked; its own address is the operator's."""
    async with (
        Relay(receiver.port) as relay,
        opened(receiver.ca, allow=(), lookup=lambda *_: ["10.0.0.1"], proxy=relay.url()) as sender,
    ):
        results = [
            await attempt(sender, url) for url in (receiver.url(host=NAME), f"https://127.0.0.1:{receiver.port}/")
        ]

    assert [failed(result).kind for result in results] == [FailureKind.blocked] * 2
    assert relay.asked == []


async def test_tls_inside_checks_the_name(receiver: Receiver) -> None:
    """A proxy that leads elsewhere gains nothing."""
    async with (
        Relay(receiver.port) as relay,
        opened(receiver.ca, allow=(), lookup=lookup, proxy=relay.url()) as sender,
    ):
        result = await attempt(sender, receiver.url(host="other.example"))

    assert failed(result).kind == FailureKind.tls
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("instead", "says"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "wants other credentials (407)"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\n\r\nno!!", "refused the connection (403)"),
        (b"HTTP/1.0 502\r\n\r\n", "refused the connection (502)"),
        (b"HTTP/1.1 301 Moved\r\nLocation: http://10.0.0.1/\r\n\r\n", "refused the connection (301)"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", "answered with what is not HTTP"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "answered with what is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * HEAD_BYTES, f"answered with a head of more than {HEAD_BYTES} bytes"),
        (b"HTTP/1.1 200 OK\r\n\r\nmore", "sent more than an answer"),
        (b"HTTP/1.1 200 OK\r\n", "closed the connection before it answered"),
    ],
)
async def test_a_proxy_that_does_not_serve_is_named(
    receiver: Receiver, caplog: pytest.LogCaptureFixture, instead: bytes, says: str
) -> None:
    """What it said, its place in the log alone, its password nowhere; retried as a refused connection is."""
    caplog.set_level(logging.DEBUG)
    async with (
        Relay(receiver.port, instead=instead) as relay,
        opened(receiver.ca, allow=(), lookup=lookup, proxy=relay.url(f"user:{PASSWORD}@")) as sender,
    ):
        result = await attempt(sender, receiver.url(host=NAME))

    assert failed(result) == Failure(kind=FailureKind.refused, cause=f"the proxy {says}")
    assert f"proxy=127.0.0.1:{relay.port}" in caplog.text
    assert receiver.connections == 0
    assert "pass" not in caplog.text


async def test_a_slow_proxy_ends_with_the_connect_time_out(receiver: Receiver) -> None:
    """One that does not answer is named too."""
    async with (
        Relay(receiver.port, instead=None) as relay,
        opened(receiver.ca, lookup=lookup, proxy=relay.url(), limits=TransportLimits(connect_timeout=0.2)) as sender,
    ):
        result = await attempt(sender, receiver.url(host=NAME))

    place = f"{PUBLIC}:{receiver.port} (through the proxy)"
    assert failed(result) == Failure(kind=FailureKind.timeout, cause=f"no connection to {place} within 0.2 s")


async def test_a_proxy_that_is_away_is_named(receiver: Receiver) -> None:
    """Nobody listens there, or nobody knows its name."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{unused.getsockname()[1]}"
        async with opened(receiver.ca, lookup=lookup, proxy=f"http://{place}") as sender:
            result = await attempt(sender, receiver.url(host=NAME))

    cause = "the proxy cannot be reached: Connection refused"
    assert failed(result) == Failure(kind=FailureKind.refused, cause=cause)


async def test_a_proxy_over_tls_is_verified(receiver: Receiver) -> None:
    """Its credentials go to nobody whose certificate is not good."""
    async with (
        Relay(receiver.port, authority=trustme.CA()) as relay,
        opened(receiver.ca, lookup=lookup, proxy=relay.url("user:word@")) as sender,
    ):
        result = await attempt(sender, receiver.url(host=NAME))

    assert failed(result).kind == FailureKind.refused
    assert "the proxy cannot be reached: certificate verify failed" in failed(result).cause
    assert relay.asked == []


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://proxy.internal:3128", Proxy(tls=False, host="proxy.internal", port=3128, authorization="")),
        ("https://proxy.internal/", Proxy(tls=True, host="proxy.internal", port=443, authorization="")),
        ("http://[fd00::1]:8080", Proxy(tls=False, host="fd00::1", port=8080, authorization="")),
        ("http://a:b%40c@p:1", Proxy(tls=False, host="p", port=1, authorization="Basic YTpiQGM=")),
        ("", None),
    ],
)
def test_proxy_urls(url: str, expected: Proxy | None) -> None:
    """Scheme, host and port; user and password percent-encoded, as URLs have them."""
    assert proxy.parse(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        *("socks5://hunter2:1080", "hunter2:3128", "http://", "http://hunter2@:80", "http://p:0", "http://p:x"),
        *("http://p:80/hunter2", "http://p:80?hunter2", "http://p:80#hunter2", "http://p:99999", "http://[hunter2]:80"),
        "http://a:hunter2\n@p:80",
    ],
)
def test_what_is_no_proxy_is_a_misconfiguration(url: str) -> None:
    """The sentence names the setting and quotes nothing of its value."""
    with pytest.raises(Misconfigured, match="HOOKLAKE_EGRESS_PROXY is of the form http://") as caught:
        proxy.parse(url)

    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(Proxy(tls=False, host="p", port=1, authorization="Basic hunter2"))
