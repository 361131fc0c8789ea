"""The clock that follows the database's: what answers set it to, and what is told of clocks that differ."""

from datetime import UTC, datetime, timedelta

import pytest

from subscriptions.ground.clock import SPAN, DatabaseClock
from subscriptions.ground.errors import Unavailable

NOW = datetime(2026, 5, 4, tzinfo=UTC)


class World:
    """The times of a database and of a process beside it: `asked` passes while it asks, and is told at once or late."""

    def __init__(self) -> None:
        self.database, self.wall, self.steady = NOW, NOW.timestamp(), 100.0
        self.clock = DatabaseClock(wall=lambda: self.wall, steady=lambda: self.steady)

    def passes(self, seconds: float) -> None:
        self.database += timedelta(seconds=seconds)
        self.wall += seconds
        self.steady += seconds

    def ask(self, *, late: float = 0.0) -> None:
        """The database's time is told so many seconds after it was read."""
        asked, told = self.clock.asking(), self.database
        self.passes(late)
        self.clock.follow(told, asked)

    @property
    def behind(self) -> float:
        return (self.clock() - self.database).total_seconds()


def test_late_answers() -> None:
    """A time that was told late does not set the clock back, one that is ahead sets it at once, one set back in a while."""
    told, steady = datetime(2026, 5, 4, tzinfo=UTC), [100.0]
    clock = DatabaseClock(wall=lambda: 0.0, steady=lambda: steady[0])
    clock.follow(told)
    behind: list[float] = []
    # A stop of six seconds after the answer was given; an answer in time; a clock that was put ahead by a minute, and back.
    for passed, offset in ((6.0, -6.0), (1.0, 0.0), (1.0, 60.0), (1.0, 0.0), (SPAN, 0.0), (SPAN + 1, 0.0)):
        steady[0] += passed
        told += timedelta(seconds=passed)
        clock.follow(told + timedelta(seconds=offset))
        behind.append((clock() - told).total_seconds())

    assert behind == [0.0, 0.0, 60.0, 60.0, 60.0, 0.0]


def test_before_the_first_answer() -> None:
    """Until the database has told its time there is none: what was stamped by the machine's would be
    wrong for good (protocol.md 1.7)."""
    world = World()

    with pytest.raises(Unavailable, match="PostgreSQL"):
        world.clock()

    world.ask()
    assert world.behind == 0.0


@pytest.mark.parametrize("set_by", [60.0, 3600.0, -60.0, -3600.0])
def test_the_database_is_set(set_by: float, caplog: pytest.LogCaptureFixture) -> None:
    """A database whose clock is set, back too, is followed with the next answer, and by how much is told, once."""
    world = World()
    for _ in range(3):
        world.ask(late=0.1)
        world.passes(1.0)

    world.database += timedelta(seconds=set_by)
    for _ in range(3):
        world.ask(late=0.1)
        world.passes(1.0)

    [line] = [record.getMessage() for record in caplog.records if "clock_set" in record.getMessage()]
    assert abs(world.behind) < 0.3
    assert abs(float(line.partition("by=")[2].split()[0]) - set_by) < 0.3


def test_late_answers_tell_of_no_difference(caplog: pytest.LogCaptureFixture) -> None:
    """Answers that come seconds late, for hours, say neither that the machine's clock differs nor that the database's was set."""
    world = World()
    for number in range(5000):
        world.ask(late=(0.0, 0.4, 3.0, 9.0)[number % 4])
        world.passes(1.0)
        # Two machines' clocks part by a second in some hours.
        world.steady += 0.0001

    assert [record.getMessage() for record in caplog.records] == []


def test_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """A machine's clock that differs is told once, set further once more, and that it agrees again once."""
    caplog.set_level("INFO")
    world = World()
    for ahead in (0.0, 1.5, 1.5, 3600.0, -5.0, 0.5):
        world.wall = world.database.timestamp() + ahead
        for _ in range(20):
            world.ask(late=0.01)
            world.passes(1.0)

    told = [record.getMessage().split()[:2] for record in caplog.records]
    assert [words[0] for words in told] == ["clock.differs"] * 3 + ["clock.agrees"]
    assert [words[1] for words in told[:3]] == ["ahead=+1.5", "ahead=+3600.0", "ahead=-5.0"]
    assert world.clock.ahead == 0.0
