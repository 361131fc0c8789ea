"""In-flight limits as a ledger of slots: who may begin a try, and who waits."""

from collections import Counter, defaultdict
from uuid import UUID, uuid4

import pytest

from workers.slots import FORGET, SILENCE, Circuit, Lane, Lanes

A, B = uuid4(), uuid4()
#: As many as a worker has by default, and a webhook of them.
SLOTS, SHARE = 500, 64


class Booked(Lanes):
    """Knows which lane each try is in, as an engine does."""

    def __init__(self, *, slots: int, share: int) -> None:
        super().__init__(slots=slots, share=share)
        self.tries: dict[UUID, list[Lane]] = defaultdict(list)

    def begin(self, webhook: UUID, now: float, epoch: int = 1) -> bool:
        """By a ticket, whose claim tells the epoch."""
        lane = self.take(webhook, now)
        if lane is not None:
            self.tries[webhook].append(self.claimed(webhook, lane, epoch, now))
        return lane is not None

    def drained(self, webhook: UUID, now: float, epoch: int = 1) -> None:
        self.tries[webhook].append(self.hold(webhook, epoch, now))

    def end(self, webhook: UUID, now: float, *, answered: bool) -> None:
        """Its oldest try."""
        self.ended(webhook, self.tries[webhook].pop(0), now, answered=answered)


def taken(lanes: Booked, webhook: UUID, wanted: int, now: float = 0.0) -> int:
    return sum(lanes.begin(webhook, now) for _ in range(wanted))


def end(lanes: Booked, webhook: UUID, now: float = 0.0, *, answered: bool) -> None:
    lanes.end(webhook, now, answered=answered)
    lanes.recorded()


def answering(lanes: Booked, webhook: UUID, now: float = 0.0) -> None:
    """The webhook has answered."""
    lanes.begin(webhook, now)
    end(lanes, webhook, now, answered=True)


def test_limits() -> None:
    """A webhook has at most its share in flight, a process at most its slots (protocol.md 4.6)."""
    lanes = Booked(slots=20, share=4)
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
    lanes = Booked(slots=100, share=8)
    taken(lanes, A, 8)
    for each in ends:
        end(lanes, A, 0.1, answered=each == "a")
        lanes.begin(A, 0.1)
    for _ in range(lanes.in_flight):
        lanes.unclaimed(A, lanes.tries[A].pop())

    assert taken(lanes, A, 50, 0.1) == share


def test_circuit() -> None:
    """A circuit opens with tries that have no answer until one try at a time is let through; the first answer closes it,
    and with each round its webhook has twice as many, until it has its share again."""
    lanes = Booked(slots=SLOTS, share=SHARE)
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
    lanes = Booked(slots=2, share=1)
    lanes.begin(A, 0.0)

    lanes.end(A, 0.1, answered=True)

    assert (lanes.begin(A, 0.1), lanes.free) == (True, 0)
    assert not lanes.begin(B, 0.1)
    lanes.recorded()
    assert lanes.begin(B, 0.1)


def test_stalled() -> None:
    """Waiting for a webhook is vain while it is silent, and while its circuit is open; not when it is only busy."""
    lanes = Booked(slots=10, share=2)
    taken(lanes, A, 2)
    told = [lanes.stalled(A, SILENCE / 2), lanes.stalled(A, SILENCE * 2), lanes.stalled(B, SILENCE * 2)]
    end(lanes, A, SILENCE * 2, answered=True)
    lanes.begin(A, SILENCE * 2)
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
    lanes = Booked(slots=SLOTS, share=SHARE)
    webhooks = [uuid4() for _ in range(hanging)]
    for webhook in [*webhooks, A]:
        answering(lanes, webhook)
    hold: Counter[UUID] = Counter()
    for _ in range(SHARE):
        for webhook in webhooks:
            hold[webhook] += lanes.begin(webhook, 0.0)

    assert (max(hold.values()), taken(lanes, A, SHARE, 0.1)) == (held, left)


def test_thousands_that_never_answered() -> None:
    """Webhooks that were never tried take three quarters of the slots at most, and once they are silent or open, half;
    what is left is for those that answered, by ticket as by drain."""
    lanes = Booked(slots=SLOTS, share=SHARE)
    answering(lanes, A)
    hanging = [uuid4() for _ in range(2000)]
    at_first = sum(lanes.begin(webhook, 0.0) for webhook in hanging)
    share, reserved = lanes.share(0.0), lanes.reserve(200, 0.0)
    lanes.give_back(reserved)
    beside, again = taken(lanes, A, 100), []
    for webhook in hanging[:at_first]:
        end(lanes, webhook, 15.0, answered=False)
    again.append(sum(lanes.begin(webhook, 15.0) for webhook in hanging[:at_first]))
    shares = lanes.shares(15.0)
    again.append(sum(lanes.begin(webhook, 15.0) for webhook in hanging[at_first:]))

    assert (at_first, share, reserved) == (375, 0, 125)
    assert beside == 25
    # The tries of A have been in flight for 15 s by then, and count as well.
    assert again == [250 - 25, 125]
    assert sum(share for share, _ in shares.values()) == 0


