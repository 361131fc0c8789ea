"""What the log tells of a dependency that is away."""

import logging

import pytest

from subscriptions.ground.outage import LONGEST_QUIET, QUIET, UNDERWAY, Outage


class Told:
    """An outage's lines, and a clock to be moved."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        self._caplog = caplog
        self.now = 1000.0
        self.outage = Outage("database", steady=lambda: self.now)

    @property
    def words(self) -> list[str]:
        return [record.getMessage().split()[0].removeprefix("database.") for record in self._caplog.records]


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Told:
    return Told(caplog)


def test_one_outage(told: Told, caplog: pytest.LogCaptureFixture) -> None:
    """However many failures and successes there are: one line with the first cause, and one with how long it was and how many."""
    told.outage.worked()
    for second in range(180):
        told.now += 1
        told.outage.failed(f"cause {second}")
    told.outage.worked()
    told.outage.worked()

    assert [record.getMessage() for record in caplog.records] == [
        "database.away cause=cause 0",
        "database.back seconds=179.0 failures=180",
    ]


def test_another_outage(told: Told) -> None:
    """One that comes later is told of like the first; one that comes at once, when it lasts."""
    for pause in (QUIET + 1, QUIET * 3, 0.1):
        told.outage.failed("refused")
        told.now += UNDERWAY
        told.outage.worked()
        told.now += pause
    told.outage.failed("refused")
    before = len(told.words)
    told.now += LONGEST_QUIET
    told.outage.failed("refused")

    assert (before, told.words) == (6, ["away", "back"] * 3 + ["away"])


def test_what_was_under_way(told: Told) -> None:
    """A success that comes just after the beginning may have begun before it: that is not the end."""
    told.outage.failed("refused")
    told.now += UNDERWAY / 2
    told.outage.worked()
    before = list(told.words)
    told.now += UNDERWAY
    told.outage.worked()

    assert (before, told.words) == (["away"], ["away", "back"])


def test_one_that_fails_now_and_then(told: Told) -> None:
    """A dependency that fails half of all calls for an hour is told of some twenty times, not thousands."""
    for _ in range(3600):
        told.outage.failed("refused")
        told.now += 1
        told.outage.worked()

    assert 2 <= len(told.words) <= 45
