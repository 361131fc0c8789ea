"""In-flight limits as a ledger of slots: who may begin an attempt, and who waits."""

from collections import Counter, defaultdict
from uuid import UUID, uuid4

import pytest

from workers.slots import FORGET, InFlightSlots
from workers.unrecorded import BYTES
from workers.webhook_slots import SILENCE, Circuit, WebhookSlots

A, B = uuid4(), uuid4()
#: As many as a worker has by default, and a webhook of them.
SLOTS, SHARE = 500, 64


class Booked(InFlightSlots):
    """Knows in whose slots each attempt is, as an engine does."""

    def __init__(self, *, slots: int, share: int) -> None:
        super().__init__(slots=slots, share=share)
        self.tries: dict[UUID, list[WebhookSlots]] = defaultdict(list)
        #: Whose each webhook is, where that matters.
        self.owners: dict[UUID, str] = {}
        #: Slots of attempts that ended and are not recorded, with the bytes of their answers.
        self.unwritten: dict[UUID, list[tuple[WebhookSlots, int]]] = defaultdict(list)

    def begin(self, webhook: UUID, now: float, epoch: int = 1) -> bool:
        """By a ticket, whose claim tells the epoch."""
        webhook_slots = self.take(webhook, now)
        if webhook_slots is not None:
            webhook_slots = self.claimed(webhook, webhook_slots, epoch, now)
            webhook_slots.workspace = self.owners.get(webhook, "")
            self.tries[webhook].append(webhook_slots)
        return webhook_slots is not None

    def drained(self, webhook: UUID, now: float, epoch: int = 1) -> None:
        self.tries[webhook].append(self.hold(webhook, epoch, now))

    def end(self, webhook: UUID, now: float, *, answered: bool, size: int = 0) -> None:
        """Its oldest try."""
        webhook_slots = self.tries[webhook].pop(0)
        self.ended(webhook, webhook_slots, now, answered=answered, size=size)
        self.unwritten[webhook].append((webhook_slots, size))

    def write(self, webhook: UUID) -> bool:
        """The outcome that waits longest; says whether the webhook may have more by it."""
        webhook_slots, size = self.unwritten[webhook].pop(0)
        return self.recorded(webhook, webhook_slots, size)


def taken(slots: Booked, webhook: UUID, wanted: int, now: float = 0.0) -> int:
    return sum(slots.begin(webhook, now) for _ in range(wanted))


def end(slots: Booked, webhook: UUID, now: float = 0.0, *, answered: bool) -> None:
    slots.end(webhook, now, answered=answered)
    slots.write(webhook)


def answering(slots: Booked, webhook: UUID, now: float = 0.0) -> None:
    """The webhook has answered."""
    slots.begin(webhook, now)
    end(slots, webhook, now, answered=True)


def test_attempts_stay_within_share_and_slots() -> None:
    """A webhook has at most its share in flight, a process at most its slots (protocol.md 4.6)."""
    slots = Booked(slots=20, share=4)
    for webhook in (some := [uuid4() for _ in range(30)]):
        answering(slots, webhook)

    counts = [taken(slots, A, 9), *(taken(slots, webhook, 1) for webhook in some)]

    assert counts == [4] + [1] * 16 + [0] * 14
    assert (slots.free, slots.in_flight) == (0, 20)


@pytest.mark.parametrize(
    ("ends", "share"), [("t", 4), ("tt", 2), ("tttt", 1), ("tttttt", 1), ("ttta", 2), ("ttaaaaaaaa", 8), ("a", 8)]
)
def test_share_of_a_webhook_that_does_not_answer(ends: str, share: int) -> None:
    """The share halves with each attempt that has no answer, down to one, and grows by one with each answer, up to the full."""
    slots = Booked(slots=100, share=8)
    taken(slots, A, 8)
    for each in ends:
        end(slots, A, 0.1, answered=each == "a")
        slots.begin(A, 0.1)
    for _ in range(slots.in_flight):
        slots.unclaimed(A, slots.tries[A].pop())

    assert taken(slots, A, 50, 0.1) == share


