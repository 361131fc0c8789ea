"""The guard at the moment of dialling, and which addresses are dialled, by the connections that receivers saw."""

import asyncio
import socket
import ssl
import threading

import pytest

from delivery.wire import proxy as proxies
from delivery.wire.credentials import Authorised
from delivery.wire.dialling import Connection, Dial, Dialler, Origin, Unconnected
from delivery.wire.guard import Blocked, Guard
from delivery.wire.sender import Destination, FailureKind
from delivery.wire.tls import Contexts
from delivery.wire.transport import open_transport
from subscriptions.webhooks.webhook import OAuthClient
from tests.clock import Clock
from tests.delivery.wire.attempts import LOCAL, WEBHOOK, attempt, failed, opened
from tests.receiver import Receiver

NAME = "hook.example"
#: Names that lead inside, each in another form.
INSIDE = {
    "loopback.example": "127.0.0.1",
    "six.example": "::1",
    "mapped.example": "::ffff:127.0.0.1",
    "carried.example": "64:ff9b::7f00:1",
    "metadata.example": "169.254.169.254",
    "private.example": "10.0.0.1",
    "shared.example": "100.64.0.1",
}


async def dialled(dialler: Dialler, origin: Origin, dial: Dial | None = None) -> Connection:
    connection = await dialler.dial(origin, asyncio.Protocol, dial or Dial())
    connection[0].abort()
    return connection


async def test_a_name_that_moves_inside_is_refused_before_any_connection(receiver: Receiver) -> None:
    """Rebinding: the name was fine at its first look-up, and leads to this machine at the next dial."""
    answers = iter([["127.0.0.1"], ["10.0.0.1"], ["127.0.0.1", "10.0.0.1"]])
    asked: list[str] = []

    def moving(host: str, port: int) -> list[str]:
        asked.append(host)
        return next(answers)

    results = []
    for _ in range(3):  # A transport each, since one remembers a look-up for some seconds.
        async with opened(receiver.ca, allow=("127.0.0.1",), lookup=moving) as sender:
            results.append(await attempt(sender, receiver.url(host="moving.example")))

    assert failed(results[0]).kind == FailureKind.tls  # The connection was made: 127.0.0.1 stands for a public address.
    for result in results[1:]:
        assert failed(result).kind == FailureKind.blocked
        assert failed(result).cause == "moving.example leads to an address that is not public"
    assert (len(asked), receiver.connections) == (3, 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "2130706433", "0x7f000001", "localhost"])
async def test_a_destination_that_is_no_longer_allowed_is_blocked(receiver: Receiver, host: str) -> None:
    """The rules of registration hold at each attempt, whatever the table says."""
    async with opened(receiver.ca, allow=()) as sender:
        result = await attempt(sender, f"https://{host}:{receiver.port}/hook")

    assert failed(result).kind == FailureKind.blocked
    assert receiver.connections == 0


@pytest.mark.parametrize("what", ["delivery", "OPTIONS", "token"])
async def test_a_name_that_leads_inside_is_never_dialled(clock: Clock, what: str) -> None:
    """Not for a delivery (a challenge is sent as one), nor for OPTIONS, nor at a token endpoint."""
    causes = {}
    async with Receiver({}, tls=False) as receiver:
        transport = await open_transport(Guard(allow_http=True), lookup=lambda host, _: [INSIDE[host]])
        sender = Authorised(transport, clock)
        for host in INSIDE:
            url = receiver.url(host=host)
            grant = OAuthClient(issuer_url=url, client_id="one", client_secret="two") if what == "token" else None
            destination = Destination(webhook=WEBHOOK, url=url, secrets=("first",), oauth_client=grant)
            if what == "OPTIONS":
                result = await sender.options(destination, origin="https://here.example", deadline=5)
            else:
                result = await attempt(sender, url, oauth_client=grant)
            causes[host] = failed(result).cause.removeprefix("token endpoint: ")
        await transport.aclose()

    assert causes == {host: f"{host} leads to an address that is not public" for host in INSIDE}
    assert receiver.connections == 0


class Fickle(Guard):
    """Opens an address once, and never again."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def check_address(self, address: str, host: str) -> None:
        self.asked.append(address)
        if len(self.asked) > 1:
            super().check_address(address, host)


async def test_a_remembered_look_up_is_vetted_again(receiver: Receiver) -> None:
    """Names are asked for once in some seconds; whether their addresses may be dialled, at each dial."""
    asked: list[str] = []

    def lookup(host: str, _: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    dialler = Dialler(Fickle(), lookup=lookup)
    await dialled(dialler, Origin(False, NAME, receiver.port))
    with pytest.raises(Blocked):
        await dialled(dialler, Origin(False, NAME, receiver.port))
    await dialler.aclose()

    assert asked == [NAME]


async def test_a_metadata_address_is_blocked_by_whatever_name(receiver: Receiver) -> None:
    """Even a name that is opened does not lead to a cloud's credentials."""
    async with opened(receiver.ca, allow=("metadata.example",), lookup=lambda *_: ["169.254.169.254"]) as sender:
        result = await attempt(sender, receiver.url(host="metadata.example"))

    assert failed(result).cause == "metadata.example leads to an address that is not public"


