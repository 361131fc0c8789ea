"""In-flight limits as a ledger of slots: who may begin a try, and who waits."""

from collections import Counter
from uuid import UUID, uuid4

import pytest

from workers.lanes import FORGET, SILENCE, Circuit, Lanes

A, B = uuid4(), uuid4()
#: As many as a worker has by default, and a webhook of them.
SLOTS, SHARE = 500, 64


def taken(lanes: Lanes, webhook: UUID, wanted: int, now: float = 0.0) -> int:
    return sum(lanes.take(webhook, now) for _ in range(wanted))


def end(lanes: Lanes, webhook: UUID, now: float = 0.0, *, answered: bool) -> None:
    lanes.ended(webhook, now, answered=answered)
    lanes.recorded()


def answering(lanes: Lanes, webhook: UUID, now: float = 0.0) -> None:
    """The webhook has answered."""
    lanes.take(webhook, now)
    end(lanes, webhook, now, answered=True)


def test_limits() -> None:
    """A webhook has at most its share in flight, a process at most its slots."""
    lanes = Lanes(slots=20, share=4)
    for webhook in (some := [uuid4() for _ in range(30)]):
        answering(lanes, webhook)

    counts = [taken(lanes, A, 9), *(taken(lanes, webhook, 1) for webhook in some)]

    assert counts == [4] + [1] * 16 + [0] * 14
    assert (lanes.free, lanes.in_flight) == (0, 20)


@pytest.mark.parametrize(
    ("ends", "share"), [("t", 4), ("tt", 2), ("tttt", 1), ("tttttt", 1), ("ttta", 2), ("ttaaaaaaaa", 8), ("a", 8)]
)
def test_share_of_a_webhook_that_does_not_answer(ends: str, share: int) -> None:
    """The share halves with each try that has no answer, down to one, and grows by one with each answer, up to the full."""
    lanes = Lanes(slots=100, share=8)
    taken(lanes, A, 8)
    for each in ends:
        end(lanes, A, 0.1, answered=each == "a")
        lanes.take(A, 0.1)
    for _ in range(lanes.in_flight):
        lanes.unclaimed(A)

    assert taken(lanes, A, 50, 0.1) == share


def test_circuit() -> None:
    """A circuit opens with tries that have no answer until one try at a time is let through; the first answer closes it,
    and with each round its webhook has twice as many, until it has its share again."""
    lanes = Lanes(slots=SLOTS, share=SHARE)
    told = [lanes.circuit(A)]
    taken(lanes, A, SHARE)
    for _ in range(SHARE):
        end(lanes, A, 15.0, answered=False)
    told.append(lanes.circuit(A))
    probes, rounds = taken(lanes, A, 10, 15.0), []
    end(lanes, A, 15.1, answered=True)
    told.append(lanes.circuit(A))
    for _ in range(7):
        rounds.append(taken(lanes, A, 100, 15.1))
        for _ in range(rounds[-1]):
            end(lanes, A, 15.1, answered=True)

    assert told == [Circuit.UNTRIED, Circuit.OPEN, Circuit.CLOSED]
    assert probes == 1
    assert rounds == [2, 4, 8, 16, 32, 64, 64]


def test_slot_until_recorded() -> None:
    """A try that ended frees its webhook at once, and its process when the outcome is written: an outage bounds both."""
    lanes = Lanes(slots=2, share=1)
    lanes.take(A, 0.0)

    lanes.ended(A, 0.1, answered=True)

    assert (lanes.take(A, 0.1), lanes.free) == (True, 0)
    assert not lanes.take(B, 0.1)
    lanes.recorded()
    assert lanes.take(B, 0.1)


def test_stalled() -> None:
    """Waiting for a webhook is vain while it is silent, and while its circuit is open; not when it is only busy."""
    lanes = Lanes(slots=10, share=2)
    taken(lanes, A, 2)
    told = [lanes.stalled(A, SILENCE / 2), lanes.stalled(A, SILENCE * 2), lanes.stalled(B, SILENCE * 2)]
    end(lanes, A, SILENCE * 2, answered=True)
    lanes.take(A, SILENCE * 2)
    told.append(lanes.stalled(A, SILENCE * 2.5))
    end(lanes, A, SILENCE * 3, answered=False)
    told.append(lanes.stalled(A, SILENCE * 3))

    assert told == [False, True, False, False, True]