def test_a_circuit_opens_and_closes() -> None:
    """A circuit opens with attempts that have no answer until one attempt at a time is let through; the first answer closes it,
    and with each round its webhook has twice as many, until it has its share again."""
    slots = Booked(slots=SLOTS, share=SHARE)
    told = [slots.circuit(A)]
    taken(slots, A, SHARE)
    for _ in range(SHARE):
        end(slots, A, 15.0, answered=False)
    told.append(slots.circuit(A))
    probes, rounds = taken(slots, A, 10, 15.0), []
    end(slots, A, 15.1, answered=True)
    told.append(slots.circuit(A))
    for _ in range(7):
        rounds.append(taken(slots, A, 100, 15.1))
        for _ in range(rounds[-1]):
            end(slots, A, 15.1, answered=True)

    assert told == [Circuit.UNTRIED, Circuit.OPEN, Circuit.CLOSED]
    assert probes == 1
    assert rounds == [2, 4, 8, 16, 32, 64, 64]


def test_slot_until_recorded() -> None:
    """An attempt that ended frees its webhook at once, and its process when the outcome is written: an outage bounds both."""
    slots = Booked(slots=2, share=1)
    slots.begin(A, 0.0)

    slots.end(A, 0.1, answered=True)

    assert (slots.begin(A, 0.1), slots.free) == (True, 0)
    assert not slots.begin(B, 0.1)
    slots.write(A)
    assert slots.begin(B, 0.1)


@pytest.mark.parametrize(("webhooks", "left"), [(1, 167), (5, 84), (25, 20)])
def test_slow_to_be_recorded(webhooks: int, left: int) -> None:
    """However quickly webhooks answer, what of them is not recorded yet leaves slots to others: of each its attempts
    and unrecorded outcomes hold twice what is free at most."""
    slots = Booked(slots=SLOTS, share=SHARE)
    busy = [uuid4() for _ in range(webhooks)]
    slots.owners = {webhook: str(webhook) for webhook in busy}
    for _ in range(SLOTS):
        for webhook in busy:
            if slots.begin(webhook, 0.0):
                slots.end(webhook, 0.0, answered=True)

    held = [len(slots.unwritten[webhook]) for webhook in busy]

    assert slots.free <= left
    assert max(held) <= 2 * slots.free + 2
    assert slots.begin(A, 0.0)
    for webhook in busy:
        while slots.unwritten[webhook]:
            slots.write(webhook)
    assert (slots.in_flight, slots.shares(0.0)) == (1, {A: (SHARE - 1, 1)})


def test_workspace_slow_to_be_recorded() -> None:
    """What a workspace has unrecorded is no more than nine times what is free, over all of its webhooks and those it adds."""
    slots = Booked(slots=SLOTS, share=SHARE)
    busy = [uuid4() for _ in range(30)]
    slots.owners = dict.fromkeys(busy, "one")
    for _ in range(SLOTS):
        for webhook in busy:
            if slots.begin(webhook, 0.0):
                slots.end(webhook, 0.0, answered=True)

    assert slots.free >= SLOTS // 10
    assert taken(slots, A, SHARE) >= SHARE // 8


def test_long_answers() -> None:
    """Answers of a workspace that wait to be recorded take four megabytes of memory at most, those included that a webhook's
    attempts in flight would bring, were they as long as the last; it goes on as they are written. Others are as free as ever."""
    slots, size = Booked(slots=SLOTS, share=SHARE), BYTES // 8
    slots.owners = dict.fromkeys((A, B), "one")
    slots.begin(A, 0.0)
    slots.end(A, 0.0, answered=True, size=size)
    slots.begin(B, 0.0)
    slots.end(B, 0.0, answered=True, size=size)

    begun = [taken(slots, A, SHARE), slots.shares(0.0)[A], taken(slots, uuid4(), SHARE)]
    for _ in range(6):
        slots.end(A, 0.0, answered=True, size=size)
    full = slots.begin(A, 0.0), slots.begin(B, 0.0)
    kept = slots.write(A)

    assert begun == [6, (0, 1), SHARE]
    assert full == (False, False)
    assert kept
    assert slots.begin(B, 0.0)


