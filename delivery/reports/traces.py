"""What became of an accepted event: where it stands in the journal, and how its deliveries stand.

Single attempts are left to `recent_deliveries.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from delivery.ledger.owing.batches import BATCH
from delivery.lifecycle import State
from delivery.reports import attempt_history
from delivery.reports.attempt_history import AttemptSummary
from subscriptions.events import journal
from subscriptions.ground import event_keys
from subscriptions.ground.database import Database, Raw

EVENT = f"SELECT key, id, source, type, workspace_id, body IS NULL AS erased FROM events WHERE key = $1 AND type <> '{BATCH}'"
RECEIPT = "SELECT event FROM receipts WHERE key = $1"
# Of an event that was sent to a webhook again, the newest round counts.
COUNTS = """
SELECT state, count(*) FROM (
    SELECT DISTINCT ON (webhook) state FROM deliveries WHERE event = $1 ORDER BY webhook, round DESC
) AS newest GROUP BY state
"""
#: Webhooks of an event that are counted at most where only their number is asked for.
COUNTED = 10_000
MATCHED = f"""
SELECT key, (SELECT count(*) FROM (SELECT FROM deliveries WHERE event = key AND round = 0 LIMIT {COUNTED}) AS owed) AS webhooks
FROM unnest($1::uuid[]) AS key WHERE NOT EXISTS (SELECT FROM spreads WHERE event = key)
"""
#: Webhooks that an event's deliveries are shown for one by one, in order of id.
SHOWN = 100
NEWEST = f"""
SELECT DISTINCT ON (webhook) webhook, round, state FROM deliveries WHERE event = $1 ORDER BY webhook, round DESC LIMIT {SHOWN}
"""
SPREADING = "SELECT EXISTS (SELECT FROM spreads WHERE event = $1)"


@dataclass(frozen=True, kw_only=True, slots=True)
class TracedDelivery:
    """One webhook that an event is owed to: of several rounds the newest."""

    webhook: UUID
    round: int
    state: State
    #: Of that round; those of a batch stand in the webhook's recent deliveries.
    attempts: Sequence[AttemptSummary]


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """An accepted event and how far it has come."""

    #: Our own id of it: the `webhook-id` of its deliveries.
    key: UUID
    #: The producer's id, or the key's text.
    id: str
    source: str
    type: str
    workspace_id: str
    accepted_at: datetime
    #: How many webhooks it is owed to, by the state of that delivery; every state is there.
    deliveries: Mapping[State, int]
    #: Whether more deliveries are still being written: it has too many webhooks for one transaction.
    spreading: bool
    #: Its payload is gone.
    erased: bool


class Traces:
    """Reads what the journal and the ledger know of one event."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def matched(self, keys: Sequence[UUID]) -> dict[UUID, int]:
        """How many webhooks each event was owed to; absent while that is still being written."""
        async with self._database.raw() as connection:
            return {row["key"]: row["webhooks"] for row in await connection.fetch(MATCHED, list(keys))}

    async def lines(self, key: UUID) -> list[TracedDelivery]:
        """The event's deliveries to the first `SHOWN` of its webhooks, with all attempts."""
        async with self._database.raw() as connection:
            rows = await connection.fetch(NEWEST, key)
            attempts_of = await attempt_history.of(connection, [(row["webhook"], key, row["round"]) for row in rows])
        return [
            TracedDelivery(
                webhook=row["webhook"],
                round=row["round"],
                state=State(row["state"]),
                attempts=attempts_of.get((row["webhook"], key, row["round"]), ()),
            )
            for row in rows
        ]

    async def by_key(self, key: UUID, workspace_id: str | None) -> Trace | None:
        """The event of this key, if it is of the workspace (None: of any)."""
        async with self._database.raw() as connection:
            return await _trace(connection, key, workspace_id)

    async def by_id(self, workspace_id: str, source: str, event_id: str) -> Trace | None:
        """The event that a producer gave this id, as long as the id is remembered."""
        async with self._database.raw() as connection:
            key = await connection.fetchval(RECEIPT, journal.receipt_key_of(workspace_id, source, event_id))
            return None if key is None else await _trace(connection, key, workspace_id)


async def _trace(connection: Raw, key: UUID, workspace_id: str | None) -> Trace | None:
    row = await connection.fetchrow(EVENT, key)
    if row is None or workspace_id not in (None, row["workspace_id"]):
        return None
    counts = {found["state"]: found["count"] for found in await connection.fetch(COUNTS, key)}
    return Trace(
        key=row["key"],
        id=row["id"],
        source=row["source"],
        type=row["type"],
        workspace_id=row["workspace_id"],
        accepted_at=event_keys.time_of(row["key"]),
        deliveries={state: counts.get(state, 0) for state in State},
        spreading=await connection.fetchval(SPREADING, key),
        erased=row["erased"],
    )
