"""What is noted of an attempt's way: where it went, and which of its steps took how long."""

import time

from delivery.wire import notes
from delivery.wire.notes import WireNotes
from delivery.wire.sender import Attempt
from tests.delivery.wire.attempts import attempt, opened
from tests.receiver import Receiver

ON_BOTH_LOOPS = True


def noted(result: Attempt) -> WireNotes:
    assert result.notes is not None
    return result.notes


async def test_a_new_connection_has_all_steps_and_a_kept_one_its_answer_alone(receiver: Receiver) -> None:
    """Durations of steps that were not taken are absent, and not 0."""
    async with opened(receiver.ca) as sender:
        first = noted(await attempt(sender, receiver.url()))
        second = noted(await attempt(sender, receiver.url()))

    assert (first.method, first.url, first.kept, first.proxied) == ("POST", receiver.url(), False, False)
    assert (first.address, first.port) == ("127.0.0.1", receiver.port)
    steps = (first.waited, first.looked_up, first.connected, first.secured, first.answered)
    assert all(each is not None and each >= 0 for each in steps)
    assert first.certificate_until is not None
    assert first.certificate_until > time.time()
    assert second.certificate_until is None
    assert second.kept
    assert (second.address, second.port) == ("127.0.0.1", receiver.port)
    assert (second.looked_up, second.connected, second.secured) == (None, None, None)
    assert second.answered is not None


async def test_steps_of_a_failed_attempt_end_where_it_failed(receiver: Receiver) -> None:
    """A certificate that nobody vouches for: reached, and not secured; a closed port: looked up, and not reached."""
    async with opened("") as sender:
        untrusted = noted(await attempt(sender, receiver.url()))
        refused = noted(await attempt(sender, "https://127.0.0.1:1/hook"))
    async with opened(receiver.ca, allow=()) as sender:
        blocked = noted(await attempt(sender, receiver.url()))

    assert untrusted.connected is not None
    assert (untrusted.secured, untrusted.answered) == (None, None)
    assert refused.looked_up is not None
    assert (refused.address, refused.port, refused.connected) == ("127.0.0.1", 1, None)
    assert (blocked.address, blocked.port, blocked.looked_up) == ("", 0, None)


def test_notes_of_other_releases_are_read() -> None:
    """Those of an earlier one are not known or shorter, those of a later one longer."""
    kept = notes.read(
        b'["POST","https://there.example/hook","192.0.2.1",443,false,true,null,null,null,null,17,null,"more"]'
    )
    short = notes.read(b'["POST","https://there.example/hook"]')

    assert notes.read(None) is None
    assert kept is not None
    assert (kept.address, kept.kept, kept.answered) == ("192.0.2.1", True, 17)
    assert short == WireNotes(method="POST", url="https://there.example/hook")
