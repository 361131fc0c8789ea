"""What a workspace is owed, counted up to a limit: by its webhooks, in the indexes of rows that have not ended.

Who counts, and how often, is left to `delivery/publishing/debts.py`.
"""

from delivery.ledger.predicates import GATHERED
from subscriptions.ground.database import Raw

# Each state is asked by itself, for it has an index of its own; no more is read of each than is worth knowing.
COUNT = f"""
SELECT coalesce(sum(c.n), 0)::bigint FROM webhooks w CROSS JOIN LATERAL (
    SELECT count(*) AS n FROM (
        (SELECT 1 FROM deliveries d WHERE d.webhook = w.id AND d.state = 'owed' LIMIT $2)
        UNION ALL (SELECT 1 FROM deliveries d WHERE d.webhook = w.id AND d.state = 'parked' LIMIT $2)
        UNION ALL (SELECT 1 FROM deliveries d WHERE d.webhook = w.id AND {GATHERED} LIMIT $2)
    ) AS rows
) AS c WHERE w.workspace_id = $1 AND w.deleted_at IS NULL
"""


async def count(connection: Raw, workspace_id: str, *, at_most: int) -> int:
    """The deliveries of its webhooks that have not ended; of each webhook and state `at_most` are counted."""
    return int(await connection.fetchval(COUNT, workspace_id, at_most))
