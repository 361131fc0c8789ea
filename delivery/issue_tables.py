"""What is wrong: failures as they were recorded, and the issues that they are folded into (protocol.md 12).

All other tables of deliveries stand in `tables.py`.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, SmallInteger, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY

from subscriptions.ground.tables import Moment, metadata

#: Attempts that failed alike, of one statement that recorded them: rows are added, folded and taken away, never changed, so that
#: nobody waits for anybody. The good way writes none.
failure_notes = Table(
    "failure_notes",
    metadata,
    Column("recorded_at", Moment, nullable=False),
    Column("webhook", Uuid, nullable=False),
    #: The outcome's sentence without what varies (`judgement/alike.py`).
    Column("cause", Text, nullable=False),
    # Of the last of them.
    Column("reason", Text, nullable=False),
    Column("status", SmallInteger),
    Column("attempts", Integer, nullable=False),
    #: Deliveries that ended as failed with one of them.
    Column("given_up", Integer, nullable=False),
    #: A few of their events, the newest first.
    Column("events", ARRAY(Uuid), nullable=False),
)

#: What is wrong, or was: at most one that is not resolved of a webhook, a kind and a cause.
issues = Table(
    "issues",
    metadata,
    #: A uuid7: in order of their beginning.
    Column("id", Uuid, primary_key=True),
    #: Empty: it is the operators'.
    Column("workspace_id", Text, nullable=False),
    #: All zeros: of no webhook.
    Column("webhook", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("cause", Text, nullable=False),
    #: The worst kind has the least.
    Column("rank", SmallInteger, nullable=False),
    #: `open`, `acknowledged`, `snoozed` or `resolved`.
    Column("state", Text, nullable=False),
    # What was seen last.
    Column("reason", Text, nullable=False),
    Column("status", SmallInteger),
    Column("attempts", BigInteger, nullable=False),
    Column("given_up", BigInteger, nullable=False),
    Column("first_at", Moment, nullable=False),
    Column("last_at", Moment, nullable=False),
    Column("events", ARRAY(Uuid), nullable=False),
    # Who has acknowledged or snoozed it, until when (null: for good), and what they said.
    Column("acted_by", Text, nullable=False),
    Column("acted_at", Moment),
    Column("until", Moment),
    Column("said", Text, nullable=False),
    Column("resolved_at", Moment),
    #: `opened` or `resolved`: what is to be told of it by an event; null: nothing.
    Column("untold", Text),
    Index("issues_same", "webhook", "kind", "cause", unique=True, postgresql_where=text("resolved_at IS NULL")),
    Index("issues_listed", "rank", "id"),
    Index("issues_of_workspace", "workspace_id", "rank", "id"),
    Index("issues_of_webhook", "webhook", "rank", "id"),
    Index("issues_resolved", "resolved_at", postgresql_where=text("resolved_at IS NOT NULL")),
    Index("issues_untold", "id", postgresql_where=text("untold IS NOT NULL")),
)