def test_answer_longer_than_all_may_be() -> None:
    """A webhook with answers beyond what may wait has one attempt at a time, and is not shut out."""
    slots = Booked(slots=SLOTS, share=SHARE)
    begun = []
    for _ in range(3):
        begun.append(taken(slots, A, SHARE))
        while slots.tries[A]:
            slots.end(A, 0.0, answered=True, size=2 * BYTES)
        begun.append(taken(slots, A, SHARE))
        while slots.unwritten[A]:
            slots.write(A)

    assert begun == [SHARE, 0, 1, 0, 1, 0]


def test_waiting_for_a_silent_webhook_is_vain() -> None:
    """Waiting for a webhook is vain while it is silent, and while its circuit is open; not when it is only busy."""
    slots = Booked(slots=10, share=2)
    taken(slots, A, 2)
    told = [slots.stalled(A, SILENCE / 2), slots.stalled(A, SILENCE * 2), slots.stalled(B, SILENCE * 2)]
    end(slots, A, SILENCE * 2, answered=True)
    slots.begin(A, SILENCE * 2)
    told.append(slots.stalled(A, SILENCE * 2.5))
    end(slots, A, SILENCE * 3, answered=False)
    told.append(slots.stalled(A, SILENCE * 3))

    assert told == [False, True, False, False, True]


@pytest.mark.parametrize(
    ("hanging", "held", "left"),
    [(1, 64, 64), (5, 56, 45), (10, 36, 28), (25, 18, 14), (50, 10, 8), (100, 5, 4), (300, 2, 1)],
)
def test_all_at_once(hanging: int, held: int, left: int) -> None:
    """However many webhooks that answered until now hang at once, and want all they can get: none of them holds more than
    `held` slots, and one that still answers may have `left`."""
    slots = Booked(slots=SLOTS, share=SHARE)
    webhooks = [uuid4() for _ in range(hanging)]
    for webhook in [*webhooks, A]:
        answering(slots, webhook)
    hold: Counter[UUID] = Counter()
    for _ in range(SHARE):
        for webhook in webhooks:
            hold[webhook] += slots.begin(webhook, 0.0)

    assert (max(hold.values()), taken(slots, A, SHARE, 0.1)) == (held, left)


def test_thousands_that_never_answered() -> None:
    """Webhooks that were never tried take three quarters of the slots at most, and once they are silent or open, half;
    what is left is for those that answered, by ticket as by drain."""
    slots = Booked(slots=SLOTS, share=SHARE)
    answering(slots, A)
    hanging = [uuid4() for _ in range(2000)]
    at_first = sum(slots.begin(webhook, 0.0) for webhook in hanging)
    share, reserved = slots.share(0.0), slots.reserve(200, 0.0)
    slots.give_back(reserved)
    beside, again = taken(slots, A, 100), []
    for webhook in hanging[:at_first]:
        end(slots, webhook, 15.0, answered=False)
    again.append(sum(slots.begin(webhook, 15.0) for webhook in hanging[:at_first]))
    shares = slots.shares(15.0)
    again.append(sum(slots.begin(webhook, 15.0) for webhook in hanging[at_first:]))

    assert (at_first, share, reserved) == (375, 0, 125)
    assert beside == 25
    # The attempts of A have been in flight for 15 s by then, and count as well.
    assert again == [250 - 25, 125]
    assert sum(share for share, _ in shares.values()) == 0


def test_turns_among_those_that_do_not_answer() -> None:
    """Where a drain has room for a few webhooks that do not answer, those are first whose last attempt began longest ago."""
    slots = Booked(slots=8, share=2)
    webhooks = [uuid4() for _ in range(6)]
    for webhook in webhooks:
        slots.begin(webhook, 0.0)
    for webhook in webhooks:
        end(slots, webhook, 1.0, answered=False)
    first = [webhook for webhook, (share, _) in slots.shares(1.0).items() if share]
    for webhook in first:
        slots.drained(webhook, 1.0)
        slots.end(webhook, 2.0, answered=False)

    second = [webhook for webhook, (share, _) in slots.shares(2.0).items() if share]

    assert first == webhooks[:4]
    assert second == [*webhooks[4:], *webhooks[:2]]


