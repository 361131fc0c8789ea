"""In-flight limits as a ledger of slots: who may begin a try, and who waits."""

from uuid import UUID, uuid4

import pytest

from workers.lanes import STALL, Lanes

A, B = uuid4(), uuid4()


def taken(lanes: Lanes, webhook: UUID, wanted: int) -> int:
    return sum(lanes.take(webhook, 0.0) for _ in range(wanted))


def test_limits() -> None:
    """A webhook has at most its share in flight, a process at most its slots."""
    lanes = Lanes(slots=10, share=4)

    counts = [taken(lanes, A, 9), taken(lanes, B, 9), taken(lanes, uuid4(), 9)]

    assert counts == [4, 4, 2]
    assert (lanes.free, lanes.in_flight) == (0, 10)


@pytest.mark.parametrize(
    ("ends", "share"), [("t", 4), ("tt", 2), ("tttt", 1), ("tttttt", 1), ("ttta", 2), ("ttaaaaaaaa", 8), ("a", 8)]
)
def test_share_of_a_webhook_that_times_out(ends: str, share: int) -> None:
    """The share halves with each time-out, down to one, and grows by one with each answer, up to the full one."""
    lanes = Lanes(slots=100, share=8)
    taken(lanes, A, 8)
    for end in ends:
        lanes.ended(A, 1.0, timed_out=end == "t")
        lanes.recorded()
        lanes.take(A, 1.0)
    in_flight = lanes.in_flight
    for _ in range(in_flight):
        lanes.unclaimed(A)

    assert taken(lanes, A, 50) == share


def test_slot_until_recorded() -> None:
    """A try that ended frees its webhook at once, and its process when the outcome is written: an outage bounds both."""
    lanes = Lanes(slots=2, share=1)
    lanes.take(A, 0.0)

    lanes.ended(A, 1.0, timed_out=False)

    assert (lanes.take(A, 1.0), lanes.free) == (True, 0)
    assert not lanes.take(B, 1.0)
    lanes.recorded()
    assert lanes.take(B, 1.0)


def test_stalled() -> None:
    """Waiting for a webhook is idle when its share is used up and no answer came for a while."""
    lanes = Lanes(slots=10, share=2)
    taken(lanes, A, 2)
    told = [lanes.stalled(A, STALL / 2), lanes.stalled(A, STALL * 2), lanes.stalled(B, STALL * 2)]
    lanes.ended(A, STALL * 2, timed_out=False)
    lanes.take(A, STALL * 2)

    assert told == [False, True, False]
    assert not lanes.stalled(A, STALL * 2.5)


def test_shares_for_a_drain() -> None:
    """A drain is told of every webhook whose free share is not the full one."""
    lanes = Lanes(slots=100, share=8)
    taken(lanes, A, 8)
    lanes.hold(B, 0.0)
    lanes.ended(B, 0.0, timed_out=True)

    assert lanes.shares() == {A: 0, B: 4}
    assert lanes.crowded()


def test_reserve() -> None:
    """Slots reserved for a drain are given back where it found less to do."""
    lanes = Lanes(slots=5, share=5)

    got = lanes.reserve(3), lanes.reserve(3)
    lanes.give_back(4)

    assert got == (3, 2)
    assert lanes.free == 4
