"""Paths that forget connections, with a middlebox made of a network namespace: nobody answers, and nobody says so."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from delivery.wire import kernel
from delivery.wire.sender import Destination, FailureKind, Parcel, Sender
from delivery.wire.transport import TransportLimits
from tests.delivery.wire.attempts import WEBHOOK, attempt, failed, opened, replied
from tests.delivery.wire.scripted import OK, Client, Scripted, plainly

linux = pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell what is acknowledged")
namespaces = pytest.mark.skipif(
    not (sys.platform == "linux" and os.geteuid() == 0 and shutil.which("ip")),
    reason="network namespaces need root and `ip` (iproute2)",
)

#: A network for each process that tests; the ends of the link in it, and where the receiver is met, before something on the
#: way forgets and after it.
NETWORK = f"10.{200 + os.getpid() % 50}.{os.getpid() // 50 % 250}"
HERE, THERE, BEFORE, AFTER = (f"{NETWORK}.{number}" for number in (1, 2, 129, 130))
SERVER = """
import http.server, sys
class Hook(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Hook)
print("listening", flush=True)
server.serve_forever()
"""


class Middlebox:
    """A receiver behind a link, at two addresses, of which one can be forgotten: what is sent there is gone."""

    def __init__(self, name: str) -> None:
        self._name = name

    def forget(self) -> None:
        """Connections to the first address lead nowhere from now on; new ones go to the second."""
        _run("ip", "-n", self._name, "address", "del", f"{BEFORE}/32", "dev", "lo")


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@contextmanager
def _middlebox() -> Iterator[Middlebox]:
    name, link = f"hooklake{os.getpid()}", f"hl{os.getpid()}"
    _run("ip", "netns", "add", name)
    try:
        _run("ip", "link", "add", link, "type", "veth", "peer", "name", "there", "netns", name)
        _run("ip", "address", "add", f"{HERE}/30", "dev", link)
        _run("ip", "link", "set", link, "up")
        for there in (
            ("address", "add", f"{THERE}/30", "dev", "there"),
            ("link", "set", "there", "up"),
            ("link", "set", "lo", "up"),
            ("address", "add", f"{BEFORE}/32", "dev", "lo"),
            ("address", "add", f"{AFTER}/32", "dev", "lo"),
            # What nobody is at is thrown away, without a word.
            ("route", "add", "blackhole", f"{NETWORK}.128/25"),
        ):
            _run("ip", "-n", name, *there)
        _run("ip", "route", "add", f"{NETWORK}.128/25", "via", THERE)
        command = ["ip", "netns", "exec", name, sys.executable, "-c", SERVER]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parent) as server:
            try:
                assert server.stdout is not None
                assert server.stdout.readline() == b"listening\n"
                yield Middlebox(name)
            finally:
                server.kill()
    finally:
        # Its sockets keep the namespace, and it the link, for a while.
        subprocess.run(["ip", "link", "del", link], check=False)
        _run("ip", "netns", "del", name)


@asynccontextmanager
async def _behind() -> AsyncIterator[tuple[Middlebox, Sender]]:
    with _middlebox() as middlebox:
        limits = TransportLimits(acknowledge_timeout=0.5, connect_timeout=1.0)
        async with opened("", allow=("there.example",), limits=limits, lookup=lambda *_: [BEFORE, AFTER]) as sender:
            yield middlebox, sender


URL = "http://there.example:8000/hook"


@namespaces
async def test_a_path_that_forgot() -> None:
    """A request over a kept connection that leads nowhere ends long before its deadline, with its own cause; the next one goes
    over a new connection, whatever else had been kept."""
    async with _behind() as (middlebox, sender):
        await asyncio.gather(*(attempt(sender, URL) for _ in range(4)))
        middlebox.forget()
        first = failed(await attempt(sender, URL, deadline=60))
        second = replied(await attempt(sender, URL, deadline=60))

    assert first.kind is FailureKind.unacknowledged
    assert first.cause == "the request was not acknowledged by there.example:8000 within 0.5 s"
    assert second.status == 204


@namespaces
async def test_a_path_that_forgot_while_it_rested() -> None:
    """A connection that has rested is used only while the other end answers the system's probes: no attempt is lost."""
    async with _behind() as (middlebox, sender):
        await attempt(sender, URL)
        [kept] = next(iter(sender._transport._pool._kept.values()))
        middlebox.forget()
        while not kept.path().probes:  # noqa: ASYNC110  only the system knows
            await asyncio.sleep(0.02)
        second = replied(await attempt(sender, URL))

    assert second.status == 204


@linux
async def test_a_receiver_that_takes_its_time() -> None:
    """What has been acknowledged may be thought about until the deadline, and more than its window holds may be read late."""
    read = asyncio.Event()

    async def thinking(client: Client) -> None:
        await client.request()
        await client.gone()

    async def reading_late(client: Client) -> None:
        await read.wait()
        await client.request()
        client.writer.write(OK)

    def soon() -> None:
        asyncio.get_running_loop().call_later(1.0, read.set)

    limits = TransportLimits(acknowledge_timeout=0.25)
    async with Scripted(thinking) as one, Scripted(reading_late) as other, plainly(limits) as sender:
        late = failed(await attempt(sender, one.url, deadline=0.6))
        soon()
        parcel = Parcel(id="1", body=b"x" * (1 << 24), headers=(("Content-Type", "application/json"),))
        destination = Destination(webhook=WEBHOOK, url=other.url, secrets=())
        taken = replied(await sender.send(parcel, destination, deadline=30))

    assert late.cause.startswith("no answer within 0.6 s")
    assert taken.status == 200


def test_dialled_sockets_are_probed() -> None:
    """Where the system can be told when."""
    with socket.socket() as probed:
        kernel.probing(probed)
        assert probed.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == int(hasattr(socket, "TCP_KEEPIDLE"))
