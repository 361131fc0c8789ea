"""What can be wrong: the kinds of issues, the worst first, and the states that an issue is in.

How each is found is left to `ledger/issues`, how it is said to people to `reports/issue_words.py`.
"""

from enum import StrEnum
from uuid import UUID

#: In the place of a webhook: it is none's.
NO_WEBHOOK = UUID(int=0)
#: In the place of a workspace: it is the operators'.
OPERATORS = ""


class IssueKind(StrEnum):
    """The worst first."""

    #: Rows that wait for nothing and are not taken (deploy/README.md, What is stuck).
    STUCK = "stuck"
    #: Deliveries that ended undelivered, and were not sent again.
    GIVEN_UP = "given-up"
    #: A webhook in ERROR after failures: its deliveries are kept.
    HALTED = "webhook-halted"
    #: A webhook that an answer of its destination has disabled.
    DISABLED = "webhook-disabled"
    #: A webhook in ERROR because its destination did not prove itself.
    VERIFICATION = "verification-failure"
    #: No token is to be had for a webhook.
    CREDENTIALS = "credentials-failure"
    #: Attempts that fail alike.
    FAILURES = "delivery-failure"
    #: More and more waits for a webhook.
    BACKLOG = "backlog-growing"
    #: A certificate that a webhook's TLS needs ends soon, or has.
    CERTIFICATE = "certificate-ending"

    @property
    def rank(self) -> int:
        """Its place, for lists: 0 is the worst."""
        return _RANKS[self]


_RANKS = {kind: place for place, kind in enumerate(IssueKind)}

#: Made of failures as they are recorded; all others of what is looked at.
OF_ATTEMPTS = frozenset({IssueKind.GIVEN_UP, IssueKind.CREDENTIALS, IssueKind.FAILURES})
#: Over by themselves, some time after deliveries arrive again.
PASSING = frozenset({IssueKind.CREDENTIALS, IssueKind.FAILURES})


class IssueState(StrEnum):
    """What people, or success, made of an issue."""

    OPEN = "open"
    #: Somebody knows of it, until then or for good: it asks for nobody's attention.
    ACKNOWLEDGED = "acknowledged"
    #: It is open again then.
    SNOOZED = "snoozed"
    RESOLVED = "resolved"
