"""Jobs: spreads, challenges, replays and jobs are rows with a fence and a lease, claimed one by one (protocol.md 3.6).

What carrying one out means is left to `upkeep/jobs.py` and `verification/webhook_lifecycle.py`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from delivery.ledger.owing import deliveries, filtering, parking
from delivery.ledger.predicates import PREDICATES, unleased
from delivery.ledger.records import batch_members
from delivery.tickets import Job, JobKind, Nudge
from subscriptions.ground.database import Raw
from subscriptions.ground.statements import Row, statement
from subscriptions.webhooks.matching import Steps

#: kind -> (table, key column, the columns that carrying it out needs)
ROWS = {
    JobKind.SPREAD: ("spreads", "event", "workspace_id, type, cursor"),
    JobKind.CHALLENGE: ("challenges", "webhook", "epoch, purpose, tries"),
    JobKind.JOB: ("jobs", "id", "kind, webhook, workspace_id, event, round"),
    JobKind.REPLAY: ("replays", "id", "workspace_id"),
}

#: kind -> whose a row `r` of its table is; null where it is none's, as the erasure of an event once more.
OWNER = {
    JobKind.SPREAD: "r.workspace_id",
    JobKind.CHALLENGE: "(SELECT w.workspace_id FROM webhooks w WHERE w.id = r.webhook)",
    JobKind.JOB: "coalesce(r.workspace_id, (SELECT w.workspace_id FROM webhooks w WHERE w.id = r.webhook))",
    JobKind.REPLAY: "r.workspace_id",
}

#: Jobs of a kind that are due among which workspaces take turns; those behind them come as these are claimed.
OLDEST = 2000

# Every workspace's oldest first, then everybody's second: one that has many due keeps nobody else's from being named.
DUE = " UNION ALL ".join(
    f"""(
    SELECT '{kind}' AS kind, key, fence FROM (
        SELECT key, fence, due_at, row_number() OVER (PARTITION BY owner ORDER BY due_at) AS turn FROM (
            SELECT r.{key} AS key, r.fence, r.due_at, {OWNER[kind]} AS owner FROM {table} r
            WHERE r.due_at <= $1 AND {unleased("r", "$1")} ORDER BY r.due_at LIMIT {OLDEST}
        ) AS oldest
    ) AS ranked ORDER BY turn, due_at LIMIT $2
)"""
    for kind, (table, key, _) in ROWS.items()
)

# Of a batch the key is its webhook, as of a challenge.
OWNERS = f"""
SELECT kind, key, owner FROM (
    SELECT a.kind, a.key, CASE a.kind
        WHEN '{JobKind.SPREAD}' THEN (SELECT {OWNER[JobKind.SPREAD]} FROM spreads r WHERE r.event = a.key)
        WHEN '{JobKind.JOB}' THEN (SELECT {OWNER[JobKind.JOB]} FROM jobs r WHERE r.id = a.key)
        WHEN '{JobKind.REPLAY}' THEN (SELECT {OWNER[JobKind.REPLAY]} FROM replays r WHERE r.id = a.key)
        ELSE (SELECT w.workspace_id FROM webhooks w WHERE w.id = a.key)
    END AS owner
    FROM unnest($1::text[], $2::uuid[]) AS a (kind, key)
) AS asked WHERE owner IS NOT NULL
"""

#: A challenge's fence begins anew where a pause took its row away; its epoch goes on.
OF_EPOCH = "fence = $2 AND epoch = $3"


class AgainLater(msgspec.Struct, frozen=True, kw_only=True):
    """What `again.sql` is given."""

    webhook: UUID
    fence: int
    epoch: int
    due_at: datetime
    tries: int
    #: None leaves it as it is.
    purpose: str | None


AGAIN = statement(__package__, "again", AgainLater)


@dataclass(frozen=True, kw_only=True)
class ClaimedJob:
    """A job in this process's hands until its lease ends."""

    kind: JobKind
    key: UUID
    #: Of this claim.
    fence: int
    #: The other columns of its row.
    row: Row


async def claim(connection: Raw, job: Job, *, now: datetime, lease: float) -> ClaimedJob | None:
    """Claims by name; None where somebody else has it, or it is done."""
    table, key, columns = ROWS[job.kind]
    row = await connection.fetchrow(
        f"UPDATE {table} SET fence = fence + 1, leased_until = $3 WHERE {key} = $1 AND fence = $2 "
        f"AND {unleased(table, '$4')} RETURNING fence, {columns}",
        job.key,
        job.fence,
        now + timedelta(seconds=lease),
        now,
    )
    return None if row is None else ClaimedJob(kind=job.kind, key=job.key, fence=row["fence"], row=row)


async def due(connection: Raw, *, now: datetime, at_most: int) -> list[Job]:
    """The jobs that are due and in nobody's hands, of each kind so many: workspaces in turn, of each the oldest first."""
    return [
        Job(kind=JobKind(row["kind"]), key=row["key"], fence=row["fence"])
        for row in await connection.fetch(DUE, now, at_most)
    ]


async def owners(connection: Raw, of: Sequence[Job]) -> dict[tuple[JobKind, UUID], str]:
    """The workspaces of jobs, by kind and key; what is none's, or done, is absent."""
    rows = await connection.fetch(OWNERS, [job.kind for job in of], [job.key for job in of])
    return {(JobKind(row["kind"]), row["key"]): row["owner"] for row in rows}


async def end(connection: Raw, carried: ClaimedJob) -> bool:
    """The job is done: its row goes, if it is still this claim's."""
    table, key, _ = ROWS[carried.kind]
    own, of = "fence = $2", [carried.fence]
    if carried.kind is JobKind.CHALLENGE:
        own, of = OF_EPOCH, [carried.fence, carried.row["epoch"]]
    done: str = await connection.execute(f"DELETE FROM {table} WHERE {key} = $1 AND {own}", carried.key, *of)
    return done.endswith(" 1")


