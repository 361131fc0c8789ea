"""Where a subscriber cannot send us: a stack that opens one name, and a listener on every address of this machine.

Real name servers answer nothing that a test could choose, so names go through the real transport with a look-up of ours; the
forms of addresses and the moments of dialling are tables in `tests/delivery/wire`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import pytest_asyncio

from tests.delivery.wire.attempts import attempt, failed, opened, replied
from tests.flows import stage as stages
from tests.flows.stage import Stage
from tests.flows.workspaces import EVENTS, SECRET, Hook, Workspace
from tests.receiver import Receiver

pytestmark = pytest.mark.asyncio(loop_scope="module")

#: All forms of an address that leads inside; of a network one address.
INSIDE = (
    *("127.0.0.1", "[::1]", "0.0.0.0", "10.0.0.1", "169.254.169.254", "100.64.0.1", "[::ffff:127.0.0.1]"),
    *("[64:ff9b::7f00:1]", "2130706433", "0x7f000001", "017700000001"),
)
#: What a name may resolve to.
ADDRESSES = (
    *("127.0.0.1", "::1", "0.0.0.0", "10.0.0.1", "169.254.169.254", "100.64.0.1", "::ffff:127.0.0.1"),
    "64:ff9b::7f00:1",
)
#: Those that are not 127.0.0.1 in another form, which stands for a public address where a name changes.
OTHERS = ("::1", "0.0.0.0", "10.0.0.1", "169.254.169.254", "100.64.0.1")


class Listener:
    """Counts who connects, on all addresses of this machine."""

    def __init__(self) -> None:
        self.connections = 0
        self.port = 0

    def connected(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.close()


@asynccontextmanager
async def listening() -> AsyncIterator[Listener]:
    listener = Listener()
    async with await asyncio.start_server(listener.connected, "0.0.0.0") as four:
        listener.port = four.sockets[0].getsockname()[1]
        try:
            six = await asyncio.start_server(listener.connected, "::1", listener.port)
        except OSError:  # a machine without IPv6
            yield listener
            return
        async with six:
            yield listener


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(receiver: Receiver) -> AsyncIterator[Stage]:
    """A stack that may send to one name, and to no address."""
    async with stages.running(receiver, {"HOOKLAKE_ALLOW_DESTINATIONS": "localhost"}) as stage:
        yield stage


async def test_what_leads_inside(stage: Stage, receiver: Receiver) -> None:
    """Destinations 127.0.0.1, ::1, 0.0.0.0, 10/8, 169.254.169.254, 100.64/10, ::ffff:127.0.0.1, 64:ff9b::7f00:1, decimal, hex
    and octal hosts, a name that resolves to any of them, a name that changes after its first look-up: refused before any
    connection.

    An allow-list opens exactly what it names.
    """
    workspace = await stage.workspace()
    receiver.secrets["/opened"] = (SECRET,)
    hook = await workspace.hook(path="/opened", destination=receiver.url("/opened", host="localhost"))
    receipt = await workspace.publish()
    async with listening() as listener:
        let_in = [answer for host in INSIDE for answer in await _let_in(workspace, hook, f"{host}:{listener.port}")]
        names = {address: await _said(listener.port, address) for address in ADDRESSES}
    moved = {address: await _moved(address) for address in OTHERS}
    await workspace.settled(receipt, delivered=1)

    assert let_in == []
    assert names == dict.fromkeys(ADDRESSES, "moving.example leads to an address that is not public")
    assert moved == {address: (200, names[address], 1) for address in OTHERS}
    assert listener.connections == 0
    assert [request.path for request in receiver.deliveries("/opened")] == ["/opened"]


async def _let_in(workspace: Workspace, hook: Hook, authority: str) -> list[str]:
    """Answers other than a refusal that names the field, to a registration and to a change."""
    answers = []
    for scheme in ("http", "https"):
        url = f"{scheme}://{authority}/hook"
        made = {"name": "another", "destination": url, "secret": SECRET}
        answers.append(await workspace.http.post(f"{EVENTS}/webhooks", json=made))
        answers.append(await workspace.http.patch(hook.uri, json={"destination": url}))
    return [f"{answer.request.method} {authority}: {answer.text}" for answer in answers if not _refused(answer)]


def _refused(answer: httpx.Response) -> bool:
    if answer.status_code != 400:
        return False
    return [issue["subject"] for issue in answer.json()["errorDetails"][0]["issues"]] == ["destination"]


async def _said(port: int, address: str) -> str:
    """Why a name is not dialled that resolves to this address."""
    async with opened("", allow=("localhost",), lookup=lambda *_: [address]) as sender:
        return failed(await attempt(sender, f"http://moving.example:{port}/hook")).cause


async def _moved(address: str) -> tuple[int, str, int]:
    """How a name is met that is fine at first, why it is not dialled once it resolves to this address, and connections made."""
    answers = [["127.0.0.1"], [address]]
    async with Receiver({}, tls=False) as receiver:
        tries = []
        for _ in range(2):  # A transport each, since one remembers a look-up for some seconds.
            async with opened("", allow=("127.0.0.1",), lookup=lambda *_: answers.pop(0)) as sender:
                tries.append(await attempt(sender, receiver.url(host="moving.example")))
    return replied(tries[0]).status, failed(tries[1]).cause, receiver.connections
