"""What is owed and what was tried: deliveries, attempts, spreads, challenges, jobs, and the workers that carry them.

The states and their moves stand in `lifecycle.py`; protocol.md 1 says why each column is there. Keys of events and webhooks
are not foreign keys here: a check per delivery would lock the event's row for every webhook, and hold partitions back.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Identity,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

import delivery.issue_tables
import delivery.replay_tables  # noqa: F401  they register their tables with the metadata
import subscriptions.catalogue.tables  # noqa: F401
from subscriptions.ground.tables import Moment, metadata

UNMET = "state IN ('failed', 'cancelled', 'expired')"

#: Partitioned by day on `event`.
deliveries = Table(
    "deliveries",
    metadata,
    Column("event", Uuid, primary_key=True),
    Column("webhook", Uuid, primary_key=True),
    #: 0 is the first owing, n a replay.
    Column("round", SmallInteger, primary_key=True),
    Column("state", Text, nullable=False),
    #: When the sweep may take it; null while parked. Not moved by a claim, so that claiming touches no index.
    Column("due_at", Moment),
    #: The end of the claim's lease; null when nobody holds it.
    Column("leased_until", Moment),
    Column("fence", Integer, nullable=False),
    Column("attempts", SmallInteger, nullable=False),
    Column("lost", SmallInteger, nullable=False),
    Column("first_try_at", Moment),
    #: The webhook's halted seconds at the first attempt; what it adds to them later does not count against the window.
    Column("halted_before", Double),
    #: HTTP status of the last attempt, null where there was no answer.
    Column("status", SmallInteger),
    Column("reason", Text),
    Column("ended_at", Moment),
    Index("deliveries_due", "due_at", postgresql_where=text("state = 'owed'")),
    #: First attempts (0) apart from retries (1), so that neither is sought behind thousands of the others.
    Index("deliveries_lanes", "webhook", text("least(attempts, 1)"), "due_at", postgresql_where=text("state = 'owed'")),
    Index("deliveries_gathered", "webhook", "due_at", postgresql_where=text("state IN ('collecting', 'bundled')")),
    # Of what ended undelivered: for who looks for it, over all webhooks and of one. The good way touches neither.
    Index("deliveries_unmet", "event", "webhook", "round", postgresql_where=text(UNMET)),
    Index("deliveries_unmet_of", "webhook", "event", "round", postgresql_where=text(UNMET)),
    Index("deliveries_parked", "webhook", "event", postgresql_where=text("state = 'parked'")),
    postgresql_partition_by="RANGE (event)",
)

#: Partitioned by day on `event`; written once, never changed.
attempts = Table(
    "attempts",
    metadata,
    Column("webhook", Uuid, primary_key=True),
    Column("event", Uuid, primary_key=True),
    Column("round", SmallInteger, primary_key=True),
    #: The fence of the claim that made this attempt: unique within the delivery.
    Column("fence", Integer, primary_key=True),
    Column("started_at", Moment, nullable=False),
    Column("milliseconds", Integer, nullable=False),
    Column("success", Boolean, nullable=False),
    Column("status", SmallInteger),
    Column("reason", Text, nullable=False),
    # JSON arrays of [name, value], and bodies, as bytes: an answer may hold what neither text nor jsonb can.
    Column("request_headers", LargeBinary, nullable=False),
    Column("response_headers", LargeBinary),
    Column("response_body", LargeBinary),
    #: Where the request went, and how long each step took (`wire/notes.py`); null: not known.
    Column("wire", LargeBinary),
    postgresql_partition_by="RANGE (event)",
)

#: Batches: an event row holds the body and a delivery row is sent, retried and given up as any other; this row knows the
#: members that end with it. Partitioned by day on `id`.
parcels = Table(
    "parcels",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("webhook", Uuid, nullable=False),
    #: The events it carries, each a `bundled` delivery of the webhook.
    Column("members", ARRAY(Uuid), nullable=False),
    #: The members have ended as the parcel did.
    Column("settled", Boolean, nullable=False, server_default="false"),
    Index("parcels_unsettled", "id", postgresql_where=text("NOT settled")),
    #: An erased event's batches are sought among its webhooks'.
    Index("parcels_of_webhook", "webhook", "id"),
    postgresql_partition_by="RANGE (id)",
)

#: An event with more webhooks than one transaction should write: its deliveries follow in chunks.
spreads = Table(
    "spreads",
    metadata,
    Column("event", Uuid, primary_key=True),
    Column("workspace_id", Text, nullable=False),
    Column("type", Text, nullable=False),
    #: The last webhook that has its delivery.
    Column("cursor", Uuid),
    Column("due_at", Moment, nullable=False),
    Column("leased_until", Moment),
    Column("fence", Integer, nullable=False),
    Index("spreads_due", "due_at"),
)

#: At most one per webhook: the challenge that it has to answer, the probe that may heal it, or its next heartbeat.
challenges = Table(
    "challenges",
    metadata,
    Column("webhook", Uuid, primary_key=True),
    Column("epoch", Integer, nullable=False),
    #: `greet` while the webhook is PENDING, `heartbeat` while it is ACTIVE or WARNING, `probe` while it is ERROR, and `earned`
    #: where a probe had nothing to try, so that the next delivery is tried at once.
    Column("purpose", Text, nullable=False),
    Column("tries", SmallInteger, nullable=False),
    Column("due_at", Moment, nullable=False),
    Column("leased_until", Moment),
    Column("fence", Integer, nullable=False),
    Index("challenges_due", "due_at"),
)

#: Work in chunks that outlives a process: `wake`, `hasten` and `cancel` a webhook's rows, write `notice`s of those given up,
#: `erase` a workspace's payloads, or an event's once more.
jobs = Table(
    "jobs",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    #: Null for erasures, which alone have a workspace.
    Column("webhook", Uuid),
    Column("workspace_id", Text),
    #: Of a workspace's erasure how far it has come.
    Column("event", Uuid),
    Column("round", SmallInteger),
    Column("due_at", Moment, nullable=False),
    Column("leased_until", Moment),
    Column("fence", Integer, nullable=False),
    Index("jobs_due", "due_at"),
)

#: One row per live worker process: how many tries it could still hold.
workers = Table(
    "workers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("slots", Integer, nullable=False),
    #: What a sweep may send it: nothing while it drains.
    Column("free", Integer, nullable=False),
    Column("seen_at", Moment, nullable=False),
    #: `worker`, `beat` or `api`.
    Column("kind", Text, nullable=False, server_default="worker"),
    #: Seconds that its machine's clock is ahead of the database's; 0 within a second.
    Column("ahead", Double, nullable=False, server_default=text("0")),
    #: When it made a sweep last.
    Column("swept_at", Moment),
    #: Tickets it took that named no delivery of this database.
    Column("foreign_tickets", Integer, nullable=False, server_default=text("0")),
    #: Slots that attempts hold, and outcomes that are not recorded yet.
    Column("in_use", Integer, nullable=False, server_default=text("0")),
)

#: What attempts came to, as it was recorded and in the same transaction: at most sixty of them a row, nothing is ever changed,
#: and no index has to be kept. Folding takes the rows away (`ledger/counts`).
outcome_counts = Table(
    "outcome_counts",
    metadata,
    Column("recorded_at", Moment, nullable=False),
    # Of each attempt: whose it was; the status of its answer, 0 where there was none;
    Column("webhooks", ARRAY(Uuid), nullable=False),
    Column("statuses", ARRAY(SmallInteger), nullable=False),
    # 1 where it succeeded, 2 where its delivery is delivered by it, 4 where it is given up, all of them added;
    Column("came_to", ARRAY(SmallInteger), nullable=False),
    # its milliseconds, and those from the publication to its answer, -1 where it was not the first round's that arrived.
    Column("took", ARRAY(Integer), nullable=False),
    Column("arrived", ARRAY(Integer), nullable=False),
)

#: How many events were accepted, of each publication's transaction a row per workspace; folded as `outcome_counts` are.
accepted_counts = Table(
    "accepted_counts",
    metadata,
    Column("accepted_at", Moment, nullable=False),
    Column("workspace_id", Text, nullable=False),
    Column("events", Integer, nullable=False),
)

#: What came of deliveries in a minute, an hour or a day: of one webhook, of a workspace (the webhook is all zeros then), and of
#: all (and the workspace is empty). Moments are those at which it was recorded.
rollups = Table(
    "rollups",
    metadata,
    Column("webhook", Uuid, primary_key=True),
    #: Empty for one webhook, and for all workspaces.
    Column("workspace_id", Text, primary_key=True),
    #: Minutes: 1, 60 or 1440.
    Column("grain", SmallInteger, primary_key=True),
    Column("start", Moment, primary_key=True),
    Column("accepted", BigInteger, nullable=False, server_default=text("0")),
    Column("attempts", BigInteger, nullable=False, server_default=text("0")),
    Column("succeeded", BigInteger, nullable=False, server_default=text("0")),
    Column("delivered", BigInteger, nullable=False, server_default=text("0")),
    Column("given_up", BigInteger, nullable=False, server_default=text("0")),
    # Answers by the class of their status, and attempts without one.
    Column("status_2xx", BigInteger, nullable=False, server_default=text("0")),
    Column("status_3xx", BigInteger, nullable=False, server_default=text("0")),
    Column("status_4xx", BigInteger, nullable=False, server_default=text("0")),
    Column("status_5xx", BigInteger, nullable=False, server_default=text("0")),
    Column("unanswered", BigInteger, nullable=False, server_default=text("0")),
    # Milliseconds of answered attempts, and from publications to the answers that delivered them: of each bucket
    # (`ledger/counts/histograms.py`) its number shifted by 40 bits, and how many.
    Column("took", ARRAY(BigInteger), nullable=False, server_default=text("'{}'")),
    Column("arrived", ARRAY(BigInteger), nullable=False, server_default=text("'{}'")),
    #: The most deliveries that waited, and the greatest age of one of them in seconds, at any of the samples.
    Column("waiting", BigInteger, nullable=False, server_default=text("0")),
    Column("oldest", BigInteger, nullable=False, server_default=text("0")),
    #: When the newest of these samples was taken: kept with the numbers of all alone, for a sample is of all.
    Column("sampled_at", Moment, nullable=True),
    Index("rollups_age", "grain", "start"),
)

#: The newest sample of what waits: a row per webhook for which anything does.
backlogs = Table(
    "backlogs",
    metadata,
    Column("webhook", Uuid, primary_key=True),
    Column("workspace_id", Text, nullable=False),
    #: Counted as far as the sample goes; `more`: there are more.
    Column("waiting", Integer, nullable=False),
    Column("more", Boolean, nullable=False),
    #: When the oldest of those that were counted was accepted.
    Column("oldest", Moment, nullable=False),
    Column("sampled_at", Moment, nullable=False),
    Index("backlogs_of_workspace", "workspace_id"),
)

#: Each status that a webhook had, the newest few hundred of them.
webhook_states = Table(
    "webhook_states",
    metadata,
    Column("webhook", Uuid, primary_key=True),
    Column("place", BigInteger, Identity(), primary_key=True),
    Column("since", Moment, nullable=False),
    Column("status", Text, nullable=False),
    Column("reason", Text, nullable=False),
)