@pytest.mark.parametrize(
    ("hanging", "held", "left"),
    [(1, 64, 64), (5, 56, 45), (10, 36, 28), (25, 18, 14), (50, 10, 8), (100, 5, 4), (300, 2, 1)],
)
def test_all_at_once(hanging: int, held: int, left: int) -> None:
    """However many webhooks that answered until now hang at once, and want all they can get: none of them holds more than
    `held` slots, and one that still answers may have `left`."""
    lanes = Lanes(slots=SLOTS, share=SHARE)
    webhooks = [uuid4() for _ in range(hanging)]
    for webhook in [*webhooks, A]:
        answering(lanes, webhook)
    hold: Counter[UUID] = Counter()
    for _ in range(SHARE):
        for webhook in webhooks:
            hold[webhook] += lanes.take(webhook, 0.0)

    assert (max(hold.values()), taken(lanes, A, SHARE, 0.1)) == (held, left)


def test_thousands_that_never_answered() -> None:
    """Webhooks that were never tried take three quarters of the slots at most, and once they are silent or open, half;
    what is left is for those that answered, by ticket as by drain."""
    lanes = Lanes(slots=SLOTS, share=SHARE)
    answering(lanes, A)
    hanging = [uuid4() for _ in range(2000)]
    at_first = sum(lanes.take(webhook, 0.0) for webhook in hanging)
    share, reserved = lanes.share(0.0), lanes.reserve(200, 0.0)
    lanes.give_back(reserved)
    beside, again = taken(lanes, A, 100), []
    for webhook in hanging[:at_first]:
        end(lanes, webhook, 15.0, answered=False)
    again.append(sum(lanes.take(webhook, 15.0) for webhook in hanging[:at_first]))
    shares = lanes.shares(15.0)
    again.append(sum(lanes.take(webhook, 15.0) for webhook in hanging[at_first:]))

    assert (at_first, share, reserved) == (375, 0, 125)
    assert beside == 25
    # The tries of A have been in flight for 15 s by then, and count as well.
    assert again == [250 - 25, 125]
    assert sum(shares.values()) == 0


def test_turns_among_those_that_do_not_answer() -> None:
    """Where a drain has room for a few webhooks that do not answer, those are first whose last try began longest ago."""
    lanes = Lanes(slots=8, share=2)
    webhooks = [uuid4() for _ in range(6)]
    for webhook in webhooks:
        lanes.take(webhook, 0.0)
    for webhook in webhooks:
        end(lanes, webhook, 1.0, answered=False)
    first = [webhook for webhook, share in lanes.shares(1.0).items() if share]
    for webhook in first:
        lanes.hold(webhook, 1.0)
        lanes.ended(webhook, 2.0, answered=False)

    second = [webhook for webhook, share in lanes.shares(2.0).items() if share]

    assert first == webhooks[:4]
    assert second == [*webhooks[4:], *webhooks[:2]]


def test_shares_for_a_drain() -> None:
    """A drain is told of every webhook whose free share is not the full one."""
    lanes = Lanes(slots=100, share=8)
    taken(lanes, A, 8)
    lanes.hold(B, 0.0)
    lanes.ended(B, 0.0, answered=False)

    assert lanes.shares(0.0) == {A: 0, B: 4}
    assert lanes.crowded()


def test_forgotten() -> None:
    """A webhook that did not answer and is not tried any more is one of the untried after a minute."""
    lanes = Lanes(slots=100, share=8)
    lanes.take(A, 0.0)
    end(lanes, A, 15.0, answered=False)

    told = [dict(lanes.shares(now)) for now in (FORGET, FORGET + 1)]

    assert told == [{A: 4}, {}]
    assert lanes.circuit(A) is Circuit.UNTRIED


def test_reserve() -> None:
    """Slots reserved for a drain are given back where it found less to do."""
    lanes = Lanes(slots=5, share=5)

    got = lanes.reserve(3, 0.0), lanes.reserve(3, 0.0)
    lanes.give_back(4)

    assert got == (3, 2)
    assert lanes.free == 4


@pytest.mark.parametrize(
    ("short", "retrying", "admitted"), [(False, 0, 50), (True, 0, 40), (True, 7, 47), (True, 30, 50)]
)
def test_slots_kept_for_retries(short: bool, retrying: int, admitted: int) -> None:
    """While a drain is short of slots, tickets leave what retries lack to a fifth of them."""
    lanes = Lanes(slots=50, share=50)
    webhooks = [uuid4() for _ in range(60)]
    for webhook in webhooks:
        answering(lanes, webhook)
    lanes.short, lanes.retrying = short, retrying

    assert sum(lanes.take(webhook, 0.0) for webhook in webhooks) == admitted
