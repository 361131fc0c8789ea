"""A webhook's status moves: what each move does to its halted time, its epoch, its challenge row and its kept deliveries.

Whether it moves is judged by `judgement/breaker.py` and by people; this is the one place that writes it.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

import msgspec

from delivery.judgement.breaker import Health, Status, sendable
from delivery.ledger.webhooks import state_history
from delivery.tickets import Job, JobKind
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import statement

#: What the row in `challenges` is for while the webhook may not be sent to, and while it may.
PROBE = "probe"
PURPOSES = {Status.PENDING: "greet", Status.ERROR: PROBE}
#: A probe that had nothing to try: the next delivery brings it forward.
EARNED = "earned"
HEARTBEAT = "heartbeat"


@dataclass(frozen=True, kw_only=True)
class StatusMove:
    """A webhook's next status, and what comes with it."""

    health: Health
    #: Makes earlier challenges and claims stale: a pause, an enable, a change of destination or secrets.
    new_epoch: bool = False
    #: When its challenge, its next probe or its next heartbeat is due; None for a DISABLED one.
    challenge_at: datetime | None = None
    #: 0 where the change that brings the move has counted the generation already.
    generations: int = 1


LOCK = """
SELECT id, epoch, status, state_reason, failures, first_failure_at, last_failure_at, halted_since, challenge_request_enabled
FROM webhooks WHERE id = $1 AND deleted_at IS NULL FOR UPDATE
"""


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """What `move.sql` is given."""

    webhook: UUID
    status: Status
    state_reason: str
    failures: int
    first_failure_at: datetime | None
    last_failure_at: datetime | None
    #: 1 where the move begins another epoch.
    epochs: int
    sendable: bool
    now: datetime
    generations: int


MOVE = statement(__package__, "move", Move, state_history.PARTS)

# The fence rises when a row is replaced, so that a challenge under way can no longer write to it.
CHALLENGE = """
INSERT INTO challenges AS c (webhook, epoch, purpose, tries, due_at, fence) VALUES ($1, $2, $3, 0, $4, 0)
ON CONFLICT (webhook) DO UPDATE SET epoch = excluded.epoch, purpose = excluded.purpose, tries = 0, due_at = excluded.due_at,
    leased_until = NULL, fence = c.fence + 1
RETURNING fence
"""

# Judged by what was counted when it was halted; a webhook whose challenge failed has counted less.
HALTED = "SELECT failures > $2 FROM webhooks WHERE id = $1 AND status = 'ERROR'"

WAITING = """
SELECT EXISTS (SELECT FROM deliveries WHERE webhook = $1 AND state = 'parked')
    OR EXISTS (SELECT FROM deliveries WHERE webhook = $1 AND state = 'owed')
"""

EXPLAIN = "UPDATE webhooks SET state_reason = $2, updated_at = $3 WHERE id = $1 AND state_reason <> $2"

JOB = "INSERT INTO jobs (id, kind, webhook, due_at, fence) VALUES ($1, $2, $3, $4, 0)"


@dataclass(frozen=True, kw_only=True, slots=True)
class LockedWebhook:
    """A webhook's row as it was locked."""

    epoch: int
    health: Health
    challenge_request_enabled: bool


async def lock(connection: Raw, webhook: UUID, *, patient: bool = True) -> LockedWebhook | None:
    """Locks the webhook's row for this transaction; None where it is deleted or, for the impatient, locked by others."""
    row = await connection.fetchrow(LOCK if patient else LOCK + "SKIP LOCKED", webhook)
    if row is None:
        return None
    health = Health(
        status=Status(row["status"]),
        state_reason=row["state_reason"],
        failures=row["failures"],
        first_failure_at=row["first_failure_at"],
        last_failure_at=row["last_failure_at"],
    )
    return LockedWebhook(epoch=row["epoch"], health=health, challenge_request_enabled=row["challenge_request_enabled"])


async def move(connection: Raw, webhook: UUID, to: StatusMove, *, now: datetime) -> list[Job]:
    """Writes the status and all that follows from it; answers the jobs to announce after the commit.

    Becoming sendable ends the halted time and wakes the parked deliveries; a challenge, probe or heartbeat replaces what was
    there before it; a disabled webhook has none.
    """
    health = to.health
    given = Move(
        webhook=webhook,
        status=health.status,
        state_reason=health.state_reason,
        failures=health.failures,
        first_failure_at=health.first_failure_at,
        last_failure_at=health.last_failure_at,
        epochs=int(to.new_epoch),
        sendable=sendable(health.status),
        now=now,
        generations=to.generations,
    )
    epoch = await MOVE.fetchval(connection, given)
    jobs: list[Job] = []
    if to.challenge_at is None:
        await connection.execute("DELETE FROM challenges WHERE webhook = $1", webhook)
    else:
        purpose = PURPOSES.get(health.status, HEARTBEAT)
        job = await put_challenge(connection, webhook, epoch, purpose=purpose, due_at=to.challenge_at)
        # An announced one is carried out at once, whatever its due time.
        jobs += [job] if to.challenge_at <= now else []
    if sendable(health.status):
        jobs.append(await put_job(connection, "wake", webhook, now=now))
    return jobs


async def halted(connection: Raw, webhook: UUID, *, failures: int) -> bool:
    """Whether the webhook is in ERROR because more than so many deliveries failed, and not because of its challenge."""
    return bool(await connection.fetchval(HALTED, webhook, failures))


async def waiting(connection: Raw, webhook: UUID) -> bool:
    """Whether there is anything that a probe could try."""
    return bool(await connection.fetchval(WAITING, webhook))


async def explain(connection: Raw, webhook: UUID, reason: str, *, now: datetime) -> None:
    """Another reason for the status that the webhook has."""
    await connection.execute(EXPLAIN, webhook, reason, now)


async def say(connection: Raw, webhook: UUID, reason: str) -> None:
    """Why a webhook that waits for its challenge is not ACTIVE yet; its status stays, and so does its generation."""
    await connection.execute(
        "UPDATE webhooks SET state_reason = $2 WHERE id = $1 AND status = 'PENDING'", webhook, reason
    )


async def put_challenge(connection: Raw, webhook: UUID, epoch: int, *, purpose: str, due_at: datetime) -> Job:
    """Writes down the webhook's challenge, next probe or next heartbeat (see PURPOSES), in place of any before it."""
    fence = await connection.fetchval(CHALLENGE, webhook, epoch, purpose, due_at)
    return Job(kind=JobKind.CHALLENGE, key=webhook, fence=fence)


async def put_job(connection: Raw, kind: str, webhook: UUID, *, now: datetime) -> Job:
    """Writes down work in chunks, due at once."""
    key = uuid4()
    await connection.execute(JOB, key, kind, webhook, now)
    return Job(kind=JobKind.JOB, key=key, fence=0)


async def forget(connection: Raw, webhook: UUID, *, now: datetime) -> Job:
    """A deleted webhook's challenge goes, and a job cancels what waits for it."""
    await connection.execute("DELETE FROM challenges WHERE webhook = $1", webhook)
    return await put_job(connection, "cancel", webhook, now=now)
