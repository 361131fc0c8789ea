"""Issues of failures resolve themselves: deliveries succeed again, or what was given up has been sent again.

Those of conditions are resolved by whoever looks at these (`conditions.py`).
"""

from datetime import datetime

import msgspec

from delivery.issue_kinds import IssueKind
from delivery.ledger.predicates import PREDICATES
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import statement

#: Given-up deliveries of a webhook that are looked at, the newest first.
LOOKED_AT = 1000


class Succeeding(msgspec.Struct, frozen=True, kw_only=True):
    """What `succeeding.sql` is given."""

    kinds: list[str]
    #: Before then the last failure was.
    before: datetime
    now: datetime


class SentAgain(msgspec.Struct, frozen=True, kw_only=True):
    """What `sent_again.sql` is given."""

    kind: str
    at_most: int
    now: datetime


SUCCEEDING = statement(__package__, "succeeding", Succeeding, PREDICATES)
SENT_AGAIN = statement(__package__, "sent_again", SentAgain)


async def resolve(connection: Raw, *, before: datetime, now: datetime) -> None:
    """Resolves what is over: of attempts, where the last failure was before then."""
    kinds = [str(IssueKind.FAILURES), str(IssueKind.CREDENTIALS)]
    await SUCCEEDING.execute(connection, Succeeding(kinds=kinds, before=before, now=now))
    await SENT_AGAIN.execute(connection, SentAgain(kind=IssueKind.GIVEN_UP, at_most=LOOKED_AT, now=now))
