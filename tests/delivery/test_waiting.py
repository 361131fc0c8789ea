"""Why a delivery has not arrived yet: for each cause the rows that it follows from."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from delivery.judgement.breaker import Status
from delivery.lifecycle import FINAL, State
from delivery.reports import waiting
from delivery.reports.waiting import WaitCause, WaitFacts

NOW = datetime(2026, 11, 28, 14, tzinfo=UTC)
LATER, BEFORE = NOW + timedelta(minutes=1), NOW - timedelta(minutes=1)
DUE = WaitFacts(
    state=State.OWED,
    due_at=BEFORE,
    leased_until=None,
    attempts=0,
    lost=0,
    unanswered=False,
    webhook_status=Status.ACTIVE,
    state_reason="",
    rate=None,
    question_at=None,
    last_failure_at=None,
)
PARKED = {"state": State.PARKED, "due_at": None}


@pytest.mark.parametrize(
    ("facts", "cause", "until"),
    [
        ({}, WaitCause.DUE, BEFORE),
        ({"due_at": LATER}, WaitCause.DUE, LATER),
        ({"leased_until": LATER}, WaitCause.UNDERWAY, LATER),
        ({"leased_until": BEFORE}, WaitCause.LOST, None),
        ({"due_at": LATER, "attempts": 2}, WaitCause.RETRY, LATER),
        ({"due_at": LATER, "lost": 3}, WaitCause.LOST, LATER),
        ({"due_at": LATER, "rate": 60}, WaitCause.PACED, LATER),
        ({"due_at": LATER, "rate": -1}, WaitCause.DUE, LATER),
        ({"attempts": 1, "unanswered": True, "last_failure_at": BEFORE}, WaitCause.CIRCUIT, None),
        ({"attempts": 1, "unanswered": True, "last_failure_at": NOW - timedelta(hours=1)}, WaitCause.DUE, BEFORE),
        ({"workers": False}, WaitCause.CARRIERS, None),
        ({"workers": False, "leased_until": LATER}, WaitCause.UNDERWAY, LATER),
        ({**PARKED, "webhook_status": Status.DISABLED}, WaitCause.DISABLED, None),
        ({**PARKED, "webhook_status": Status.PENDING, "question_at": LATER}, WaitCause.PENDING, LATER),
        ({**PARKED, "webhook_status": Status.ERROR, "question_at": LATER}, WaitCause.HALTED, LATER),
        ({"webhook_status": Status.DISABLED}, WaitCause.DISABLED, None),
        (PARKED, WaitCause.DUE, None),
        ({"state": State.COLLECTING, "due_at": LATER}, WaitCause.BATCH, LATER),
        ({"state": State.COLLECTING, "due_at": LATER, "webhook_status": Status.DISABLED}, WaitCause.DISABLED, None),
        ({"state": State.BUNDLED, "due_at": None}, WaitCause.BUNDLED, None),
    ],
)
def test_each_cause_follows_from_the_rows(facts: dict[str, Any], cause: WaitCause, until: datetime | None) -> None:
    """One cause, the first that holds it up, until when as far as is known, and a sentence that says it."""
    wait = waiting.why(structs.replace(DUE, **facts), NOW)

    assert wait is not None
    assert (wait.cause, wait.until) == (cause, until)
    assert wait.text.endswith(".")


def test_the_reason_of_a_status_is_told() -> None:
    """As the webhook has it."""
    facts = structs.replace(DUE, **PARKED, webhook_status=Status.ERROR, state_reason="Failure in Event Deliveries")

    wait = waiting.why(facts, NOW)

    assert wait is not None
    assert "(Failure in Event Deliveries)" in wait.text


def test_what_a_paused_webhook_keeps_waits_for_its_resumption() -> None:
    """One word for it, that of the button that ends it, and who paused it."""
    facts = structs.replace(DUE, **PARKED, webhook_status=Status.DISABLED)

    said = [
        waiting.why(structs.replace(facts, state_reason=each), NOW)
        for each in ("", "Webhook Disabled by user: ada", "410 Gone: the webhook was disabled")
    ]

    assert [each and each.text for each in said] == [
        f"Its webhook is {how}: this is kept, and goes out once the webhook is resumed."
        for how in ("paused", "paused by ada", "paused by its destination, which answered 410 Gone")
    ]


@pytest.mark.parametrize("state", sorted(FINAL))
def test_what_has_ended_waits_for_nothing(state: State) -> None:
    """Whatever its webhook is."""
    assert waiting.why(structs.replace(DUE, state=state, webhook_status=Status.ERROR), NOW) is None


def test_nothing_is_heard_of_while_the_broker_is_away() -> None:
    """What is due waits for it then; what waits for something else goes on waiting for that (protocol.md 3.3)."""
    due, later = (waiting.why(structs.replace(DUE, **each), NOW) for each in ({}, {"due_at": LATER, "attempts": 1}))

    assert due is not None
    assert later is not None
    assert waiting.heard_of(due, broker=True) is due
    assert waiting.heard_of(due, broker=False).cause is WaitCause.CARRIERS
    assert waiting.heard_of(later, broker=False) is later
