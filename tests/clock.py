"""A clock that is told the time.

Waiting is left to nobody: tests move it.
"""

from datetime import UTC, datetime, timedelta


class Clock:
    """`now` when called; starts at the present, so that partitions made for today hold what it stamps."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> datetime:
        """Moves on, and answers the new time."""
        self.now += timedelta(seconds=seconds)
        return self.now
