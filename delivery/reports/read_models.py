"""What is read and never changed, each model made when it is first asked for, once.

What else a process has is built by `delivery/assembly.py`."""

from functools import cached_property

from delivery.reports.backlogs import Backlogs
from delivery.reports.figures import FigureReport
from delivery.reports.issues import IssueReport
from delivery.reports.receivers import Receivers
from delivery.reports.standing import StandingReport
from delivery.reports.traces import Traces
from subscriptions.ground.clock import DatabaseClock
from subscriptions.ground.database import Database


class ReadModels:
    """Over one database, at the time that a clock tells."""

    def __init__(self, database: Database, clock: DatabaseClock) -> None:
        self.database, self.clock = database, clock

    @cached_property
    def traces(self) -> Traces:
        """What became of an event."""
        return Traces(self.database)

    @cached_property
    def figures(self) -> FigureReport:
        """What came of deliveries over time."""
        return FigureReport(self.database, self.clock)

    @cached_property
    def standing(self) -> StandingReport:
        """How things stand at this moment."""
        return StandingReport(self.database, self.clock)

    @cached_property
    def receivers(self) -> Receivers:
        """What receivers showed of themselves."""
        return Receivers(self.database)

    @cached_property
    def backlogs(self) -> Backlogs:
        """What waits for webhooks."""
        return Backlogs(self.database)

    @cached_property
    def issues(self) -> IssueReport:
        """What is wrong."""
        return IssueReport(self.database)