def test_turns_among_those_that_do_not_answer() -> None:
    """Where a drain has room for a few webhooks that do not answer, those are first whose last try began longest ago."""
    lanes = Booked(slots=8, share=2)
    webhooks = [uuid4() for _ in range(6)]
    for webhook in webhooks:
        lanes.begin(webhook, 0.0)
    for webhook in webhooks:
        end(lanes, webhook, 1.0, answered=False)
    first = [webhook for webhook, (share, _) in lanes.shares(1.0).items() if share]
    for webhook in first:
        lanes.drained(webhook, 1.0)
        lanes.end(webhook, 2.0, answered=False)

    second = [webhook for webhook, (share, _) in lanes.shares(2.0).items() if share]

    assert first == webhooks[:4]
    assert second == [*webhooks[4:], *webhooks[:2]]


def test_shares_for_a_drain() -> None:
    """A drain is told of every webhook whose free share is not the full one."""
    lanes = Booked(slots=100, share=8)
    taken(lanes, A, 8)
    lanes.drained(B, 0.0)
    lanes.end(B, 0.0, answered=False)

    assert lanes.shares(0.0) == {A: (0, 1), B: (4, 1)}
    assert lanes.crowded()


def test_forgotten() -> None:
    """A webhook that did not answer and is not tried any more is one of the untried after a minute."""
    lanes = Booked(slots=100, share=8)
    lanes.begin(A, 0.0)
    end(lanes, A, 15.0, answered=False)

    told = [dict(lanes.shares(now)) for now in (FORGET, FORGET + 1)]

    assert told == [{A: (4, 1)}, {}]
    assert lanes.circuit(A) is Circuit.UNTRIED


def test_reserve() -> None:
    """Slots reserved for a drain are given back where it found less to do."""
    lanes = Booked(slots=5, share=5)

    got = lanes.reserve(3, 0.0), lanes.reserve(3, 0.0)
    lanes.give_back(4)

    assert got == (3, 2)
    assert lanes.free == 4


@pytest.mark.parametrize(
    ("short", "retrying", "admitted"), [(False, 0, 50), (True, 0, 40), (True, 7, 47), (True, 30, 50)]
)
def test_slots_kept_for_retries(short: bool, retrying: int, admitted: int) -> None:
    """While a drain is short of slots, tickets leave what retries lack to a fifth of them."""
    lanes = Booked(slots=50, share=50)
    webhooks = [uuid4() for _ in range(60)]
    for webhook in webhooks:
        answering(lanes, webhook)
    lanes.short, lanes.retrying = short, retrying

    assert sum(lanes.begin(webhook, 0.0) for webhook in webhooks) == admitted


def test_changed_webhook() -> None:
    """Tries that hang under an old epoch take nothing of the new one's share, by drain as by ticket, and open no circuit of
    it; of what tries without an answer may hold in all they do."""
    lanes = Booked(slots=100, share=8)
    taken(lanes, A, 8)
    told = [lanes.stalled(A, 1.0), lanes.shares(1.0)]
    lanes.drained(A, 1.0, epoch=2)
    told += [lanes.stalled(A, 1.0), lanes.shares(1.0), lanes.begin(A, 1.0, epoch=2)]
    unanswered = lanes.in_flight
    for _ in range(8):
        end(lanes, A, 15.0, answered=False)
    after = lanes.circuit(A), lanes.shares(15.0)[A]
    for _ in range(2):
        end(lanes, A, 15.0, answered=True)

    assert told == [True, {A: (0, 1)}, False, {A: (7, 2)}, True]
    assert unanswered == 9
    assert after == (Circuit.UNTRIED, (6, 2))
    assert (lanes.shares(15.0), lanes.circuit(A)) == ({}, Circuit.CLOSED)


def test_changed_while_it_is_claimed() -> None:
    """A ticket that took its slot under one epoch, and whose claim tells another, counts where it belongs."""
    lanes = Lanes(slots=100, share=2)
    old = lanes.take(A, 0.0)
    ticket = lanes.take(A, 0.0)
    assert old is not None
    assert ticket is not None
    old = lanes.claimed(A, old, 1, 0.0)

    new = lanes.claimed(A, ticket, 2, 0.0)
    late = lanes.hold(A, 1, 0.0)

    assert (new.in_flight, old.in_flight, late is old) == (1, 2, True)
    assert lanes.shares(0.0) == {A: (1, 2)}
    lanes.ended(A, old, 1.0, answered=False)
    lanes.ended(A, late, 1.0, answered=False)
    lanes.ended(A, new, 1.0, answered=True)
    assert lanes.shares(1.0) == {}