def test_shares_for_a_drain() -> None:
    """A drain is told of every webhook whose free share is not the full one."""
    slots = Booked(slots=100, share=8)
    taken(slots, A, 8)
    slots.drained(B, 0.0)
    slots.end(B, 0.0, answered=False)

    assert slots.shares(0.0) == {A: (0, 1), B: (4, 1)}
    assert slots.crowded()


def test_a_silent_webhook_is_untried_again_after_a_minute() -> None:
    """A webhook that did not answer and is not tried any more is one of the untried after a minute."""
    slots = Booked(slots=100, share=8)
    slots.begin(A, 0.0)
    end(slots, A, 15.0, answered=False)

    told = [dict(slots.shares(now)) for now in (FORGET, FORGET + 1)]

    assert told == [{A: (4, 1)}, {}]
    assert slots.circuit(A) is Circuit.UNTRIED


def test_a_drain_gives_back_what_it_reserved() -> None:
    """Slots reserved for a drain are given back where it found less to do."""
    slots = Booked(slots=5, share=5)

    got = slots.reserve(3, 0.0), slots.reserve(3, 0.0)
    slots.give_back(4)

    assert got == (3, 2)
    assert slots.free == 4


@pytest.mark.parametrize(
    ("short", "retrying", "admitted"), [(False, 0, 50), (True, 0, 40), (True, 7, 47), (True, 30, 50)]
)
def test_slots_kept_for_retries(short: bool, retrying: int, admitted: int) -> None:
    """While a drain is short of slots, tickets leave what retries lack to a fifth of them."""
    slots = Booked(slots=50, share=50)
    webhooks = [uuid4() for _ in range(60)]
    for webhook in webhooks:
        answering(slots, webhook)
    slots.short, slots.retrying = short, retrying

    assert sum(slots.begin(webhook, 0.0) for webhook in webhooks) == admitted


def test_changed_webhook() -> None:
    """Attempts that hang under an old epoch take nothing of the new one's share, by drain as by ticket, and open no circuit of
    it; of what attempts without an answer may hold in all they do."""
    slots = Booked(slots=100, share=8)
    taken(slots, A, 8)
    told = [slots.stalled(A, 1.0), slots.shares(1.0)]
    slots.drained(A, 1.0, epoch=2)
    told += [slots.stalled(A, 1.0), slots.shares(1.0), slots.begin(A, 1.0, epoch=2)]
    unanswered = slots.in_flight
    for _ in range(8):
        end(slots, A, 15.0, answered=False)
    after = slots.circuit(A), slots.shares(15.0)[A]
    for _ in range(2):
        end(slots, A, 15.0, answered=True)

    assert told == [True, {A: (0, 1)}, False, {A: (7, 2)}, True]
    assert unanswered == 9
    assert after == (Circuit.UNTRIED, (6, 2))
    assert (slots.shares(15.0), slots.circuit(A)) == ({}, Circuit.CLOSED)


def test_changed_while_it_is_claimed() -> None:
    """A ticket that took its slot under one epoch, and whose claim tells another, counts where it belongs."""
    slots = InFlightSlots(slots=100, share=2)
    old = slots.take(A, 0.0)
    ticket = slots.take(A, 0.0)
    assert old is not None
    assert ticket is not None
    old = slots.claimed(A, old, 1, 0.0)

    new = slots.claimed(A, ticket, 2, 0.0)
    late = slots.hold(A, 1, 0.0)

    assert (new.in_flight, old.in_flight, late is old) == (1, 2, True)
    assert slots.shares(0.0) == {A: (1, 2)}
    slots.ended(A, old, 1.0, answered=False)
    slots.ended(A, late, 1.0, answered=False)
    slots.ended(A, new, 1.0, answered=True)
    slots.recorded(A, new)
    assert slots.shares(1.0) == {}