async def test_all_addresses_are_vetted_however_few_are_dialled(receiver: Receiver) -> None:
    """A private address behind twenty good ones still shuts the name."""
    addresses = ["127.0.0.1"] * 20 + ["10.0.0.1"]
    dialler = Dialler(Guard(["127.0.0.1"]), lookup=lambda *_: addresses)

    with pytest.raises(Blocked):
        await dialled(dialler, Origin(False, NAME, receiver.port))

    await dialler.aclose()
    assert receiver.connections == 0


async def test_a_dead_address_takes_its_share_of_the_patience_alone() -> None:
    """An address that refuses, and one where TLS never begins: the next one is dialled while there is time."""
    async with Receiver({}, names=(NAME,)) as receiver:
        with socket.socket() as silent:
            silent.bind(("127.0.0.2", receiver.port))
            silent.listen()
            addresses = ["127.0.0.3", "127.0.0.2", "127.0.0.1"]
            dial = Dial()
            dialler = Dialler(Guard(LOCAL), ca_bundle=receiver.ca, lookup=lambda *_: addresses, patience=0.5)
            await dialled(dialler, Origin(True, NAME, receiver.port), dial)
            await dialler.aclose()

    assert dial.peer == ("127.0.0.1", receiver.port)


async def test_addresses_that_fail_in_several_ways_are_all_told() -> None:
    """One sentence for all of them; where they agree it is the plain one."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.2", 0))
        silent.listen()
        port = silent.getsockname()[1]
        addresses = iter([["127.0.0.2", "127.0.0.3"], ["127.0.0.3", "127.0.0.4"]])
        dialler = Dialler(Guard(LOCAL), lookup=lambda *_: next(addresses), patience=0.1)
        with pytest.raises(Unconnected) as caught:
            await dialled(dialler, Origin(True, NAME, port))
        with pytest.raises(ConnectionRefusedError):
            await dialled(dialler, Origin(True, "other.example", port))
        await dialler.aclose()

    assert str(caught.value) == (
        "no address of hook.example could be connected to: an inside address: no answer in time; "
        "an inside address: Connection refused"
    )


async def test_a_look_up_is_shared_and_outlives_who_gives_up(receiver: Receiver) -> None:
    """Many who dial a name ask for it once; one that is cancelled does not end it for the others."""
    asked: list[str] = []
    loop, begun, release = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def slow(host: str, _: int) -> list[str]:
        asked.append(host)
        loop.call_soon_threadsafe(begun.set)
        release.wait(10)
        return ["127.0.0.1"]

    dialler = Dialler(Guard(LOCAL), lookup=slow)
    origin = Origin(False, NAME, receiver.port)
    first, second = (asyncio.create_task(dialled(dialler, origin)) for _ in range(2))
    await begun.wait()
    first.cancel()
    release.set()
    await second
    await dialler.aclose()

    assert (first.cancelled(), asked) == (True, [NAME])


async def test_a_full_stop_is_no_part_of_the_name_that_is_checked() -> None:
    """`hook.example.` is the same host in full: certificates are made out without the dot."""
    async with Receiver({}, names=(NAME,)) as receiver:
        dialler = Dialler(Guard(LOCAL), ca_bundle=receiver.ca, lookup=lambda *_: ["127.0.0.1"])
        transport, _ = await dialled(dialler, Origin(True, f"{NAME}.", receiver.port))
        await dialler.aclose()

    assert transport.get_extra_info("ssl_object").server_hostname == NAME


async def test_tls_is_always_verified_and_not_too_old() -> None:
    """1.2 at least, a certificate for the name, HTTP/1.1 as the one protocol."""
    context = await Contexts().of(None)

    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_places_are_written_as_urls_have_them() -> None:
    """An IPv6 address in brackets; addresses inside, the proxy's too, are for the log."""
    assert Dial(host="::1", port=443).where() == "[::1]:443"
    inside = Dial(host=NAME, port=443, peer=("10.1.2.3", 443), proxy="p:3128")
    outside = Dial(host=NAME, port=443, peer=("1.1.1.1", 443))
    assert (inside.where(), inside.inside()) == (f"{NAME}:443 (through the proxy)", "address=10.1.2.3 proxy=p:3128")
    assert (outside.where(), outside.inside()) == ("1.1.1.1:443", "")
    assert proxies.joined("hook.example", 80) == "hook.example:80"
