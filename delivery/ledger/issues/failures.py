"""Failures become issues: the notes that recording has left are taken away, and what they say is put to the issues.

Which failures are alike is left to `judgement/alike.py`; the notes are written by `ledger/records/sql/note_failures.sql`.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from delivery.issue_kinds import OF_ATTEMPTS, IssueKind
from delivery.ledger.issues import issue_rows
from delivery.ledger.issues.issue_rows import Sighting
from delivery.ledger.records.outcomes import AFFECTED
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import Row

#: Causes of one webhook that are issues of their own at a time: what a receiver answers is its own to choose.
CAUSES = 20
OTHERS = "other failures"
#: How causes begin that lie with who gives tokens, and not with the destination.
OF_TOKENS = ("token endpoint", "the destination answered 401, then: token endpoint")

TAKE = """
DELETE FROM failure_notes WHERE ctid = ANY (ARRAY(SELECT ctid FROM failure_notes LIMIT $1))
RETURNING recorded_at, webhook, cause, reason, status, attempts, given_up, events
"""
KNOWN = "SELECT webhook, cause FROM issues WHERE resolved_at IS NULL AND webhook = ANY ($1::uuid[]) AND kind = ANY ($2::text[])"


async def fold(connection: Raw, *, now: datetime, at_most: int) -> int:
    """Takes up to so many notes, in the caller's transaction; answers how many there were. For one caller at a time."""
    notes = await connection.fetch(TAKE, at_most)
    if notes:
        kinds = [str(kind) for kind in OF_ATTEMPTS]
        known: dict[UUID, set[str]] = defaultdict(set)
        for row in await connection.fetch(KNOWN, list({note["webhook"] for note in notes}), kinds):
            known[row["webhook"]].add(row["cause"])
        await issue_rows.note(connection, _sightings(notes, known), now=now)
    return len(notes)


def _sightings(notes: Sequence[Row], known: dict[UUID, set[str]]) -> list[Sighting]:
    alike: dict[tuple[UUID, IssueKind, str], list[Row]] = defaultdict(list)
    for note in sorted(notes, key=lambda each: each["recorded_at"]):
        webhook, cause = note["webhook"], note["cause"]
        causes = known[webhook]
        if cause not in causes and len(causes) >= CAUSES:
            cause = OTHERS
        causes.add(cause)
        kind = IssueKind.CREDENTIALS if cause.startswith(OF_TOKENS) else IssueKind.FAILURES
        alike[webhook, kind, cause].append(note)
        if note["given_up"]:
            alike[webhook, IssueKind.GIVEN_UP, ""].append(note)
    return [_sighting(*of, together) for of, together in alike.items()]


def _sighting(webhook: UUID, kind: IssueKind, cause: str, notes: Sequence[Row]) -> Sighting:
    first, last = notes[0], notes[-1]
    # Of one that was given up all its attempts are no matter.
    attempts = 0 if kind is IssueKind.GIVEN_UP else sum(note["attempts"] for note in notes)
    return Sighting(
        kind=kind,
        webhook=webhook,
        cause=cause,
        reason=last["reason"],
        status=last["status"],
        attempts=attempts,
        given_up=sum(note["given_up"] for note in notes),
        first_at=first["recorded_at"],
        last_at=last["recorded_at"],
        events=_newest(event for note in notes for event in note["events"]),
    )


def _newest(events: Iterable[UUID]) -> tuple[UUID, ...]:
    return tuple(sorted(set(events), reverse=True)[:AFFECTED])
