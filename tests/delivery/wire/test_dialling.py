"""The guard at the moment of dialling, by the connections that a real receiver saw."""

from datetime import UTC, datetime

import pytest

from delivery.wire.guard import Guard
from delivery.wire.sender import FailureKind, Sender
from delivery.wire.transport import open_transport
from tests.delivery.wire.attempts import attempt, failed, opened
from tests.receiver import Receiver


async def test_a_name_that_moves_inside_is_refused_before_any_connection(receiver: Receiver) -> None:
    """Case 26, rebinding: the name was fine at its first look-up, and leads to this machine at the next dial."""
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
        assert failed(result).cause == "10.0.0.1 (of name moving.example) is not a public address"
    assert (len(asked), receiver.connections) == (3, 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "2130706433", "0x7f000001", "localhost"])
async def test_a_destination_that_is_no_longer_allowed_is_blocked(receiver: Receiver, host: str) -> None:
    """The rules of registration hold at each attempt, whatever the table says."""
    async with opened(receiver.ca, allow=()) as sender:
        result = await attempt(sender, f"https://{host}:{receiver.port}/hook")

    assert failed(result).kind == FailureKind.blocked
    assert receiver.connections == 0


class Fickle(Guard):
    """Opens an address when it is vetted, and not when it is dialled."""

    def __init__(self) -> None:
        super().__init__(allow_http=True)
        self.asked: list[str] = []

    def check_address(self, address: str, host: str) -> None:
        self.asked.append(address)
        if len(self.asked) > 1:
            super().check_address(address, host)


async def test_dialling_itself_is_guarded(receiver: Receiver) -> None:
    """Vetting a look-up is not enough: the address is judged again when its socket is made."""
    guard = Fickle()
    transport = await open_transport(guard, ca_bundle=receiver.ca, lookup=lambda *_: ["127.0.0.1"])
    result = await attempt(Sender(transport, lambda: datetime.now(UTC)), receiver.url(host="fickle.example"))
    await transport.aclose()

    assert failed(result).cause == "127.0.0.1 (of name fickle.example) is not a public address"
    assert (guard.asked, receiver.connections) == (["127.0.0.1"] * 2, 0)


async def test_a_metadata_address_is_blocked_by_whatever_name(receiver: Receiver) -> None:
    """Even a name that is opened does not lead to a cloud's credentials."""
    async with opened(receiver.ca, allow=("metadata.example",), lookup=lambda *_: ["169.254.169.254"]) as sender:
        result = await attempt(sender, receiver.url(host="metadata.example"))

    assert failed(result).cause == "169.254.169.254 (of name metadata.example) is not a public address"