async def again(
    connection: Raw, carried: ClaimedJob, *, due_at: datetime, tries: int, purpose: str | None = None
) -> bool:
    """A challenge is to be tried again, for the same purpose unless told; false where it was replaced meanwhile."""
    given = AgainLater(
        webhook=carried.key,
        fence=carried.fence,
        epoch=carried.row["epoch"],
        due_at=due_at,
        tries=tries,
        purpose=purpose,
    )
    done = await AGAIN.execute(connection, given)
    return done.endswith(" 1")


async def renew(connection: Raw, carried: ClaimedJob, *, now: datetime, lease: float) -> bool:
    """Moves the end of the lease; false where the claim is no longer this one's."""
    table, key, _ = ROWS[carried.kind]
    done: str = await connection.execute(
        f"UPDATE {table} SET leased_until = $3 WHERE {key} = $1 AND fence = $2",
        carried.key,
        carried.fence,
        now + timedelta(seconds=lease),
    )
    return done.endswith(" 1")


async def let_go(connection: Raw, carried: ClaimedJob) -> None:
    """Ends the lease before its time; what is due of it is due."""
    table, key, _ = ROWS[carried.kind]
    await connection.execute(
        f"UPDATE {table} SET leased_until = NULL WHERE {key} = $1 AND fence = $2", carried.key, carried.fence
    )


# Locked, so that a claim that takes it over waits for the chunk that is being written, and then sees its lease.
HOLD = """
SELECT e.body FROM spreads s JOIN events e ON e.key = $1 WHERE s.event = $1 AND s.fence = $2 FOR UPDATE OF s
"""

MOVE = "UPDATE spreads SET cursor = $3, leased_until = $4 WHERE event = $1 AND fence = $2"


@dataclass(frozen=True, kw_only=True)
class Chunk:
    """The next part of a spread."""

    #: The last webhook that was asked.
    after: UUID
    #: Webhooks at most.
    size: int
    #: Steps that each filter may take, and that all may before the rest is left to the next chunk.
    each: int
    room: int
    #: When the new deliveries become due.
    times: deliveries.Times
    #: The new end of the spread's lease.
    leased_until: datetime


@dataclass(frozen=True, kw_only=True)
class Spread:
    """What a chunk came to."""

    #: For those of its webhooks that want the event, as `owing.owe` answers them.
    nudges: Sequence[Nudge] = ()
    #: Webhooks whose filter let the event pass undecided.
    exhausted: Collection[UUID] = ()
    #: Where to go on; None at the end, and for a spread that is another claim's by now.
    after: UUID | None = None


async def spread(connection: Raw, carried: ClaimedJob, chunk: Chunk) -> Spread:
    """Owes the next webhooks: rows, cursor and lease move in one transaction (protocol.md 2.6)."""
    topic = (carried.row["workspace_id"], carried.row["type"])
    async with connection.transaction():
        held = await connection.fetchrow(HOLD, carried.key, carried.fence)
        if held is None:
            return Spread()
        found = await deliveries.candidates(connection, [topic], chunk.size, after=chunk.after)
        if topic not in found:
            return Spread()
        there = found[topic]
        # An erased event has nothing left that a filter could refuse.
        wanted, many, exhausted = there, len(there), []
        if held["body"] is not None:
            asked = await filtering.asked(held["body"], there, Steps(chunk.each), room=chunk.room)
            wanted, many, exhausted = asked.wanted, asked.asked, asked.exhausted
        pairs = [(carried.key, candidate) for candidate in wanted]
        nudges: list[Nudge] = await deliveries.owe(connection, pairs, chunk.times) if pairs else []
        last = there[many - 1].webhook
        await connection.execute(MOVE, carried.key, carried.fence, last, chunk.leased_until)
    nudges += await parking.look_again(connection, deliveries.parked(pairs), now=chunk.times.now)
    over = many == len(there) < chunk.size
    return Spread(
        nudges=nudges,
        exhausted={candidate.webhook for candidate in exhausted},
        after=None if over else last,
    )


class OfWebhook(msgspec.Struct, frozen=True, kw_only=True):
    """What `wake.sql` and `cancel.sql` are given."""

    webhook: UUID
    now: datetime
    chunk: int


WAKE = statement(__package__, "wake", OfWebhook, PREDICATES)

#: What is bundled ends with its parcel, which may be under way.
WAITING = ("d.state = 'owed'", "d.state = 'parked'", "d.state = 'collecting' AND d.due_at IS NOT NULL")
CANCEL = [statement(__package__, "cancel", OfWebhook, {**PREDICATES, "waiting": waiting}) for waiting in WAITING]


async def wake(connection: Raw, webhook: UUID, *, now: datetime, chunk: int) -> int:
    """Makes parked rows of a sendable webhook owed and due; answers how many."""
    done = await WAKE.execute(connection, OfWebhook(webhook=webhook, now=now, chunk=chunk))
    return int(done.rpartition(" ")[2])


async def cancel(connection: Raw, webhook: UUID, *, now: datetime, chunk: int) -> int:
    """Cancels waiting rows of a deleted webhook; those in somebody's hands are cancelled by their next claim."""
    changed = 0
    for cancelling in CANCEL:
        rows = await cancelling.fetch(connection, OfWebhook(webhook=webhook, now=now, chunk=chunk))
        await batch_members.settle(connection, [row["event"] for row in rows])
        changed += len(rows)
    return changed
