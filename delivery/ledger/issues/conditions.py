"""What can be seen to be wrong at a moment: webhooks that are halted, certificates that end, more and more that waits.

Rows that nobody takes are found by `late_rows.py`.
"""

from datetime import datetime, timedelta

import msgspec

from delivery.issue_kinds import IssueKind
from delivery.judgement.outcome import DISABLED
from delivery.ledger.counts.rollups import NOBODY
from delivery.ledger.issues.issue_rows import Sighting
from delivery.ledger.predicates import PREDICATES
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import statement
from subscriptions.webhooks import certificates

#: Kinds that a webhook's status tells.
OF_STATUS = (IssueKind.HALTED, IssueKind.DISABLED, IssueKind.VERIFICATION)
#: What waits is too much from so many deliveries on, once the oldest has waited for so long ...
LEAST, AGED = 100, timedelta(minutes=10)
#: ... and there is more of it than so long ago, or its oldest is so many seconds older than it was then.
EARLIER, EARLIEST, OLDER = timedelta(minutes=10), timedelta(minutes=20), 300.0

STANDING_STILL = """
SELECT id, status, state_reason, failures > $1 AS halted, coalesce(halted_since, updated_at) AS since FROM webhooks
WHERE deleted_at IS NULL AND (status = 'ERROR' OR (status = 'DISABLED' AND state_reason LIKE '%' || $2))
"""

CERTIFIED = """
SELECT id, ca_bundle, client_certificate FROM webhooks
WHERE deleted_at IS NULL AND (ca_bundle <> '' OR client_certificate <> '')
"""


class Growing(msgspec.Struct, frozen=True, kw_only=True):
    """What `growing.sql` is given."""

    kind: str
    least: int
    #: The oldest was accepted before then.
    aged: datetime
    # Between these two it is compared with.
    since: datetime
    until: datetime
    #: Seconds.
    older: float


GROWING = statement(__package__, "growing", Growing, PREDICATES | {"nobody": NOBODY})


async def standing_still(connection: Raw, *, halt_failures: int, now: datetime) -> list[Sighting]:
    """Webhooks that are not sent to, and whose owner did not ask for that."""
    return [
        Sighting(
            kind=IssueKind.DISABLED
            if row["status"] == "DISABLED"
            else IssueKind.HALTED
            if row["halted"]
            else IssueKind.VERIFICATION,
            webhook=row["id"],
            reason=row["state_reason"],
            first_at=row["since"],
            last_at=now,
        )
        for row in await connection.fetch(STANDING_STILL, halt_failures, DISABLED)
    ]


async def growing(connection: Raw, *, now: datetime) -> list[Sighting]:
    """Webhooks for which more and more waits."""
    given = Growing(
        kind=IssueKind.BACKLOG,
        least=LEAST,
        aged=now - AGED,
        since=now - EARLIEST,
        until=now - EARLIER,
        older=OLDER,
    )
    found = []
    for row in await GROWING.fetch(connection, given):
        many = f"{row['waiting']:,}{' or more' if row['more'] else ''}"
        reason = f"{many} deliveries wait, the oldest since {row['oldest']:%Y-%m-%d %H:%M} UTC"
        found.append(
            Sighting(kind=IssueKind.BACKLOG, webhook=row["webhook"], reason=reason, first_at=row["oldest"], last_at=now)
        )
    return found


async def certificates_ending(connection: Raw, *, before: datetime, now: datetime) -> list[Sighting]:
    """Webhooks with a certificate that ends before then, or has."""
    found = []
    for row in await connection.fetch(CERTIFIED):
        for cause, pem in (("client certificate", row["client_certificate"]), ("authority", row["ca_bundle"])):
            ending = [each for each in certificates.shown(pem) if each.not_after < before]
            if ending:
                first = min(ending, key=lambda each: each.not_after)
                word = "ended" if first.not_after < now else "ends"
                reason = f"the {cause} {first.subject} {word} on {first.not_after:%Y-%m-%d %H:%M} UTC"
                found.append(
                    Sighting(
                        kind=IssueKind.CERTIFICATE,
                        webhook=row["id"],
                        cause=cause,
                        reason=reason,
                        first_at=now,
                        last_at=now,
                    )
                )
    return found
