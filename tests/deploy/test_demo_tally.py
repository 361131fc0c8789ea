"""The demo's books, by themselves: what counts as retried, as a duplicate, as lost, and as wrong."""

import time
from collections.abc import Sequence

import pytest

from deploy.demo_subscriber import Arrival
from deploy.demo_tally import AUDIT, PREFIX, Tally

CREATED = PREFIX + "compute-ops.v1.servers.created"


def tally(answers: Sequence[int | None], *, accepted: bool = True, expected: bytes | None = None) -> Tally:
    """One published event that arrived once per answer."""
    kept = Tally(lambda _line: None)
    kept.published("1", CREATED, "//here", expected=expected)
    if accepted:
        kept.accepted("1")
    for status in answers:
        kept.arrived(arrival(status))
    return kept


def arrival(status: int | None, *, event_id: str = "1") -> Arrival:
    return Arrival(at=time.monotonic(), id=event_id, type=CREATED, body=b"{}", status=status)


@pytest.mark.parametrize(
    ("answers", "figures"),
    [
        ((204,), "accepted=1 delivered=1 retried=0 duplicates=0 lost=0"),
        ((503, 503, 204), "accepted=1 delivered=1 retried=2 duplicates=0 lost=0"),
        ((None, 204), "accepted=1 delivered=1 retried=1 duplicates=0 lost=0"),
        ((204, 204, 204), "accepted=1 delivered=1 retried=0 duplicates=2 lost=0"),
        ((503, 204, 204), "accepted=1 delivered=1 retried=1 duplicates=1 lost=0"),
        ((503, 503), "accepted=1 delivered=0 retried=1 duplicates=0 lost=1"),
        ((), "accepted=1 delivered=0 retried=0 duplicates=0 lost=1"),
    ],
)
def test_answers_become_figures(answers: Sequence[int | None], figures: str) -> None:
    """A repeat that the subscriber asked for is retried, any other a duplicate; what it never took is lost."""
    assert figures == str(tally(answers).figures())


def test_all_is_well() -> None:
    """An event that was accepted, and arrived as it was sent, is nothing to complain about."""
    assert tally((503, 204), expected=b"{}").complaints() == []


def test_entries_of_the_audit_log_are_told_apart() -> None:
    """What the demo itself changes is an event that its subscriber gets: no stranger, and no part of what was published."""
    kept = tally((204,))
    kept.arrived(Arrival(at=time.monotonic(), id="2", type=AUDIT, body=b"{}", status=204))

    assert (kept.complaints(), str(kept.figures())[:24]) == ([], "accepted=1 delivered=1 r")
    assert kept.table().endswith("Beside them, entries of Hooklake's own audit log, of what was changed here: 1.")


@pytest.mark.parametrize(
    ("kept", "complaint"),
    [
        (tally(()), "The event 1 (compute-ops.v1.servers.created) was accepted and did not arrive."),
        (tally((503,)), "The event 1 (compute-ops.v1.servers.created) was accepted and did not arrive."),
        (tally((204,), accepted=False), "1 of the published events were not accepted."),
        (tally((204,), expected=b"[]"), f"{CREATED} arrived altered."),
    ],
)
def test_a_complaint(kept: Tally, complaint: str) -> None:
    """Whatever keeps the demo from ending well is said in a sentence."""
    assert [complaint] == kept.complaints()


@pytest.mark.parametrize(
    ("stray", "complaint"),
    [
        (arrival(401), "A request with a wrong signature arrived."),
        (arrival(204, event_id="2"), "The unknown event 2 arrived."),
    ],
)
def test_a_stray(stray: Arrival, complaint: str) -> None:
    """What should not have arrived is told, and counts as nobody's delivery."""
    kept = tally((204,))

    kept.arrived(stray)

    assert ([complaint], 0) == (kept.complaints(), kept.figures().duplicates)
